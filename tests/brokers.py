"""Real brokers for tests: Mosquitto on a free loopback port, to be killed, frozen and brought back; amqtt,
which knows MQTT 3.1.1 only; and a subscriber that keeps what it receives.

    with Mosquitto(tmp_path) as broker, Subscriber(broker.port) as subscriber: ...
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from pose_edge.broker import embedded_broker
from tests.contract import check_received


def find_mosquitto() -> str:
    """Return the broker's program; skips the test without one."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("no mosquitto here (apt install mosquitto)")
    return found


_RESERVED: list[socket.socket] = []


def free_port() -> int:
    """Return a loopback port nobody listens on; it is the caller's until the tests end.

    It stays bound here, without listening. Whoever binds it by number with SO_REUSEADDR, as every server
    does, gets it; the system gives it to nobody else. Without that, the port of a broker that is just down,
    or of a gate that refuses, went to a broker of another test, and the device's alerts with it.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _RESERVED.append(held)
    port: int = held.getsockname()[1]
    return port


def eventually(true: Callable[[], bool], timeout_s: float = 8.0) -> bool:
    """Wait until `true()`; False: it never was."""
    deadline_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


class Mosquitto:
    """A Mosquitto of its own, without persistence: what it knew dies with it."""

    def __init__(self, directory: Path, *lines: str, anonymous: bool = True) -> None:
        self.port = free_port()
        self.log = directory / f"mosquitto-{self.port}.log"
        self._program = find_mosquitto()
        self._config = directory / f"mosquitto-{self.port}.conf"
        # As root it would turn into a user who may not read the test's directory.
        first = ["user root"] if os.geteuid() == 0 else []
        allow = f"allow_anonymous {str(anonymous).lower()}"
        config = [*first, f"listener {self.port} 127.0.0.1", allow, *lines]
        self._config.write_text("\n".join(config) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config)], stdout=log, stderr=subprocess.STDOUT
            )
        assert eventually(self._accepts), f"mosquitto does not start: {self.log.read_text()}"

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def terminate(self) -> None:
        """Ask it to end, as systemd would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None

    def freeze(self) -> None:
        """Let it hold its connections and do nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def amqtt() -> Iterator[int]:
    """Run the embedded broker of `pose-edge demo`, which knows MQTT 3.1.1 only; give its port."""
    pytest.importorskip("amqtt.broker", reason="amqtt is not installed")
    with embedded_broker() as port:
        yield port


class Subscriber:
    """Subscribes with QoS 1 and keeps what arrives, with all its properties."""

    def __init__(self, port: int, topic: str = "#", protocol: str = "5") -> None:
        self.messages: list[MQTTMessage] = []
        self._topic = topic
        self._ready = threading.Event()
        version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=version)
        self._client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]  # paho says int, but only adds
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic, 1) and None
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _userdata, message: self.messages.append(message)
        self._client.connect_async("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._ready.wait(5), "the subscriber cannot subscribe"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        if kind is None:
            check_received(self.messages)

    def publish(
        self,
        topic: str,
        payload: bytes | str = "PRESS",
        *,
        retain: bool = False,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        """Publish to a whole topic with QoS 1 and wait until the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho left it out
        if response_topic is not None:
            properties.ResponseTopic = response_topic
        if correlation is not None:
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, 1, retain, properties).wait_for_publish(5)

    def again(self, timeout_s: float = 5.0) -> None:
        """Forget the subscription and wait until it is granted anew: after the broker came back."""
        self._ready.clear()
        assert self._ready.wait(timeout_s), "the subscriber was not subscribed again"

    def payloads(self, topic: str) -> list[bytes]:
        """Return the payloads of a topic below a device (`state`), in the order of arrival."""
        return [bytes(message.payload) for message in self.messages if below_device(message.topic) == topic]

    def wait_for(self, topic: str, count: int = 1, timeout_s: float = 8.0) -> list[bytes]:
        """Return the payloads of a topic as soon as there are `count`."""
        assert eventually(lambda: len(self.payloads(topic)) >= count, timeout_s), (
            f"{len(self.payloads(topic))} of {count} messages on {topic}: "
            f"{[(message.topic, message.payload[:60]) for message in self.messages]}"
        )
        return self.payloads(topic)


def below_device(topic: str) -> str:
    """Return `state` for `pose-edge/livingroom/state`."""
    return topic.split("/", 2)[-1]
