"""paho as this project needs it: how a client is made and stopped, and what it is told.

The traps named here are paho 2.2's; each was met, not read about.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Sequence

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from pose_edge.messages import Will
from pose_edge.records import Message
from pose_edge.sinks.mqtt_options import Credentials, MqttOptions
from pose_edge.sinks.trouble import CONNECT_TIMEOUT_S

UNACKNOWLEDGED_MS = 6000
"""The kernel gives a connection up when nothing it sent was acknowledged for this long."""

SEND_BUFFER_BYTES = 32768
"""The kernel holds no more than this: what it holds cannot be taken back when it gets old."""

TEXTUAL = ("text/", "application/json")
NEVER_S = 86400
LET_GO = "let go"
"""User data of a client that was given up: should it connect after all, its successor must not suffer."""
CALLBACKS = CallbackAPIVersion.VERSION2


def make(options: MqttOptions, credentials: Credentials, client_id: str, protocol: str, will: Will) -> Client:
    """Return a client that listens to nobody yet and is not connected."""
    client = _client(client_id, protocol)
    client.suppress_exceptions = True  # an exception in a callback ends its network thread for good
    client.max_inflight_messages_set(0)  # its window does not hold after a reconnect; the sink keeps one
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.reconnect_delay_set(NEVER_S, NEVER_S)  # it would retry a first attempt; `Connection` decides
    client.username_pw_set(options.username, credentials.password)
    if credentials.tls is not None:
        client.tls_set_context(credentials.tls)
    client.will_set(will.topic, will.payload, 1, True, _will_properties(will) if protocol == "5" else None)
    return client


def start(client: Client, options: MqttOptions, protocol: str) -> None:
    """Begin to connect and return at once; only the callbacks will tell."""
    properties = None
    if protocol == "5":
        # The will is due when the session ends, whatever its delay says (MQTT 5, 3.1.3.2.2).
        properties = empty_properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = options.will_delay_s
    client.connect_async(
        options.host, options.port, options.keepalive_s, clean_start=True, properties=properties
    )
    client.loop_start()


def stop(client: Client, timeout_s: float) -> None:
    """End the network thread, waiting for it no longer than `timeout_s`."""
    client.drop_out_messages()  # loop_stop would wait for their acknowledgement
    # It waits for the thread without a limit, and that may be busy with a peer that does not answer.
    stopper = threading.Thread(target=client.loop_stop, name="mqtt-stop", daemon=True)
    stopper.start()
    stopper.join(timeout_s)


def abort(client: Client) -> None:
    """Let go of a client at once, and of what the kernel still holds of it: it would arrive stale."""
    client.user_data_set(LET_GO)
    sock = client.socket()
    if isinstance(sock, socket.socket):
        cut(sock)
    stop(client, timeout_s=0)


def cut(sock: socket.socket) -> None:
    """End a connection without a word, and drop what was not sent."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The base class's, because SSLSocket.shutdown would pull TLS from under paho's thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def publish_properties(message: Message, user: Sequence[tuple[str, str]]) -> Properties:
    """Return what MQTT 5 says about a message beside its payload."""
    properties = empty_properties(PacketTypes.PUBLISH)
    properties.ContentType = message.content_type
    if message.content_type.startswith(TEXTUAL):
        properties.PayloadFormatIndicator = 1  # UTF-8
    if message.expiry_s is not None:
        properties.MessageExpiryInterval = message.expiry_s
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    properties.UserProperty = list(user)
    return properties


def packet_bytes(topic: str, message: Message, properties: Properties | None) -> int:
    """Return the length of a PUBLISH packet, all of it (MQTT 5, 2.1 and 3.3)."""
    packed = 0 if properties is None else len(properties.pack())  # type: ignore[no-untyped-call]  # paho left it out
    body = 2 + len(topic.encode()) + (2 if message.qos else 0) + packed + len(message.payload)
    length_bytes = 1 + sum(body >= limit for limit in (128, 128**2, 128**3))
    return 1 + length_bytes + body


def subscribe(client: Client, topic: str, protocol: str) -> int | None:
    """Ask for a topic; return the number the answer will carry, None: it could not even be asked for.

    In MQTT 5 retained copies are not wanted (a command of last week), and what we publish ourselves neither;
    the canary of 3.1.1 is there because the broker says nothing else.
    """
    if protocol != "5":
        return client.subscribe(topic, 1)[1]
    options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2)
    return client.subscribe(topic, options=options)[1]


def empty_properties(packet_type: int) -> Properties:
    """Return properties of a packet type, none set."""
    return Properties(packet_type)  # type: ignore[no-untyped-call]  # paho left this one out


def tune(sock: socket.socket) -> None:
    """Send at once, and notice within seconds when the other end is gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, UNACKNOWLEDGED_MS)


def _client(client_id: str, protocol: str) -> Client:
    version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
    clean = None if protocol == "5" else True
    return Client(CALLBACKS, client_id, clean, protocol=version, reconnect_on_failure=False)


def _will_properties(will: Will) -> Properties:
    properties = empty_properties(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = will.delay_s
    properties.PayloadFormatIndicator = 1  # UTF-8
    properties.ContentType = "text/plain"
    return properties
