"""`pose-edge discovery`: what Home Assistant is told about the device, and how to take it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from pose_edge.cli import brokers
from pose_edge.cli.output import print_json
from pose_edge.config import DEFAULT_PATH
from pose_edge.errors import UsageError

if TYPE_CHECKING:
    from pose_edge.config import Config

app = typer.Typer(help="Show or take back what Home Assistant is told.", no_args_is_help=True)

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration; see `pose-edge config`.")
]
Identity = Annotated[str | None, typer.Option(help="Identity of the device, where it is not this machine's.")]


@app.command()
def show(config: ConfigPath = DEFAULT_PATH, identity: Identity = None) -> None:
    """Print topic and payload of the discovery message, without connecting to anything."""
    from pose_edge.announcer import announcement
    from pose_edge.config import load
    from pose_edge.homeassistant import discovery

    loaded = load(config)
    message = discovery(announcement(loaded, _identity(loaded, identity)))
    print_json({"topic": message.topic, "payload": orjson.loads(message.payload)})


@app.command()
def clear(
    config: ConfigPath = DEFAULT_PATH,
    broker: Annotated[
        str | None, typer.Option(metavar="HOST[:PORT]", help="Another broker than the configuration's.")
    ] = None,
    identity: Identity = None,
) -> None:
    """Remove the device and its entities from Home Assistant; exit status 69 when the broker is not there.

    A daemon that runs announces it again when it next connects, unless `homeassistant.enabled` is false.
    """
    from pose_edge.config import load
    from pose_edge.discovery import clear as clear_topic
    from pose_edge.homeassistant import config_topic

    loaded = load(config)
    topic = config_topic(loaded.homeassistant, _identity(loaded, identity))
    mqtt = brokers.at(broker, loaded.mqtt)
    client_id = f"{loaded.mqtt.client_id or f'pose-edge-{loaded.device.id}'}-discovery"
    clear_topic(mqtt, client_id, topic)
    print_json({"topic": topic, "broker": mqtt.address, "cleared": True})
    if loaded.homeassistant.enabled:
        told = "announces the device again when it next connects (homeassistant.enabled is true)"
        typer.echo(f"a running `pose-edge run` {told}", err=True)


def _identity(config: Config, given: str | None) -> str:
    """Return the identity of the device that runs with this configuration here, or the given one."""
    from pose_edge.homeassistant import IDENTITY
    from pose_edge.link import state_directory
    from pose_edge.memory import stored_identity

    if given is None:
        return stored_identity(state_directory(config))
    if not IDENTITY.fullmatch(given):
        raise UsageError(f"--identity {given!r}: allowed are 1 to 64 of a-z, A-Z, 0-9, _ and -")
    return given
