"""Is this file a Pose Landmarker? Asked before MediaPipe is, whose answers are hard to read."""

from __future__ import annotations

import zipfile
from pathlib import Path

from pose_edge.errors import ModelError, UsageError

DETECTOR = "pose_detector.tflite"
LANDMARKS = "pose_landmarks_detector.tflite"

NAMES_SHOWN = 4


def check_pose_model(path: Path) -> None:
    """Return if `path` has the shape of a Pose Landmarker bundle; its weights are not looked at.

    Raises:
        UsageError: there is no such file.
        ModelError: it is something else.
    """
    if problem := shape_problem(path):
        raise ModelError(f"model {path}: {problem}")


def shape_problem(path: Path) -> str | None:
    """Return what is wrong with the file, None if nothing; raises `UsageError` if there is none."""
    try:
        return _problem(path)
    except FileNotFoundError:
        raise UsageError(f"model {path}: no such file") from None
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _problem(path: Path) -> str | None:
    if path.is_dir():
        return "is a directory, not a .task file"
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        return "is empty"
    try:
        with zipfile.ZipFile(path) as archive:
            return _problem_inside(archive.infolist())
    except zipfile.BadZipFile:
        return _what_instead(head)


def _problem_inside(entries: list[zipfile.ZipInfo]) -> str | None:
    names = [entry.filename for entry in entries]
    missing = [name for name in (DETECTOR, LANDMARKS) if name not in names]
    if missing:
        shown = ", ".join(names[:NAMES_SHOWN]) + (" ..." if len(names) > NAMES_SHOWN else "")
        return f"is no pose landmarker: it holds {shown or 'nothing'}, and {' and '.join(missing)} is needed"
    packed = [entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
    if packed:
        return f"holds {packed[0]} compressed; MediaPipe needs it stored as it is (zip -0)"
    return None


def _what_instead(head: bytes) -> str:
    if head.startswith(b"PK"):
        return "is cut off: a .task file whose end is missing"
    if head[4:8] == b"TFL3":
        return f"is a single TFLite model; a .task file with {DETECTOR} and {LANDMARKS} is needed"
    if head.lstrip().startswith(b"<"):
        return "is a web page, not a .task file"
    return "is no .task file (not a zip)"
