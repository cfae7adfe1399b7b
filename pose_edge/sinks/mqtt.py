"""Messages to an MQTT broker, each class delivered as it deserves.

Retained: the newest of each topic is remembered and sent on every connect. Events: queued until the broker
has acknowledged each. The stream: sent now or never; only the newest waits, and not for long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from pose_edge.errors import UnavailableError
from pose_edge.messages import will
from pose_edge.payloads import SCHEMA_VERSION
from pose_edge.records import Delivery, Message
from pose_edge.sinks.connection import Acked, Connected, Connection, Lost, News, Refused
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sinks.queue import EventQueue, Outgoing

__all__ = ["BrokerEvent", "Counts", "MqttOptions", "MqttSink"]

logger = logging.getLogger(__name__)

BrokerEvent: TypeAlias = Connected | Lost | Refused

WINDOW = 8
"""Most messages of QoS 1 on their way at once."""
CLOSE_TIMEOUT_S = 2.0
STREAM_MAX_AGE_S = 1.0
"""A message of the stream that could not leave for this long is worth nothing."""
HEADER_BYTES = 512
"""More than topic and properties of any of our packets."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the sink has to say about its health."""

    reconnects: int
    waiting: int
    """Events the broker has not acknowledged."""
    events_dropped: int
    """No room in the queue."""
    stream_dropped: int
    """Broker away, or the network too slow."""


class MqttSink:
    """A `Sink` to one broker, which need not be there. All methods are for one thread.

    `wake` is called from another thread whenever `poll` has something to do. `boot_id` goes into the user
    properties of every message (MQTT 5).
    """

    def __init__(
        self,
        options: MqttOptions,
        device_id: str,
        *,
        boot_id: str = "",
        wake: Callable[[], None] | None = None,
        queue: Outgoing | None = None,
    ) -> None:
        self._options = options
        self._root = f"{options.base_topic}/{device_id}"
        self._will = will(self._root, options.will_delay_s)
        self._user = [("schema_version", str(SCHEMA_VERSION)), *([("boot_id", boot_id)] if boot_id else [])]
        self._wake = wake
        self._news = threading.Event()
        self._connection = Connection(
            options, options.client_id or f"pose-edge-{device_id}", self._will, self._on_news
        )
        self._queue: Outgoing = EventQueue() if queue is None else queue
        self._retained: dict[str, Message] = {}
        self._unsent: dict[str, None] = {}  # topics of self._retained, in the order to send them
        self._on_way: dict[int, int | str] = {}  # paho's number -> the queue's key, or a retained topic
        self._latest: tuple[Message, float] | None = None  # of the stream, and since when it waits
        self._limits = Connected("5", 0, None)
        self._told: list[BrokerEvent] = []
        self._problem = ""
        self._outage_since_s: float | None = None
        self._connects = 0
        self._stream_dropped = 0

    @property
    def connected(self) -> bool:
        """The broker accepted us, as far as the last `poll` knew."""
        return self._connection.up

    @property
    def counts(self) -> Counts:
        """For the health message."""
        return Counts(
            reconnects=max(0, self._connects - 1),
            waiting=len(self._queue),
            events_dropped=self._queue.dropped,
            stream_dropped=self._stream_dropped,
        )

    def __enter__(self) -> Self:
        self._connection.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say `offline`, give the events `CLOSE_TIMEOUT_S` to leave, disconnect."""
        said = False
        if self.connected:
            self.send(Message("status", self._will.payload, Delivery.RETAINED, content_type="text/plain"))
            self.drain(CLOSE_TIMEOUT_S)
            said = "status" not in self._unsent and "status" not in self._on_way.values()
        if len(self._queue):
            logger.warning("broker %s: %d events were not delivered", self._options.address, len(self._queue))
        self._connection.close(goodbye=said)  # or else the will speaks

    def send(self, message: Message) -> None:
        """See `Sink.send`."""
        match message.delivery:
            case Delivery.RETAINED:
                self._retained[message.topic] = message
                self._unsent[message.topic] = None
            case Delivery.EVENT:
                self._queue.put(message)
            case Delivery.STREAM:
                self._stream(message)
        self._pump()

    def poll(self) -> list[BrokerEvent]:
        """Take in what the broker said, send what may be sent, and return what became of the connection.

        To be called when woken, and about once a second.
        """
        self._take_in()
        told, self._told = self._told, []
        return told

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is left to send; False: the broker does not have every event."""
        return self._wait(lambda: self._settled, timeout_s) and len(self._queue) == 0

    def wait_connected(self, timeout_s: float) -> None:
        """Wait for the broker.

        Raises:
            UnavailableError: it refuses, cannot be reached, or says nothing within the time. The first
                failure counts; `poll` is for those who would rather go on without it.
        """
        self._wait(lambda: self.connected or bool(self._problem), timeout_s)
        if not self.connected:
            problem = self._problem or f"did not answer within {timeout_s:g} s"
            raise UnavailableError(f"broker {self._options.address} {problem}")

    @property
    def _settled(self) -> bool:
        # With nothing on its way the window has room, so the queue holds at most what was refused.
        left = self._unsent or self._on_way or self._latest
        return self.connected and not left and not self._connection.congested

    def _wait(self, done: Callable[[], bool], timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while True:
            self._news.clear()
            self._take_in()
            if done():
                return True
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            self._news.wait(min(left_s, 0.05))  # nobody tells when `congested` ends

    def _take_in(self) -> None:
        for news in self._connection.news():
            self._learn(news)
        self._pump()

    def _learn(self, news: News) -> None:
        match news:
            case Acked(mid, problem):
                self._learn_acked(mid, problem)
                return
            case Connected():
                self._learn_connected(news)
            case Lost(reason):
                self._on_way.clear()
                self._queue.rewind()
                self._drop_latest()
                self._report_outage(f"lost: {reason}")
            case Refused(reason):
                self._report_outage(reason)
        self._told.append(news)

    def _learn_connected(self, news: Connected) -> None:
        self._limits = news
        self._connects += 1
        self._unsent = dict.fromkeys(sorted(self._retained, key=lambda topic: topic != "status"))
        outage_s = 0.0 if self._outage_since_s is None else time.monotonic() - self._outage_since_s
        self._problem, self._outage_since_s = "", None
        state = f"back after {outage_s:.0f} s" if outage_s else "connected"
        logger.info(
            "broker %s %s: MQTT %s, %d events waiting",
            self._options.address,
            state,
            news.protocol,
            len(self._queue),
        )

    def _report_outage(self, problem: str) -> None:
        """Log the first reason of an outage loudly, later ones when they differ, and no attempt twice."""
        if problem != self._problem:
            level = logging.INFO if self._problem else logging.WARNING
            logger.log(level, "broker %s %s; retrying", self._options.address, problem)
        self._problem = problem
        if self._outage_since_s is None:
            self._outage_since_s = time.monotonic()

    def _learn_acked(self, mid: int, problem: str | None) -> None:
        what = self._on_way.pop(mid, None)
        if problem is not None and what is not None:
            topic = what if isinstance(what, str) else "events"
            logger.warning("broker %s refused %s/%s: %s", self._options.address, self._root, topic, problem)
        if isinstance(what, int):
            if problem is None:
                self._queue.acked(what)
            else:
                self._queue.refused(what)

    def _pump(self) -> None:
        """Send what waits, the newest state before older events, as far as the window allows."""
        self._send_latest()
        window = max(1, min(WINDOW, self._limits.receive_maximum - 2))
        while self.connected and len(self._on_way) < window:
            if self._unsent:
                self._send_retained(next(iter(self._unsent)))
            elif (item := self._queue.next()) is not None:
                self._send_event(*item)
            else:
                return

    def _send_retained(self, topic: str) -> None:
        del self._unsent[topic]
        message = self._retained[topic]
        if self._fits(message):
            mid = self._publish(message)
            if message.qos:
                self._on_way[mid] = topic

    def _send_event(self, key: int, message: Message) -> None:
        if self._fits(message):
            self._on_way[self._publish(message)] = key
        else:
            self._queue.refused(key)

    def _stream(self, message: Message) -> None:
        self._drop_latest()
        if self.connected and self._fits(message):
            self._latest = message, time.monotonic()
        else:
            self._stream_dropped += 1

    def _send_latest(self) -> None:
        if self._latest is None or self._connection.congested:
            return
        message, since_s = self._latest
        if time.monotonic() - since_s > STREAM_MAX_AGE_S:
            self._drop_latest()
            return
        self._latest = None
        self._publish(message)

    def _drop_latest(self) -> None:
        self._stream_dropped += self._latest is not None
        self._latest = None

    def _fits(self, message: Message) -> bool:
        """Say whether the broker takes packets of this length; one too long would end the connection."""
        most = self._limits.maximum_packet_bytes
        if most is None or len(message.payload) + HEADER_BYTES <= most:
            return True
        text = "broker %s takes packets up to %d bytes: %s of %d bytes is left out"
        log = logger.debug if message.delivery is Delivery.STREAM else logger.warning
        log(text, self._options.address, most, message.topic, len(message.payload))
        return False

    def _publish(self, message: Message) -> int:
        retain = message.delivery is Delivery.RETAINED
        return self._connection.publish(f"{self._root}/{message.topic}", message, retain, self._user)

    def _on_news(self) -> None:
        # paho's thread.
        self._news.set()
        if self._wake is not None:
            self._wake()
