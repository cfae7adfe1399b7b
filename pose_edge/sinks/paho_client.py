"""paho as this project needs it: how a client is made and stopped, and its words in ours.

The traps named here are paho 2.2's; each was met, not read about.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
from collections.abc import Sequence

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pose_edge.messages import Will
from pose_edge.records import Message
from pose_edge.sinks.mqtt_options import Credentials, MqttOptions

CONNECT_TIMEOUT_S = 5.0
UNACKNOWLEDGED_MS = 6000
"""The kernel gives a connection up when nothing it sent was acknowledged for this long."""

BAD_CREDENTIALS = (0x86, 0x87)  # MQTT 5, 3.2.2.2: bad user name or password, not authorized


def make(options: MqttOptions, credentials: Credentials, client_id: str, protocol: str, will: Will) -> Client:
    """Return a client that listens to nobody yet and is not connected."""
    client = _client(client_id, protocol)
    client.suppress_exceptions = True  # an exception in a callback ends its network thread for good
    client.max_inflight_messages_set(0)  # its window does not hold after a reconnect; the sink keeps one
    client.connect_timeout = CONNECT_TIMEOUT_S
    # Not all devices of a house at once when the broker is back. paho says int, but only adds.
    pause_s = options.reconnect_min_s * (1 + random.random())  # noqa: S311  # no secret
    client.reconnect_delay_set(pause_s, max(pause_s, options.reconnect_max_s))  # type: ignore[arg-type]  # see above
    client.username_pw_set(options.username, credentials.password)
    if credentials.tls is not None:
        client.tls_set_context(credentials.tls)
    client.will_set(will.topic, will.payload, 1, True, _will_properties(will) if protocol == "5" else None)
    return client


def start(client: Client, options: MqttOptions) -> None:
    """Begin to connect and return at once; only the callbacks will tell."""
    client.connect_async(options.host, options.port, options.keepalive_s, clean_start=True)
    client.loop_start()


def stop(client: Client, timeout_s: float) -> None:
    """End the network thread, waiting for it no longer than `timeout_s`."""
    client.drop_out_messages()  # loop_stop would wait for their acknowledgement
    # It waits for the thread without a limit, and that may be busy with a peer that does not answer.
    stopper = threading.Thread(target=client.loop_stop, name="mqtt-stop", daemon=True)
    stopper.start()
    stopper.join(timeout_s)


def publish_properties(message: Message, user: Sequence[tuple[str, str]]) -> Properties:
    """Return what MQTT 5 says about a message beside its payload."""
    properties = empty_properties(PacketTypes.PUBLISH)
    properties.ContentType = message.content_type
    if not message.content_type.startswith("image/"):
        properties.PayloadFormatIndicator = 1  # UTF-8
    if message.expiry_s is not None:
        properties.MessageExpiryInterval = message.expiry_s
    properties.UserProperty = list(user)
    return properties


def empty_properties(packet_type: int) -> Properties:
    """Return properties of a packet type, none set."""
    return Properties(packet_type)  # type: ignore[no-untyped-call]  # paho left this one out


def tune(sock: socket.socket) -> None:
    """Send at once, and notice within seconds when the other end is gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
    if option is not None:
        sock.setsockopt(socket.IPPROTO_TCP, option, UNACKNOWLEDGED_MS)


def why_unreachable(error: BaseException | None) -> str:
    """Return why there is no connection, as the predicate of a sentence about the broker."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"cannot be trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"cannot agree on TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
        case socket.gaierror():
            return f"cannot be reached: unknown host name ({error.strerror})"
        case TimeoutError():
            return f"cannot be reached: no answer in {CONNECT_TIMEOUT_S:.0f} s"
        case OSError():
            return f"cannot be reached: {(error.strerror or str(error)).lower()}"
        case _:
            return f"cannot be reached: {error!r}"


def why_refused(reason: ReasonCode) -> str:
    """Return what the broker answered, as the predicate of a sentence about it."""
    hint = "; check username and password_file" if reason.value in BAD_CREDENTIALS else ""
    return f"refused the connection: {str(reason).lower()}{hint}"


def why_closed(reason: ReasonCode) -> str:
    """Return why a connection ended."""
    words = str(reason).lower()
    return "connection closed" if words == "unspecified error" else words


def _client(client_id: str, protocol: str) -> Client:
    version = CallbackAPIVersion.VERSION2
    if protocol == "5":
        return Client(version, client_id, protocol=MQTTProtocolVersion.MQTTv5)
    return Client(version, client_id, clean_session=True, protocol=MQTTProtocolVersion.MQTTv311)


def _will_properties(will: Will) -> Properties:
    properties = empty_properties(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = will.delay_s
    properties.PayloadFormatIndicator = 1  # UTF-8
    properties.ContentType = "text/plain"
    return properties
