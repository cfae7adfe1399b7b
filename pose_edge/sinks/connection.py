"""One connection to a broker that comes back by itself.

paho's thread runs the network. What it tells us is put into a list and taken from there by `news()`, on
the thread of the caller: nothing of ours runs on paho's, because an exception or a wait in one of its
callbacks stops the network.
"""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pose_edge.messages import Will
from pose_edge.records import Message
from pose_edge.sinks import paho_client
from pose_edge.sinks.mqtt_options import Credentials, MqttOptions, read_credentials

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 3.0
"""After this a broker that was asked in MQTT 5 is asked in 3.1.1. amqtt 0.12 never answers: it takes the
will's properties for the length of something and waits for more."""

UNSUPPORTED_PROTOCOL = 0x84  # MQTT 5, 3.2.2.2; paho makes it of return code 1 of older brokers too


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

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt failed; the next one follows by itself."""

    reason: str
    """Predicate of a sentence about the broker: `cannot be reached: connection refused`."""


@dataclass(frozen=True, slots=True)
class Acked:
    """The broker answered a message of QoS 1."""

    mid: int
    problem: str | None
    """Why it will not have it; None: it has it."""


News: TypeAlias = Connected | Lost | Refused | Acked


@dataclass(frozen=True, slots=True)
class _Answered:
    reason: ReasonCode
    properties: Properties


@dataclass(frozen=True, slots=True)
class _Closed:
    reason: str


@dataclass(frozen=True, slots=True)
class _Opened:
    """The network is there; the broker has not said anything."""


_Report: TypeAlias = _Opened | _Answered | _Closed | Refused | Acked


class _Phase(Enum):
    DOWN = auto()
    ASKED = auto()
    UP = auto()


class Connection:
    """Connects, reconnects, and falls back to MQTT 3.1.1; all methods are for one thread.

    `on_news` is called on another thread whenever `news()` may have something, and must only wake
    somebody up.
    """

    def __init__(self, options: MqttOptions, client_id: str, will: Will, on_news: Callable[[], None]) -> None:
        self._options = options
        self._client_id = client_id
        self._will = will
        self._on_news = on_news
        self._protocol = "3.1.1" if options.protocol == "3.1.1" else "5"
        self._phase = _Phase.DOWN
        self._asked_s = 0.0
        self._may_guess = options.protocol == "auto"
        self._reports: deque[tuple[Client, _Report]] = deque()
        self._client: Client | None = None
        self._credentials = Credentials()

    @property
    def up(self) -> bool:
        """The broker accepted us, as far as `news()` has told."""
        return self._phase is _Phase.UP

    @property
    def congested(self) -> bool:
        """Something sent earlier has not even left for the network."""
        return self._client is not None and self._client.want_write()

    def open(self) -> None:
        """Begin to connect and return at once.

        Raises:
            ConfigError: the password or a TLS file cannot be used.
        """
        self._credentials = read_credentials(self._options)
        self._start(self._protocol)

    def close(self, goodbye: bool) -> None:
        """Close within `STOP_TIMEOUT_S`. Without `goodbye` the broker publishes the will."""
        client, self._client = self._client, None
        self._phase = _Phase.DOWN
        if client is not None:
            if goodbye:
                client.disconnect()
            paho_client.stop(client, STOP_TIMEOUT_S)

    def news(self) -> list[News]:
        """Return what happened since the last call, in order. To be called about once a second."""
        news: list[News] = []
        while self._reports:
            client, report = self._reports.popleft()
            if client is self._client:  # one that was given up may still have something to say
                news += self._judge(report)
        if self._phase is _Phase.ASKED and time.monotonic() - self._asked_s > ANSWER_TIMEOUT_S:
            self._guess_older_protocol()
        return news

    def publish(self, topic: str, message: Message, retain: bool, user: Sequence[tuple[str, str]]) -> int:
        """Hand a message over and return the number its `Acked` will carry. Only while `up`."""
        assert self._client is not None
        properties = paho_client.publish_properties(message, user) if self._protocol == "5" else None
        # Its return code means nothing: only the acknowledgement does.
        return self._client.publish(topic, message.payload, message.qos, retain, properties).mid

    def _start(self, protocol: str) -> None:
        self._protocol = protocol
        self._client = paho_client.make(
            self._options, self._credentials, self._client_id, protocol, self._will
        )
        self._listen(self._client)
        paho_client.start(self._client, self._options)

    def _restart(self, protocol: str) -> None:
        old = self._client
        self._phase = _Phase.DOWN
        self._start(protocol)
        if old is not None:
            old.disconnect()
            paho_client.stop(old, timeout_s=0)

    def _judge(self, report: _Report) -> list[News]:
        """Return what a report means after those before it: paho tells some things twice, some never."""
        before = self._phase
        lost: list[News] = [Lost("connection closed")] if before is _Phase.UP else []
        match report:
            case Acked():
                return [report]
            case _Opened():
                self._phase, self._asked_s = _Phase.ASKED, time.monotonic()
                return lost
            case Refused():
                self._phase = _Phase.DOWN
                return [*lost, report]
            case _Closed(reason):
                self._phase = _Phase.DOWN
                if before is _Phase.ASKED:
                    return self._closed_unanswered()
                return [Lost(reason)] if lost else []
            case _Answered():
                return self._answered(report)

    def _answered(self, answer: _Answered) -> list[News]:
        if not answer.reason.is_failure:
            self._phase = _Phase.UP
            self._may_guess = False
            return [_connected(self._protocol, answer.properties)]
        self._phase = _Phase.DOWN
        if answer.reason.value == UNSUPPORTED_PROTOCOL and self._may_fall_back:
            logger.info("broker %s does not know MQTT 5: using 3.1.1", self._options.address)
            self._restart("3.1.1")
            return []
        return [Refused(paho_client.why_refused(answer.reason))]

    @property
    def _may_fall_back(self) -> bool:
        return self._options.protocol == "auto" and self._protocol == "5"

    def _closed_unanswered(self) -> list[News]:
        if self._guess_older_protocol():
            return []
        if self._may_guess:
            self._may_guess = False
            self._restart("5")
        hint = "" if self._options.tls.enabled else " (does it expect TLS?)"
        return [Refused(f"closes the connection without an answer{hint}")]

    def _guess_older_protocol(self) -> bool:
        """Try 3.1.1 if that was not tried yet, and say so.

        Some older brokers answer MQTT 5 by closing, some by nothing. So does one that expects TLS, or
        is just starting behind a port that is already open: hence once, and then MQTT 5 again.
        """
        if not (self._may_guess and self._protocol == "5"):
            return False
        logger.info("broker %s does not answer MQTT 5: trying 3.1.1", self._options.address)
        self._restart("3.1.1")
        return True

    def _listen(self, client: Client) -> None:
        client.on_pre_connect = self._on_pre_connect
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish

    # From here on paho's thread: hand over and return.

    def _tell(self, client: Client, report: _Report) -> None:
        self._reports.append((client, report))
        self._on_news()

    def _on_pre_connect(self, client: Client, _userdata: object) -> None:
        # What paho still holds it would send by itself, beside us and beyond what the broker takes.
        client.drop_out_messages()

    def _on_socket_open(self, client: Client, _userdata: object, sock: object) -> None:
        self._tell(client, _Opened())
        if isinstance(sock, socket.socket):
            paho_client.tune(sock)

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        known = properties or paho_client.empty_properties(PacketTypes.CONNACK)
        self._tell(client, _Answered(reason, known))

    def _on_connect_fail(self, client: Client, _userdata: object) -> None:
        # paho does not pass the error on, but calls from inside its `except`.
        self._tell(client, Refused(paho_client.why_unreachable(sys.exc_info()[1])))

    def _on_disconnect(
        self,
        client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._tell(client, _Closed(paho_client.why_closed(reason)))

    def _on_publish(
        self, client: Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        self._tell(client, Acked(mid, str(reason).lower() if reason.is_failure else None))


def _connected(protocol: str, properties: Properties) -> Connected:
    return Connected(
        protocol,
        receive_maximum=getattr(properties, "ReceiveMaximum", 65535),
        maximum_packet_bytes=getattr(properties, "MaximumPacketSize", None),
    )
