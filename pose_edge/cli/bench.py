"""`pose-edge bench`: what it costs on this machine, held against MediaPipe alone in the same run."""

from __future__ import annotations

import logging
import os
import platform
import signal
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pose_edge.cli.output import Progress, print_json, progress

if TYPE_CHECKING:
    from pose_edge.benchmark.measures import Measure
    from pose_edge.benchmark.runs import Lengths

Json = dict[str, Any]

WIDE: Final = 120
"""Columns from which on what a measure means stands beside it, else below the table."""


def bench(
    clip: Annotated[Path | None, typer.Argument(help="A video with somebody in it; else the actor.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One short round without what takes long: under a minute.")
    ] = False,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="How often all is measured, interleaved; 5, with --quick 1."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this measure; may be given several times.")
    ] = None,
    growth_frames: Annotated[
        int, typer.Option(min=500, help="Live frames over which the growth of memory is measured.")
    ] = 3000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    model: Annotated[
        Path | None, typer.Option(envvar="POSE_EDGE_MODEL", help="A model file; else one of the store.")
    ] = None,
) -> None:
    """Measure speed, memory and latency next to a plain MediaPipe script on the same frames.

    Ratios are taken within each round, so a machine that is busy for a while moves both sides.
    """
    from pose_edge.benchmark.runs import QUICK, Lengths
    from pose_edge.models import resolve

    for number in (signal.SIGTERM, signal.SIGHUP):  # the broker, the daemon and the folder go with it
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    logging.getLogger("pose_edge").setLevel(logging.WARNING)
    lengths = replace(QUICK if quick else Lengths(), growth_frames=growth_frames)
    rounds = rounds or (1 if quick else 5)
    rows = _rows(quick, only)
    model_path = resolve(model, "lite").path
    with tempfile.TemporaryDirectory(prefix="pose-edge-bench-") as folder, progress("bench") as bar:
        found = _measure(Path(folder), clip, model_path, lengths, rows, rounds, bar)
    if as_json:
        print_json(found)
    else:
        _print_table(found, rows)


def _rows(quick: bool, only: list[str] | None) -> list[Measure]:
    from pose_edge.benchmark.measures import MEASURES

    known = [row.key for row in MEASURES]
    for key in only or ():
        if key not in known:
            raise typer.BadParameter(f"{key}: no such measure; there are {', '.join(known)}")
    return [row for row in MEASURES if (row.key in only if only else row.quick or not quick)]


def _measure(
    folder: Path,
    clip: Path | None,
    model: Path,
    lengths: Lengths,
    rows: list[Measure],
    rounds: int,
    bar: Progress,
) -> Json:
    from pose_edge.benchmark import clips, micro
    from pose_edge.benchmark.broker import broker
    from pose_edge.benchmark.measures import summary
    from pose_edge.benchmark.ours import Place
    from pose_edge.benchmark.runs import Bench

    pictures = clips.pictures(clip, lengths.pictures)
    poses, bare_hz = micro.poses_of(pictures, model)
    lengths = lengths.for_rate(bare_hz)
    taken: list[dict[str, float]] = []
    bar.expect(rounds * len(rows))
    with broker(folder) as (name, port):
        place = Place(folder, port, model)
        for number in range(rounds):
            one = Bench(place, pictures, lengths, poses, bare_hz)
            taken.append({})
            for done, row in enumerate(rows):
                taken[-1][row.key] = row.value(one)
                bar.step(number * len(rows) + done + 1)
    return {
        "machine": _machine(),
        "broker": name,
        "model": model.name,
        "clip": str(clip) if clip else "actor",
        "rounds": rounds,
        "lengths": asdict(lengths),
        "measures": {key: _rounded(values) for key, values in summary(taken).items()},
        "targets": {row.key: list(row.bound) for row in rows if row.bound},
        "messages": {
            topic: {"bytes": cost.bytes, "us": cost.us} for topic, cost in micro.message_costs(poses).items()
        },
    }


def _machine() -> Json:
    from pose_edge import __version__, health

    return {
        "board": health.board() or platform.machine(),
        "system": health.system(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "pose_edge": __version__,
        "mediapipe": version("mediapipe"),
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def _print_table(found: Json, rows: list[Measure]) -> None:
    from rich.console import Console
    from rich.table import Table

    machine = found["machine"]
    table = Table(
        title=f"{machine['board']}, {machine['cores']} cores, MediaPipe {machine['mediapipe']}, "
        f"{found['model']}, {found['clip']}, {found['broker']}; median of {found['rounds']}",
        title_justify="left",
    )
    table.add_column("measure", no_wrap=True)  # whole, in the narrowest terminal: `--only` takes it
    for name in ("median", "from - to", "target"):
        table.add_column(name, justify="right", no_wrap=True)
    console = Console()
    wide = console.width >= WIDE
    if wide:
        table.add_column("what")
    for row in rows:
        value = found["measures"][row.key]
        met = row.meets(value["median"])
        colour = "" if met is None else "[green]" if met else "[bold red]"
        target = f"{row.bound[0]} {row.bound[1]:g}" if row.bound else ""
        spread = f"{value['least']:g} - {value['most']:g}" if found["rounds"] > 1 else ""
        says = [row.says] if wide else []
        table.add_row(row.key, f"{colour}{value['median']:g} {row.unit}", spread, target, *says)
    console.print(table)
    if not wide:
        for row in rows:
            console.print(f"[bold]{row.key}[/]: {row.says}", highlight=False)
    if found["rounds"] == 1:
        console.print("One round is a hint: targets are for the median of five, with nothing else running.")
    for topic, cost in found["messages"].items():
        console.print(f"{topic}: {cost['bytes']} bytes, made in {cost['us']:g} us")
