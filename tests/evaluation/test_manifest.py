from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pose_edge.errors import ConfigError, UsageError
from pose_edge.evaluation.manifest import load_manifest
from tests.evaluation.material import write_manifest


@pytest.fixture
def clip(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "a.jsonl").write_text("{}\n")
    return {"file": "a.jsonl"}


def complaints(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_manifest(path)
    return [line.removeprefix(str(path)) for line in str(caught.value).splitlines()]


def test_the_development_set_is_as_described(shared_data: Path) -> None:
    manifest = load_manifest(shared_data / "manifest.yaml")

    falls = [fall for clip in manifest.clips for fall in clip.falls]
    assert (len(manifest.clips), len(falls), sum(fall.ambiguous for fall in falls)) == (25, 9, 2)
    assert manifest.model == Path("../models/pose_landmarker_lite.task")
    assert (
        manifest.clips[0].source.repo
        == "github:ekramalam/GMDCSA24-A-Dataset-for-Human-Fall-Detection-in-Videos"
    )


def test_what_is_left_out_means_nothing_of_it(tmp_path: Path, clip: dict[str, Any]) -> None:
    [loaded] = load_manifest(write_manifest(tmp_path / "m.yaml", clip | {"expect": None})).clips

    assert (loaded.falls, loaded.posture, loaded.expect, loaded.continuous) == ((), (), (), False)


def test_descriptions_are_passed_over(tmp_path: Path, clip: dict[str, Any]) -> None:
    described = clip | {"what": "a man", "licence": "MIT", "pose_full": {"fraction": 1.0}}

    assert load_manifest(write_manifest(tmp_path / "m.yaml", described, photos=[{"file": "p.jpg"}]))


def test_all_mistakes_are_told_at_once_with_line_key_and_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "version: 1\n"
        "clips:\n"
        "- file: none.mp4\n"
        "  posture:\n"
        "  - {t0: 3, t1: 2, label: standing}\n"
        "  falls:\n"
        "  - {start: -1, on_ground: 2}\n"
        "  - {start: 4}\n"
        "  expects: [fall]\n"
        "- posture: 7\n"
    )

    assert complaints(path) == [
        f", line 3: clips[0].file: {tmp_path / 'none.mp4'}: no such file",
        ", line 5: clips[0].posture[0]: t1 must be greater than t0 (3), found 2",
        ", line 7: clips[0].falls[0].start: -1 found, at least 0 is allowed",
        ", line 8: clips[0].falls[1].on_ground: missing",
        ", line 9: clips[0].expects: unknown; did you mean 'expect'?",
        ", line 10: clips[1].file: missing",
        ", line 10: clips[1].posture: 7 found, a list is allowed",
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"falls": [{"start": 2, "on_ground": 1}]}, "on_ground must be greater than start (2), found 1"),
        ({"falls": [{"start": 0, "on_ground": 2, "end_on_ground": 1}]}, "end_on_ground must not be less"),
        ({"expect": ["lying"], "never": ["lying"]}, "expect and never both hold lying"),
        (
            {"posture": [{"t0": 0, "t1": 9, "label": "lying"}], "video": {"duration": 5}},
            "label at 9 s, but video.duration says the clip has 5 s",
        ),
    ],
)
def test_labels_that_contradict_each_other_are_named(
    tmp_path: Path, clip: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    [complaint] = complaints(write_manifest(tmp_path / "m.yaml", clip | more))

    assert words in complaint


def test_a_key_given_twice_would_lose_labels(tmp_path: Path, clip: dict[str, Any]) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("clips:\n- file: a.jsonl\n  falls: [{start: 1, on_ground: 2}]\n  falls: []\n")
    assert clip["file"] == "a.jsonl"

    assert complaints(path) == [", line 4: clips[0].falls: given twice, first in line 3"]


@pytest.mark.parametrize(
    "text", ["", "just words", "[1, 2]", "clips: []", "version: 2\nclips: [{file: a.jsonl}]"]
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, clip: dict[str, Any], text: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text)

    assert len(complaints(path)) == 1, clip


def test_broken_yaml_and_a_missing_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("clips: [")
    assert "no valid YAML" in complaints(path)[0]
    with pytest.raises(UsageError, match="no such file"):
        load_manifest(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (
            {"never": ["fall", "lyign"]},
            ".never[1]: 'lyign' found; did you mean 'lying'?; allowed: person_present, ",
        ),
        ({"expect": ["fall_suspected"]}, ".expect[0]: 'fall_suspected' found"),
        ({"never": ["rule_othr"]}, ".never[0]: 'rule_othr' found; did you mean 'rule_other'?"),
        (
            {"posture": [{"t0": 0, "t1": 1, "label": "standin"}]},
            ".posture[0].label: 'standin' found; did you mean 'standing'?",
        ),
    ],
)
def test_a_word_that_nothing_says_is_refused_with_its_line_and_the_nearest(
    tmp_path: Path, clip: dict[str, Any], labels: dict[str, Any], told: str
) -> None:
    path = write_manifest(tmp_path / "m.yaml", clip | labels)

    with pytest.raises(ConfigError) as raised:
        load_manifest(path, ["rule_other"])
    assert re.fullmatch(
        rf"{re.escape(str(path))}, line \d+: clips\[0\]{re.escape(told)}.*", str(raised.value)
    )


def test_events_of_the_users_own_kinds_and_what_is_for_people_are_no_mistakes(
    tmp_path: Path, clip: dict[str, Any]
) -> None:
    labels = {
        "expect": ["rule_other", "desk", "presence"],
        "actions": [{"t0": 0, "t1": 1, "label": "dancing"}],
        "tags": ["anything"],
    }
    [loaded] = load_manifest(write_manifest(tmp_path / "m.yaml", clip | labels), ["rule_other"]).clips

    assert loaded.expect == ("rule_other", "desk", "presence")
