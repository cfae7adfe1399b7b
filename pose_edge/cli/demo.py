"""`pose-edge demo`: the whole product on one machine, checked against what the actor really did."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated, Final

import typer
import yaml

from pose_edge.child import command, environment
from pose_edge.demo_check import Received, complaints, facts
from pose_edge.errors import ExpectationError, PoseEdgeError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

logger = logging.getLogger(__name__)

DEVICE: Final = "demo"
SILENCE_LIMIT_S: Final = 90.0
"""The daemon sends something every second; this long without is a failure."""

STOP_S: Final = 10.0


def demo(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the embedded broker; 0: any free one.")
    ] = 0,
    script: Annotated[str, typer.Option(help="What the actor does: a shipped script or a file.")] = "demo",
    model: Annotated[
        Path | None, typer.Option(envvar="POSE_EDGE_MODEL", help="A model file; else one of the store.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Clothes and proportions of the actor.")] = 0,
) -> None:
    """Watch a drawn figure with the real model, and print what an MQTT subscriber receives.

    The figure walks in, stands, raises its hands, sits, bends, lies down and leaves. The daemon runs as it
    would on a Raspberry Pi: real inference in LIVE_STREAM mode, a real broker on this machine, a real
    subscriber. At the end everything received is held against the script; exit status 3 if it differs.
    """
    from pose_edge.actor.script import load_script
    from pose_edge.broker import embedded_broker
    from pose_edge.models import resolve

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what it started ends with it
    timeline = load_script(script)
    model_file = resolve(model, "lite")
    with tempfile.TemporaryDirectory(prefix="pose-edge-demo-") as folder, embedded_broker(port) as address:
        config = _write_config(Path(folder), address, script, seed, model_file.path)
        typer.echo(
            f"MQTT broker on 127.0.0.1:{address}; the actor plays {script!r}; model {model_file.path.name}"
        )
        with _subscriber(address) as inbox, _daemon(config) as daemon:
            received = list(_until_over(inbox, daemon))
    typer.echo("")
    for fact in facts(received):
        typer.echo(fact)
    found = complaints(timeline, received)
    if found:
        raise ExpectationError("\n".join(found))
    typer.echo("everything the subscriber received matches the script")


def _write_config(folder: Path, port: int, script: str, seed: int, model: Path) -> Path:
    config = {
        "device": {"id": DEVICE, "name": "Demo"},
        "source": {"kind": "actor", "script": script, "seed": seed, "loop": False},
        "model": {"path": str(model)},
        "mqtt": {"host": "127.0.0.1", "port": port, "protocol": "3.1.1"},  # all the embedded broker speaks
        "publish": {"health_interval_s": 1},
        "homeassistant": {"enabled": False},
        "service": {"state_dir": str(folder / "state")},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


@contextmanager
def _subscriber(port: int) -> Iterator[SimpleQueue[Received]]:
    """Subscribe as anybody would, and collect what comes."""
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.enums import CallbackAPIVersion

    inbox: SimpleQueue[Received] = SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2)

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        inbox.put(Received(message.topic.removeprefix(f"pose-edge/{DEVICE}/"), bytes(message.payload)))

    client.on_connect = lambda *_: _subscribe(client)
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield inbox
    finally:
        client.disconnect()
        client.loop_stop()


def _subscribe(client: Client) -> None:
    client.subscribe(f"pose-edge/{DEVICE}/#", qos=1)


@contextmanager
def _daemon(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `pose-edge run` as a process of its own; stop it whatever happens."""
    line = [*command("pose_edge", Path(sys.executable)), "run", "--config", str(config)]
    with (config.parent / "log").open("wb") as log:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
    try:
        yield process
    except BaseException:
        sys.stderr.write((config.parent / "log").read_text(errors="replace"))
        raise
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_over(inbox: SimpleQueue[Received], daemon: subprocess.Popen[bytes]) -> Iterator[Received]:
    """Yield what is received until the daemon has said goodbye, printing what people want to see."""
    heard_s = time.monotonic()
    while True:
        try:
            received = inbox.get(timeout=0.5)
        except Empty:
            if daemon.poll() is not None:
                break
            if time.monotonic() - heard_s > SILENCE_LIMIT_S:
                raise PoseEdgeError(f"nothing received for {SILENCE_LIMIT_S:g} s") from None
            continue
        heard_s = time.monotonic()
        if line := received.line():
            typer.echo(line)
        yield received
    if daemon.returncode != 0:
        raise PoseEdgeError(f"the daemon ended with exit status {daemon.returncode}")
