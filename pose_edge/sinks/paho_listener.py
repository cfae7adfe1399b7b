"""paho's callbacks: each hands over one report and returns.

They run on paho's network thread, which dies of an exception and is late by whatever they wait for.
"""

from __future__ import annotations

import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pose_edge.sinks import paho_client
from pose_edge.sinks.news import (
    LONGEST_BYTES,
    Acked,
    Answered,
    Closed,
    Granted,
    Opened,
    Received,
    Refused,
    Report,
)
from pose_edge.sinks.trouble import why_closed, why_unreachable

MOST_UNREAD: Final = 100
"""Reports that may wait when another message comes in; a sender who is faster is not listened to."""


class Listener:
    """Collects what paho tells of any number of clients; `ring` must only wake somebody up."""

    def __init__(self, ring: Callable[[], None], *, tls: bool = False) -> None:
        self.reports: deque[tuple[Client, Report]] = deque()
        self.unread_dropped = 0
        """Messages that came in faster than they were read."""
        self._ring = ring
        self._tls = tls

    def attach(self, client: Client) -> None:
        """Listen to a client."""
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe

    def _tell(self, client: Client, report: Report) -> None:
        self.reports.append((client, report))
        self._ring()

    def _on_socket_open(self, client: Client, _userdata: object, sock: object) -> None:
        if isinstance(sock, socket.socket):
            if client.user_data_get() == paho_client.LET_GO:
                paho_client.cut(sock)
                return
            paho_client.tune(sock)
        self._tell(client, Opened())

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        known = properties or paho_client.empty_properties(PacketTypes.CONNACK)
        self._tell(client, Answered(reason, known))

    def _on_connect_fail(self, client: Client, _userdata: object) -> None:
        # paho does not pass the error on, but calls from inside its `except`.
        self._tell(client, Refused(why_unreachable(sys.exc_info()[1], tls=self._tls)))

    def _on_disconnect(
        self,
        client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._tell(client, Closed(why_closed(reason)))

    def _on_publish(
        self, client: Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        self._tell(client, Acked(mid, str(reason).lower() if reason.is_failure else None))

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        if len(self.reports) >= MOST_UNREAD:
            self.unread_dropped += 1
            return
        properties = message.properties
        self._tell(
            client,
            Received(
                message.topic,
                bytes(message.payload[:LONGEST_BYTES]),
                message.retain,
                getattr(properties, "ResponseTopic", None),
                getattr(properties, "CorrelationData", None),
            ),
        )

    def _on_subscribe(
        self,
        client: Client,
        _userdata: object,
        mid: int,
        reasons: Sequence[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self._tell(client, Granted(mid, tuple(reasons)))
