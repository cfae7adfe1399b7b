"""The `pose-edge` command: one file a command. Results on stdout, everything for people on stderr."""

from __future__ import annotations

import logging
from typing import Annotated, NoReturn

import typer

from pose_edge import __version__, program
from pose_edge.cli import (
    bench,
    calibrate,
    config,
    demo,
    detect,
    discovery,
    doctor,
    evaluate,
    explain,
    models,
    replay,
    run,
)

app = typer.Typer(
    name="pose-edge",
    help="A Raspberry Pi with a camera becomes an MQTT device that knows what a body is doing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("replay")(replay.replay)
app.command("detect")(detect.detect)
app.command("evaluate")(evaluate.evaluate)
app.command("explain")(explain.explain)
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("calibrate")(calibrate.calibrate)
app.add_typer(models.app, name="models")
app.add_typer(config.app, name="config")
app.add_typer(discovery.app, name="discovery")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pose-edge {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log much more.")] = False,
) -> None:
    del version  # handled by its callback
    level = logging.DEBUG if verbose else logging.INFO
    program.log_to_stderr(level)


def main() -> NoReturn:
    """Run the command line; see `program.finish` for what errors become.

    typer itself sees to usage errors (2), Ctrl-C (130) and readers who leave early (1).
    """
    program.finish(app)
