"""Which message makes the broker hang up.

A broker that will not have a packet may close the connection instead of saying so, and whatever is sent
again after each reconnect closes the next one: one bad message would stop all others for ever. So after a
loss whatever was on its way is a suspect: it is sent alone, over a connection that has held for a while, and
what was alone when such a connection ended, several times in a row, is set aside. Networks and brokers also
fail by themselves: hence for a minute first, and for longer only when it happens again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import Final, TypeAlias

LOSSES: Final = 3
HOLD_S: Final = 60.0
LONGEST_HOLD_S: Final = 3600.0
STEADY_S: Final = 2.0
"""A connection that held for this long can be expected to hold."""

NEVER_HELD: Final = frozenset({"status"})
"""A device that cannot say that it is there would be offline for everybody."""

Suspect: TypeAlias = int | str
"""Key of an event, or topic of a state or stream."""


class Suspicion:
    """Remembers over connections; times are those of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._suspects: set[Suspect] = set()
        self._losses: Counter[Suspect] = Counter()
        self._convictions: Counter[Suspect] = Counter()
        self._kept_out: dict[str, tuple[int, float]] = {}

    @property
    def careful(self) -> bool:
        """Whether one message at a time is to be sent."""
        return bool(self._suspects)

    def suspects(self, what: Suspect) -> bool:
        """Say whether this is to be sent over a steady connection only."""
        return what in self._suspects

    def lost(self, on_way: set[Suspect], up_s: float) -> tuple[Suspect, float] | None:
        """Learn that the broker ended a connection that had been up for `up_s` with these on their way.

        Returns the culprit and for how long to set it aside, if one is found.
        """
        self._suspects |= on_way
        if len(on_way) != 1 or up_s < STEADY_S:
            return None
        [suspect] = on_way
        self._losses[suspect] += 1
        if suspect in NEVER_HELD or self._losses[suspect] < LOSSES:
            return None
        hold_s = min(HOLD_S * 2.0 ** self._convictions[suspect], LONGEST_HOLD_S)
        self._convictions[suspect] += 1
        self._losses[suspect] = LOSSES - 1  # the next time once is enough
        self._suspects.discard(suspect)
        return suspect, hold_s

    def proven(self, innocent: Iterable[Suspect]) -> None:
        """Learn that the broker has taken these."""
        for one in innocent:
            self._suspects.discard(one)
            self._losses.pop(one, None)
            self._convictions.pop(one, None)

    def passed(self, key: int) -> None:
        """Learn that this event is the next: older ones are not waiting any more."""
        self._suspects -= {one for one in self._suspects if isinstance(one, int) and one < key}

    def connected(self, retained: Container[str]) -> None:
        """Learn of a new connection: a stream that has ended meanwhile keeps nobody waiting."""
        self._suspects = {one for one in self._suspects if isinstance(one, int) or one in retained}

    def keep_out(self, topic: str, length: int, until_s: float) -> None:
        """Keep messages of a topic back that are no shorter than this."""
        self._kept_out[topic] = length, until_s

    def keeps_out(self, topic: str, length: int, now_s: float) -> bool:
        """Say whether such a message ended connections before."""
        least, until_s = self._kept_out.get(topic, (0, 0.0))
        return now_s < until_s and length >= least

    def forget(self) -> None:
        """Begin anew: somebody has changed something."""
        self._kept_out.clear()
        self._losses.clear()
        self._convictions.clear()
