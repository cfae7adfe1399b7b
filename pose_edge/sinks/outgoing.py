"""What the MQTT sink needs of whatever keeps its events until the broker has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pose_edge.records import Message


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that may be sent now."""

    key: int
    """The queue's own; rises in the order in which events were put in."""
    message: Message
    late: bool
    """It was kept over a restart, or waited so long that it does not happen now."""
    age_s: float
    """How long ago it was put in, over restarts too as far as the wall clock can be trusted."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """For the health message."""

    waiting: int
    """Not yet acknowledged, whatever the reason; includes `parked`."""
    parked: int
    """Set aside because the broker keeps refusing them; tried again now and then."""
    dropped_total: int
    """Given up because there was no room."""
    problem: str | None = None
    """Why events are kept in memory only, or what happened to the file; None: all is well."""
    parked_reason: str | None = None
    """Why the newest parked one was."""


class Outgoing(Protocol):
    """Keeps events until they are acknowledged. All methods are for one thread."""

    def put(self, message: Message) -> None:
        """Take an event in; it leaves by `acked`, or when there is no room."""

    def next(self) -> Waiting | None:
        """Return the oldest that may be sent and is not on its way, which then is; None: there is none."""

    def acked(self, key: int) -> None:
        """The broker has it. An unknown key is ignored: acknowledgements may come twice."""

    def refused(self, key: int, reason: str) -> None:
        """The broker will not have it now: try later, out of the others' way; park it after many tries."""

    def park(self, key: int, reason: str, retry_s: float | None = None) -> None:
        """It cannot be sent as it is: set it aside at once, for `retry_s` or as long as the options say."""

    def rewind(self) -> None:
        """The connection is gone: whatever was not acknowledged is no longer on its way."""

    def receipt(self, event_id: str) -> bool:
        """A consumer has dealt with this event; False: nothing here knows it."""

    def unpark(self) -> None:
        """Something changed (a new configuration, a restart): parked events may be sent again."""

    def counts(self) -> QueueCounts:
        """Return what there is to say about it."""

    def __len__(self) -> int:
        """How many are not yet acknowledged."""
