"""One kind of sitting badly, of one person: begins, uses up its dose, ends.

Begins when it was bad for `BEGIN_MS`; ends after `END_MS` of good. Single moments cost what they lasted,
on both sides. What cannot be measured changes nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from pose_edge.events.desk.judging import Verdict
from pose_edge.records import Event
from pose_edge.signals import Held

BEGIN_MS: Final = 3000
"""Reminders in use take 2 s (posture_science 2.5); 3 lets somebody look at the keyboard."""

END_MS: Final = 15_000
"""posture_science 4.3."""

HALF_LIFE_MS: Final = 60_000
"""Of the dose while nothing is bad (posture_science 4.3)."""

BAD_SHARE: Final = 0.8
"""Of `slouch_hold_s` that must be bad for a reminder (posture_science 4.3)."""


class Lately:
    """Which share of the last measured time was bad, in parts of a second."""

    PART_MS: Final = 1000

    def __init__(self, span_ms: int) -> None:
        self._span_ms = span_ms
        self._parts: deque[tuple[int, int]] = deque()
        self._bad_ms = self._total_ms = self._part_bad_ms = self._part_ms = 0

    def add(self, bad: bool, step_ms: int) -> None:
        """Take in one moment."""
        self._part_ms += step_ms
        self._part_bad_ms += step_ms * bad
        if self._part_ms < self.PART_MS:
            return
        self._parts.append((self._part_bad_ms, self._part_ms))
        self._bad_ms += self._part_bad_ms
        self._total_ms += self._part_ms
        self._part_bad_ms = self._part_ms = 0
        while self._total_ms - self._parts[0][1] >= self._span_ms:
            bad_ms, lasted_ms = self._parts.popleft()
            self._bad_ms -= bad_ms
            self._total_ms -= lasted_ms

    def share(self) -> float:
        """Return it; 0 until the whole span has been measured."""
        return self._bad_ms / self._total_ms if self._total_ms >= self._span_ms else 0.0

    def clear(self) -> None:
        """Begin anew."""
        self._parts.clear()
        self._bad_ms = self._total_ms = self._part_bad_ms = self._part_ms = 0


@dataclass(slots=True)
class Habit:
    """See the module."""

    lately: Lately
    bad: Held = field(default_factory=Held)
    good: Held = field(default_factory=Held)
    since_ms: int = 0
    """When what is bad, or may have been, began."""
    good_since_ms: int = 0
    dose: float = 0.0
    begun: Event | None = None
    reminders: int = 0
    """Told of the event that has begun."""

    def see(self, verdict: Verdict, now_ms: int, step_ms: int) -> None:
        """Take in one moment that was measured, `step_ms` after the last one."""
        bad = verdict.bad
        if bad and self.bad.ms == 0 and not self.bad.holds:
            self.since_ms = now_ms
        if not bad and self.good.ms == 0 and not self.good.holds:
            self.good_since_ms = now_ms
        # The first moment of each is only known to be so from now on: it adds no time.
        if self.begun is None:
            self.bad.run(bad, 0 if bad else step_ms, step_ms)
        else:
            self.bad.holds = bad
            self.good.run(not bad, step_ms if bad else 0, step_ms)
        self.lately.add(bad, step_ms)
        if bad:
            self.dose = min(1.0, self.dose + verdict.dose_per_s * step_ms / 1000)
        else:
            self.rest(step_ms)

    def rest(self, step_ms: int) -> None:
        """Let time pass in which nothing was bad."""
        if self.dose:
            self.dose *= 0.5 ** (step_ms / HALF_LIFE_MS)

    @property
    def begins(self) -> bool:
        """Whether it is time to say that it has begun."""
        return self.begun is None and self.bad.holds and self.bad.ms >= BEGIN_MS

    @property
    def ends(self) -> bool:
        """Whether it has been good for long enough."""
        return self.begun is not None and self.good.ms >= END_MS

    @property
    def due(self) -> bool:
        """Whether there is something to remind of, right now."""
        if self.begun is None or not self.bad.holds:
            return False
        return self.dose >= 1.0 or self.lately.share() >= BAD_SHARE

    def reminded(self) -> None:
        """Learn that they have been reminded: what was is paid off."""
        self.dose, self.reminders = 0.0, self.reminders + 1
        self.lately.clear()

    def over(self) -> None:
        """Learn that it has ended."""
        self.begun, self.reminders = None, 0
        self.bad.reset()
        self.good.reset()
