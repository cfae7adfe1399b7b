"""One place for the newest message of a stream, and when it may leave.

The broker's acknowledgement is the only proof that what is sent now is read now: a broker that hangs, or a
network that does not deliver, leaves the kernel's buffers open for seconds, and all they hold arrives
stale. So a heartbeat goes first, and its acknowledgement sends the newest message on its way: after one,
at most one more is at risk, and a slow line thins the stream out by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pose_edge.records import Message

MAX_AGE_S: Final = 1.0
"""A message that could not leave for this long is worth nothing."""


@dataclass(slots=True)
class Latest:
    """The newest message and what became of those before it."""

    message: Message | None = None
    since_s: float = 0.0
    dropped: int = 0
    """Replaced or too old: broker away, or the network too slow."""
    last_put_s: float = float("-inf")

    def put(self, message: Message, now_s: float) -> None:
        """Take the place of whatever waits."""
        self.drop()
        self.message, self.since_s, self.last_put_s = message, now_s, now_s

    def take(self, now_s: float) -> Message | None:
        """Return the message if it is still worth something; it is gone from here either way."""
        message, self.message = self.message, None
        if message is not None and now_s - self.since_s > MAX_AGE_S:
            self.dropped += 1
            return None
        return message

    def drop(self) -> None:
        """Give up what waits."""
        self.dropped += self.message is not None
        self.message = None
