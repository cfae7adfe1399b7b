"""A scripted MQTT broker, 5 and 3.1.1, for what Mosquitto cannot be made to do.

    with FakeBroker(receive_maximum=1, ack_delay_s=0.05) as broker: ...

The script is its attributes, which may be changed while it runs. By itself it does what the standard says: it
acknowledges, answers pings, grants subscriptions and passes on what matches them. It keeps no retained store.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from paho.mqtt.client import topic_matches_sub

from tests.faults import mqtt_wire as wire
from tests.faults.mqtt_wire import Published

__all__ = ["FakeBroker", "Published"]

RECEIVE_MAXIMUM_EXCEEDED = 0x93
PACKET_TOO_LARGE = 0x95
SESSION_TAKEN_OVER = 0x8E


@dataclass(eq=False)
class FakeBroker:
    """See the module. `port` is a free one of the loopback."""

    receive_maximum: int | None = None
    """Announced, and enforced to the message: one too many ends the connection."""
    maximum_packet: int | None = None
    """Announced (MQTT 5) and enforced, in bytes of the whole packet."""
    ack_delay_s: float = 0.0
    ack: Callable[[Published], int | None] = lambda _: 0
    """The reason code of its PUBACK; None: there will be none."""
    poison: Callable[[Published], bool] = lambda _: False
    """Such a message ends the connection, and nobody says why."""
    connack: int | None = 0
    """The answer to CONNECT; None: no answer."""
    versions: tuple[int, ...] = (5, 4)
    """Others are refused as unsupported; 4 is 3.1.1."""
    deaf: bool = False
    """After CONNACK nothing is answered any more, not even a ping."""

    port: int = field(init=False, default=0)
    attempts_s: list[float] = field(init=False, default_factory=list)
    """When somebody opened a connection, time.monotonic()."""
    published: list[Published] = field(init=False, default_factory=list)
    violations: list[str] = field(init=False, default_factory=list)
    """What a client did that the standard forbids."""
    most_unacknowledged: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[_Line] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="fake-broker", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Close every connection without a word."""
        with self._lock:
            lines, self._lines = self._lines, []
        for line in lines:
            line.close()

    def deliver(self, topic: str, payload: bytes, source: object = None) -> None:
        """Pass a message on, with QoS 0, to whoever subscribed to its topic."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            if line.wants(topic, own=line is source):
                line.send(wire.PUBLISH << 4, wire.text(topic) + line.no_properties + payload)

    def payloads(self, ending: str) -> list[bytes]:
        """Return the payloads on topics that end so, as they came, repetitions too."""
        return [one.payload for one in self.published if one.topic.endswith(ending)]

    def attempts_in(self, last_s: float) -> int:
        """How often somebody connected within the last seconds."""
        return sum(at_s > time.monotonic() - last_s for at_s in self.attempts_s)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.attempts_s.append(time.monotonic())
            line = _Line(self, sock)
            with self._lock:
                self._lines.append(line)
            threading.Thread(target=line.serve, daemon=True).start()

    def _take_over(self, newcomer: _Line) -> None:
        with self._lock:
            old = [one for one in self._lines if one.name == newcomer.name and one is not newcomer]
            self._lines = [one for one in self._lines if one not in old]
        for line in old:
            line.end(SESSION_TAKEN_OVER)


class _Line:
    """One connection of one client."""

    def __init__(self, broker: FakeBroker, sock: socket.socket) -> None:
        self.name = ""
        self._broker = broker
        self._sock = sock
        self._version = 4
        self._subscribed: dict[str, bool] = {}  # topic filter -> wants its own messages too
        self._unacknowledged: set[int] = set()
        self._acks: deque[tuple[float, int, int]] = deque()  # due, mid, reason
        self._acks_changed = threading.Condition()
        self._open = True
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def no_properties(self) -> bytes:
        return b"\0" if self._version == 5 else b""

    def serve(self) -> None:
        threading.Thread(target=self._acknowledge, daemon=True).start()
        # OSError, ValueError: closed under our feet.
        with contextlib.suppress(OSError, ValueError), self._sock.makefile("rb") as stream:
            for first, body in wire.packets(stream.read):
                if not self._open:
                    break  # what came with the last packet is not read any more
                self._judge(first, body)
        self.close()

    def wants(self, topic: str, own: bool) -> bool:
        return any(
            topic_matches_sub(known, topic) and (echo or not own) for known, echo in self._subscribed.items()
        )

    def send(self, first: int, body: bytes) -> None:
        try:
            self._sock.sendall(wire.packet(first, body))
        except OSError:
            self.close()

    def end(self, reason: int) -> None:
        """Close, with the reason if the protocol has words for it."""
        if self._version == 5:
            self.send(wire.DISCONNECT << 4, bytes([reason, 0]))
        self.close()

    def close(self) -> None:
        with self._acks_changed:
            self._open = False
            self._acks_changed.notify()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _judge(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == wire.CONNECT:
            self._connect(body)
        elif self._broker.deaf:
            return
        elif kind == wire.PUBLISH:
            self._publish(first, body)
        elif kind == wire.SUBSCRIBE:
            self._subscribe(body)
        elif kind == wire.UNSUBSCRIBE:
            self.send(wire.UNSUBACK << 4, body[:2] + (b"\0\0" if self._version == 5 else b""))
        elif kind == wire.PINGREQ:
            self.send(wire.PINGRESP << 4, b"")
        elif kind == wire.DISCONNECT:
            self.close()

    def _connect(self, body: bytes) -> None:
        broker = self._broker
        self._version = body[6]
        if self._version not in broker.versions:
            self.send(wire.CONNACK << 4, b"\0\x84\0" if self._version == 5 else b"\0\x01")
            self.close()
            return
        after = wire.after_properties(body, 10) if self._version == 5 else 10
        self.name = wire.read_text(body, after)[0]
        if broker.connack is None:
            return
        properties = b""
        if broker.receive_maximum is not None:
            properties += b"\x21" + struct.pack(">H", broker.receive_maximum)
        if broker.maximum_packet is not None:
            properties += b"\x27" + struct.pack(">I", broker.maximum_packet)
        told = bytes([len(properties)]) + properties if self._version == 5 else b""
        self.send(wire.CONNACK << 4, bytes([0, broker.connack]) + told)
        if broker.connack:
            self.close()
        elif self.name:
            broker._take_over(self)

    def _publish(self, first: int, body: bytes) -> None:
        broker = self._broker
        one = wire.read_publish(first, body, self._version)
        size = len(wire.packet(first, body))
        if broker.maximum_packet is not None and size > broker.maximum_packet:
            broker.violations.append(f"{size} bytes on {one.topic}, allowed are {broker.maximum_packet}")
            self.end(PACKET_TOO_LARGE)
            return
        broker.published.append(one)
        if broker.poison(one):
            self.close()
            return
        if one.qos and not self._count(one):
            return
        broker.deliver(one.topic, one.payload, self)

    def _count(self, one: Published) -> bool:
        broker = self._broker
        self._unacknowledged.add(one.mid)
        broker.most_unacknowledged = max(broker.most_unacknowledged, len(self._unacknowledged))
        if broker.receive_maximum is not None and len(self._unacknowledged) > broker.receive_maximum:
            broker.violations.append(
                f"{len(self._unacknowledged)} unacknowledged, allowed are {broker.receive_maximum}"
            )
            self.end(RECEIVE_MAXIMUM_EXCEEDED)
            return False
        reason = broker.ack(one)
        if reason is not None:
            with self._acks_changed:
                self._acks.append((time.monotonic() + broker.ack_delay_s, one.mid, reason))
                self._acks_changed.notify()
        return True

    def _acknowledge(self) -> None:
        while True:
            with self._acks_changed:
                while self._open and not self._acks:
                    self._acks_changed.wait()
                if not self._open:
                    return
                due_s, mid, reason = self._acks.popleft()
            time.sleep(max(0.0, due_s - time.monotonic()))
            self._unacknowledged.discard(mid)
            tail = bytes([reason, 0]) if self._version == 5 and reason else b""
            self.send(wire.PUBACK << 4, struct.pack(">H", mid) + tail)

    def _subscribe(self, body: bytes) -> None:
        at = wire.after_properties(body, 2) if self._version == 5 else 2
        granted = b""
        while at < len(body):
            topic, at = wire.read_text(body, at)
            self._subscribed[topic] = not body[at] & 0x04  # No Local
            granted += b"\0"
            at += 1
        self.send(wire.SUBACK << 4, body[:2] + self.no_properties + granted)
