"""`pose-edge calibrate`: how the camera looks at its room, measured on people who walk about in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pose_edge.cli.output import print_json
from pose_edge.cli.replay import source_of
from pose_edge.errors import CalibrationError, UsageError
from pose_edge.records import DeskBaseline, PoseResult, Posture, Scene
from pose_edge.replay import is_photos, is_recording, require_input, watched
from pose_edge.survey import Measured, Survey
from pose_edge.tracking import Tracker
from pose_edge.upright import LEAST_DEG, correction_deg, turned

if TYPE_CHECKING:
    from pose_edge.calibration_file import Stored
    from pose_edge.config import Config

TELL_EVERY_MS: Final = 10_000
ROOM_S: Final = 60.0
DESK_S: Final = 20.0
"""As posture_science 3.6 and 4.3 have it, with time to get into the picture."""


def calibrate(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos or recorded poses (.jsonl) of the camera; nothing: look through it now."),
    ] = None,
    desk: Annotated[
        bool, typer.Option("--desk", help="Measure how you sit when you sit well, instead of the room.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=5, max=3600, help="How long to look through the camera; else 60, for the desk 20."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the calibration here; else into the state directory.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure and print only.")] = False,
    model: Annotated[
        Path | None, typer.Option(envvar="POSE_EDGE_MODEL", help="A model file; else one of the store.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration of the daemon: camera, model.")
    ] = None,
) -> None:
    """Measure where down is, from how high the camera looks, the floor, and how large people are where.

    Somebody walks about in full view, feet included, near and far, left and right; with --desk one person
    sits upright at the desk. The daemon uses what was found from its next start on, for this camera and this
    size of picture only.
    """
    from pose_edge.calibration_file import FILE, keep, named
    from pose_edge.config import Config, load
    from pose_edge.link import state_directory

    options = load(config) if config else Config()
    path = out or state_directory(options) / FILE
    if path.is_dir() or (out is not None and not out.parent.is_dir()):
        raise UsageError(f"--out {path}: {'is a directory' if path.is_dir() else 'no such directory'}")
    for one in inputs or ():
        require_input(one)
        if is_photos(one):
            raise UsageError(f"{one}: videos and recorded poses have people who walk; photos have not")
        if out is not None and out.exists() and one.exists() and out.samefile(one):
            raise UsageError(f"--out {out}: is an input; it would be lost")
    before = named(path) if path.exists() else None
    survey = Sitting(before) if desk else Survey()
    camera = None
    if inputs:
        for one in inputs:
            for result in _played(one, options, model):
                survey.see(result)
    else:
        camera = _look(survey, options, model, seconds or (DESK_S if desk else ROOM_S))
    found = survey.measure()
    if not dry_run:
        keep(path, _with_the_rest(before, camera, found, survey.size_px))
    _tell(found, None if dry_run else path)


def _played(path: Path, config: Config, model: Path | None) -> Iterator[PoseResult]:
    if is_recording(path):
        from pose_edge.recording import Recording

        with Recording(path) as recording:
            yield from recording
        return
    from pose_edge.job import Job
    from pose_edge.landmarker import RunningMode
    from pose_edge.models import resolve

    job = Job(
        source=source_of(path),
        model_path=resolve(model or config.model.path, config.model.variant).path,
        running_mode=RunningMode.VIDEO,
        landmarker=config.model.landmarker(),
    )
    yield from watched(job, config.vision, lambda _: None)


class Sitting:
    """Takes in results, all of pictures of one size, and measures a desk baseline at the end."""

    def __init__(self, before: Stored | None) -> None:
        """`before` is what is known of the camera: the daemon will look at the desk by it."""
        self._before = before
        self._tracker = Tracker()
        self._roll_deg = 0.0
        self._seen: dict[int, list[tuple[Posture, Scene]]] = {}
        self.size_px = (0, 0)

    def see(self, result: PoseResult) -> None:
        """Take in one result."""
        size_px = result.width_px, result.height_px
        if size_px != self.size_px:
            self._begin(size_px)
        people = self._tracker.update(turned(result, self._roll_deg)).people
        scene = Scene(result.timestamp_ms, *size_px, people, self._roll_deg)
        for posture in people:
            self._seen.setdefault(posture.person_id, []).append((posture, scene))

    def measure(self) -> DeskBaseline:
        """Return how whoever was seen most sits.

        Raises:
            PoseEdgeError: it cannot be measured; says why.
        """
        from pose_edge.desk import measure_baseline

        longest = max(self._seen.values(), key=len, default=[])
        return measure_baseline(longest)

    def progress(self) -> str:
        """Return how far it is, for people."""
        return f"somebody was seen in {sum(map(len, self._seen.values()))} pictures"

    def _begin(self, size_px: tuple[int, int]) -> None:
        if self._seen:
            raise CalibrationError("the inputs have pictures of different sizes; one camera has one")
        self.size_px = size_px
        before = self._before
        view = before.view if before is not None and before.misfit(None, *size_px) is None else None
        self._roll_deg = correction_deg(view)
        self._tracker = Tracker(leg_share=view.leg_share if view else 1.0)


def _look(survey: Survey | Sitting, config: Config, model: Path | None, seconds: float) -> str:
    """Look through the camera for so long by its own clock; return its name."""
    from pose_edge import wire
    from pose_edge.app import job_of
    from pose_edge.link import state_directory
    from pose_edge.models import resolve
    from pose_edge.poses import VisionProcess
    from pose_edge.state_directory import StateDirectory

    name, begun_ms, told_ms = "", None, 0
    with ExitStack() as stack:
        stack.enter_context(StateDirectory(state_directory(config)))  # else the daemon has the camera
        job = job_of(config, resolve(model or config.model.path, config.model.variant))
        process = stack.enter_context(VisionProcess(job, config.vision))
        doing = "sit upright" if isinstance(survey, Sitting) else "walk about in full view, near and far,"
        typer.echo(f"{doing} for {seconds:g} s", err=True)
        while not process.ended:
            for record in process.poll(timeout_s=1.0):
                if isinstance(record, wire.Hello):
                    name = record.source
                if not isinstance(record, PoseResult):
                    continue
                survey.see(record)
                begun_ms = record.timestamp_ms if begun_ms is None else begun_ms
                passed_ms = record.timestamp_ms - begun_ms
                if passed_ms >= 1000 * seconds:
                    return name
                if passed_ms >= told_ms + TELL_EVERY_MS:
                    told_ms += TELL_EVERY_MS
                    typer.echo(f"{told_ms / 1000:g} s: {survey.progress()}", err=True)
    return name


def _with_the_rest(
    before: Stored | None, camera: str | None, found: Measured | DeskBaseline, size_px: tuple[int, int]
) -> Stored:
    """Return what to keep: what was measured, and what else is known of the same camera."""
    from pose_edge.calibration_file import made

    view = desk = None
    if before is not None and before.misfit(camera, *size_px) is None:
        view, desk, camera = before.view, before.desk, camera or before.camera
    if isinstance(found, Measured):
        return made(camera, size_px, found.view, desk)
    return made(camera, size_px, view, found)


def _tell(found: Measured | DeskBaseline, path: Path | None) -> None:
    file = os.fspath(path) if path else None
    if not sys.stdout.isatty():
        print_json({**asdict(found), "file": file})
        return
    typer.echo("\n".join(_room_lines(found) if isinstance(found, Measured) else _desk_lines(found)))
    if file is not None:
        typer.echo(f"kept in {file}; the daemon uses it from its next start on")


def _desk_lines(found: DeskBaseline) -> list[str]:
    numbers = {name: value for name, value in asdict(found).items() if isinstance(value, float)}
    return [f"seen from the {found.view}", *(f"{name}: {value:.2f}" for name, value in numbers.items())]


def _room_lines(found: Measured) -> list[str]:
    view = found.view
    used = "is set right" if abs(view.roll_deg) > LEAST_DEG else f"is left alone, as up to {LEAST_DEG:g} are"
    lines = [
        f"gravity: people lean {view.roll_deg:+.1f} degrees (+-{found.roll_error_deg:.1f}); it {used}",
        f"elevation: legs look {100 * view.leg_share:.0f} % as long as at eye level",
        f"by the model's depth the camera looks {view.elevation_deg:.0f} degrees down",
    ]
    if view.floor is not None:
        lines.append(
            f"floor: feet {view.floor.level:.2f} down the picture, {view.floor.slope:+.2f} per width"
        )
    if view.size is not None:
        lines.append(
            f"size: torso {view.size.at(0.7):.3f} of the height with feet 0.7 down, "
            f"{view.size.at(0.9):.3f} at 0.9"
        )
    lines += found.notes
    lines.append(f"certainty: {found.sure}, from {found.standing_s:.0f} s of somebody standing or walking")
    return lines
