"""A file that is no pose landmarker is turned away with a sentence about what it is."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from pose_edge.errors import ModelError, UsageError
from pose_edge.models import check_pose_model
from pose_edge.models.check import DETECTOR, LANDMARKS
from tests.models.model_lab import tiny_network, zipped

POSE = zipped(DETECTOR, LANDMARKS)
FACE = zipped("face_detector.tflite", "face_landmarks_detector.tflite")


def test_any_bundle_of_the_right_shape_will_do(tmp_path: Path) -> None:
    path = tmp_path / "mine.task"
    path.write_bytes(zipped(LANDMARKS, "labels.txt", DETECTOR))

    check_pose_model(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x00" * 100, "not a zip"),
        (b"<!DOCTYPE html><html>log in</html>", "web page"),
        (POSE[:-10], "cut off"),
        (tiny_network(b"weights"), "single TFLite model"),
        (
            FACE,
            f"holds face_detector.tflite, face_landmarks_detector.tflite, and {DETECTOR} and {LANDMARKS} is",
        ),
        (zipped(DETECTOR), f"holds {DETECTOR}, and {LANDMARKS} is needed"),
        (zipped(), "holds nothing"),
        (zipped(DETECTOR, LANDMARKS, compression=zipfile.ZIP_DEFLATED), f"holds {DETECTOR} compressed"),
    ],
    ids=["empty", "zeros", "page", "cut", "tflite", "face", "half", "nothing", "compressed"],
)
def test_what_it_is_instead_is_said_in_one_line(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.task"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=words) as caught:
        check_pose_model(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_directory_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a directory"):
        check_pose_model(tmp_path)


def test_a_missing_file_is_the_mistake_of_who_typed_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        check_pose_model(tmp_path / "model.task")


def test_a_file_below_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ModelError, match="Not a directory"):
        check_pose_model(tmp_path / "file" / "model.task")
