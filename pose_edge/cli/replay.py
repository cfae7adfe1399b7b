"""`pose-edge replay`: videos, photos and recorded poses -> events on stdout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from pose_edge.cli import brokers
from pose_edge.cli.output import Progress, progress
from pose_edge.cli.replay_listeners import Listener, annotator, opened, printer, publisher, recorder
from pose_edge.errors import ExpectationError, UsageError
from pose_edge.events.rules import event_types
from pose_edge.expectations import Expectations, load_expectations
from pose_edge.records import Event, PoseResult
from pose_edge.replay import (
    ACTOR,
    Replay,
    in_real_time,
    is_actor,
    is_photos,
    is_recording,
    require_input,
    require_results,
    watched,
)

if TYPE_CHECKING:
    from pose_edge.calibration_file import Stored
    from pose_edge.config import Config
    from pose_edge.job import Job
    from pose_edge.sources import SourceOptions


class Mode(StrEnum):
    """How frames reach the model."""

    VIDEO = "video"
    LIVE = "live"


class Speed(StrEnum):
    """How fast."""

    MAX = "max"
    REALTIME = "realtime"


def replay(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Videos, photos, folders of photos, recorded poses (.jsonl), or actor:demo."),
    ],
    mode: Annotated[
        Mode, typer.Option(help="video: every frame; live: drop frames there is no time for, like a camera.")
    ] = Mode.VIDEO,
    speed: Annotated[
        Speed | None, typer.Option(help="How fast to play; live plays in real time unless told otherwise.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Write the poses here, to be replayed again.")] = None,
    overlay: Annotated[
        Path | None, typer.Option(help="Write the video (or photo) here with skeleton, posture and events.")
    ] = None,
    mqtt: Annotated[bool, typer.Option("--mqtt", help="Publish below pose-edge/replay as well.")] = False,
    broker: Annotated[
        str | None, typer.Option(help="HOST or HOST:PORT for --mqtt; else what --config says.")
    ] = None,
    expect: Annotated[
        Path | None, typer.Option(help="What should happen, in YAML; exit status 3 when it does not.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(envvar="POSE_EDGE_MODEL", help="A model file; else one of the store.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Options for model, events and broker.")
    ] = None,
    calibration: Annotated[Path | None, typer.Option(help="What `pose-edge calibrate --out` wrote.")] = None,
) -> None:
    """Find what happens in videos, photos and recorded poses; one JSON object an event.

    The same input gives the same output, byte for byte. Times begin in 1970 with a video, and are those of
    the recording with recorded poses.
    """
    for path in inputs:
        require_input(path)
    if len(inputs) > 1 and (record or overlay or expect):
        raise UsageError("--record, --overlay and --expect go with one input")
    if record is not None and record.exists() and inputs[0].exists() and record.samefile(inputs[0]):
        raise UsageError(f"--record {record}: is the input; it would be lost")
    if overlay is not None and is_recording(inputs[0]):
        raise UsageError(f"--overlay needs pictures, and {inputs[0]} holds none")
    real_time = (speed or (Speed.REALTIME if mode is Mode.LIVE else Speed.MAX)) is Speed.REALTIME
    settings = Settings(
        _config(config, broker),
        mode,
        real_time,
        model,
        named(calibration),
        landmarks=mqtt or record is not None or overlay is not None,
        states=mqtt,
    )
    rule_types = event_types(settings.config.events)
    expectations = load_expectations(expect, rule_types) if expect else None
    with ExitStack() as stack:
        listeners = [publisher(settings.config, stack)] if mqtt else []
        for path in inputs:
            events = _play(path, settings, record, overlay, [*listeners, printer(path, len(inputs) > 1)])
    if expectations is not None:
        _judge(expectations, events)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is the same for every input of one command."""

    config: Config
    mode: Mode
    real_time: bool
    model: Path | None
    calibrated: Stored | None = None
    landmarks: bool = True
    """Somebody listens to landmarks ..."""
    states: bool = True
    """... and to states."""


def named(path: Path | None) -> Stored | None:
    """Return the calibration somebody named, if they did.

    Raises:
        CalibrationError: it cannot be read or is none.
    """
    from pose_edge import calibration_file

    return None if path is None else calibration_file.named(path)


def _config(path: Path | None, broker: str | None) -> Config:
    from pose_edge.config import Config, load

    config = load(path) if path else Config()
    mqtt = brokers.at(broker, config.mqtt)
    return config.model_copy(update={"mqtt": mqtt})


def _play(
    path: Path, settings: Settings, record: Path | None, overlay: Path | None, listeners: list[Listener]
) -> list[Event]:
    """Play one input to its end and return its events."""
    events: list[Event] = []
    count = 0
    with ExitStack() as stack:
        bar = stack.enter_context(progress(path.name))
        replayer, results, source = _open(path, settings, bar, stack)
        if record is not None:
            listeners = [*listeners, recorder(stack.enter_context(opened(record)))]
        notes = stack.enter_context(NamedTemporaryFile(suffix=".jsonl")) if overlay is not None else None
        if notes is not None and overlay is not None and source is not None:
            require_drawable(source, Path(notes.name), (overlay,))
            listeners = [*listeners, annotator(notes)]
        for count, result in enumerate(results, 1):
            if settings.calibrated is not None:
                settings.calibrated.require_fit(result, path)
            told = replayer.take(result)
            events += told.decided
            for listener in listeners:
                listener(told)
            bar.step(count)
        require_results(count, path)
        over = replayer.close()
        for listener in listeners:
            listener(over)
        if overlay is not None and notes is not None and source is not None:
            notes.flush()
            _draw(source, Path(notes.name), overlay)
    return events


def _open(
    path: Path, settings: Settings, bar: Progress, stack: ExitStack
) -> tuple[Replay, Iterator[PoseResult], SourceOptions | None]:
    """Return the engine for one input, its results, and where its pictures are if it has any."""
    zones = settings.config.scene.all_zones()
    calibration = settings.calibrated.calibration if settings.calibrated else None
    if is_recording(path):
        from pose_edge.recording import Recording

        recording = stack.enter_context(Recording(path))
        results = in_real_time(iter(recording)) if settings.real_time else iter(recording)
        offset_ms, events = recording.wall_offset_ms, settings.config.events
        replayer = Replay(
            recording.model,
            "video",
            events,
            offset_ms,
            zones,
            calibration,
            landmarks=settings.landmarks,
            states=settings.states,
        )
        return replayer, results, None
    job = _job(path, settings)
    replayer = Replay(
        job.model_path.name,
        job.running_mode.value,
        settings.config.events,
        zones=zones,
        calibration=calibration,
        landmarks=settings.landmarks,
        states=settings.states,
    )
    results = watched(job, settings.config.vision, bar.expect)
    paced = settings.real_time and settings.mode is Mode.VIDEO  # live paces the frames themselves
    return replayer, in_real_time(results) if paced else results, job.source


def _job(path: Path, settings: Settings) -> Job:
    from pose_edge.job import Job
    from pose_edge.landmarker import RunningMode
    from pose_edge.models import resolve

    model = settings.config.model
    live = settings.mode is Mode.LIVE
    photos = is_photos(path) and not is_actor(path)
    return Job(
        source=source_of(path),
        model_path=resolve(settings.model or model.path, model.variant).path,
        running_mode=RunningMode.LIVE_STREAM if live else RunningMode.IMAGE if photos else RunningMode.VIDEO,
        landmarker=model.landmarker(),
        speed=1.0 if settings.real_time else None,
    )


def source_of(path: Path) -> SourceOptions:
    """Return what plays a video, photos or an actor's script.

    Raises:
        UsageError: there is no such script.
    """
    from pose_edge.sources.actor import ActorOptions
    from pose_edge.sources.images import ImagesOptions
    from pose_edge.sources.video import VideoOptions

    if is_actor(path):
        try:
            return ActorOptions(script=str(path).removeprefix(ACTOR), loop=False)
        except ValidationError as error:
            reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            raise UsageError(f"{path}: {reason}") from error
    return ImagesOptions(path=path) if is_photos(path) else VideoOptions(path=path)


def require_drawable(source: SourceOptions, notes: Path, overlays: tuple[Path, ...]) -> None:
    """Refuse overlays that cannot be written, before any work is done for them.

    Raises:
        UsageError: see `pose_edge.overlay.job.require_possible`.
    """
    from pose_edge.overlay.job import Job as Drawing
    from pose_edge.overlay.job import require_possible

    require_possible(Drawing(source=source, annotations=notes, outputs=overlays))


def _draw(source: SourceOptions, notes: Path, overlay: Path) -> None:
    from pose_edge.overlay import render

    with progress(overlay.name) as bar:
        render(source, notes, (overlay,), bar.step)


def _judge(expectations: Expectations, events: list[Event]) -> None:
    complaints = expectations.complaints(events)
    if complaints:
        raise ExpectationError("\n".join(complaints))
