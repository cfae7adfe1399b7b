"""Parts measured inside this process, where nothing else can hide their cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from pose_edge.benchmark.clips import Pictures
from pose_edge.engine import Engine, Step
from pose_edge.errors import PoseEdgeError
from pose_edge.events import EventsOptions
from pose_edge.landmarker import LandmarkerOptions
from pose_edge.landmarker.blocking import VideoLandmarker
from pose_edge.landmarker.live import LiveLandmarker
from pose_edge.messages import Device, Messages
from pose_edge.pump import LivePump
from pose_edge.recording import write_line
from pose_edge.records import Frame, PoseResult, Surroundings, Zone
from pose_edge.sources.base import SourceInfo

ROUND = 2000
MESSAGES = 300


def poses_of(pictures: Pictures, model: Path, rate_hz: float = 15.0) -> tuple[list[PoseResult], float]:
    """Return what the model finds in the pictures, and how many of them it takes a second.

    Raises:
        PoseEdgeError: it finds nobody.
    """
    poses, began_s = [], time.monotonic()
    with VideoLandmarker(model) as landmarker:
        for index, image in enumerate(pictures.images):
            if index == len(pictures.images) // 2:
                began_s = time.monotonic()
            poses.append(landmarker.detect(Frame(image, round(index * 1000 / rate_hz))))
        half_s = time.monotonic() - began_s
    if not any(result.poses for result in poses):
        raise PoseEdgeError("MediaPipe sees nobody in these pictures: a clip with somebody in it is wanted")
    return poses, (len(poses) - len(poses) // 2) / half_s


EVERYTHING: Final[dict[str, Any]] = {
    "one_arm_raised": {"enabled": True},
    "rules": {
        "arm_bent": {"when": {"left_elbow_deg": {"below": 40}}, "for": "2 s"},
        "at_the_door": {"when": {"posture": "standing", "zone": "door"}, "for": "20 min", "who": "anybody"},
        "calls": {
            "when": {
                "posture": ["lying", "sitting"],
                "any": [
                    {"height": {"of": "right_wrist", "over": "nose", "above": 0.1}},
                    {"height": {"of": "left_wrist", "over": "nose", "above": 0.1}},
                ],
                "not": {"people": {"at_least": 2}},
            },
            "for": "3 s",
        },
    },
}
"""Options under `events` that switch on what is off, with rules of every sort."""

ZONES: Final = (
    Zone("door", ((0.6, 0.2), (1.0, 0.2), (1.0, 1.0), (0.6, 1.0))),
    Zone("bed", ((0.0, 0.4), (0.4, 0.4), (0.4, 1.0), (0.0, 1.0)), lying_ok=True),
    Zone("chair", ((0.4, 0.4), (0.6, 0.4), (0.6, 1.0), (0.4, 1.0)), point="hips"),
)


def engine_frames_per_s(poses: list[PoseResult]) -> float:
    """Return how many recorded results a second the engine takes in, every kind enabled, zones and rules."""
    repeated = _repeated(poses, ROUND)
    engine = Engine(EventsOptions.model_validate(EVERYTHING), surroundings=Surroundings(ZONES))
    began_s = time.perf_counter()
    for result in repeated:
        engine.update(result)
    return len(repeated) / (time.perf_counter() - began_s)


def record(poses: list[PoseResult], path: Path, count: int, rate_hz: float = 10.0) -> None:
    """Write a recording of `count` results, the given ones again and again."""
    messages = Messages(Device("bench"), "b00t", "model.task", "video")
    with path.open("wb") as file:
        for result in _repeated(poses, count, round(1000 / rate_hz)):
            file.write(write_line(result, None, messages))


def _repeated(poses: list[PoseResult], count: int, step_ms: int = 67) -> list[PoseResult]:
    """Return them again and again, with times that go on."""
    return [replace(poses[index % len(poses)], timestamp_ms=index * step_ms) for index in range(count)]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one message."""

    bytes: int
    us: float


def message_costs(poses: list[PoseResult]) -> dict[str, Cost]:
    """Return what making each message takes, and how long it is."""
    messages = Messages(Device("bench"), "b00t", "model.task", "live_stream")
    engine = Engine()
    steps: list[Step] = [engine.update(result) for result in poses]
    somebody = max(range(len(poses)), key=lambda index: len(steps[index].person_ids))
    result, step = poses[somebody], steps[somebody]
    event = next((event for one in steps for event in one.events), None)

    def state() -> bytes:
        made = messages.state(
            step.state,
            step.scene,
            timestamp_ms=result.timestamp_ms,
            detection="running",
            inference_fps=15.0,
            frame_age_ms=10,
        )
        return made[0].payload

    makers: dict[str, Callable[[], bytes]] = {
        "landmarks": lambda: messages.landmarks(result, step.person_ids).payload,
        "landmarks/f16": lambda: messages.landmarks(result, step.person_ids, "f16").payload,
        "state": state,
    }
    if event is not None:
        makers["events"] = lambda: messages.event(event).payload
    return {name: _cost(make) for name, make in makers.items()}


def _cost(make: Callable[[], bytes]) -> Cost:
    times_us = []
    for _ in range(MESSAGES):
        began_ns = time.perf_counter_ns()
        payload = make()
        times_us.append((time.perf_counter_ns() - began_ns) / 1000)
    return Cost(len(payload), round(statistics.median(times_us), 1))


class _Memory:
    """A camera that always has a picture. See `Source`."""

    def __init__(self, pictures: Pictures) -> None:
        self._images = pictures.images
        self.grabbed = 0
        height_px, width_px, _ = self._images[0].shape
        self.info = SourceInfo("memory", width_px, height_px, None, live=True, frame_count=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to give back."""

    def wait(self, timeout_s: float) -> bool:  # noqa: ARG002  # see `Source.wait`: there is one at once
        return True

    def grab(self) -> int | None:
        self.grabbed += 1
        return self.grabbed if self.grabbed < ROUND else None

    def retrieve(self) -> Frame:
        return Frame(self._images[self.grabbed % len(self._images)], self.grabbed)


def dropped_frame_us(pictures: Pictures, model: Path) -> float:
    """Return the processor time of a frame that a newer one replaces, from the source to its end."""
    source = _Memory(pictures)
    with LiveLandmarker(model, LandmarkerOptions()) as landmarker:
        began_s = time.process_time()
        with LivePump(source, landmarker.submit) as pump:
            while not pump.ended():
                time.sleep(0.01)
        took_s = time.process_time() - began_s
        return 1e6 * took_s / max(1, landmarker.counts.dropped)
