"""A proxy between a publisher and a real broker, for what happens to networks.

with Gate(broker.port) as gate:  # the publisher connects to gate.port
    gate.hold()   # a black hole: connections stay, nothing passes, in either direction
    gate.open()
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

from tests.brokers import free_port
from tests.faults import mqtt_wire as wire

CHUNK_BYTES = 4096
BUFFER_BYTES = 8192
"""Of the gate's own sockets: it must not be a place where much can wait."""
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s
GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class Gate:
    """Passes connections on to a loopback port, as long as it is open."""

    def __init__(self, broker_port: int) -> None:
        self.bytes_per_s: int | None = None
        """How much the way to the broker carries; None: all."""
        self.acks_lost = False
        """PUBACKs do not come back; everything else does."""
        self._broker_port = broker_port
        self._passing = threading.Event()
        self._passing.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.port = free_port()
        """Ours also while refused: nobody else's broker may answer there meanwhile."""
        self._listener = self._listen(self.port)
        self._closing = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, args=(self._listener,), name="gate", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self.refuse()
        self._passing.set()

    def refuse(self) -> None:
        """Cut all connections, and refuse new ones until `accept`."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def accept(self) -> None:
        """Take connections again after `refuse`."""
        self._listener = self._listen(self.port)
        threading.Thread(target=self._accept, args=(self._listener,), name="gate", daemon=True).start()

    def cut(self) -> None:
        """Reset every connection, on both ends."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for one in (sock for pair in pairs for sock in pair):
            _reset(one)

    def hold(self) -> None:
        """Become a black hole: what is sent from now on arrives nowhere, and no end is told."""
        self._passing.clear()

    def open(self) -> None:
        """End `hold`. Connections one end has given up meanwhile are dropped, with all that was in them."""
        with self._lock:
            given_up = [pair for pair in self._pairs if any(_gone(sock) for sock in pair)]
            self._pairs = [pair for pair in self._pairs if pair not in given_up]
        for one in (sock for pair in given_up for sock in pair):
            _reset(one)
        self._passing.set()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        listener.bind(("127.0.0.1", port))
        listener.listen(50)
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                device, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(device,), daemon=True).start()

    def _connect(self, device: socket.socket) -> None:
        broker = socket.socket()
        broker.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        try:
            broker.connect(("127.0.0.1", self._broker_port))
        except OSError:
            _reset(device)
            return
        for one in (device, broker):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._pairs.append((device, broker))
        threading.Thread(target=self._up, args=(device, broker), daemon=True).start()
        threading.Thread(target=self._down, args=(broker, device), daemon=True).start()

    def _up(self, device: socket.socket, broker: socket.socket) -> None:
        """Device -> broker, at the speed of the line."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: closed under our feet
            while self._may_read(device):
                rate = self.bytes_per_s
                if not (data := device.recv(CHUNK_BYTES if rate is None else max(1, rate // 20))):
                    break
                self._passing.wait()
                broker.sendall(data)
                if rate is not None:
                    time.sleep(len(data) / rate)
        _finish(broker)

    def _down(self, broker: socket.socket, device: socket.socket) -> None:
        """Broker -> device, packet by packet."""
        with contextlib.suppress(OSError, ValueError), broker.makefile("rb") as stream:
            assert isinstance(stream, io.BufferedReader)
            for first, body in wire.packets(stream.read):
                self._passing.wait()
                if not (self.acks_lost and first >> 4 == wire.PUBACK):
                    device.sendall(wire.packet(first, body))
        _finish(device)

    def _may_read(self, sock: socket.socket) -> bool:
        """Wait until there is something and it may pass; nothing is taken in while the gate holds."""
        while not self._closing:
            self._passing.wait()
            if select.select([sock], [], [], 0.2)[0] and self._passing.is_set():
                return True
        return False


def _gone(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return any(mask & GONE for _, mask in poll.poll(0))


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        # Wakes whoever reads it; close alone would not, and would wait for them.
        sock.shutdown(socket.SHUT_RD)
    sock.close()


def _finish(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
