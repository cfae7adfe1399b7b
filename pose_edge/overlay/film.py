"""Pictures at their moments -> a film of constant rate and the same length."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np
import numpy.typing as npt

from pose_edge.errors import PoseEdgeError
from pose_edge.overlay.text import Image
from pose_edge.sources.opencv import quieten

# What opencv-python-headless can encode everywhere (4.11 and 5.0 tried). There is no H.264 in it but through
# a Pi 4's hardware. VP9 takes 180 ms a frame of 640 x 480 where these take 1 to 2.
CODECS: Final = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}

ASSUMED_HZ: Final = 25.0
"""For sources that do not know their rate."""

HIGHEST_HZ: Final = 120.0
"""Files that state more (browsers write 1000) mean ticks of their clock."""


class Film:
    """A film while it is being written. Between two moments the earlier picture stands.

    `path` is where it is written, `name` what it is called in errors. `beat` is called once a written frame.

    Raises:
        PoseEdgeError: the encoder refused, or what was written is not complete.
    """

    def __init__(self, path: Path, name: Path, rate_hz: float | None, beat: Callable[[], None]) -> None:
        self._path, self._name = path, name
        self._rate_hz = min(rate_hz or ASSUMED_HZ, HIGHEST_HZ)
        self._rate_known = rate_hz is not None
        self._beat = beat
        self._writer: cv2.VideoWriter | None = None
        self._pending: npt.NDArray[np.uint8] | None = None
        self._first_ms = self._tick = self._gap = 0
        self._size_px = (0, 0)
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is None:
            return
        if error is None and self._pending is not None:
            self._write(self._pending, 1 if self._rate_known else max(1, self._gap))
        self._writer.release()
        if error is None:
            self._require_complete()

    def add(self, image: Image, timestamp_ms: int) -> None:
        """Show `image` from this moment on."""
        if self._writer is None:
            self._open(image, timestamp_ms)
        tick = round((timestamp_ms - self._first_ms) * self._rate_hz / 1000)
        if self._pending is not None and tick > self._tick:
            self._gap = tick - self._tick
            self._write(self._pending, self._gap)
        self._pending, self._tick = fitted(image, *self._size_px), tick

    def _open(self, image: Image, timestamp_ms: int) -> None:
        quieten()
        self._first_ms = timestamp_ms
        height_px, width_px = image.shape[:2]
        # The encoders want even sizes, and OpenCV would cut off the last column.
        self._size_px = (width_px + width_px % 2, height_px + height_px % 2)
        codec = CODECS[self._name.suffix.lower()]
        fourcc = cv2.VideoWriter.fourcc(*codec)
        self._writer = cv2.VideoWriter(
            str(self._path.absolute()), cv2.CAP_FFMPEG, fourcc, self._rate_hz, self._size_px
        )
        if not self._writer.isOpened():
            size = f"{self._size_px[0]} x {self._size_px[1]} px at {self._rate_hz:g} Hz"
            raise PoseEdgeError(f"{self._name}: OpenCV {cv2.__version__} cannot encode {codec}, {size}")

    def _write(self, image: npt.NDArray[np.uint8], times: int) -> None:
        assert self._writer is not None
        for _ in range(times):
            # OpenCV 5 says whether it worked, OpenCV 4 says nothing (None).
            if self._writer.write(image) is False:
                raise self._incomplete(f"the encoder stopped after {self.written} frames")
            self.written += 1
            self._beat()

    def _require_complete(self) -> None:
        """Hold what the file says about itself against what was written: nothing else tells a full disk."""
        capture = cv2.VideoCapture(str(self._path.absolute()), cv2.CAP_FFMPEG)
        found = round(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if abs(found - self.written) > max(1, self.written // 100):
            raise self._incomplete(f"it holds {max(0, found)} of {self.written} frames")

    def _incomplete(self, found: str) -> PoseEdgeError:
        free_mb = shutil.disk_usage(self._path.parent).free / 1e6
        where = self._path.parent
        return PoseEdgeError(
            f"{self._name}: not written completely: {found}; {free_mb:.0f} MB free in {where}"
        )


def fitted(image: Image, width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    """Return B, G, R for the encoder, of the given size: grown by a repeated edge, or shrunk to fit."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    height, width = bgr.shape[:2]
    if 0 <= width_px - width <= 1 and 0 <= height_px - height <= 1:
        bgr = cv2.copyMakeBorder(bgr, 0, height_px - height, 0, width_px - width, cv2.BORDER_REPLICATE)
        return np.asarray(bgr, np.uint8)
    scale = min(width_px / width, height_px / height)
    size_px = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.zeros((height_px, width_px, 3), np.uint8)
    x, y = (width_px - size_px[0]) // 2, (height_px - size_px[1]) // 2
    canvas[y : y + size_px[1], x : x + size_px[0]] = cv2.resize(bgr, size_px, interpolation=cv2.INTER_AREA)
    return canvas
