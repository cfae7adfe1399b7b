"""The book-keeping of LIVE_STREAM: where each shot is, and how many went which way.

Four places, each for one: a shot waits, one is converted ahead while MediaPipe works on the last, one is in
flight (through MediaPipe), a result has landed.
Everything is under one lock and nothing slow happens here, so any thread may call.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pose_edge.errors import LandmarkerError
from pose_edge.landmarker.mediapipe_result import RawResult
from pose_edge.landmarker.steady_stamps import SteadyStamps
from pose_edge.records import Frame

# Results on empty scenes can come back stamped 1 ms before their frame (google-ai-edge/mediapipe issue 5457).
STAMP_TOLERANCE_MS = 1
NS_PER_S = 1_000_000_000

RECENT = 8
"""Inferences and retrievals whose durations tell what the next will take."""
LEAD = 1.5
"""A picture is retrieved so many times its usual duration before MediaPipe is expected to be free. Without
that MediaPipe idled for a quarter of the time when there were more frames than it can take (measured)."""
FIRST_LEAD_NS = 2_000_000


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture that can be had, and is not converted unless its turn comes."""

    timestamp_ms: int
    """The source's clock; strictly increasing."""
    available_ns: int
    """CLOCK_MONOTONIC when the source had it."""
    retrieve: Callable[[], Frame]
    """Called at most once, on the consumer's thread. The source may have moved on and give a picture newer
    than `timestamp_ms`: then the frame's own stamp counts, and shots up to it are not looked at again."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the shots. At any moment ``submitted == results + dropped + in_flight``."""

    submitted: int = 0
    results: int = 0
    """Handed to the consumer, with or without poses."""
    dropped: int = 0
    """Replaced by a newer one, not retrievable, refused by MediaPipe, or still on their way at `close`."""
    in_flight: int = 0
    """0-3: the one on its way through MediaPipe, the one converted ahead and the one waiting."""
    empty: int = 0
    """Results without a pose."""
    callback_errors: int = 0
    """Exceptions of `on_result`."""
    timestamp_errors: int = 0
    """Stamps of the source that did not increase and were repaired."""
    mismatched: int = 0
    """Results of MediaPipe that belong to no frame; ignored."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A frame inside MediaPipe."""

    stamp_ms: int
    """Its timestamp, repaired where the source's did not increase."""
    width_px: int
    height_px: int
    available_ns: int
    submitted_ns: int
    wall_ms: int | None


@dataclass(frozen=True, slots=True)
class Landing:
    """The result of a flight, as MediaPipe gave it."""

    flight: Flight
    raw: RawResult
    finished_ns: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What the consumer is to do next; all None: nothing, the deadline came first."""

    landing: Landing | None = None
    """To be delivered."""
    shot: Shot | None = None
    """To be fed: `launch` or `abort` must follow."""
    frame: Frame | None = None
    """Its picture, when that was retrieved ahead."""
    ahead: Shot | None = None
    """To be retrieved ahead: `keep` must follow."""


class Slots:
    """The four places. `offer` and `land` come from anywhere, the rest from the one consumer."""

    def __init__(self, stall_limit_s: float) -> None:
        self._stall_limit_s = stall_limit_s
        self._changed = threading.Condition(threading.Lock())
        self._open = False
        self._waiting: Shot | None = None
        self._busy = False
        """A shot has left `_waiting` and its result was not taken yet; inside MediaPipe if `_flight`."""
        self._flight: Flight | None = None
        self._landing: Landing | None = None
        self._ahead: tuple[Shot, Frame | None] | None = None
        """A shot on its way to being a frame while another is in flight; the frame once it is one."""
        self._flights_ns: deque[int] = deque(maxlen=RECENT)
        self._retrievals_ns: deque[int] = deque(maxlen=RECENT)
        self._covered_ms = range(0)
        """Stamps of shots whose picture would be the one fed last."""
        self._stamps = SteadyStamps()
        self._submitted = self._results = self._dropped = 0
        self._empty = self._callback_errors = self._mismatched = 0

    def open(self) -> None:
        """From now on shots are taken."""
        with self._changed:
            self._open = True

    def close(self) -> None:
        """Drop whatever is on its way; a consumer blocked in `take` raises."""
        with self._changed:
            self._open = False
            self._dropped += self._in_flight()
            self._waiting = self._flight = self._landing = self._ahead = None
            self._busy = False
            self._changed.notify_all()

    @property
    def counts(self) -> Counts:
        """All counters at one moment."""
        with self._changed:
            return Counts(
                submitted=self._submitted,
                results=self._results,
                dropped=self._dropped,
                in_flight=self._in_flight(),
                empty=self._empty,
                callback_errors=self._callback_errors,
                timestamp_errors=self._stamps.repairs,
                mismatched=self._mismatched,
            )

    def offer(self, shot: Shot) -> None:
        """Let the shot wait, in the place of one that waits already."""
        with self._changed:
            self._require_open()
            self._submitted += 1
            first = self._waiting is None
            self._dropped += not first
            self._waiting = shot
            if not self._busy or first:
                self._changed.notify()

    def take(self, deadline_ns: int) -> Turn:
        """Block until there is a result to deliver, a shot to feed or one to retrieve ahead.

        Raises:
            LandmarkerError: closed, or the frame in flight is overdue.
        """
        with self._changed:
            while True:
                self._require_open()
                now_ns, overdue_ns, ahead_ns = time.monotonic_ns(), self._overdue_ns(), self._ahead_ns()
                landing = self._take_landing()
                shot, frame = self._take_next(now_ns)
                if landing is not None or shot is not None:
                    return Turn(landing, shot, frame)
                if now_ns >= ahead_ns and (shot := self._take_waiting()) is not None:
                    self._ahead = shot, None
                    return Turn(ahead=shot)
                if now_ns >= overdue_ns:
                    raise LandmarkerError(f"MediaPipe gave no result for {self._stall_limit_s:g} s")
                if now_ns >= deadline_ns:
                    return Turn()
                until_ns = min(deadline_ns, overdue_ns, max(ahead_ns, now_ns))
                self._changed.wait((until_ns - now_ns) / NS_PER_S)

    def keep(self, shot: Shot, frame: Frame | None, took_ns: int) -> None:
        """Keep what was retrieved ahead until MediaPipe is free; None: it could not be."""
        with self._changed:
            self._retrievals_ns.append(took_ns)
            if not self._open:
                return
            self._ahead = None if frame is None else (shot, frame)
            self._dropped += frame is None
            if frame is not None:
                self._covered_ms = range(shot.timestamp_ms + 1, frame.timestamp_ms + 1)

    def launch(self, shot: Shot, frame: Frame) -> Flight:
        """Note that the frame goes into MediaPipe now, with the stamp of the returned flight."""
        height_px, width_px, _ = frame.image_rgb.shape
        with self._changed:
            stamp_ms = self._stamps.repair(frame.timestamp_ms)
            self._covered_ms = range(shot.timestamp_ms + 1, frame.timestamp_ms + 1)
            submitted_ns = time.monotonic_ns()
            flight = Flight(stamp_ms, width_px, height_px, shot.available_ns, submitted_ns, frame.wall_ms)
            self._flight = flight if self._open else None
        return flight

    def abort(self) -> None:
        """The shot taken last will have no result."""
        with self._changed:
            self._dropped += self._busy
            self._busy = False
            self._flight = None

    def land(self, raw: RawResult, stamp_ms: int) -> None:
        """Keep MediaPipe's result until it is taken; ignore one that belongs to no frame. Never raises."""
        finished_ns = time.monotonic_ns()
        with self._changed:
            flight = self._flight
            if not self._open:
                return
            if flight is None or self._landing or abs(stamp_ms - flight.stamp_ms) > STAMP_TOLERANCE_MS:
                self._mismatched += 1
                return
            self._landing = Landing(flight, raw, finished_ns)
            self._flights_ns.append(finished_ns - flight.submitted_ns)
            self._changed.notify()

    def note_callback_error(self) -> int:
        """Count one more and return how many there were."""
        with self._changed:
            self._callback_errors += 1
            return self._callback_errors

    def _take_landing(self) -> Landing | None:
        landing = self._landing
        if landing is not None:
            self._landing = self._flight = None
            self._busy = False
            self._results += 1
            self._empty += not landing.raw.pose_landmarks
        return landing

    def _take_next(self, now_ns: int) -> tuple[Shot | None, Frame | None]:
        """Return what MediaPipe gets next: the picture converted ahead unless it has become old."""
        if self._busy:
            return None, None
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            shot, frame = ahead
            if self._waiting is None or now_ns - shot.available_ns <= max(self._flights_ns, default=0):
                self._busy = True
                return shot, frame
            self._dropped += 1
        waiting = self._take_waiting()
        self._busy = waiting is not None
        return waiting, None

    def _take_waiting(self) -> Shot | None:
        shot, self._waiting = self._waiting, None
        if shot is not None and shot.timestamp_ms in self._covered_ms:
            self._dropped += 1
            return None
        return shot

    def _ahead_ns(self) -> float:
        """When to retrieve the shot that waits, so that it is ready just when MediaPipe is."""
        if self._flight is None or self._waiting is None or self._ahead is not None or not self._flights_ns:
            return math.inf
        lead_ns = LEAD * max(self._retrievals_ns, default=FIRST_LEAD_NS)
        return self._flight.submitted_ns + min(self._flights_ns) - lead_ns

    def _in_flight(self) -> int:
        return self._busy + (self._waiting is not None) + (self._ahead is not None)

    def _require_open(self) -> None:
        if not self._open:
            raise LandmarkerError("the live landmarker is not open: use it inside `with`")

    def _overdue_ns(self) -> float:
        """When the frame in MediaPipe should have had its result."""
        if self._flight is None:
            return math.inf
        return self._flight.submitted_ns + self._stall_limit_s * NS_PER_S
