"""What was sent and is not acknowledged yet: the window, and whether the broker is alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

WINDOW: Final = 8
"""Most events and states on their way at once, whatever the broker would take."""


@dataclass(frozen=True, slots=True)
class Beat:
    """An empty message, sent to be acknowledged."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply; whether it got through is for the log alone."""

    topic: str
    """The whole topic."""


SLOWEST_BYTES_PER_S: Final = 2000
"""A broker is given the time that such a line needs for what is on its way."""

Sent: TypeAlias = int | str | Beat | Answer
"""Key of an event, topic of a state or stream, or one of the above."""


class Flight:
    """Bookkeeping of one connection. Times are those of a monotonic clock, in seconds."""

    def __init__(self, receive_maximum: int = 0) -> None:
        self._most = receive_maximum
        self._on_way: dict[int, tuple[Sent, float, int]] = {}
        self._unproven: dict[str, tuple[float, int]] = {}
        self._last_ack_s: float | None = None

    def __len__(self) -> int:
        return len(self._on_way)

    def has_room(self, careful: bool = False) -> bool:
        """Say whether an event or state may be sent; `careful`: one at a time.

        Of the places a broker offers one is left to the heartbeat, where there are several.
        """
        if careful and self.unproven:
            return False
        most = 1 if careful else min(WINDOW, max(1, self._most - 1))
        return len(self._on_way) < min(most, self._most)

    @property
    def unproven(self) -> bool:
        """Whether something of QoS 0 was sent that nothing shows the broker to have survived."""
        return bool(self._unproven)

    def has_room_for_beat(self) -> bool:
        """Say whether a heartbeat may be sent: one at a time."""
        beating = any(isinstance(what, Beat) for what, _, _ in self._on_way.values())
        return not beating and len(self._on_way) < self._most

    def sent(self, number: int, what: Sent, now_s: float, length: int = 0) -> None:
        """Learn that a message of QoS 1 and so many bytes left."""
        self._on_way[number] = what, now_s, length

    def sent_unproven(self, topic: str, now_s: float, length: int = 0) -> None:
        """Learn that a message of QoS 0 left; the next acknowledgement shows that the broker survived it."""
        self._unproven[topic] = now_s, length

    def acked(self, number: int, now_s: float) -> tuple[Sent | None, list[str]]:
        """Learn that one was answered; return which, and which topics of QoS 0 that proves.

        None: an answer that came twice, or none at all: paho tells that a message of QoS 0 was written in the
        same way, which says nothing about the broker.
        """
        if number not in self._on_way:
            return None, []
        self._last_ack_s = now_s
        what, sent_s, _ = self._on_way.pop(number)
        proven = [topic for topic, (before_s, _) in self._unproven.items() if before_s <= sent_s]
        for topic in proven:
            del self._unproven[topic]
        return what, proven

    def holds(self, what: Sent) -> bool:
        """Say whether this is on its way."""
        return any(one == what for one, _, _ in self._on_way.values())

    def suspects(self) -> set[int | str]:
        """Return what is on its way: one of these may be why a connection ended."""
        return {what for what, _, _ in self._on_way.values() if isinstance(what, int | str)} | set(
            self._unproven
        )

    def patience_s(self) -> float:
        """Return how long a slow line may take for all that is on its way."""
        lengths = [length for _, _, length in self._on_way.values()]
        return (sum(lengths) + sum(length for _, length in self._unproven.values())) / SLOWEST_BYTES_PER_S

    def oldest_s(self, now_s: float) -> float:
        """Return for how long the oldest has been on its way; 0 when none is."""
        return max((now_s - sent_s for _, sent_s, _ in self._on_way.values()), default=0.0)

    def silent_s(self, now_s: float) -> float:
        """Return for how long the broker has owed us any answer; 0 when it owes none."""
        owed_s = self.oldest_s(now_s)
        return owed_s if self._last_ack_s is None else min(owed_s, now_s - self._last_ack_s)

    def last_ack_age_s(self, now_s: float) -> float | None:
        """Return how long ago the broker last acknowledged anything on this connection."""
        return None if self._last_ack_s is None else now_s - self._last_ack_s
