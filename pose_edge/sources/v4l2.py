"""A USB camera, through OpenCV's V4L2 backend."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field

from pose_edge.errors import SourceError
from pose_edge.records import Frame
from pose_edge.sources import pixels
from pose_edge.sources.base import SourceInfo
from pose_edge.sources.opencv import quieten
from pose_edge.sources.turning import TurningOptions
from pose_edge.sources.v4l2_node import ask_for_name

if TYPE_CHECKING:
    import cv2
    import numpy as np
    import numpy.typing as npt

    Buffer: TypeAlias = npt.NDArray[np.uint8]

logger = logging.getLogger(__name__)

OPEN_TIMEOUT_S: Final = 10
"""How long OpenCV may wait for a driver that does not answer, and we for the first picture."""

MOST_BUFFERS: Final = 10
"""OpenCV's V4L2 backend never queues more (cap_v4l.cpp, MAX_V4L_BUFFERS)."""

PLAUSIBLE_MS: Final = 1000
"""A driver whose first stamp is further than this from now does not use CLOCK_MONOTONIC."""

STALE_MS: Final = 500
"""A picture this old is no news; a slow camera in the dark stays below."""

USB2_PIXELS: Final = 640 * 480
"""What USB 2 carries uncompressed at 30 Hz; larger pictures are asked for as MJPG."""


class V4l2Options(TurningOptions):
    """A USB camera. For one on the ribbon cable of a Raspberry Pi take kind picamera2."""

    kind: Literal["v4l2"] = "v4l2"

    device: Annotated[int, Field(ge=0)] | str = 0
    """The number in /dev/video<n>, or a path. One under /dev/v4l/by-id/ stays when cameras are swapped."""

    width_px: int = Field(640, ge=16, le=8192)
    """Of the camera's picture, before it is turned. The camera takes the nearest it can."""

    height_px: int = Field(480, ge=16, le=8192)

    fps: float = Field(15.0, gt=0, le=240)
    """Pictures a second. Fewer save work; the camera takes the nearest it can."""

    pixel_format: Literal["auto", "YUYV", "MJPG"] = "auto"
    """What comes over the wire. auto: MJPG above 640 x 480, below that what the driver offers first."""

    stall_s: float = Field(5.0, gt=0)
    """No picture for so long means that the camera is dead."""

    @property
    def path(self) -> Path:
        """The device node."""
        device = str(self.device)
        return Path(f"/dev/video{device}") if device.isdecimal() else Path(device)


@dataclass(frozen=True, slots=True)
class _Format:
    """How to tell whether a raw buffer is complete, and how to decode it."""

    whole: Callable[[Buffer, int, int], bool]
    to_rgb: Callable[[Buffer, int, int], Buffer]


RAW_FORMATS: Final = {
    "YUYV": _Format(pixels.whole_yuyv, pixels.from_yuyv),
    "MJPG": _Format(
        lambda buffer, _width_px, _height_px: pixels.whole_mjpg(buffer),
        lambda buffer, _width_px, _height_px: pixels.from_mjpg(buffer),
    ),
}
"""Formats taken as they come, so that a picture nobody wants costs a copy and no decoding."""

CONVERTED: Final = _Format(
    lambda buffer, _width_px, _height_px: buffer.ndim == 3,
    lambda buffer, _width_px, _height_px: pixels.from_bgr(buffer),
)
"""All others are left to OpenCV, which makes B, G, R of each."""


@dataclass(frozen=True, slots=True)
class _Shot:
    """One buffer as the driver gave it."""

    buffer: Buffer
    timestamp_ms: int


class V4l2Source:
    """The newest picture of a USB camera. See `Source`.

    Timestamps are CLOCK_MONOTONIC. All waits but one are bounded: opening asks the driver, and a driver
    that hangs then hangs the caller in the kernel. Whoever owns the process must be able to kill it.
    """

    info: SourceInfo

    def __init__(self, options: V4l2Options) -> None:
        self._options = options
        self._capture: cv2.VideoCapture | None = None
        self._arrived: _Shot | None = None
        self._current: _Shot | None = None
        self._waiting_since_s: float | None = None
        self._driver_on_our_clock: bool | None = None
        self._last_ms = 0

    def __enter__(self) -> Self:
        path = self._options.path
        card = ask_for_name(path)
        self._capture = _open(path)
        try:
            self._begin(self._capture, card)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def wait(self, timeout_s: float) -> bool:
        """See `Source.wait`. Raises `SourceError` when nothing came for `stall_s`."""
        if self._arrived is not None:
            return True
        if self._waiting_since_s is None:
            self._waiting_since_s = time.monotonic()
        if self._take(timeout_s):
            return True
        if time.monotonic() - self._waiting_since_s > self._options.stall_s:
            msg = f"{self.info.name}: no picture for {self._options.stall_s:g} s; is the cable loose?"
            raise SourceError(msg)
        return False

    def grab(self) -> int | None:
        """See `Source.grab`. Waits for a picture if none has come, but no longer than `stall_s`."""
        newest = self._newest()
        if time.monotonic() * 1000 - newest.timestamp_ms > STALE_MS:
            # The caller had paused: the driver filled its buffers then, and had none for what came since.
            newest = self._newest()
        self._current = newest
        return newest.timestamp_ms

    def retrieve(self) -> Frame:
        """See `Source.retrieve`. Decodes."""
        if self._current is None:
            msg = f"{self._options.path}: no picture was grabbed yet"
            raise SourceError(msg)
        image_rgb = self._format.to_rgb(self._current.buffer, *self._size_px)
        return Frame(self._options.turning.apply(image_rgb), self._current.timestamp_ms)

    def _begin(self, capture: cv2.VideoCapture, card: str) -> None:
        """Set the camera up and wait for the first picture."""
        import cv2

        self._configure(capture)
        fourcc = round(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("ascii", "replace")
        self._format = RAW_FORMATS.get(fourcc, CONVERTED)
        if self._format is not CONVERTED:
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        width_px = round(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height_px = round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self._size_px = (width_px, height_px)
        fps = capture.get(cv2.CAP_PROP_FPS)
        name = f"{card} ({self._options.path})"
        self.info = SourceInfo(
            name,
            *self._options.turning.size_px(width_px, height_px),
            rate_hz=fps if fps > 0 else None,
            live=True,
        )
        self._arrived = self._current = None
        self._waiting_since_s = self._driver_on_our_clock = None
        self._await_first()
        logger.info("camera %s: %d x %d px %s at %.1f Hz", name, width_px, height_px, fourcc, fps)

    def _configure(self, capture: cv2.VideoCapture) -> None:
        """Ask for format, size and rate, in this order: each may change what the next can be."""
        import cv2

        options = self._options
        wanted = options.pixel_format
        if wanted == "auto" and options.width_px * options.height_px > USB2_PIXELS:
            wanted = "MJPG"
        if wanted != "auto":
            capture.set(cv2.CAP_PROP_FOURCC, int.from_bytes(wanted.encode(), "little"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.height_px)
        capture.set(cv2.CAP_PROP_FPS, options.fps)

    def _await_first(self) -> None:
        """Start the stream. Its first pictures may be damaged, and starting may fail in several ways."""
        deadline_s = time.monotonic() + OPEN_TIMEOUT_S
        with contextlib.suppress(SourceError):
            while (left_s := deadline_s - time.monotonic()) > 0:
                if self._take(left_s):
                    return
        msg = f"{self.info.name}: opened, but it gave no picture within {OPEN_TIMEOUT_S} s"
        raise SourceError(msg)

    def _newest(self) -> _Shot:
        """Return the last of the pictures the driver has, or the first that comes."""
        while not self.wait(self._options.stall_s):
            pass
        for _ in range(MOST_BUFFERS):
            if not self._take(0):
                break
        newest, self._arrived = self._arrived, None
        assert newest is not None
        return newest

    def _take(self, timeout_s: float) -> bool:
        """Take over the next buffer that comes in time; damaged ones are passed over."""
        import cv2

        assert self._capture is not None
        # 0 would mean for ever. Below a millisecond it is one millisecond.
        timeout_ns = max(1, int(timeout_s * 1e9))
        try:
            # This also takes the buffer out of the driver's queue; only retrieve() lets it go again.
            _, ready = cv2.VideoCapture.waitAny([self._capture], timeout_ns)
            ok, buffer = self._capture.retrieve() if len(ready) else (False, None)
        except cv2.error as error:
            msg = f"{self.info.name}: the camera is gone; was it unplugged?"
            raise SourceError(msg) from error
        if not ok or buffer is None:
            return False
        raw: Buffer = buffer  # type: ignore[assignment]  # V4L2 delivers bytes, whatever a Mat may hold
        if not self._format.whole(raw, *self._size_px):
            logger.debug("%s: a damaged picture of %d bytes left out", self.info.name, raw.size)
            return False
        self._arrived = _Shot(raw, self._stamp_ms(self._capture.get(cv2.CAP_PROP_POS_MSEC)))
        self._waiting_since_s = None
        return True

    def _stamp_ms(self, driver_ms: float) -> int:
        """Return the driver's stamp if it is on our clock, else now; later than all before."""
        now_ms = time.monotonic() * 1000
        if self._driver_on_our_clock is None:  # the first picture is new, later ones may have lain about
            self._driver_on_our_clock = abs(now_ms - driver_ms) <= PLAUSIBLE_MS
        if not self._driver_on_our_clock or driver_ms > now_ms:
            driver_ms = now_ms
        self._last_ms = max(self._last_ms + 1, int(driver_ms))
        return self._last_ms

    def _close(self) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture = self._arrived = self._current = None


def _open(path: Path) -> cv2.VideoCapture:
    import cv2

    quieten()
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(OPEN_TIMEOUT_S))
    capture = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
    if not capture.isOpened():
        msg = (
            f"{path}: OpenCV cannot capture from it; is another program using it (`fuser -v {path}`)? "
            "Cameras on the ribbon cable need kind picamera2"
        )
        raise SourceError(msg)
    return capture
