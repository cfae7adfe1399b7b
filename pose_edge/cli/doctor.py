"""`pose-edge doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pose_edge.cli.output import print_json, progress
from pose_edge.errors import EXIT_FAILURE

if TYPE_CHECKING:
    from pose_edge.doctor import Result, Surroundings

STYLES: Final = {"ok": "green", "warning": "yellow", "fault": "bold red", "skipped": "dim"}
"""Verdict -> how it looks."""


def doctor(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="The configuration; see `pose-edge config`.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FILE.tar.gz", help="Put what a helper needs into a file, without secrets."),
    ] = None,
) -> None:
    """Look at camera, model, libraries, broker, board and service; exit status 1 when one is at fault.

    Changes nothing, and may run beside the daemon. With sudo it sees what the service sees.
    """
    from pose_edge.doctor import look_around, report, write_bundle

    around = look_around(config)
    results = list(_results(around))
    made = report(results)
    if not as_json:
        _print_table(results)
    packed = {} if bundle is None else write_bundle(bundle, made, around)
    if as_json:
        print_json(made if bundle is None else {**made, "bundle": {"path": str(bundle), "files": packed}})
    if bundle is not None:
        _show_bundle(bundle, packed)
    if not made["ok"]:
        raise typer.Exit(EXIT_FAILURE)


def _results(around: Surroundings) -> Iterator[Result]:
    from pose_edge.doctor import CHECKS, examine

    with progress("looking") as bar:
        bar.expect(len(CHECKS))
        for done, result in enumerate(examine(around), start=1):
            bar.step(done)
            yield result


def _print_table(results: Iterable[Result]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", "", show_header=False, box=None, pad_edge=False)
    for line in results:
        table.add_row(line.name, Text(line.verdict, STYLES[line.verdict]), Text(line.text))
    Console().print(table)


def _show_bundle(path: Path, files: dict[str, Any]) -> None:
    listed = ", ".join(f"{name} ({size} bytes)" for name, size in files.items())
    typer.echo(
        f"{path} holds {listed}; no password, no picture. Look into it before you pass it on.", err=True
    )
