"""LIVE_STREAM: frames as they come, and never one that is older than it need be.

One frame is in MediaPipe, at most one waits, and that is the newest: a newer one takes its place before
anybody has converted or copied a pixel of it. Shortly before MediaPipe should be done the one that waits
is converted, so that MediaPipe need not wait. So a result is never older than two inferences, whatever the
camera's rate, and MediaPipe's own unbounded queue never holds more than one result. With 0.10.18 it is also
what keeps the process alive: fed faster, its `detect_async` blocks with the GIL held, and the callback that
would free it waits for the GIL (seen after a few seconds at three times the rate).

    any thread --submit--> waiting --wait--> MediaPipe --its thread--> landed --wait--> PoseResult
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from pose_edge.landmarker.mediapipe_engine import (
    CLOSE_LIMIT_S,
    Create,
    Engine,
    create_mediapipe,
)
from pose_edge.landmarker.mediapipe_result import RawResult, convert
from pose_edge.landmarker.options import LandmarkerOptions, RunningMode
from pose_edge.landmarker.slots import NS_PER_S, Counts, Landing, Shot, Slots
from pose_edge.records import Frame, PoseResult, Timing

logger = logging.getLogger(__name__)


class LiveLandmarker:
    """`submit` from any thread, `wait` on one. Used inside `with`; `Engine.open` says what that raises."""

    def __init__(
        self,
        model_path: Path,
        options: LandmarkerOptions | None = None,
        on_result: Callable[[PoseResult], None] | None = None,
        *,
        create: Create = create_mediapipe,
    ) -> None:
        """Prepare. `on_result` gets each result on the thread of `wait`, before that returns it."""
        self._options = options or LandmarkerOptions()
        self._on_result = on_result
        self._slots = Slots(self._options.stall_limit_s)
        self._engine = Engine(model_path, self._options, RunningMode.LIVE_STREAM, self._land, create)
        self._late_error: Exception | None = None

    def __enter__(self) -> Self:
        self._engine.open()
        self._slots.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Drop what is on its way and close within `limit_s`, or set `wedged`. Safe to repeat."""
        self._slots.close()
        self._engine.close(limit_s)

    @property
    def wedged(self) -> bool:
        """See `Engine.wedged`."""
        return self._engine.wedged

    @property
    def counts(self) -> Counts:
        """What became of all shots so far, at one moment; from any thread."""
        return self._slots.counts

    def submit(self, shot: Shot) -> None:
        """Offer a picture, from any thread, in the place of one that still waits.

        Raises:
            LandmarkerError: not open.
        """
        self._slots.offer(shot)

    def wait(self, timeout_s: float) -> PoseResult | None:
        """Feed MediaPipe and return the next result, or None after `timeout_s`. Always on the same thread.

        Raises:
            LandmarkerError: not open, MediaPipe failed, or it gave no result for `stall_limit_s`.
            Exception: what `Shot.retrieve` raised, a `SourceError` as a rule. That shot counts as dropped,
                a result that was there already is returned first, and the next call goes on.
        """
        late_error, self._late_error = self._late_error, None
        if late_error is not None:
            raise late_error
        deadline_ns = time.monotonic_ns() + int(timeout_s * NS_PER_S)
        while True:
            turn = self._slots.take(deadline_ns)
            if turn.ahead is not None:
                self._retrieve_ahead(turn.ahead)
                continue
            # The next frame goes in before the last result is looked at, so that MediaPipe never idles.
            error = None if turn.shot is None else self._feed(turn.shot, turn.frame)
            if turn.landing is not None:
                self._late_error = self._late_error or error
                return self._deliver(turn.landing)
            if error is not None:
                raise error
            if turn.shot is None:
                return None

    def _retrieve_ahead(self, shot: Shot) -> None:
        """Get a picture ready while MediaPipe works on the last one. What goes wrong is raised by `wait`."""
        began_ns, frame = time.monotonic_ns(), None
        try:
            retrieved = shot.retrieve()
            self._engine.prepare(retrieved)
            frame = retrieved
        except Exception as error:  # noqa: BLE001 - raised by `wait`, after the result that is on its way
            self._late_error = error
        self._slots.keep(shot, frame, time.monotonic_ns() - began_ns)

    def _feed(self, shot: Shot, frame: Frame | None) -> Exception | None:
        """Convert the picture unless that is done, and hand it to MediaPipe; return what went wrong."""
        try:
            if frame is None:
                frame = shot.retrieve()
                self._engine.prepare(frame)
            flight = self._slots.launch(shot, frame)
            self._engine.detect_async(frame, flight.stamp_ms)
        except Exception as error:  # noqa: BLE001 - raised by `wait`, after the result that may be there
            self._slots.abort()
            return error
        return None

    def _land(self, raw: RawResult, _image: object, stamp_ms: int) -> None:
        # MediaPipe's thread. What is raised here is swallowed or ends the process, so nothing may be: hand
        # the result over; `wait` converts it. The picture is not kept, it would pin a copy of the frame.
        self._slots.land(raw, stamp_ms)

    def _deliver(self, landing: Landing) -> PoseResult:
        flight = landing.flight
        timing = Timing(flight.available_ns, flight.submitted_ns, landing.finished_ns, flight.wall_ms)
        masks = self._options.output_segmentation_masks
        result = convert(landing.raw, flight.stamp_ms, flight.width_px, flight.height_px, timing, masks=masks)
        if self._on_result is not None:
            self._call_back(self._on_result, result)
        return result

    def _call_back(self, on_result: Callable[[PoseResult], None], result: PoseResult) -> None:
        try:
            on_result(result)
        except Exception:  # a listener's mistake must not stop the stream
            if self._slots.note_callback_error() == 1:
                logger.exception("a listener failed on a result; further failures are only counted")
