"""`pose-edge config`: check, show and describe the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pose_edge.cli.output import print_json
from pose_edge.config import DEFAULT_PATH

app = typer.Typer(help="Check, show and describe the configuration.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Argument(help="The configuration file.")]


@app.command()
def check(config: ConfigPath = DEFAULT_PATH) -> None:
    """Name every mistake in a configuration at once; exit status 78 when there is one."""
    from pose_edge.config import load

    load(config)
    print_json({"config": str(config), "ok": True})


@app.command()
def show(config: ConfigPath = DEFAULT_PATH) -> None:
    """Print the options in force, defaults included, without secrets."""
    from pose_edge.config import load

    print_json(load(config).model_dump(mode="json"))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from pose_edge.config import Config

    print_json(Config.model_json_schema())


@app.command()
def document() -> None:
    """Print a configuration with every option, its default and its meaning."""
    from pose_edge.config_document import documented

    typer.echo(documented(), nl=False)
