from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.bodies import pose, timeline
from tests.cli.command import lines, refused, run
from tests.evaluation.material import write_manifest, write_recording

STANDING, SITTING, LYING = (pose(stance) for stance in ("standing", "sitting", "lying"))

SUMMARY = [
    "falls_total",
    "floor_falls_total",
    "floor_falls_suspected",
    "floor_falls_suspected_held",
    "falls_suspected",
    "falls_suspected_held",
    "falls_confirmed_held",
    "others_total",
    "others_false_suspected",
    "others_false_confirmed",
    "onset_to_suspected_s_median",
    "posture_macro_f1",
    "expect_met",
    "expect_total",
    "never_violated",
]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of two recordings: nobody falls, somebody sits down; nobody is there."""
    folder = tmp_path_factory.mktemp("recorded")
    write_recording(
        folder / "sits.jsonl", timeline((4000, STANDING), (4000, SITTING), step_ms=33, start_ms=5000)
    )
    write_recording(folder / "nobody.jsonl", timeline((4000, None), step_ms=100))
    return write_manifest(
        folder / "manifest.yaml",
        {
            "file": "sits.jsonl",
            "posture": [{"t0": 0, "t1": 4, "label": "standing"}, {"t0": 4, "t1": 8, "label": "sitting"}],
            "expect": ["person_present", "standing", "sitting", "person_absent"],
            "never": ["fall", "lying"],
        },
        {"file": "nobody.jsonl", "expect": ["person_absent"], "never": ["person_present"]},
    )


def report(manifest: Path, folder: Path, *options: str | Path, **environment: str) -> dict[str, Any]:
    path = folder / "report.json"
    done = run("evaluate", manifest, "--report", path, *options, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_the_report_says_what_was_told_of_each_clip(recorded: Path, tmp_path: Path) -> None:
    found = report(recorded, tmp_path)

    figures = found["summary"]
    assert list(figures) == SUMMARY
    assert (figures["falls_total"], figures["others_total"], figures["others_false_suspected"]) == (0, 2, 0)
    assert (figures["expect_met"], figures["expect_total"], figures["never_violated"]) == (4, 5, 0)
    assert figures["posture_macro_f1"] > 0.9
    sits = found["clips"][0]
    assert [(e["event_type"], e["decision"]) for e in sits["events"][:3]] == [
        ("presence_started", "meets"),
        ("posture_started", "meets"),
        ("posture_ended", "unjudged"),
    ]
    assert sits["events"][1]["evidence"]["min_hold_s"] == 0.7
    assert found["parameters"]["events"]["posture"]["min_hold_s"] == 0.7
    assert found["model"]["name"] == "by_hand.task"


def test_recordings_are_thinned_to_the_rate(recorded: Path, tmp_path: Path) -> None:
    assert report(recorded, tmp_path)["clips"][0]["frames"] == pytest.approx(120, abs=1)
    assert report(recorded, tmp_path, "--fps", "5,15")["clips"][0]["frames"] == pytest.approx(120, abs=1)
    assert report(recorded, tmp_path, "--fps", "5")["clips"][0]["frames"] == pytest.approx(40, abs=1)


def test_recordings_need_neither_model_nor_mediapipe_nor_opencv(recorded: Path, tmp_path: Path) -> None:
    for name in ("mediapipe", "cv2"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} is blocked')\n")

    assert report(recorded, tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{Path.cwd()}", POSE_EDGE_MODEL="")


def test_stdout_is_a_line_a_clip_a_rung_and_the_summary(recorded: Path) -> None:
    done = run("evaluate", recorded, "--fps", "5,15", "--mirror", "--rotate", "10", "--drop", "0.3")

    clips, rungs, last = lines(done)[:2], lines(done)[2:-1], lines(done)[-1]
    assert [clip["file"] for clip in clips] == ["sits.jsonl", "nobody.jsonl"]
    names = ["fps 5", "drop 0.3", "drop_bursts 0.3", "mirror", "rotate +10", "rotate -10"]
    assert [rung["stress"] for rung in rungs] == [*names, "rotate +10 calibrated", "rotate -10 calibrated"]
    assert list(last["summary"]) == SUMMARY


def test_a_rule_that_is_changed_changes_the_figures(recorded: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("events: {posture: {min_hold_s: 5}}\n")

    found = report(recorded, tmp_path, "--config", config)

    assert found["summary"]["expect_met"] == 2
    assert found["parameters"]["events"]["posture"]["min_hold_s"] == 5


def test_jobs_change_nothing_but_the_time(recorded: Path, tmp_path: Path) -> None:
    one = report(recorded, tmp_path, "--stress")

    assert report(recorded, tmp_path, "--stress", "--jobs", "2") == one
    assert len(one["stress"]) == 11


def test_landmarks_are_recorded_once_and_again_when_damaged(
    shared_data: Path, model_path: Path, tmp_path: Path
) -> None:
    clip = shared_data / "clips" / "fall_out_of_bed_s4.mp4"
    (tmp_path / clip.name).symlink_to(clip)
    labels = {
        "file": clip.name,
        "posture": [{"t0": 0, "t1": 1.4, "label": "lying"}],
        "falls": [{"start": 1.5, "on_ground": 2.2}],
        "video": {"sha256": "0" * 64},
    }
    manifest = write_manifest(tmp_path / "manifest.yaml", labels)
    options = ("--model", model_path, "--cache", tmp_path / "cache")

    first = report(manifest, tmp_path, *options)
    again = report(manifest, tmp_path, *options)
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:-50])
    damaged = report(manifest, tmp_path, *options)

    # 89 frames of 30 Hz at 15: inferred at that rate, not thinned afterwards.
    assert (first["clips"][0]["frames"], first["summary"]["falls_total"]) == (45, 1)
    assert first["clips"][0]["sha256_matches"] is False
    cached = [found["clips"][0].pop("landmarks_from_cache") for found in (first, again, damaged)]
    assert cached == [False, True, False]
    assert first == again == damaged
    assert first["model"]["sha256"] is not None


def test_the_manifest_may_name_the_model(shared_data: Path, tmp_path: Path) -> None:
    clip = shared_data / "clips" / "fall_out_of_bed_s4.mp4"
    (tmp_path / clip.name).symlink_to(clip)
    (tmp_path / "bad.task").write_text("no model")
    manifest = write_manifest(tmp_path / "manifest.yaml", {"file": clip.name}, model="bad.task")

    refused(run("evaluate", manifest, "--no-cache", POSE_EDGE_MODEL=""), 1, "bad.task")


def test_mistakes_in_the_manifest_are_exit_78(tmp_path: Path) -> None:
    refused(run("evaluate", write_manifest(tmp_path / "m.yaml", {"file": "no.mp4"})), 78, "line 3", "no.mp4")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--fps", "0"), ("--fps 0", "above 0")),
        (("--fps", "15,x"), ("'x'",)),
        (("--drop", "1"), ("--drop 1", "below 1")),
        (("--rotate", "0"), ("--rotate 0",)),
        (("--cache", "/tmp", "--no-cache"), ("exclude",)),
        (("--report", "/nowhere/r.json"), ("/nowhere",)),
        (("--report", "."), ("directory",)),
    ],
)
def test_options_that_cannot_be_are_named(
    recorded: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(run("evaluate", recorded, *options), 2, *words)


def test_the_manifest_is_not_written_over(recorded: Path) -> None:
    before = recorded.read_bytes()

    refused(run("evaluate", recorded, "--report", recorded), 2, "would be lost")
    assert recorded.read_bytes() == before


def test_on_a_terminal_there_are_tables(recorded: Path) -> None:
    import pty
    import subprocess
    import sys

    primary, secondary = pty.openpty()
    command = [sys.executable, "-m", "pose_edge", "evaluate", str(recorded), "--fps", "15,5"]
    with subprocess.Popen(command, stdout=secondary, env={**os.environ, "COLUMNS": "140"}) as process:
        os.close(secondary)
        text = b""
        while True:
            try:
                text += os.read(primary, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
    os.close(primary)

    assert process.returncode == 0
    for words in (
        b"sits.jsonl",
        b"person_absent",
        b"base, 15 fps",
        b"fps 5",
        b"posture_macro_f1",
    ):
        assert words in text
