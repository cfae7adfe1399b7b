"""`pose-edge explain`: why an event came about in a clip or recording, or did not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pose_edge.cli.evaluate import cache_directory, eyes
from pose_edge.cli.output import print_json, progress
from pose_edge.cli.replay import named
from pose_edge.errors import UsageError
from pose_edge.records import Calibration, Surroundings
from pose_edge.replay import is_photos, require_input


def explain(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A video or recorded poses (.jsonl).", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option(help="Draw the timeline here, as PNG.")] = None,
    start: Annotated[float, typer.Option(min=0, help="Show what happens from this second on.")] = 0.0,
    end: Annotated[float | None, typer.Option(min=0, help="Show what happens until this second.")] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.1, max=1000, help="Look at no more pictures a second than this.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where landmarks are kept; else as `pose-edge evaluate`.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor keep landmarks.")] = False,
    model: Annotated[
        Path | None, typer.Option(envvar="POSE_EDGE_MODEL", help="A model file; else one of the store.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Options for model, events and zones.")
    ] = None,
    calibration: Annotated[Path | None, typer.Option(help="What `pose-edge calibrate --out` wrote.")] = None,
) -> None:
    """Say for each decision when, why and by which numbers; also what was nearly decided.

    Lines for people on a terminal, else one JSON object a decision. Seconds count from the first picture.
    """
    from pose_edge.config import Config, load
    from pose_edge.evaluation.footage import landmarks
    from pose_edge.explanation.decisions import decisions
    from pose_edge.explanation.timeline import limits_in_force, timeline

    require_input(source)
    if not source.is_file() or is_photos(source):
        raise UsageError(f"{source}: a video or recorded poses are explained; photos have no timeline")
    if end is not None and end <= start:
        raise UsageError(f"--end {end:g}: must be greater than --start {start:g}")
    _require_png(out, source)
    options = load(config) if config else Config()
    calibrated = named(calibration)
    seeing = eyes(options, model, [source], cache_directory(cache, no_cache))
    with progress(source.name) as bar:
        footage = landmarks(source, fps, seeing, bar.expect)
    if calibrated is not None:
        calibrated.require_fit(footage.results[0], source)
    around = Surroundings(options.scene.all_zones(), calibrated.calibration if calibrated else Calibration())
    lived = timeline(footage.results, options.events, around)
    window_s = (start, lived.duration_s if end is None else min(end, lived.duration_s))
    if window_s[0] >= lived.duration_s > 0:
        raise UsageError(f"--start {start:g}: {source} ends at {lived.duration_s:g} s")
    told = [d for d in decisions(lived, options.events) if window_s[0] <= d.at_s <= window_s[1]]
    for decision in told:
        _tell(decision)
    if out is not None:
        from pose_edge.explanation.picture import write_picture

        limits = limits_in_force(lived.events, options.events)
        title = f"{source.name}   {footage.model}"
        try:
            write_picture(out, lived, told, limits, title, window_s)
        except OSError as error:
            raise UsageError(f"--out {out}: {(error.strerror or str(error)).lower()}") from error


def _require_png(out: Path | None, source: Path) -> None:
    if out is None:
        return
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: a name that ends with .png is allowed")
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"--out {out}: {'is a directory' if out.is_dir() else 'no such directory'}")
    if out.exists() and out.samefile(source):
        raise UsageError(f"--out {out}: is the input; it would be lost")


def _tell(decision: Any) -> None:
    if sys.stdout.isatty():
        typer.echo(decision.text)
        return
    event = decision.event
    print_json(
        {
            "at_s": round(decision.at_s, 3),
            "decision": decision.what,
            "kind": event.kind if event else None,
            "stage": event.stage.value if event else None,
            "person_id": event.person_id if event else None,
            "reason": event.reason if event else decision.reason,
            "evidence": dict(decision.numbers),
            "text": decision.text,
        }
    )
