from __future__ import annotations

import os
from pathlib import Path

import cv2
import pytest

from tests.bodies import pose, timeline
from tests.cli.command import lines, refused, run
from tests.evaluation.material import write_recording


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    stretches = ((4000, pose("standing")), (500, pose("bending")), (3500, pose("sitting")))
    return write_recording(tmp_path / "poses.jsonl", timeline(*stretches, start_ms=70_000))


def test_a_line_for_each_decision(recording: Path) -> None:
    told = [
        line for line in lines(run("explain", recording)) if line["kind"] in ("presence", "posture", None)
    ]
    told = [line for line in told if line["decision"] != "no_fall"]

    assert [line["decision"] for line in told] == [
        "presence_started",
        "posture_started",
        "not_told",
        "posture_ended",
        "posture_started",
    ]
    assert told[1]["kind"] == "posture"
    assert told[1]["evidence"]["min_hold_s"] == 0.7
    assert told[2]["text"].startswith("4.50 s  not_told: bending was seen from 4.00 s")
    assert all(line["at_s"] < 8 for line in told)


def test_a_picture_is_drawn_when_asked_for(recording: Path, tmp_path: Path) -> None:
    done = run("explain", recording, "--out", tmp_path / "why.png")

    assert done.returncode == 0, done.stderr
    image = cv2.imread(str(tmp_path / "why.png"))
    assert image is not None
    assert image.shape[1] == 1600
    assert image.shape[0] > 900


def test_text_needs_neither_model_nor_mediapipe_nor_opencv(recording: Path, tmp_path: Path) -> None:
    expected = run("explain", recording).stdout
    for name in ("mediapipe", "cv2"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} is blocked')\n")

    done = run("explain", recording, PYTHONPATH=f"{tmp_path}{os.pathsep}{Path.cwd()}", POSE_EDGE_MODEL="")

    assert done.returncode == 0, done.stderr
    assert done.stdout == expected


def test_a_part_of_the_time_is_enough(recording: Path) -> None:
    told = lines(run("explain", recording, "--start", "4", "--end", "5"))

    assert [line["decision"] for line in told if line["decision"] != "no_fall"] == ["not_told"]
    assert all(4 <= line["at_s"] <= 5 for line in told)


def test_a_clip_is_explained_like_its_evaluation(shared_data: Path, model_path: Path, tmp_path: Path) -> None:
    clip = shared_data / "clips" / "empty_room.mp4"
    done = run(
        "explain", clip, "--model", model_path, "--cache", tmp_path / "cache", "--out", tmp_path / "w.png"
    )

    assert done.returncode == 0, done.stderr
    assert lines(done)[-1]["decision"] == "nobody"
    assert "too small to be a person" in lines(done)[-1]["text"]
    [kept] = (tmp_path / "cache").iterdir()
    assert run("explain", kept).stdout == done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--out", "why.svg"), ("why.svg", ".png")),
        (("--out", "/nowhere/why.png"), ("no such directory",)),
        (("--start", "3", "--end", "2"), ("--end 2",)),
        (("--start", "99"), ("ends at 7.9 s",)),
    ],
)
def test_options_that_cannot_be_are_named(
    recording: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(run("explain", recording, *options), 2, *words)


def test_inputs_without_a_timeline_are_named(tmp_path: Path, shared_data: Path) -> None:
    refused(run("explain", tmp_path / "none.jsonl"), 2, "none.jsonl", "no such file")
    refused(run("explain", tmp_path), 2, "photos have no timeline")
    refused(run("explain", shared_data / "photos" / "squat_side.jpg"), 2, "photos have no timeline")
