"""What `pose-edge bench` measures is what happens: on runs whose figures are known, and once for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import orjson
import pytest

from pose_edge.benchmark.clips import pictures
from pose_edge.benchmark.measures import MEASURES, Measure, summary
from pose_edge.benchmark.micro import poses_of
from pose_edge.benchmark.ours import Run
from pose_edge.benchmark.processes import Used
from pose_edge.benchmark.runs import Lengths
from pose_edge.cli.bench import _print_table
from pose_edge.errors import PoseEdgeError
from pose_edge.signals import percentile
from tests.brokers import eventually
from tests.daemons import children


def watched(rate_hz: float, count: int, *, from_s: float = 10.0, every: int = 1) -> Run:
    """A run whose results came evenly; only each `every`-th message arrived."""
    run = Run(started_s=0.0)
    for sequence in range(1, count + 1, every):
        payload = {"sequence": sequence, "frame_timestamp_ms": sequence * 10, "poses": [{}] * (sequence > 2)}
        run.take(int((from_s + sequence / rate_hz) * 1e9), orjson.dumps(payload))
    return run


@pytest.mark.parametrize("every", [1, 3])
def test_messages_that_were_lost_on_the_way_count_as_results(every: int) -> None:
    assert watched(100.0, 500, every=every).rate_hz == pytest.approx(100.0)


def test_too_few_results_are_told_in_a_sentence() -> None:
    with pytest.raises(PoseEdgeError, match="9 results are too few"):
        _ = watched(5.0, 9).rate_hz
    with pytest.raises(PoseEdgeError, match="40 results are too few"):  # all within the first half second
        _ = watched(100.0, 40).rate_hz
    with pytest.raises(PoseEdgeError, match="nobody was seen in 2 results"):
        _ = watched(5.0, 2).first_pose_s


@pytest.mark.parametrize(("bare_hz", "live_s"), [(100.0, 4.0), (5.0, 6.0), (2.0, 15.0)])
def test_on_a_slow_board_live_runs_take_longer(bare_hz: float, live_s: float) -> None:
    assert Lengths(live_s=4.0).for_rate(bare_hz).live_s == pytest.approx(live_s)


def test_the_first_pose_is_the_first_message_with_somebody_in_it() -> None:
    assert watched(10.0, 100).first_pose_s == pytest.approx(10.3)


def test_processor_time_is_that_of_the_results_after_the_first_ones() -> None:
    run = watched(100.0, 500)
    # 2 ms a result from the start of the messages on, and a second for starting that is not to be counted.
    for at_s in (9.0, 10.5, 12.0, 14.0):
        run.used.append(Used(at_s, 1.0 + 0.2 * max(0.0, at_s - 10.0), 50.0, 200.0))

    assert run.sequence == 500
    assert run.cpu_ms == pytest.approx(2.0, rel=0.02)


def test_growth_compares_the_end_with_the_time_after_the_start() -> None:
    run = watched(100.0, 500)
    sizes = [100.0] * 5 + [240.0] * 50 + [241.5] * 10  # loading, then steady, then a little more
    run.used += [Used(float(index), 0.0, 0.0, size) for index, size in enumerate(sizes)]

    assert run.growth_mb() == pytest.approx(1.5)


def test_who_enters_is_timed_on_the_clock_of_the_pictures() -> None:
    run = Run(started_s=0.0)
    # Somebody at 4000-4300 ms, missed once, and again at 8000; each message 20 ms or more after its picture.
    found = {4000: 25, 4200: 20, 4300: 20, 8000: 250}
    for picture_ms in range(0, 9000, 100):
        payload = {"sequence": 1, "frame_timestamp_ms": picture_ms, "poses": [{}] * (picture_ms in found)}
        late_ms = found.get(picture_ms, 20)
        run.take((5_000_000 + picture_ms + late_ms) * 1_000_000, orjson.dumps(payload))

    assert run.entries_ms(alone_ms=2500) == pytest.approx([4005, 8230])


def test_a_summary_has_middle_and_spread() -> None:
    found = summary([{"a": 1.0}, {"a": 9.0}, {"a": 2.0}])

    assert found == {"a": {"median": 2.0, "least": 1.0, "most": 9.0}}
    assert percentile([float(value) for value in range(101)], 95) == 95.0


def test_targets_are_met_on_their_own_side() -> None:
    faster = Measure("a", "", "", lambda _: 0.0, (">=", 0.98))
    smaller = Measure("b", "", "", lambda _: 0.0, ("<=", 60.0))

    assert (faster.meets(0.98), faster.meets(0.97)) == (True, False)
    assert (smaller.meets(60.0), smaller.meets(61.0)) == (True, False)
    assert Measure("c", "", "", lambda _: 0.0).meets(1.0) is None


def test_every_measure_that_was_promised_is_there() -> None:
    promised = (
        "replay_ratio cpu_overhead_ms live_ratio latency_overhead_ms_p95 dropped_frame_us daemon_rss_mb "
        "vision_rss_ratio startup_ratio memory_growth_mb idle_cpu_ratio entering_delay_ms engine_frames_per_s"
    )

    assert set(promised.split()) <= {row.key for row in MEASURES}
    assert all(row.bound is not None for row in MEASURES if row.key in promised.split())


def test_a_real_run_gives_ratios_of_this_machine(model_path: Path) -> None:
    keys = ("replay_ratio", "latency_overhead_ms_p50", "daemon_rss_mb", "engine_frames_per_s")
    only = [word for key in keys for word in ("--only", key)]
    command = [
        sys.executable,
        "-m",
        "pose_edge",
        "bench",
        "--quick",
        "--json",
        "--model",
        str(model_path),
        *only,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)

    values = {key: found["measures"][key]["median"] for key in keys}
    assert values.keys() == set(keys)
    assert 0.2 < values["replay_ratio"] < 5
    assert 0 < values["latency_overhead_ms_p50"] < 500
    assert 30 < values["daemon_rss_mb"] < 150
    assert values["engine_frames_per_s"] > 1000
    assert found["messages"]["landmarks"]["bytes"] > 2000
    assert found["machine"]["mediapipe"]


def test_an_unknown_measure_is_named_with_those_there_are() -> None:
    command = [sys.executable, "-m", "pose_edge", "bench", "--only", "speed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "no such measure" in done.stderr


def test_a_clip_without_anybody_is_told_in_a_sentence(model_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "dark.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 15, (160, 120))
    for _ in range(5):
        writer.write(np.zeros((120, 160, 3), np.uint8))
    writer.release()

    with pytest.raises(PoseEdgeError, match="nobody") as told:
        poses_of(pictures(path), model_path)

    assert "\n" not in str(told.value)


def test_the_table_names_measures_in_full_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--only` takes these names."""
    monkeypatch.setenv("COLUMNS", "80")
    values = {row.key: {"median": 10_000.0, "least": 9_999.0, "most": 10_001.0} for row in MEASURES}
    machine = {"board": "Raspberry Pi 5 Model B Rev 1.0", "cores": 4, "mediapipe": "1.2.2"}
    parts = {"machine": machine, "model": "m", "clip": "c", "broker": "b", "rounds": 5, "messages": {}}
    _print_table({**parts, "measures": values}, list(MEASURES))

    shown = capsys.readouterr().out
    assert [row.key for row in MEASURES if f"│ {row.key} " not in shown] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_stays_behind_when_it_is_told_to_end(
    number: signal.Signals, model_path: Path, tmp_path: Path
) -> None:
    """SIGHUP is a closed terminal: a broker would go on for ever."""
    command = [sys.executable, "-m", "pose_edge", "bench", "--quick", "--model", str(model_path)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert eventually(lambda: len(children(process.pid)) >= 2, 60)
        begun = children(process.pid)
        process.send_signal(number)

        assert process.wait(20) == 128 + number
        assert [pid for pid in begun if Path(f"/proc/{pid}").exists()] == []
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.wait()
