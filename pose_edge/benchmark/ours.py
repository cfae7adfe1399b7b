"""pose-edge as a user runs it, watched from outside: its processes and what a subscriber receives."""

from __future__ import annotations

import contextlib
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import yaml

from pose_edge.benchmark.broker import subscriber
from pose_edge.benchmark.clips import Clip
from pose_edge.benchmark.processes import Used, environment, used
from pose_edge.errors import PoseEdgeError
from pose_edge.records import Timing

WARM, WARM_S = 10, 0.5
"""Results, and seconds since the first of them, that are left out: as in `bare.py`."""
LIMIT_S: Final = 600.0
SAMPLE_S: Final = 0.25
STOP_S: Final = 10.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where measurements run."""

    folder: Path
    port: int
    model: Path


@dataclass
class Run:
    """What was seen of one run."""

    started_s: float = field(default_factory=time.monotonic)
    arrivals: list[tuple[int, int, bool]] = field(default_factory=list)
    """Of each landmarks message: when it came (ns), of which picture (ms), whether somebody is in it."""
    used: list[Used] = field(default_factory=list)
    sequence: int = 0
    """Results told of, whether their message came or not."""
    counted: list[tuple[int, int]] = field(default_factory=list)
    """(ns, sequence) of each message."""

    def take(self, at_ns: int, payload: bytes) -> None:
        """Note one landmarks message."""
        content = orjson.loads(payload)
        self.sequence = content["sequence"]
        self.counted.append((at_ns, self.sequence))
        self.arrivals.append((at_ns, content["frame_timestamp_ms"], bool(content["poses"])))

    @property
    def first_pose_s(self) -> float:
        """From the start of the process to the first message with somebody in it.

        Raises:
            PoseEdgeError: there was none.
        """
        first_ns = next((at_ns for at_ns, _, found in self.arrivals if found), None)
        if first_ns is None:
            raise PoseEdgeError(f"nobody was seen in {len(self.arrivals)} results")
        return first_ns / 1e9 - self.started_s

    @property
    def rate_hz(self) -> float:
        """Results a second after the first few, lost messages included.

        Raises:
            PoseEdgeError: there were no more than those.
        """
        (first_ns, first), *_, (last_ns, last) = self._warm()
        return (last - first) * 1e9 / (last_ns - first_ns)

    @property
    def cpu_ms(self) -> float:
        """Processor milliseconds of both processes for each result, after the first few."""
        warm_s = self._warm()[0][0] / 1e9
        inside = [one for one in self.used if one.at_s >= warm_s]
        if len(inside) < 2:
            raise PoseEdgeError("the run was too short to see what it used")
        first, last = inside[0], inside[-1]
        return 1000 * (last.cpu_s - first.cpu_s) / max(1, self._results(first.at_s, last.at_s))

    def warm_arrivals(self) -> list[tuple[int, int, bool]]:
        """Return the arrivals after the first few; see `rate_hz` for what is raised."""
        begun_ns = self._warm()[0][0]
        return [one for one in self.arrivals if one[0] >= begun_ns]

    def _warm(self) -> list[tuple[int, int]]:
        begun_ns = self.counted[0][0] + WARM_S * 1e9
        warm = [one for one in self.counted if one[1] >= WARM and one[0] >= begun_ns]
        if len(warm) < 2:
            raise PoseEdgeError(f"{self.sequence} results are too few: the first {WARM} do not count")
        return warm

    def cpu_share(self, from_s: float) -> float:
        """Share of one core that both used, from so many seconds after the start."""
        inside = [one for one in self.used if one.at_s - self.started_s >= from_s]
        return (inside[-1].cpu_s - inside[0].cpu_s) / (inside[-1].at_s - inside[0].at_s)

    @property
    def daemon_mb(self) -> float:
        """Resident memory of the daemon, at the end."""
        return self.used[-1].daemon_mb

    @property
    def vision_mb(self) -> float:
        """Resident memory of the vision process, at the end."""
        return self.used[-1].vision_mb

    def entries_ms(self, alone_ms: int) -> list[float]:
        """Return when the first pose came of each who was seen after nobody had been for `alone_ms`.

        On the clock of the pictures, by the message that came soonest after its picture.
        """
        begun_ms = min(at_ns / 1e6 - picture_ms for at_ns, picture_ms, _ in self.arrivals)
        entries, last_ms = [], -alone_ms
        for at_ns, picture_ms, found in self.arrivals:
            if found and picture_ms - last_ms >= alone_ms:
                entries.append(at_ns / 1e6 - begun_ms)
            last_ms = picture_ms if found else last_ms
        return entries

    def growth_mb(self) -> float:
        """Growth of both from the first tenth of the run to its last, by medians."""
        sizes = [one.daemon_mb + one.vision_mb for one in self.used]
        part = max(3, len(sizes) // 10)
        return statistics.median(sizes[-part:]) - statistics.median(sizes[part : 2 * part])

    def _results(self, from_s: float, to_s: float) -> float:
        def told(at_s: float) -> int:
            return max((sequence for at_ns, sequence in self.counted if at_ns <= at_s * 1e9), default=0)

        return told(to_s) - told(from_s)


def replay(place: Place, clip: Clip, poses: int = 1) -> Run:
    """`pose-edge replay CLIP --mode video --speed max --mqtt`."""
    config = write_config(place, {"model": {"num_poses": poses}})
    options = ["--mode", "video", "--speed", "max", "--mqtt", "--config", str(config)]
    with _watched(place, "replay", ["replay", str(clip.path), *options]) as (run, process):
        _sample_until(run, process, lambda: process.poll() is not None)
    return run


def recorded_s(recording: Path) -> float:
    """Return how long `pose-edge replay RECORDING` takes."""
    began_s = time.monotonic()
    command = [sys.executable, "-m", "pose_edge", "replay", str(recording)]
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S, env=environment())
    return time.monotonic() - began_s


def live(place: Place, clip: Clip, options: Json | None = None, timings: Path | None = None) -> Run:
    """`pose-edge run` with the clip for a camera, until its last frame."""
    source = {"kind": "video", "path": str(clip.path)}
    publish = {"landmarks": {"max_hz": 120}}
    config = write_config(place, {"source": source, "publish": publish, **(options or {})})
    command = ["run", "--config", str(config)] if timings is None else [str(config)]
    length_s = clip.frames / clip.rate_hz

    def over() -> bool:
        begun = run.counted and time.monotonic() - run.counted[0][0] / 1e9 > length_s - 0.5
        return bool(begun)

    with _watched(place, "bench", command, timings) as (run, process):
        _sample_until(run, process, over, length_s + LIMIT_S)
    return run


def write_config(place: Place, options: Json) -> Path:
    """Write a configuration file for the broker and the model of `place`."""
    model = {"path": str(place.model), **options.get("model", {})}
    config = {
        "device": {"id": "bench", "name": "Bench"},
        "mqtt": {"host": "127.0.0.1", "port": place.port},
        "homeassistant": {"enabled": False},
        "service": {"state_dir": str(place.folder / "state")},
        **options,
        "model": model,
    }
    path = place.folder / "config.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def read_timings(path: Path) -> dict[int, Timing]:
    """Return what `traced.py` noted: when each picture passed the stations of the vision process."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {row[0]: Timing(*row[1:]) for row in rows}


@contextmanager
def _watched(
    place: Place, device: str, arguments: list[str], timings: Path | None = None
) -> Iterator[tuple[Run, subprocess.Popen[bytes]]]:
    module = ["pose_edge"] if timings is None else ["pose_edge.benchmark.traced", str(timings)]
    log = place.folder / "log"
    run = Run()
    with subscriber(place.port, f"pose-edge/{device}/landmarks", run.take), log.open("wb") as stderr:
        time.sleep(0.1)  # until it has subscribed
        run.started_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", *module, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=environment(),
        )
        try:
            yield run, process
            _stop(process)
            time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
    if len(run.counted) < 2 or len(run.used) < 2:
        raise PoseEdgeError(f"nothing could be measured: {log.read_text('utf-8', 'replace')[-800:]}")


def _sample_until(
    run: Run, process: subprocess.Popen[bytes], over: Callable[[], bool], limit_s: float = LIMIT_S
) -> None:
    deadline_s = time.monotonic() + limit_s
    while not over() and process.poll() is None and time.monotonic() < deadline_s:
        if run.counted and (sample := used(process.pid, time.monotonic())) is not None:
            run.used.append(sample)
        time.sleep(SAMPLE_S if len(run.used) > 8 else SAMPLE_S / 10)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
