"""A video file: every frame, with the time the container gives it."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import Field, model_validator

from pose_edge.errors import SourceError, UsageError
from pose_edge.records import Frame
from pose_edge.sources.base import SourceInfo
from pose_edge.sources.contents import describe
from pose_edge.sources.opencv import quieten
from pose_edge.sources.pixels import from_bgr
from pose_edge.sources.stamps import StampRepair
from pose_edge.sources.turning import TurningOptions

if TYPE_CHECKING:
    import cv2

logger = logging.getLogger(__name__)

ASSUMED_FPS: Final = 25.0
HIGHEST_FPS: Final = 1000.0
"""Above this, stated rates are ticks of the container's clock, not frames."""

DAMAGED_IN_A_ROW: Final = 300
"""OpenCV says the same about a damaged frame and about the end; after so many it was the end."""

CUT_OFF_SHARE: Final = 0.01
"""Missing more than this share of the announced length (and more than two frames) is worth a warning."""

REREAD_MS: Final = 1000.0


class VideoOptions(TurningOptions):
    """A video file. Rotation that the file itself asks for is always honoured, before `rotation_deg`."""

    kind: Literal["video"] = "video"

    path: Path
    """Any file that OpenCV's FFmpeg reads."""

    start_s: float = Field(0.0, ge=0)
    """Leave out what comes before. Timestamps still count from the beginning of the file."""

    end_s: float | None = Field(None, gt=0)
    """Leave out this moment and what comes after."""

    @model_validator(mode="after")
    def _end_follows_start(self) -> Self:
        if self.end_s is not None and self.end_s <= self.start_s:
            msg = f"end_s must be greater than start_s ({self.start_s:g}), found {self.end_s:g}"
            raise ValueError(msg)
        return self


class VideoSource:
    """Plays a file as fast as it is asked. See `Source`.

    `grab` decodes, since later frames need the earlier ones; `retrieve` converts colours and turns.
    After the end the last picture can still be retrieved.
    """

    info: SourceInfo

    def __init__(self, options: VideoOptions) -> None:
        self._options = options
        self._capture: cv2.VideoCapture | None = None
        self._ahead_ms: int | None = None  # stamp of a frame that was decoded, but not grabbed yet
        self._current_ms: int | None = None

    def __enter__(self) -> Self:
        path = self._options.path
        self._capture = _open(path)
        try:
            self._begin(self._capture)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def wait(self, timeout_s: float) -> bool:  # noqa: ARG002  # a file never lets anybody wait
        """See `Source.wait`: True at once."""
        return True

    def grab(self) -> int | None:
        """See `Source.grab`: one frame further."""
        if self._ended:
            return None
        timestamp_ms = self._ahead_ms if self._ahead_ms is not None else self._advance()
        self._ahead_ms = None
        if timestamp_ms is None or timestamp_ms >= self._end_ms:
            self._finish(cut_off=timestamp_ms is None)
            return None
        self._current_ms, self._current_raw_ms = timestamp_ms, self._raw_ms
        return timestamp_ms

    def retrieve(self) -> Frame:
        """See `Source.retrieve`."""
        if self._capture is None or self._current_ms is None:
            msg = f"{self._options.path}: no frame was grabbed yet"
            raise SourceError(msg)
        if self._ended and not self._rewind(self._capture):
            msg = f"{self._options.path}: the last frame, at {self._current_ms / 1000:.3f} s, is gone"
            raise SourceError(msg)
        ok, image_bgr = self._capture.retrieve()
        if not ok:
            msg = f"{self._options.path}: cannot decode the frame at {self._current_ms / 1000:.3f} s"
            raise SourceError(msg)
        return Frame(self._turning.apply(from_bgr(image_bgr)), self._current_ms)

    def _begin(self, capture: cv2.VideoCapture) -> None:
        """Read what the file says about itself, and its first frame."""
        import cv2

        # OpenCV 4.11 leaves rotated pictures alone unless told, OpenCV 5 rotates them unless told: so
        # tell it not to, and turn once. It gives the angle clockwise (measured for both).
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._turning = self._options.turning.after(
            _quarter_turns_deg(capture.get(cv2.CAP_PROP_ORIENTATION_META))
        )
        self._fps = self._stated_fps(capture.get(cv2.CAP_PROP_FPS))
        self._expected = max(0, round(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._stamps = StampRepair(1000 / (self._fps or ASSUMED_FPS))
        self._end_ms = math.inf if self._options.end_s is None else self._options.end_s * 1000
        self._read = self._damaged = 0
        self._ended = False
        self._current_ms = None
        self._ahead_ms = self._skip_to_start()
        width_px, height_px = self._turning.size_px(
            round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        )
        self.info = SourceInfo(
            self._options.path.name,
            width_px,
            height_px,
            self._fps,
            live=False,
            frame_count=self._frame_count(),
        )

    def _stated_fps(self, fps: float) -> float | None:
        """Return the rate if it can be one, else None."""
        if 0 < fps <= HIGHEST_FPS:
            return fps
        logger.warning(
            "%s states %g frames a second; %g assumed where timestamps are missing",
            self._options.path,
            fps,
            ASSUMED_FPS,
        )
        return None

    def _frame_count(self) -> int | None:
        """Return how many frames there should be between start and end."""
        if self._fps is None or not self._expected:
            return self._expected or None
        last = self._expected if self._options.end_s is None else math.ceil(self._options.end_s * self._fps)
        first = math.ceil(self._options.start_s * self._fps)
        return max(1, min(last, self._expected) - first)

    def _skip_to_start(self) -> int:
        """Go to the first frame wanted; frames before it are decoded, so that all stamps stay the same."""
        timestamp_ms = self._advance()
        if timestamp_ms is None:
            msg = f"{self._options.path}: no frame in it can be decoded ({self._expected} announced)"
            raise SourceError(msg)
        while timestamp_ms < self._options.start_s * 1000:
            before_ms, timestamp_ms = timestamp_ms, self._advance()
            if timestamp_ms is None:
                msg = (
                    f"{self._options.path}: start_s is {self._options.start_s:g}, "
                    f"but the last frame is at {before_ms / 1000:.3f} s"
                )
                raise SourceError(msg)
        return timestamp_ms

    def _advance(self) -> int | None:
        """Decode the next frame that can be, and return its timestamp."""
        import cv2

        assert self._capture is not None
        for failed in range(DAMAGED_IN_A_ROW):
            if self._capture.grab():
                self._read += 1
                self._damaged += failed
                self._raw_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
                return self._stamps.next(self._raw_ms)
        return None

    def _finish(self, *, cut_off: bool) -> None:
        """Say once what was wrong with the file."""
        self._ended = True
        path = self._options.path
        if self._damaged:
            logger.warning("%s: %d damaged frames left out", path, self._damaged)
        missing = self._expected - self._read - self._damaged
        if cut_off and missing > max(2, CUT_OFF_SHARE * self._expected):
            seconds = (self._current_ms or 0) / 1000
            logger.warning(
                "%s is cut off: it ends after %.2f s with %d of %d frames",
                path,
                seconds,
                self._read,
                self._expected,
            )

    def _rewind(self, capture: cv2.VideoCapture) -> bool:
        """Decode the last frame once more: looking for the end lost it, and it is seldom wanted."""
        import cv2

        capture.set(cv2.CAP_PROP_POS_MSEC, max(0.0, self._current_raw_ms - REREAD_MS))
        for _ in range(self._read):
            if capture.grab() and capture.get(cv2.CAP_PROP_POS_MSEC) == self._current_raw_ms:
                return True
        return False

    def _close(self) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture = None


def _open(path: Path) -> cv2.VideoCapture:
    """Return the opened file. Raises UsageError when it is none, SourceError when OpenCV cannot read it."""
    import cv2

    if not path.exists():
        msg = f"{path}: no such file"
        raise UsageError(msg)
    if not path.is_file():
        found = "a folder (for a folder of pictures take source kind images)" if path.is_dir() else "no file"
        msg = f"{path}: a video file is wanted, this is {found}"
        raise UsageError(msg)
    quieten()
    # Absolute: a name like `concat:a` would be an address to FFmpeg.
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        msg = f"{path}: no video that OpenCV can read, found {describe(path)}"
        raise SourceError(msg)
    return capture


def _quarter_turns_deg(angle_deg: float) -> int:
    """Return the nearest of 0, 90, 180, 270; a file may ask for any angle."""
    return round(angle_deg / 90) * 90 % 360
