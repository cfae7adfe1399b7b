"""Playing a file in real time, as a camera would have delivered it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import Final, Protocol, Self

from pose_edge.errors import SourceError
from pose_edge.records import Frame
from pose_edge.sources.base import Source, SourceInfo

JUST_DUE_MS: Final = 10.0
"""A frame less late than this is taken for the newest: looking further might cost more time than that."""

TRUSTED_AFTER: Final = 10
"""So many frames at the nominal rate, from the first on, and the next is expected there too."""


class Clock(Protocol):
    """What pacing needs to know of time."""

    def now_s(self) -> float:
        """Return seconds since any fixed moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""


class MonotonicClock:
    """The machine's."""

    def now_s(self) -> float:
        """See `Clock.now_s`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        time.sleep(seconds)


class Paced:
    """Makes a source that is not live behave like a camera; a live one is passed through. See `Source`.

    The clock starts with the first `wait` or `grab`, at the first frame. Then `wait` blocks until a frame
    is due by its timestamp, and `grab` goes to the newest that is due: whoever comes late has missed what
    was before it. Timestamps are those of the source, whatever the speed.

    `retrieve` gives the picture of the last `grab`, also while `wait` runs in another thread. For that a
    source can be asked for the time of its next frame only by moving it on, which loses the picture it
    stands on. So a picture nobody has retrieved yet is converted and kept before the source moves on,
    unless the source has kept its nominal rate so far: then its next frame is expected at that rate and
    not looked at before, and a frame nobody wants costs no conversion. Should it break that rate after
    all, the frame after the gap comes early, once.
    """

    def __init__(self, source: Source, speed: float = 1.0, clock: Clock | None = None) -> None:
        if not speed > 0:
            msg = f"the speed must be greater than 0, found {speed}"
            raise ValueError(msg)
        self._source = source
        self._speed = speed
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()  # `wait` and `retrieve` may come from two threads
        self._reset()

    def _reset(self) -> None:
        self._start_s: float | None = None
        self._first_ms = 0
        self._current_ms: int | None = None
        self._retrieved = True  # nothing to lose
        self._kept: Frame | None = None
        self._next_ms: int | None = None
        self._ahead = False  # the source stands on `_next_ms` (or its end), else on `_current_ms`
        self.skipped = 0
        """Frames left out because the caller came late; they count as captured and dropped."""

    @property
    def info(self) -> SourceInfo:
        """See `Source.info`. Live, at the rate of the timestamps."""
        return replace(self._source.info, live=True)

    def __enter__(self) -> Self:
        self._source.__enter__()
        self._live = self._source.info.live
        self._rhythm = _Rhythm(self._source.info.rate_hz)
        self._reset()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept = None
        self._source.__exit__(kind, error, trace)

    def wait(self, timeout_s: float) -> bool:
        """See `Source.wait`. True at once when the source has ended."""
        if self._live:
            return self._source.wait(timeout_s)
        with self._lock:
            due_s = self._next_due_s()
        early_s = due_s - self._clock.now_s()
        if early_s > 0:
            self._clock.sleep(min(early_s, timeout_s))
        return early_s <= timeout_s

    def grab(self) -> int | None:
        """See `Source.grab`. Does not wait: what is not due yet comes early."""
        if self._live:
            return self._source.grab()
        with self._lock:
            self._look_ahead()
            if self._next_ms is None:
                return None
            self._step()
            now_ms = self._media_ms()  # once: a source slower than its speed would else be skipped to its end
            while self._overtaken(now_ms):
                self._step()
                self.skipped += 1
            return self._current_ms

    def retrieve(self) -> Frame:
        """See `Source.retrieve`. Once for each `grab`."""
        if self._live:
            return self._source.retrieve()
        with self._lock:
            gone = self._ahead and self._next_ms is not None and self._kept is None
            if self._current_ms is None or gone:
                msg = f"{self._source.info.name}: no frame was grabbed yet, or it was retrieved already"
                raise SourceError(msg)
            frame, self._kept = self._kept or self._source.retrieve(), None
            self._retrieved = True
            return frame

    def _next_due_s(self) -> float:
        """Return when to grab next."""
        if not self._ahead:
            if not self._retrieved and (expected_ms := self._rhythm.next_ms()) is not None:
                return self._due_s(expected_ms)
            self._keep()
            self._look_ahead()
        return self._clock.now_s() if self._next_ms is None else self._due_s(self._next_ms)

    def _overtaken(self, now_ms: float) -> bool:
        """Tell whether the frame after the current one is due too; then the source stands on it."""
        assert self._current_ms is not None
        if now_ms - self._current_ms < JUST_DUE_MS:
            return False
        expected_ms = self._rhythm.next_ms()
        if expected_ms is not None and expected_ms > now_ms:
            return False
        if expected_ms is None:
            self._keep()
        self._look_ahead()
        if self._next_ms is None:
            return False
        return self._next_ms <= now_ms or self._kept is None

    def _step(self) -> None:
        """Make the frame the source stands on the current one."""
        self._current_ms, self._next_ms = self._next_ms, None
        self._ahead = self._retrieved = False
        self._kept = None

    def _keep(self) -> None:
        """Save the current picture from `_look_ahead`, if somebody may still want it."""
        if not self._retrieved and self._kept is None:
            self._kept = self._source.retrieve()

    def _look_ahead(self) -> None:
        """Move the source on to the next frame, to learn its timestamp."""
        if self._ahead:
            return
        self._next_ms, self._ahead = self._source.grab(), True
        if self._next_ms is None:
            return
        self._rhythm.add(self._next_ms)
        if self._start_s is None:
            self._start_s, self._first_ms = self._clock.now_s(), self._next_ms

    def _due_s(self, timestamp_ms: int) -> float:
        assert self._start_s is not None
        return self._start_s + (timestamp_ms - self._first_ms) / 1000 / self._speed

    def _media_ms(self) -> float:
        """Return the timestamp of a frame that would be due now."""
        assert self._start_s is not None
        return self._first_ms + (self._clock.now_s() - self._start_s) * 1000 * self._speed


class _Rhythm:
    """Whether a source keeps its nominal rate."""

    def __init__(self, rate_hz: float | None) -> None:
        self._period_ms = 1000 / rate_hz if rate_hz else None
        self._first_ms = self._count = 0

    def add(self, timestamp_ms: int) -> None:
        """Take in the next timestamp."""
        if self._period_ms is None:
            return
        if not self._count:
            self._first_ms = timestamp_ms
        if abs(timestamp_ms - self._at_ms(self._count)) > 1:  # rounding
            self._period_ms = None
        self._count += 1

    def next_ms(self) -> int | None:
        """Return the next timestamp, None where it cannot be foreseen."""
        if self._period_ms is None or self._count < TRUSTED_AFTER:
            return None
        return round(self._at_ms(self._count))

    def _at_ms(self, index: int) -> float:
        assert self._period_ms is not None
        return self._first_ms + index * self._period_ms
