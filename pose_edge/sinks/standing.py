"""How things stand with the broker: told to whoever asks, and to the log once a change."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from pose_edge.sinks.news import Connected
from pose_edge.sinks.outgoing import QueueCounts
from pose_edge.sinks.trouble import Trouble

logger = logging.getLogger(__name__)

REMEMBERED_S: Final = 60.0
"""A message that cannot be sent is told of until it has not happened for so long."""


@dataclass(frozen=True, slots=True)
class BrokerState:
    """How things stand with the broker."""

    state: str
    """`connected`, `connecting`, or another word of `trouble.EXPLAINED`."""
    reason: str
    """Predicate of a sentence about the broker; empty when connected."""
    since_s: float
    """time.monotonic() when the connection or the outage began."""
    protocol: str | None
    """`5`, `3.1.1`; None while not connected."""
    reconnects: int
    attempts: int
    queue: QueueCounts
    stream_dropped: int
    """Broker away, or the network too slow."""
    last_ack_age_s: float | None
    denied: dict[str, str]
    """Topic -> why the broker will not have what we send there, or not let us listen."""
    left_out: dict[str, str]
    """Topic -> why a message of it cannot be sent as it is."""
    unstable: str
    """Why the connection may not last, although it is there; empty: nothing is known."""
    events_refused: int
    """How often the broker would not have an event."""
    unread_dropped: int
    """Messages to us that came in faster than they were read."""
    mute: bool
    """It acknowledges what we send, and does not pass it on (MQTT 3.1.1)."""


@dataclass(slots=True)
class Standing:
    """What changed when; every change is logged here and nowhere else."""

    address: str
    trouble: Trouble | None = field(default_factory=lambda: Trouble("connecting", ""))
    """None: connected."""
    since_s: float = field(default_factory=time.monotonic)
    connects: int = 0
    denied: dict[str, str] = field(default_factory=dict)
    events_refused: int = 0
    _unstable: str = ""
    _unstable_until_s: float = 0.0
    _left: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether there is a reason why there is no connection."""
        return self.trouble is not None and self.trouble.state != "connecting"

    def connected(self, answer: Connected, waiting: int) -> None:
        """The broker accepted us."""
        now_s = time.monotonic()
        how = f"back after {now_s - self.since_s:.0f} s" if self.failed else "connected"
        self.trouble, self.since_s = None, now_s
        self.connects += 1
        self.denied.clear()
        self._left.clear()
        logger.log(
            logging.DEBUG if self.unstable(now_s) else logging.INFO,
            "broker %s %s: MQTT %s, %d events waiting",
            self.address,
            how,
            answer.protocol,
            waiting,
            extra={"BROKER_STATE": "connected"},
        )

    def down(self, trouble: Trouble, prefix: str = "") -> None:
        """There is no connection: the first reason is logged loudly, another one too, no attempt twice."""
        before, was_failed = self.trouble, self.failed
        self.trouble = trouble
        now_s = time.monotonic()
        if before is None or before.state == "connecting":
            self.since_s = now_s
        known = self.unstable(now_s)
        if trouble.state == "unstable":
            self._unstable, self._unstable_until_s = trouble.reason, now_s + REMEMBERED_S
        if before is not None and before.state == trouble.state:
            return
        loud = logging.INFO if was_failed and not trouble.needs_somebody else logging.WARNING
        logger.log(
            logging.DEBUG if known else loud,
            "broker %s %s%s; retrying%s",
            self.address,
            prefix,
            trouble.reason,
            " slowly" if trouble.needs_somebody else "",
            extra={"BROKER_STATE": trouble.state},
        )

    def unstable(self, now_s: float) -> str:
        """Return why the connection may not last, for a while after it last ended for that reason."""
        return self._unstable if now_s < self._unstable_until_s else ""

    def deaf(self, topic: str, reason: str) -> None:
        """We may not listen to a topic."""
        self.denied[topic] = reason
        logger.warning("broker %s: cannot listen to %s: %s", self.address, topic, reason)

    def answered(self, topic: str, problem: str | None) -> None:
        """A message was acknowledged, or refused for a reason: logged once a topic, not once a message."""
        if problem is None:
            if self.denied.pop(topic, None) is not None:
                logger.info("broker %s accepts %s again", self.address, topic)
        elif self.denied.get(topic) != problem:
            self.denied[topic] = problem
            logger.warning("broker %s refused %s: %s", self.address, topic, problem)

    def left(self, topic: str, why: str) -> None:
        """A message cannot be sent as it is."""
        now_s = time.monotonic()
        if topic not in self.left_out(now_s):
            logger.warning("broker %s: %s is left out: %s", self.address, topic, why)
        self._left[topic] = why, now_s

    def left_out(self, now_s: float) -> dict[str, str]:
        """Return topic -> why for what was left out lately."""
        self._left = {topic: one for topic, one in self._left.items() if now_s - one[1] < REMEMBERED_S}
        return {topic: why for topic, (why, _) in self._left.items()}
