"""`pose-edge evaluate`: labelled clips -> how well falls, postures and words of a manifest are told."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer

from pose_edge.cli.output import print_json, progress
from pose_edge.cli.replay import named
from pose_edge.errors import UsageError
from pose_edge.records import Surroundings

if TYPE_CHECKING:
    from pose_edge.config import Config
    from pose_edge.evaluation.footage import Eyes
    from pose_edge.evaluation.manifest import Manifest
    from pose_edge.evaluation.stress import Change

logger = logging.getLogger(__name__)

STANDARD_RATES: Final = (15.0, 8.0, 5.0)
STANDARD_DROP: Final = 0.3
STANDARD_ROTATE_DEG: Final = 10.0


def evaluate(
    manifest: Annotated[Path, typer.Argument(help="The labels: a YAML file beside the clips.")],
    report: Annotated[Path | None, typer.Option(help="Write everything here, as JSON.")] = None,
    fps: Annotated[
        str,
        typer.Option(
            help="Frames a second, or several as 5,8,15: the highest is the base, the others are rungs. "
            "Each clip is inferred once at each rate."
        ),
    ] = "15",
    drop: Annotated[
        float | None, typer.Option(help="Rungs: this share of frames lost, singly and in 0.5 s bursts.")
    ] = None,
    mirror: Annotated[bool, typer.Option("--mirror", help="Rung: everything in a mirror.")] = False,
    rotate: Annotated[
        float | None,
        typer.Option(help="Rungs: turned by this many degrees, both ways; also with the camera calibrated."),
    ] = None,
    half_size: Annotated[bool, typer.Option("--half-size", help="Rung: everybody half as large.")] = False,
    scramble_visibility: Annotated[
        bool, typer.Option("--scramble-visibility", help="Rung: visibilities shuffled among the landmarks.")
    ] = False,
    stress: Annotated[
        bool, typer.Option("--stress", help="All rungs: 15, 8 and 5 fps, drop 0.3, rotate 10 and the others.")
    ] = False,
    hold: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds for which the last frame is held.")
    ] = 12.0,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Clips at a time.")] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(help="Where landmarks are kept; else $XDG_CACHE_HOME/pose-edge/landmarks."),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor keep landmarks.")] = False,
    model: Annotated[
        Path | None,
        typer.Option(envvar="POSE_EDGE_MODEL", help="A model file; else the manifest's, else of the store."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Options for model, events and zones to evaluate.")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="What `pose-edge calibrate --out` wrote, for clips of one camera."),
    ] = None,
) -> None:
    """Hold what the engine says about labelled clips against the labels.

    Landmarks are recorded once for each model, clip and rate; after that a changed rule takes seconds.
    Prints a table on a terminal, else one JSON object a clip, one a rung and the summary last.
    """
    from pose_edge.config import Config, load
    from pose_edge.evaluation.manifest import load_manifest
    from pose_edge.evaluation.running import Plan, evaluate, ladder, mismatched, whole_report
    from pose_edge.events.rules import event_types

    rates_hz = [*_rates(fps), *(STANDARD_RATES if stress else ())]
    changes = _changes(
        STANDARD_DROP if stress and drop is None else drop,
        STANDARD_ROTATE_DEG if stress and rotate is None else rotate,
        mirror=mirror or stress,
        half_size=half_size or stress,
        scramble_visibility=scramble_visibility or stress,
    )
    options = load(config) if config else Config()
    labels = load_manifest(manifest, event_types(options.events))
    if report is not None:
        _require_writable(report, manifest)
    seeing = eyes(
        options,
        model or _model_of(labels, manifest, options),
        labels.paths(manifest.parent),
        cache_directory(cache, no_cache),
    )
    plan = Plan(
        manifest=labels,
        folder=manifest.parent,
        rungs=ladder(rates_hz, changes),
        eyes=seeing,
        events=options.events,
        hold_s=hold,
        surroundings=Surroundings(options.scene.all_zones()),
        calibration=named(calibration),
    )
    with progress("clips") as bar:
        bar.expect(len(labels.clips))
        outcome = evaluate(plan, jobs, bar.step)
    for clip in mismatched(outcome.clips[0]):
        logger.warning("%s is not the file the labels were made on: its SHA-256 differs", clip.file)
    found = whole_report(plan, manifest, outcome)
    if report is not None:
        _write_whole(report, orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    _tell(found)


def eyes(config: Config, model: Path | None, paths: list[Path], cache: Path | None) -> Eyes:
    """Return what is to look at `paths`; without a model where all of them are recordings.

    Raises:
        PoseEdgeError: a model is needed and there is none.
    """
    from pose_edge.evaluation.footage import Eyes
    from pose_edge.models import resolve
    from pose_edge.replay import is_recording

    needed = not all(is_recording(path) for path in paths)
    file = resolve(model or config.model.path, config.model.variant) if needed else None
    return Eyes(
        model_path=file.path if file else None,
        model_sha256=file.sha256 if file else "",
        landmarker=config.model.landmarker(),
        limits=config.vision,
        cache=cache,
    )


def cache_directory(named: Path | None, unwanted: bool) -> Path | None:
    """Return where landmarks are kept; None: nowhere.

    Raises:
        UsageError: it is named and unwanted at once, or no directory.
    """
    from pose_edge.evaluation.cache import default_directory

    if named is not None and unwanted:
        raise UsageError("--cache and --no-cache exclude each other")
    if named is not None and named.exists() and not named.is_dir():
        raise UsageError(f"--cache {named}: is a file; a directory is needed")
    return None if unwanted else named or default_directory(os.environ)


def _rates(text: str) -> list[float]:
    found = []
    for part in text.split(","):
        try:
            rate_hz = float(part)
        except ValueError:
            rate_hz = -1.0
        if not 0 < rate_hz <= 1000:
            raise UsageError(
                f"--fps {text}: {part!r} found, rates above 0 and up to 1000 are allowed, as 5,8,15"
            )
        found.append(rate_hz)
    return found


def _changes(
    drop: float | None, rotate_deg: float | None, *, mirror: bool, half_size: bool, scramble_visibility: bool
) -> list[Change]:
    from pose_edge.evaluation.stress import Change

    changes = []
    if drop is not None:
        if not 0 < drop < 1:
            raise UsageError(f"--drop {drop:g}: a share above 0 and below 1 is allowed")
        changes += [Change("drop", drop), Change("drop_bursts", drop)]
    if mirror:
        changes.append(Change("mirror"))
    if rotate_deg is not None:
        if not 0 < abs(rotate_deg) <= 180:
            raise UsageError(f"--rotate {rotate_deg:g}: degrees above 0 and up to 180 are allowed")
        changes += [Change("rotate", abs(rotate_deg)), Change("rotate", -abs(rotate_deg))]
    if half_size:
        changes.append(Change("half_size"))
    if scramble_visibility:
        changes.append(Change("scramble_visibility"))
    return changes


def _model_of(labels: Manifest, manifest: Path, config: Config) -> Path | None:
    """Return the model the manifest names, unless the configuration names one."""
    if labels.model is None or config.model.path is not None:
        return None
    path = manifest.parent / labels.model
    if path.is_file():
        return path
    logger.warning("%s names the model %s, which is not there", manifest, path)
    return None


def _require_writable(report: Path, manifest: Path) -> None:
    """Refuse a report that cannot be written before minutes are spent on it."""
    if report.is_dir():
        raise UsageError(f"--report {report}: is a directory")
    if report.exists() and report.samefile(manifest):
        raise UsageError(f"--report {report}: is the manifest; it would be lost")
    if not os.access(report.parent, os.W_OK):
        raise UsageError(f"--report {report}: {report.parent} is no directory that can be written to")


def _write_whole(path: Path, data: bytes) -> None:
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            file.write(data)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise UsageError(f"--report {path}: {(error.strerror or str(error)).lower()}") from error


def _tell(found: dict[str, Any]) -> None:
    if sys.stdout.isatty():
        from pose_edge.cli.evaluation_tables import print_tables

        print_tables(found)
        return
    for clip in found["clips"]:
        print_json(clip)
    for rung in found["stress"]:
        print_json({"stress": rung["name"], "summary": rung["summary"], "difference": rung["difference"]})
    print_json({"summary": found["summary"], "wilson_95": found["wilson_95"]})
