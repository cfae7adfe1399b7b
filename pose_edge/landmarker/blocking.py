"""The two running modes that wait for each result: IMAGE for photos, VIDEO for clips."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pose_edge.errors import LandmarkerError
from pose_edge.landmarker.mediapipe_engine import Create, Engine, create_mediapipe
from pose_edge.landmarker.mediapipe_result import RawResult, convert
from pose_edge.landmarker.options import LandmarkerOptions, RunningMode
from pose_edge.records import Frame, PoseResult, Timing


class StillLandmarker:
    """Photos: each by itself, nothing remembered. Used inside `with`; `Engine.open` says what that raises."""

    def __init__(
        self, model_path: Path, options: LandmarkerOptions | None = None, *, create: Create = create_mediapipe
    ) -> None:
        self._options = options or LandmarkerOptions()
        self._engine = Engine(model_path, self._options, RunningMode.IMAGE, create=create)

    def __enter__(self) -> Self:
        self._engine.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close within 5 s; safe to repeat."""
        self._engine.close()

    @property
    def wedged(self) -> bool:
        """See `Engine.wedged`."""
        return self._engine.wedged

    def detect(self, frame: Frame) -> PoseResult:
        """Return the poses in the picture; none is a result too.

        Raises:
            LandmarkerError: the picture is not what `Frame` promises, or MediaPipe failed.
        """
        started_ns = time.monotonic_ns()
        raw = self._engine.detect(frame)
        return _finish(raw, frame, started_ns, self._options)


class VideoLandmarker:
    """Every frame of one clip, in order; MediaPipe follows the body from frame to frame.

    The same frames with the same timestamps give the same numbers, bit for bit, on one machine. A new clip
    needs a new `with`: it forgets the last one's body and clock. `Engine.open` says what that raises.
    """

    def __init__(
        self, model_path: Path, options: LandmarkerOptions | None = None, *, create: Create = create_mediapipe
    ) -> None:
        self._options = options or LandmarkerOptions()
        self._engine = Engine(model_path, self._options, RunningMode.VIDEO, create=create)
        self._last_ms: int | None = None

    def __enter__(self) -> Self:
        self._engine.open()
        self._last_ms = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close within 5 s; safe to repeat."""
        self._engine.close()

    @property
    def wedged(self) -> bool:
        """See `Engine.wedged`."""
        return self._engine.wedged

    def detect(self, frame: Frame) -> PoseResult:
        """Return the poses in the frame; none is a result too.

        Raises:
            LandmarkerError: the timestamp is not above the last one, the picture is not what `Frame`
                promises, or MediaPipe failed.
        """
        last_ms, stamp_ms = self._last_ms, frame.timestamp_ms
        if last_ms is not None and stamp_ms <= last_ms:
            raise LandmarkerError(
                f"timestamps of a video must increase: {stamp_ms} ms came after {last_ms} ms"
            )
        started_ns = time.monotonic_ns()
        raw = self._engine.detect_for_video(frame, stamp_ms)
        self._last_ms = stamp_ms
        return _finish(raw, frame, started_ns, self._options)


def _finish(raw: RawResult, frame: Frame, started_ns: int, options: LandmarkerOptions) -> PoseResult:
    timing = Timing(started_ns, started_ns, time.monotonic_ns())
    height_px, width_px, _ = frame.image_rgb.shape
    return convert(
        raw, frame.timestamp_ms, width_px, height_px, timing, masks=options.output_segmentation_masks
    )
