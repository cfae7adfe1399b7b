"""`pose-edge models`: which models are there, get them, check them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from pose_edge import models
from pose_edge.errors import ModelError, PoseEdgeError, UnavailableError, UsageError
from pose_edge.models import Listing, ModelFile

app = typer.Typer(help="List, fetch and verify pose models.", no_args_is_help=True)

ALL = "all"


@app.command("list")
def list_models() -> None:
    """Show every known model and the file, if it is here: one JSON object a line."""
    for line in models.listing():
        _print(_listing_json(line))


@app.command()
def fetch(
    variants: Annotated[
        list[str] | None, typer.Argument(help="lite, full, heavy or all; without one, lite.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Store here, not in the usual place.", file_okay=False)
    ] = None,
    whichever: Annotated[
        bool, typer.Option("--any", help="lite, or full where only a package index can be reached.")
    ] = False,
) -> None:
    """Make sure that models are here and sound; prints each as one JSON object."""
    if whichever and variants:
        raise UsageError(f"--any chooses the model itself: leave out {' '.join(variants)}")
    if whichever:
        _print(_file_json(models.fetch_any(models.default_variant(), directory)))
        return
    names = models.variants() if variants == [ALL] else variants or [models.default_variant()]
    failures: list[PoseEdgeError] = []
    for name in names:
        try:
            _print(_file_json(models.fetch(name, directory)))
        except (ModelError, UnavailableError) as error:
            failures.append(error)
    _raise_for(failures)


@app.command()
def verify(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Files or variants; without one, all that are here.")
    ] = None,
) -> None:
    """Check models against the published hashes; exit code 1 if one is damaged.

    A model of the right shape that nobody published is no error: it says "verified": false.
    """
    wanted: list[str | None] = [*targets] if targets else [None]
    found = [file for target in wanted for file in models.verify(target)]
    for file in found:
        _print(_file_json(file))
    damaged = [f"{file.path}: {file.problem}" for file in found if file.problem]
    if damaged:
        raise ModelError("; ".join(damaged))


def _raise_for(failures: list[PoseEdgeError]) -> None:
    if len(failures) == 1:
        raise failures[0]
    if failures:
        worst = ModelError if any(isinstance(error, ModelError) for error in failures) else UnavailableError
        raise worst("; ".join(map(str, failures)))


def _file_json(file: ModelFile) -> dict[str, object]:
    return {
        "variant": file.variant,
        "path": str(file.path),
        "sha256": file.sha256 or None,
        "verified": file.verified,
        "problem": file.problem,
    }


def _listing_json(line: Listing) -> dict[str, object]:
    absent = {"path": None, "sha256": None, "verified": False, "problem": None}
    return {
        "variant": line.variant,
        "default": line.default,
        "size_bytes": line.size_bytes,
        "url": line.url,
        "licence": line.licence,
        **(_file_json(line.file) if line.file else absent),
    }


def _print(value: dict[str, object]) -> None:
    typer.echo(orjson.dumps(value))
