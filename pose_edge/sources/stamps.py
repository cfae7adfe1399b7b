"""Making timestamps strictly increase, without losing what a container knows about time."""

from __future__ import annotations

from typing import Final

LONGEST_GAP_MS: Final = 3_600_000.0
"""A step longer than an hour is a broken stamp, not a pause."""

LARGEST_MS: Final = 1e13
"""Beyond this a stamp is too coarse to tell frames apart; OpenCV 4.11 gives such on bare streams."""


class StampRepair:
    """Turns the stamps a container gives into integers that strictly increase.

    Good stamps are kept, so a variable frame rate stays variable. A stamp that is negative, no number,
    repeated, or leads back or absurdly far ahead is replaced by one frame after its predecessor. What
    comes after it is taken as it is, or shifted by as much as the broken one was, whichever is the
    smaller step: so one broken stamp does not matter and a clock that restarts goes on.
    """

    def __init__(self, period_ms: float) -> None:
        self._period_ms = period_ms
        self._at_ms: float | None = None
        self._last_ms = -1
        self._shift_ms = 0.0
        self.repaired = 0
        """How many stamps were replaced so far."""

    def next(self, raw_ms: float) -> int:
        """Return the timestamp of the next frame, in milliseconds."""
        if self._at_ms is None:
            self._at_ms = self._first(raw_ms)
        else:
            self._at_ms = self._following(raw_ms, self._at_ms)
        self._last_ms = max(self._last_ms + 1, round(self._at_ms))
        return self._last_ms

    def _first(self, raw_ms: float) -> float:
        if 0 <= raw_ms <= LONGEST_GAP_MS:  # False for NaN too
            return raw_ms
        return self._replace(raw_ms, 0.0)

    def _following(self, raw_ms: float, before_ms: float) -> float:
        candidates = (raw_ms, raw_ms + self._shift_ms)
        good = [at_ms for at_ms in candidates if 0 < at_ms - before_ms <= LONGEST_GAP_MS]
        if not good:
            return self._replace(raw_ms, before_ms + self._period_ms)
        at_ms = min(good)
        self._shift_ms = at_ms - raw_ms
        return at_ms

    def _replace(self, raw_ms: float, at_ms: float) -> float:
        self.repaired += 1
        if abs(raw_ms) <= LARGEST_MS:  # False for NaN too
            self._shift_ms = at_ms - raw_ms
        return at_ms
