"""What a connection tells its owner, and what paho's thread tells the connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pose_edge.sinks.trouble import Trouble

LONGEST_BYTES: Final = 8192
"""What is kept of a message that comes in; no command is half as long."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker answered; everything retained is sent again."""

    protocol: str
    """`5` or `3.1.1`."""
    receive_maximum: int
    """How many QoS 1 messages the broker takes before the first is acknowledged."""
    maximum_packet_bytes: int | None
    """Longest packet it takes; None: it did not say."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone; the next attempt follows by itself."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt failed; the next one follows by itself."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Acked:
    """The broker answered a message of QoS 1."""

    mid: int
    problem: str | None
    """Why it will not have it; None: it has it."""


@dataclass(frozen=True, slots=True)
class Received:
    """Somebody sent something to a topic we listen to."""

    topic: str
    """The whole topic."""
    payload: bytes
    """At most `LONGEST_BYTES` of it."""
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Deaf:
    """The broker does not let us listen to these."""

    topics: tuple[str, ...]
    reason: str


News: TypeAlias = Connected | Lost | Refused | Acked | Received | Deaf


@dataclass(frozen=True, slots=True)
class Answered:
    """The broker let us in, or said why not."""

    reason: ReasonCode
    properties: Properties


@dataclass(frozen=True, slots=True)
class Closed:
    """The network is gone; paho says so once, twice, or without having said that it was there."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Opened:
    """The network is there; the broker has not said anything."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The broker answered a subscription."""

    mid: int
    reasons: tuple[ReasonCode, ...]


Report: TypeAlias = Opened | Answered | Closed | Granted | Refused | Acked | Received
"""From paho's thread; what it means depends on what came before."""
