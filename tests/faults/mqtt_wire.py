"""As much of the MQTT wire format as a broker for tests and a proxy need."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 10, 11, 12, 13, 14


@dataclass(frozen=True, slots=True)
class Published:
    """One PUBLISH as it arrived."""

    at_s: float
    """time.monotonic()."""
    topic: str
    payload: bytes
    qos: int
    mid: int
    dup: bool
    retain: bool
    user: tuple[tuple[str, str], ...] = ()
    expiry_s: int | None = None


def packets(read: Callable[[int], bytes]) -> Iterator[tuple[int, bytes]]:
    """Cut a stream into packets, until it ends: the first byte, and all behind the length."""
    while first := read(1):
        length, shift, byte = 0, 0, b"\x80"
        while byte[0] & 0x80:
            if not (byte := read(1)):
                return
            length |= (byte[0] & 0x7F) << shift
            shift += 7
        yield first[0], read(length) if length else b""


def packet(first: int, body: bytes) -> bytes:
    """Put a packet together."""
    return bytes([first]) + varint(len(body)) + body


def varint(number: int) -> bytes:
    """Write a variable byte integer."""
    encoded: bytes = VariableByteIntegers.encode(number)  # type: ignore[no-untyped-call]  # paho has no types there
    return encoded


def text(words: str) -> bytes:
    """Write a string with its length before it."""
    return struct.pack(">H", len(words.encode())) + words.encode()


def read_text(body: bytes, at: int) -> tuple[str, int]:
    """Read a string; return it and where it ends."""
    (length,) = struct.unpack_from(">H", body, at)
    return body[at + 2 : at + 2 + length].decode(), at + 2 + length


def after_properties(body: bytes, at: int) -> int:
    """Return where the properties that begin at `at` end."""
    length, used = VariableByteIntegers.decode(body[at : at + 4])  # type: ignore[no-untyped-call]  # as above
    return at + int(used) + int(length)


def read_publish(first: int, body: bytes, version: int) -> Published:
    """Take a PUBLISH apart."""
    qos = first >> 1 & 3
    topic, at = read_text(body, 0)
    mid = struct.unpack_from(">H", body, at)[0] if qos else 0
    at += 2 if qos else 0
    known = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # as above
    if version == 5:
        end = after_properties(body, at)
        known.unpack(body[at:end])  # type: ignore[no-untyped-call]  # as above
        at = end
    return Published(
        at_s=time.monotonic(),
        topic=topic,
        payload=body[at:],
        qos=qos,
        mid=mid,
        dup=bool(first & 8),
        retain=bool(first & 1),
        user=tuple(getattr(known, "UserProperty", ())),
        expiry_s=getattr(known, "MessageExpiryInterval", None),
    )
