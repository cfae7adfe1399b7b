"""Timestamps that increase, whatever the source does."""

from __future__ import annotations


class SteadyStamps:
    """Passes increasing stamps through unchanged and repairs the others.

    A stamp that does not increase becomes the last one + 1, and all that follow are shifted by as much: after
    a clock that stepped back an hour, time goes on at its own pace instead of standing still for an hour,
    in which no alert could be confirmed.
    """

    def __init__(self) -> None:
        self.repairs = 0
        """How often a stamp did not increase."""
        self._last_ms: int | None = None
        self._shift_ms = 0

    def repair(self, timestamp_ms: int) -> int:
        """Return a stamp above all that were returned before."""
        stamp_ms = timestamp_ms + self._shift_ms
        if self._last_ms is not None and stamp_ms <= self._last_ms:
            self.repairs += 1
            self._shift_ms += self._last_ms + 1 - stamp_ms
            stamp_ms = self._last_ms + 1
        self._last_ms = stamp_ms
        return stamp_ms
