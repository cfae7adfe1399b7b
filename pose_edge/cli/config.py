"""`pose-edge config`: check, show and describe the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pose_edge.cli.output import print_json
from pose_edge.config import DEFAULT_PATH, Config
from pose_edge.errors import ConfigError, UsageError

app = typer.Typer(help="Check, show and describe the configuration.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Argument(help="The configuration file.")]


@app.command()
def check(
    config: ConfigPath = DEFAULT_PATH,
    service: Annotated[
        bool,
        typer.Option(
            "--service", help=f"As the service finds it; so is {DEFAULT_PATH} where that is installed."
        ),
    ] = False,
) -> None:
    """Name every mistake in a configuration at once; exit status 78 when there is one.

    Says rules of your own in words, too: what they will do is not always what was meant.
    """
    from pose_edge.config import load
    from pose_edge.events.rules import sentences
    from pose_edge.sinks.mqtt_options import read_credentials

    loaded = load(config)
    if service or config == DEFAULT_PATH:
        loaded = _as_the_service(loaded, config, asked=service)
    read_credentials(loaded.mqtt)
    rules = sentences(loaded.events)
    print_json({"config": str(config), "ok": True, **({"rules": rules} if rules else {})})


def _as_the_service(loaded: Config, path: Path, *, asked: bool) -> Config:
    """Return it with the service's password; a file that only the service cannot see is a mistake."""
    from pose_edge.doctor.hidden import hidden
    from pose_edge.doctor.surroundings import ask_systemd, with_service_password

    unit = ask_systemd()
    if not asked and (unit or {}).get("LoadState") != "loaded":
        return loaded
    if complaints := hidden(loaded, unit, DEFAULT_PATH if path == DEFAULT_PATH else None):
        raise ConfigError("\n".join(f"{path}: {complaint}" for complaint in complaints))
    return with_service_password(loaded)


@app.command()
def show(config: ConfigPath = DEFAULT_PATH) -> None:
    """Print the options in force, defaults included, without secrets."""
    from pose_edge.config import load

    print_json(load(config).model_dump(mode="json"))


@app.command()
def schema(
    topic: Annotated[
        str, typer.Argument(help="A topic, as `state`; without one: the configuration.", show_default=False)
    ] = "",
    write: Annotated[
        Path | None, typer.Option(help="Write one file a topic into this directory instead.")
    ] = None,
) -> None:
    """Print the JSON Schema of the configuration, for editors, or of what is sent on a topic."""
    from pose_edge import asyncapi

    if write is not None:
        _write_schemas(write)
        return
    if not topic:
        from pose_edge.config import Config

        print_json(Config.model_json_schema())
        return
    found = asyncapi.schema(topic)
    if found is None:
        allowed = ", ".join(
            name.removesuffix(".schema.json").replace(".", "/") for name in asyncapi.schemas()
        )
        raise UsageError(f"topic {topic!r} has no JSON Schema; those with one are {allowed}")
    print_json(found)


@app.command(name="asyncapi")
def print_asyncapi() -> None:
    """Print the MQTT contract as an AsyncAPI 3.0 document (YAML)."""
    from pose_edge.asyncapi import as_yaml

    typer.echo(as_yaml(), nl=False)


def _write_schemas(directory: Path) -> None:
    from pose_edge.asyncapi import as_text, schemas

    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, made in schemas().items():
            (directory / name).write_text(as_text(made), encoding="utf-8")
            print_json({"written": str(directory / name)})
    except OSError as error:
        raise UsageError(f"{directory}: {(error.strerror or str(error)).lower()}") from error


@app.command()
def document() -> None:
    """Print a configuration with every option, its default and its meaning."""
    from pose_edge.config_document import documented

    typer.echo(documented(), nl=False)


@app.command()
def egress(config: ConfigPath = DEFAULT_PATH) -> None:
    """Print the systemd drop-in that lets the service reach the configured broker, and little else."""
    from pose_edge.config import load
    from pose_edge.egress import drop_in

    typer.echo(drop_in(load(config).mqtt.host), nl=False)
