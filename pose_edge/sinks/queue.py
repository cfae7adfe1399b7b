"""Events on their way to the broker: nothing is forgotten before it was acknowledged."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from pose_edge.records import Message


class Outgoing(Protocol):
    """What the MQTT sink needs of a queue, in memory or on disk. Keys are the queue's own."""

    dropped: int
    """How many had to go because there was no room."""

    def put(self, message: Message) -> None:
        """Take a message in; it leaves by `acked`, or when there is no room."""

    def next(self) -> tuple[int, Message] | None:
        """Return the oldest that is not on its way, which then is; None: there is none."""

    def acked(self, key: int) -> None:
        """The broker has it: forget it."""

    def refused(self, key: int) -> None:
        """The broker will not have it now: keep it for the next connection, out of the others' way."""

    def rewind(self) -> None:
        """The connection is gone: whatever was not acknowledged is no longer on its way."""

    def __len__(self) -> int:
        """How many are not yet acknowledged."""


class EventQueue:
    """An `Outgoing` in memory: what waits dies with the process."""

    def __init__(self, limit: int = 1000) -> None:
        self.dropped = 0
        self._limit = limit
        self._last_key = 0
        self._waiting: deque[tuple[int, Message]] = deque()
        self._sent: dict[int, Message] = {}
        self._refused: dict[int, Message] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent) + len(self._refused)

    def put(self, message: Message) -> None:
        """See `Outgoing.put`. Without room the oldest goes that is not on its way."""
        self._last_key += 1
        self._waiting.append((self._last_key, message))
        while len(self) > self._limit:
            self._drop_oldest()

    def next(self) -> tuple[int, Message] | None:
        """See `Outgoing.next`."""
        if not self._waiting:
            return None
        key, message = self._waiting.popleft()
        self._sent[key] = message
        return key, message

    def acked(self, key: int) -> None:
        """See `Outgoing.acked`. An unknown key is ignored: acknowledgements may come twice."""
        self._sent.pop(key, None)

    def refused(self, key: int) -> None:
        """See `Outgoing.refused`."""
        if (message := self._sent.pop(key, None)) is not None:
            self._refused[key] = message

    def rewind(self) -> None:
        """See `Outgoing.rewind`. They come again in the order in which they were put in."""
        again = sorted([*self._sent.items(), *self._refused.items(), *self._waiting])
        self._sent.clear()
        self._refused.clear()
        self._waiting = deque(again)

    def _drop_oldest(self) -> None:
        self.dropped += 1
        if self._refused:
            del self._refused[next(iter(self._refused))]
        else:
            self._waiting.popleft()
