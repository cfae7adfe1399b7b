"""Bodies, told lines and films for the tests of the overlay."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.messages import Device, Messages
from pose_edge.records import Event, Pose, PoseResult, Scalar, Severity, Stage

Landmarks = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

HEAD = {
    "nose": (0.0, 0.0),
    "left_eye": (0.02, -0.02),
    "right_eye": (-0.02, -0.02),
    "left_ear": (0.05, -0.01),
    "right_ear": (-0.05, -0.01),
    "mouth_left": (0.015, 0.025),
    "mouth_right": (-0.015, 0.025),
}
"""Offsets from the nose, as shares of the picture's height."""

BODY = {
    "shoulder": (0.08, 0.14),
    "elbow": (0.12, 0.26),
    "wrist": (0.13, 0.37),
    "pinky": (0.14, 0.40),
    "index": (0.13, 0.41),
    "thumb": (0.12, 0.39),
    "hip": (0.05, 0.38),
    "knee": (0.05, 0.55),
    "ankle": (0.05, 0.70),
    "heel": (0.04, 0.72),
    "foot_index": (0.08, 0.73),
}
"""The same for the left side; the right one is mirrored."""


def person(nose: tuple[float, float] = (0.5, 0.18), *, size: float = 1.0, aspect: float = 4 / 3) -> Landmarks:
    """Return the landmarks of somebody who stands and looks at us; `nose` in shares of the picture."""
    landmarks = np.zeros((33, 5), np.float32)
    landmarks[:, 3:] = 0.99
    for index, name in enumerate(LANDMARK_NAMES):
        x, y = _offset(name)
        landmarks[index, :2] = nose[0] + x * size / aspect, nose[1] + y * size
    return landmarks


def _offset(name: str) -> tuple[float, float]:
    if name in HEAD:
        return HEAD[name]
    if "eye" in name:  # inner and outer corners
        return HEAD[name.rsplit("_", 1)[0]]
    side, part = name.split("_", 1)
    x, y = BODY[part]
    return (x if side == "left" else -x), y


class Teller:
    """Makes the lines of an annotation file with the product's own messages."""

    def __init__(self) -> None:
        self._messages = Messages(Device("replay"), "replay", "test.task", "video", replayed=True)

    def landmarks(
        self, timestamp_ms: int, *bodies: Landmarks, ids: Sequence[int | None] | None = None
    ) -> bytes:
        poses = tuple(Pose(body, body) for body in bodies)
        result = PoseResult(timestamp_ms, 640, 480, poses)
        return self._messages.landmarks(result, ids or [1 + index for index in range(len(bodies))]).payload

    def event(
        self,
        timestamp_ms: int,
        event_type: str,
        *,
        stage: Stage = Stage.NEW,
        person_id: int | None = None,
        severity: Severity = "info",
        **details: Scalar,
    ) -> bytes:
        event = Event(
            kind=event_type.partition("_")[0],
            event_type=event_type,
            stage=stage,
            number=1,
            timestamp_ms=timestamp_ms,
            start_ms=timestamp_ms,
            person_id=person_id,
            severity=severity,
            details=details,
        )
        return self._messages.event(event).payload


def write_lines(path: Path, lines: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def write_clip(path: Path, pictures: Iterable[Image], rate_hz: float = 10.0) -> Path:
    """Write pictures (R, G, B) as a film that is nearly lossless."""
    frames = [cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) for picture in pictures]
    height_px, width_px = frames[0].shape[:2]
    fourcc = cv2.VideoWriter.fourcc(*"FFV1" if path.suffix == ".mkv" else "MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, rate_hz, (width_px, height_px))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def read_clip(path: Path) -> tuple[list[Image], float]:
    """Return all pictures (R, G, B) of a film, and its rate."""
    capture = cv2.VideoCapture(str(path))
    rate_hz = capture.get(cv2.CAP_PROP_FPS)
    pictures: list[Image] = []
    while True:
        ok, frame = capture.read()
        if not ok:
            return pictures, rate_hz
        pictures.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8))


def plain(width_px: int = 640, height_px: int = 480, grey: int = 90) -> Image:
    return np.full((height_px, width_px, 3), grey, np.uint8)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def limited_file_size(limit_bytes: int) -> Iterator[None]:
    """Let every write beyond the limit fail, as on a full disk, here and in processes started from here."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def eventually(condition: Callable[[], bool], limit_s: float = 10.0) -> bool:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True
