"""What every sink promises."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from pose_edge.records import Message


class Sink(Protocol):
    """A way out for messages. Opened by `with`, closed by leaving it, safe to close twice.

    Used by one thread.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def send(self, message: Message) -> None:
        """Take a message and return at once; `message.delivery` says what may happen to it then."""
