"""What holds now, topic by topic: the newest message each, and which of them the broker has yet to get."""

from __future__ import annotations

from pose_edge.records import Message


class Retained:
    """Remembers retained messages for the next connect, or for whoever forgot them."""

    def __init__(self) -> None:
        self._messages: dict[str, Message] = {}
        self._unsent: dict[str, None] = {}  # topics, in the order to send them

    def keep(self, message: Message) -> None:
        """Take the place of the topic's last message; to be sent."""
        self._messages[message.topic] = message
        self._unsent[message.topic] = None

    def get(self, topic: str) -> Message | None:
        """Return the topic's newest message."""
        return self._messages.get(topic)

    def repeat(self) -> None:
        """Let all be sent again: what introduces the device, that it is there, and the rest."""

        def rank(topic: str) -> int:
            return 0 if self._messages[topic].absolute else 1 if topic == "status" else 2

        self._unsent = dict.fromkeys(sorted(self._messages, key=rank))

    def next(self) -> Message | None:
        """Return the next to send, which then counts as sent; None: the broker has them all."""
        if not self._unsent:
            return None
        topic = next(iter(self._unsent))
        del self._unsent[topic]
        return self._messages[topic]

    def waits(self, topic: str) -> bool:
        """Say whether the newest of a topic has not been sent."""
        return topic in self._unsent

    @property
    def waiting(self) -> bool:
        """Whether any has not been sent."""
        return bool(self._unsent)
