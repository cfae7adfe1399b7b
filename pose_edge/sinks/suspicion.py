"""Which message makes the broker hang up.

A broker that will not have a packet may close the connection instead of saying so, and whatever is sent
again after each reconnect closes the next one: one bad message would stop all others for ever. So after a
loss whatever was on its way is sent one at a time, and what was alone when the connection ended, several
times in a row, is set aside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, TypeAlias

LOSSES: Final = 3
HOLD_S: Final = 3600.0
"""How long something is kept out: the broker may be another by then."""

Suspect: TypeAlias = int | str
"""Key of an event, or topic of a state or stream."""


class Suspicion:
    """Remembers over connections; times are those of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._suspects: set[Suspect] = set()
        self._losses: Counter[Suspect] = Counter()
        self._kept_out: dict[str, tuple[int, float]] = {}

    @property
    def careful(self) -> bool:
        """Whether one message at a time is to be sent."""
        return bool(self._suspects)

    def lost(self, on_way: set[Suspect]) -> Suspect | None:
        """Learn that the broker ended a connection with these on their way; return the culprit, if known."""
        self._suspects |= on_way
        if len(on_way) != 1:
            return None
        [suspect] = on_way
        self._losses[suspect] += 1
        if self._losses[suspect] < LOSSES:
            return None
        self.proven([suspect])
        return suspect

    def proven(self, innocent: Iterable[Suspect]) -> None:
        """Learn that the broker has taken these."""
        for one in innocent:
            self._suspects.discard(one)
            self._losses.pop(one, None)

    def passed(self, key: int) -> None:
        """Learn that this event is the next: older ones are not waiting any more."""
        self._suspects -= {one for one in self._suspects if isinstance(one, int) and one < key}

    def keep_out(self, topic: str, length: int, now_s: float) -> None:
        """Keep messages of a topic back that are no shorter than this."""
        self._kept_out[topic] = length, now_s + HOLD_S

    def keeps_out(self, topic: str, length: int, now_s: float) -> bool:
        """Say whether such a message ended connections before."""
        least, until_s = self._kept_out.get(topic, (0, 0.0))
        return now_s < until_s and length >= least

    def forget(self) -> None:
        """Begin anew: somebody has changed something."""
        self._kept_out.clear()
        self._losses.clear()
