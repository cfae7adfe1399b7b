"""What holds now, topic by topic: the newest message each, and which of them the broker has yet to get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pose_edge.records import Message


class Retained:
    """Remembers retained messages for the next connect, or for whoever forgot them.

    Times are those of a monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self._messages: dict[str, tuple[Message, float]] = {}
        self._unsent: dict[str, None] = {}  # topics, in the order to send them

    def __contains__(self, topic: object) -> bool:
        return topic in self._messages

    def keep(self, message: Message, now_s: float) -> None:
        """Take the place of the topic's last message; to be sent."""
        self._messages[message.topic] = message, now_s
        self._unsent[message.topic] = None

    def get(self, topic: str) -> Message | None:
        """Return the topic's newest message."""
        found = self._messages.get(topic)
        return None if found is None else found[0]

    def acked(self, topic: str) -> None:
        """Learn that the broker has it. What takes a topic back is done once: another may use it by then."""
        message = self.get(topic)
        if message is not None and not message.payload and not self.waits(topic):
            del self._messages[topic]

    def repeat(self) -> None:
        """Let all be sent again: what introduces the device, that it is there, and the rest."""

        def rank(topic: str) -> int:
            return 0 if self._messages[topic][0].absolute else 1 if topic == "status" else 2

        self._unsent = dict.fromkeys(sorted(self._messages, key=rank))

    def next(self, now_s: float, wanted: Callable[[str], bool]) -> Message | None:
        """Return the next `wanted` one, which then counts as sent; None: there is none.

        Its expiry counts from when it was made; what has expired is left out.
        """
        for topic in list(self._unsent):
            if not wanted(topic):
                continue
            del self._unsent[topic]
            message, since_s = self._messages[topic]
            if message.expiry_s is None:
                return message
            left_s = message.expiry_s - int(now_s - since_s)
            if left_s > 0:
                return replace(message, expiry_s=left_s)
        return None

    def waits(self, topic: str) -> bool:
        """Say whether the newest of a topic has not been sent."""
        return topic in self._unsent

    @property
    def waiting(self) -> bool:
        """Whether any has not been sent."""
        return bool(self._unsent)
