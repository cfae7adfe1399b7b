"""What is measured: one row each, with its target. Values are of one round; rounds interleave all rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from pose_edge.benchmark import micro
from pose_edge.benchmark.runs import MOST_POSES, Bench
from pose_edge.signals import percentile


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


def _poses_growth_ratio(bench: Bench, poses: int) -> float:
    (many, many_alone), (one, one_alone) = bench.poses_s(poses), bench.poses_s(1)
    return (many / one) / (many_alone / one_alone)


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
        "entering_delay_ms",
        "ms",
        "nobody in view, then somebody: how much later their first pose comes than if always on",
        lambda b: max(b.entering_delays_ms),
        ("<=", 400.0),
        quick=False,
    ),
    *(
        Measure(
            f"poses_{poses}_growth_ratio",
            "",
            f"{poses} people in view: how much longer a frame takes than with one, / of MediaPipe alone",
            partial(_poses_growth_ratio, poses=poses),
            ("<=", 1.1),
            quick=False,
        )
        for poses in range(2, MOST_POSES + 1)
    ),
    Measure(
        f"poses_{MOST_POSES}_growth",
        "",
        f"a frame with {MOST_POSES} people / with one",
        lambda b: b.poses_s(MOST_POSES)[0] / b.poses_s(1)[0],
        quick=False,
    ),
    Measure(
        "engine_frames_per_s",
        "1/s",
        "recorded poses the event engine takes in, every kind enabled",
        lambda b: micro.engine_frames_per_s(b.poses),
        (">=", 10_000),
    ),
    Measure(
        "recorded_8h_s",
        "s",
        "`replay` of 8 h of recorded poses at 10 fps, all of it",
        lambda b: b.night_s,
        ("<=", 30.0),
        quick=False,
    ),
)


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
