"""Videos, photos and recorded poses through the same engine as live ones.

No broker and no clock: the same input gives the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pose_edge.engine import Engine, Step
from pose_edge.errors import SourceError, UsageError
from pose_edge.messages import Device, Messages
from pose_edge.options import Options
from pose_edge.payloads import RunningMode
from pose_edge.records import Calibration, Event, Message, PoseResult, State, Surroundings, Zone

if TYPE_CHECKING:
    from pose_edge.job import Job
    from pose_edge.poses import VisionLimits

REPLAY_DEVICE: Final = "replay"
"""Device id and boot id of replays: fixed, so that event ids repeat."""

RECORDINGS: Final = (".jsonl", ".jsonl.gz", ".ndjson", ".json", ".txt", ".log")
PHOTOS: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


ACTOR: Final = "actor:"
"""Begins the name of an input that is drawn: `actor:demo`."""


def is_actor(path: Path) -> bool:
    """Return whether `path` is no file but a script of the actor: `actor:demo`."""
    return str(path).startswith(ACTOR)


def is_recording(path: Path) -> bool:
    """Return whether `path` is taken for recorded poses, by its name."""
    return path.name.lower().endswith(RECORDINGS)


def is_photos(path: Path) -> bool:
    """Return whether `path` is taken for a photo or a folder of them."""
    return path.is_dir() or path.suffix.lower() in PHOTOS


def require_input(path: Path) -> None:
    """Refuse what is not there before anything is started.

    Raises:
        UsageError: there is nothing at `path`.
    """
    if not path.exists() and not is_actor(path):
        raise UsageError(f"{path}: no such file or folder")


@dataclass(frozen=True, slots=True)
class Told:
    """What one result led to, and how it is told."""

    result: PoseResult | None
    """None: the input is over. Nor are there landmarks then, and what ends is no decision about a body."""
    decided: tuple[Event, ...]
    landmarks: tuple[Message, ...]
    """Empty where nobody wants them."""
    events: tuple[Message, ...]
    states: tuple[Message, ...]
    """Empty unless the state changed, and where nobody wants them."""


class Replay:
    """One input through an engine of its own."""

    def __init__(
        self,
        model: str,
        mode: RunningMode,
        events: Options | None = None,
        wall_offset_ms: int = 0,
        zones: tuple[Zone, ...] = (),
        calibration: Calibration | None = None,
        *,
        landmarks: bool = True,
        states: bool = True,
    ) -> None:
        """`landmarks` and `states` say which messages are wanted besides those of events."""
        device = Device(REPLAY_DEVICE)
        self._messages = Messages(device, REPLAY_DEVICE, model, mode, replayed=True)
        self._messages.set_clock(wall_offset_ms, synced=False)
        self._engine = Engine(events, surroundings=Surroundings(zones, calibration or Calibration()))
        self._state = State()
        self._tells_landmarks, self._tells_states = landmarks, states

    def take(self, result: PoseResult) -> Told:
        """Return what `result` leads to."""
        step = self._engine.update(result)
        messages = self._messages
        return Told(
            result=result,
            decided=step.events,
            landmarks=(messages.landmarks(result, step.person_ids),) if self._tells_landmarks else (),
            events=tuple([messages.event(event) for event in step.events]),
            states=self._changed(step) if self._tells_states else (),
        )

    def _changed(self, step: Step) -> tuple[Message, ...]:
        """Return the messages of a state that is another one than before."""
        if step.state == self._state:
            return ()
        self._state = step.state
        return self._messages.state(
            step.state,
            step.scene,
            timestamp_ms=step.scene.timestamp_ms,
            detection="running",
            inference_fps=None,
            frame_age_ms=None,
        )

    def close(self) -> Told:
        """Return the ends of what goes on when the input is over."""
        ends, _ = self._engine.close("stopped")
        return Told(None, (), (), tuple(self._messages.event(event) for event in ends), ())


def watched(job: Job, limits: VisionLimits, greet: Callable[[int | None], None]) -> Iterator[PoseResult]:
    """Yield the results of one run of the vision process; `greet` learns how many frames there will be.

    Raises:
        PoseEdgeError: what went wrong in the vision process.
    """
    from pose_edge import wire
    from pose_edge.poses import VisionProcess

    with VisionProcess(job, limits) as process:
        while not process.ended:
            for record in process.poll(timeout_s=1.0):
                if isinstance(record, PoseResult):
                    yield record
                elif isinstance(record, wire.Hello):
                    greet(record.frame_count)


def in_real_time(results: Iterator[PoseResult], speed: float = 1.0) -> Iterator[PoseResult]:
    """Yield recorded results at the pace of their timestamps."""
    begun_s, first_ms = time.monotonic(), None
    for result in results:
        first_ms = result.timestamp_ms if first_ms is None else first_ms
        due_s = begun_s + (result.timestamp_ms - first_ms) / 1000 / speed
        time.sleep(max(0.0, due_s - time.monotonic()))
        yield result


def require_results(count: int, path: Path) -> None:
    """Refuse an input that gave nothing at all.

    Raises:
        SourceError: `count` is 0.
    """
    if count == 0:
        raise SourceError(f"{path}: not a single picture could be read")
