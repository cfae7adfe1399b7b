"""So or not so, moment by moment -> begun, over.

Begins when it has been so for `for_ms`; ends when it has not been for `clear_ms`. What is shorter than
that interrupts nothing, but is taken off what was held. Hidden parts stop both clocks; for longer than
`patience_ms` they end what had begun and forget what had not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pose_edge.signals import GAP_MS

LEAST_PATIENCE_MS: Final = 10_000
"""Somebody turns away or is hidden for seconds; the tracker waits for somebody lying as long."""


class Change(StrEnum):
    """What a moment led to."""

    BEGUN = "begun"
    OVER = "over"
    UNKNOWN = "unknown"
    """Over, for all one can know."""


@dataclass(frozen=True, slots=True)
class Spans:
    """The durations of one rule."""

    for_ms: float
    clear_ms: float
    refractory_ms: float

    @property
    def patience_ms(self) -> float:
        """What is unknown for longer than it had to hold outweighs what is known."""
        return max(LEAST_PATIENCE_MS, self.for_ms)


@dataclass(slots=True)
class Tally:
    """For how long something has been so: grows while it is, shrinks while it is not."""

    ms: int = 0
    since_ms: int | None = None
    """When it began to grow."""

    def run(self, so: bool, step_ms: int, now_ms: int) -> None:
        """Take in a moment `step_ms` after one at which it was the same; 0 where it was another."""
        if so:
            self.ms += step_ms
            self.since_ms = now_ms if self.since_ms is None else self.since_ms
        elif self.since_ms is not None:
            self.ms = max(0, self.ms - step_ms)
            self.since_ms = None if self.ms == 0 else self.since_ms

    def reset(self) -> None:
        """Begin anew."""
        self.ms, self.since_ms = 0, None


@dataclass(slots=True)
class Life:
    """One rule on one person, or on everybody."""

    spans: Spans
    quiet_until_ms: float = -math.inf
    active: bool = False
    held: Tally = field(default_factory=Tally)
    missed: Tally = field(default_factory=Tally)
    begun_ms: int = 0
    """When what is active began; of the last one once it is over."""
    ended_ms: int = 0
    known_ms: int | None = None
    """When it was last known whether it is so."""
    before: bool | None = None
    """What was known at the moment before; None: nothing."""

    def update(self, so: bool | None, now_ms: int) -> Change | None:
        """Take in whether it is so at this moment; None: unknown. Moments come in the order of time."""
        lost = self._lose_patience(now_ms)
        if so is None:
            self.before = None
            return lost
        step_ms = now_ms - (now_ms if self.known_ms is None else self.known_ms)
        counted_ms = step_ms if so is self.before and step_ms <= GAP_MS else 0
        self.known_ms, self.before = now_ms, so
        self.held.run(so, counted_ms, now_ms)
        self.missed.run(not so, counted_ms, now_ms)
        return lost or self._decide(now_ms)

    def _decide(self, now_ms: int) -> Change | None:
        if not self.active and self.held.ms >= self.spans.for_ms and now_ms >= self.quiet_until_ms:
            self.active, self.begun_ms = True, self.held.since_ms or 0
            self.missed.reset()
            return Change.BEGUN
        if self.missed.ms < self.spans.clear_ms:
            return None
        return self.end(Change.OVER, now_ms, self.missed.since_ms or 0)

    def _lose_patience(self, now_ms: int) -> Change | None:
        if self.known_ms is None or now_ms - self.known_ms <= LEAST_PATIENCE_MS:
            return None
        if now_ms - self.known_ms <= self.spans.patience_ms:
            return None
        return self.end(Change.UNKNOWN, now_ms, self.known_ms)

    def end(self, change: Change, now_ms: int, ended_ms: int) -> Change | None:
        """End what has begun, at `ended_ms`, and forget what has not."""
        self.held.reset()
        self.missed.reset()
        if not self.active:
            return None
        self.active, self.ended_ms = False, max(ended_ms, self.begun_ms)
        self.quiet_until_ms = now_ms + self.spans.refractory_ms
        return change
