"""A broker and a subscriber for a measurement."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pose_edge.broker import embedded_broker
from pose_edge.errors import UnavailableError

START_S = 10.0


def find_mosquitto() -> str | None:
    """Return the program, also where only root's PATH has it."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def broker(folder: Path) -> Iterator[tuple[str, int]]:
    """Run Mosquitto, or the demo's broker where there is none; give its name and port."""
    program = find_mosquitto()
    if program is None:
        with embedded_broker() as port:
            yield "amqtt", port
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    # A queue for every message: it is the way to the subscriber that is measured, not what the broker drops.
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nuser root\n")
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield "mosquitto", port
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise UnavailableError("mosquitto does not start")


@contextmanager
def subscriber(port: int, topic: str, on_payload: Callable[[int, bytes], None]) -> Iterator[None]:
    """Hand every payload of `topic` to `on_payload`, with CLOCK_MONOTONIC in nanoseconds when it came."""
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        on_payload(time.monotonic_ns(), bytes(message.payload))

    def on_connect(client: Client, *_: object) -> None:
        client.subscribe(topic)

    client.on_connect = on_connect
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()
