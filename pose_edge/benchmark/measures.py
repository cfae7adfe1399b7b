"""What is measured: one row each, with its target. Values are of one round; rounds interleave all rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from pose_edge.benchmark import micro, ours
from pose_edge.benchmark.clips import Clip, Pictures
from pose_edge.benchmark.ours import Place, Run
from pose_edge.benchmark.reference import Bare, bare
from pose_edge.records import PoseResult, Timing

CAMERA_HZ: Final = 15.0
"""What latencies are measured at: most cameras of this product run so."""

SETTLE_S: Final = 14.0
"""From the start of a daemon until it has been sure for 10 s that nobody is there, and slowed down."""

OVERLOAD: Final = 3
"""Times as many frames as inference can take."""


@dataclass
class Lengths:
    """How much is run."""

    replay_frames: int = 600
    live_s: float = 10.0
    growth_frames: int = 3000


@dataclass
class Bench:
    """The runs of one round; each is done when the first row asks for it, and only once."""

    place: Place
    pictures: Pictures
    lengths: Lengths
    empty: Pictures
    """The same place with nobody in it."""
    poses: list[PoseResult]
    bare_hz: float
    """What inference can take, measured before."""
    costs: dict[str, micro.Cost] = field(default_factory=dict)

    @cached_property
    def replay_clip(self) -> Clip:
        """Played as fast as it can be."""
        return self._clip("replay", 30.0, self.lengths.replay_frames)

    @cached_property
    def overload_clip(self) -> Clip:
        """More frames a second than inference can take."""
        rate_hz = round(OVERLOAD * self.bare_hz)
        return self._clip("overload", rate_hz, round(rate_hz * self.lengths.live_s))

    @cached_property
    def camera_clip(self) -> Clip:
        """As a camera gives it."""
        return self._clip("camera", CAMERA_HZ, round(CAMERA_HZ * self.lengths.live_s))

    @cached_property
    def bare_replay(self) -> Bare:
        """Decoding, converting and inference in one loop."""
        return bare("video", self.replay_clip, self.place.model)

    @cached_property
    def bare_predecoded(self) -> Bare:
        """Inference only."""
        return bare("predecoded", self.replay_clip, self.place.model)

    @cached_property
    def replay(self) -> Run:
        """The replay of the same clip."""
        return ours.replay(self.place, self.replay_clip)

    @cached_property
    def bare_live(self) -> Bare:
        """LIVE_STREAM with too many frames."""
        return bare("live", self.overload_clip, self.place.model)

    @cached_property
    def live(self) -> Run:
        """The daemon with too many frames."""
        return ours.live(self.place, self.overload_clip)

    @cached_property
    def latencies_ms(self) -> list[float]:
        """From a frame being there to its message at the subscriber, without the inference."""
        timings_file = self.place.folder / "timings"
        run = ours.live(self.place, self.camera_clip, timings=timings_file)
        timings = ours.read_timings(timings_file)
        warm = run.arrivals[ours.WARM :] or run.arrivals
        return [_beyond_inference_ms(at_ns, timings[ms]) for at_ns, ms, _ in warm if ms in timings]

    @cached_property
    def idle_shares(self) -> tuple[float, float]:
        """Share of a core with nobody in view: as shipped, and always on."""
        frames = round(CAMERA_HZ * (self.lengths.live_s + SETTLE_S))
        clip = _write(self.place, self.empty, "empty", CAMERA_HZ, frames)
        shipped = ours.live(self.place, clip)
        always = ours.live(self.place, clip, {"rate": {"idle_fps": None}})
        return shipped.cpu_share(SETTLE_S), always.cpu_share(SETTLE_S)

    @cached_property
    def growth(self) -> Run:
        """Many frames through the daemon."""
        rate_hz = round(self.bare_hz)
        clip = self._clip("growth", rate_hz, self.lengths.growth_frames)
        return ours.live(self.place, clip)

    def _clip(self, name: str, rate_hz: float, frames: int) -> Clip:
        return _write(self.place, self.pictures, name, rate_hz, frames)


def _write(place: Place, pictures: Pictures, name: str, rate_hz: float, frames: int) -> Clip:
    path = place.folder / f"{name}.mp4"
    if path.exists():
        return Clip(path, frames, rate_hz)
    return pictures.write(path, rate_hz, frames)


def _beyond_inference_ms(at_ns: int, timing: Timing) -> float:
    return (at_ns - timing.available_ns - (timing.finished_ns - timing.submitted_ns)) / 1e6


def percentile(values: list[float], percent: int) -> float:
    """Return a percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True, slots=True)
class Measure:
    """One row."""

    key: str
    unit: str
    says: str
    value: Callable[[Bench], float]
    bound: tuple[Literal["<=", ">="], float] | None = None
    quick: bool = True
    """Part of `--quick`."""

    def meets(self, value: float) -> bool | None:
        """Whether the target is met; None without one."""
        if self.bound is None:
            return None
        sign, limit = self.bound
        return value <= limit if sign == "<=" else value >= limit


MEASURES: Final = (
    Measure(
        "replay_ratio",
        "",
        "replay at full speed with landmarks to the broker / MediaPipe's VIDEO loop that decodes, too",
        lambda b: b.replay.rate_hz / b.bare_replay.rate_hz,
        (">=", 0.98),
    ),
    Measure(
        "replay_ratio_predecoded",
        "",
        "the same / MediaPipe's loop over frames that are in memory",
        lambda b: b.replay.rate_hz / b.bare_predecoded.rate_hz,
    ),
    Measure("replay_fps", "1/s", "replay at full speed", lambda b: b.replay.rate_hz),
    Measure(
        "cpu_overhead_ms",
        "ms",
        "processor time a frame beyond that loop, both processes",
        lambda b: b.replay.cpu_ms - b.bare_replay.cpu_ms,
        ("<=", 1.0),
    ),
    Measure("inference_cpu_ms", "ms", "processor time a frame of that loop", lambda b: b.bare_replay.cpu_ms),
    Measure(
        "live_ratio",
        "",
        "LIVE_STREAM at 3 times the rate it can take: results / MediaPipe's alone",
        lambda b: b.live.rate_hz / b.bare_live.rate_hz,
        (">=", 0.98),
    ),
    Measure("live_fps", "1/s", "results a second then", lambda b: b.live.rate_hz),
    Measure(
        "latency_overhead_ms_p50",
        "ms",
        "frame available to message at the subscriber, without inference; median at 15 fps",
        lambda b: percentile(b.latencies_ms, 50),
    ),
    Measure(
        "latency_overhead_ms_p95",
        "ms",
        "95th percentile of it",
        lambda b: percentile(b.latencies_ms, 95),
        ("<=", 5.0),
    ),
    Measure(
        "latency_overhead_ms_p99",
        "ms",
        "99th percentile of it",
        lambda b: percentile(b.latencies_ms, 99),
    ),
    Measure(
        "dropped_frame_us",
        "us",
        "processor time of a frame that is dropped",
        lambda b: micro.dropped_frame_us(b.pictures, b.place.model),
        ("<=", 50.0),
    ),
    Measure("daemon_rss_mb", "MB", "resident memory of the daemon", lambda b: b.live.daemon_mb, ("<=", 60.0)),
    Measure(
        "vision_rss_ratio",
        "",
        "resident memory of the vision process / of MediaPipe alone",
        lambda b: b.live.vision_mb / b.bare_live.rss_mb,
        ("<=", 1.0),
    ),
    Measure(
        "startup_ratio",
        "",
        "process start to first pose at the subscriber / of MediaPipe alone",
        lambda b: b.live.first_pose_s / b.bare_live.first_pose_s,
        ("<=", 1.2),
    ),
    Measure("startup_s", "s", "process start to first pose at the subscriber", lambda b: b.live.first_pose_s),
    Measure(
        "memory_growth_mb",
        "MB",
        "growth of both processes over the live frames of the run",
        lambda b: b.growth.growth_mb(),
        ("<=", 2.0),
        quick=False,
    ),
    Measure(
        "idle_cpu_ratio",
        "",
        "nobody in view: processor time / always on",
        lambda b: b.idle_shares[0] / b.idle_shares[1],
        ("<=", 0.35),
        quick=False,
    ),
    Measure(
        "engine_frames_per_s",
        "1/s",
        "recorded poses the event engine takes in, every kind enabled",
        lambda b: micro.engine_frames_per_s(b.poses),
        (">=", 10_000),
    ),
)


def poses_growth(
    place: Place, pictures: Pictures, frames: int, most: int = 5
) -> Iterator[tuple[int, float, float]]:
    """Yield, for 1 to `most` poses asked for, how much longer a frame takes than with one: ours and alone."""
    clip = _write(place, pictures, "poses", 30.0, frames)
    first: tuple[float, float] | None = None
    for poses in range(1, most + 1):
        alone = bare("video", clip, place.model, poses)
        found = (1 / ours.replay(place, clip, poses).rate_hz, 1 / alone.rate_hz)
        first = first or found
        yield poses, found[0] / first[0], found[1] / first[1]


def summary(rounds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return median and spread of every key over the rounds."""
    return {
        key: {
            "median": statistics.median(values := [one[key] for one in rounds]),
            "least": min(values),
            "most": max(values),
        }
        for key in rounds[0]
    }


def empty_place(folder: Path) -> Pictures:
    """Return pictures of the actor's room with nobody in it."""
    script = folder / "nobody.yaml"
    script.write_text("acts:\n  - {act: nobody, duration_s: 6}\n", "utf-8")
    from pose_edge.sources.actor import ActorOptions

    return Pictures(ActorOptions(script=str(script), loop=False))
