"""The real vision process: real sources, real model, real pipes."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_edge import wire
from pose_edge.errors import LandmarkerError, SourceError, UsageError
from pose_edge.job import Job
from pose_edge.landmarker import LandmarkerOptions, RunningMode
from pose_edge.poses import VisionLimits, VisionProcess
from pose_edge.records import PoseResult
from pose_edge.sources.actor import ActorOptions
from pose_edge.sources.video import VideoOptions

LIMITS = VisionLimits(start_limit_s=60, silence_limit_s=10)
ACTOR = ActorOptions(script="demo", loop=False, rate_hz=5)


def job(model_path: Path, **changes: object) -> Job:
    fields = {"source": ACTOR, "model_path": model_path, "running_mode": RunningMode.VIDEO, "speed": None}
    return Job.model_validate({**fields, **changes})


def everything(process: VisionProcess, limit_s: float = 60) -> Iterator[wire.Record]:
    deadline_s = time.monotonic() + limit_s
    while not process.ended:
        assert time.monotonic() < deadline_s, "the vision process does not come to an end"
        yield from process.poll(0.5)


def test_it_says_hello_gives_every_result_and_ends(model_path: Path) -> None:
    with VisionProcess(job(model_path), LIMITS) as process:
        records = list(everything(process))

    results = [record for record in records if isinstance(record, PoseResult)]
    assert isinstance(records[0], wire.Hello)
    assert records[0].source == "actor demo"
    assert [result.timestamp_ms for result in results] == list(range(0, 48_000, 200))
    assert sum(bool(result.poses) for result in results) > 150
    assert isinstance(records[-1], wire.Ended)
    assert records[-1].status.results == len(results) == 240


def test_live_mode_counts_every_frame(model_path: Path) -> None:
    # Played at 30 times its rate: far more than the model can take.
    live = job(model_path, running_mode=RunningMode.LIVE_STREAM, speed=30.0)
    with VisionProcess(live, LIMITS) as process:
        records = list(everything(process))

    statuses = [record for record in records if isinstance(record, wire.Status)]
    for status in statuses:
        assert status.submitted == status.results + status.dropped + status.in_flight
    results = sum(isinstance(record, PoseResult) for record in records)
    ended = records[-1]
    assert isinstance(ended, wire.Ended)
    assert ended.status.submitted == 240
    assert ended.status.results == results < 240
    assert ended.status.dropped == 240 - results
    assert ended.status.in_flight == 0


def test_it_cannot_open_a_network_socket_and_does_not_mind(model_path: Path, tmp_path: Path) -> None:
    """Watched by the kernel: MediaPipe >= 1.0 tries, is refused, and finds the person all the same."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: apt install strace")
    wrapper = tmp_path / "python"
    trace = tmp_path / "trace"
    wrapper.write_text(
        f'#!/bin/sh\nexec {strace} -f -qq -e trace=socket,connect -o {trace} {sys.executable} "$@"\n'
    )
    wrapper.chmod(0o755)
    with VisionProcess(job(model_path), LIMITS, python=wrapper) as process:
        try:
            results = [record for record in everything(process) if isinstance(record, PoseResult)]
        except SourceError as error:
            pytest.skip(f"this machine does not let strace watch: {error}")

    calls = trace.read_text()
    attempts = re.findall(r"socket\((AF_\w+), .*\) = (\S+)(?: (\w+))?", calls)
    internet = [attempt for attempt in attempts if attempt[0] in ("AF_INET", "AF_INET6")]
    assert sum(bool(result.poses) for result in results) > 150
    assert all(answer == "-1" and reason == "EACCES" for _, answer, reason in internet), internet
    assert "sa_family=AF_INET" not in calls
    if _mediapipe_calls_home():
        assert internet, "mediapipe >= 1.0 was expected to try; has it stopped?"


def _mediapipe_calls_home() -> bool:
    from importlib.metadata import version

    return int(version("mediapipe").split(".")[0]) >= 1


def test_a_killed_process_is_an_error_with_the_signal(model_path: Path) -> None:
    with VisionProcess(job(model_path), LIMITS) as process:
        while not any(isinstance(record, wire.Hello) for record in process.poll(1)):
            pass
        os.kill(process.pid, signal.SIGSEGV)
        with pytest.raises(SourceError, match="died: signal SIGSEGV"):
            list(everything(process))


def test_a_frozen_process_is_killed_after_the_limit(model_path: Path) -> None:
    with VisionProcess(job(model_path), VisionLimits(silence_limit_s=2)) as process:
        while not any(isinstance(record, wire.Hello) for record in process.poll(1)):
            pass
        os.kill(process.pid, signal.SIGSTOP)
        begun_s = time.monotonic()
        with pytest.raises(SourceError, match=r"is silent for \d s \(limit 2 s\): killed"):
            list(everything(process))

        assert 1.5 < time.monotonic() - begun_s < 6
    assert not Path(f"/proc/{process.pid}").exists()


def test_a_process_that_does_not_start_is_killed_after_the_limit(model_path: Path, tmp_path: Path) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    with (
        VisionProcess(job(model_path), VisionLimits(start_limit_s=1.5), python=sleeper) as process,
        pytest.raises(SourceError, match="did not start for"),
    ):
        list(everything(process))


def test_leaving_ends_it_in_the_middle_of_work(model_path: Path) -> None:
    begun_s = time.monotonic()
    with VisionProcess(job(model_path, source=ActorOptions(loop=True)), LIMITS) as process:
        while not any(isinstance(record, PoseResult) for record in process.poll(1)):
            pass
        begun_s = time.monotonic()

    assert time.monotonic() - begun_s < 3
    assert not Path(f"/proc/{process.pid}").exists()


def test_it_dies_with_a_daemon_that_is_killed(model_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from pose_edge.poses import VisionLimits, VisionProcess\n"
        "from pose_edge.job import Job\n"
        f"job = Job.model_validate_json({job(model_path, source=ActorOptions()).model_dump_json()!r})\n"
        "with VisionProcess(job, VisionLimits()) as process:\n"
        "    while not process.poll(1):\n"
        "        pass\n"
        "    print(process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        child = int(daemon.stdout.readline())
        os.kill(child, signal.SIGSTOP)  # hung as well: only the kernel can end it now
        daemon.kill()
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s and _alive(child):
        time.sleep(0.05)

    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_missing_video_is_the_error_of_the_source(model_path: Path, tmp_path: Path) -> None:
    missing = job(model_path, source=VideoOptions(path=tmp_path / "none.mp4"))
    with (
        VisionProcess(missing, LIMITS) as process,
        pytest.raises(UsageError, match=re.escape(str(tmp_path / "none.mp4"))),
    ):
        list(everything(process))


def test_a_wrong_model_is_the_error_of_the_landmarker(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(b"no model")
    with VisionProcess(job(wrong), LIMITS) as process, pytest.raises(LandmarkerError, match=r"wrong\.task"):
        list(everything(process))


def test_what_native_code_prints_goes_to_the_log_and_not_to_stdout(
    model_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), VisionProcess(job(model_path), LIMITS) as process:
        list(everything(process))

    native = [record for record in caplog.records if record.name == "pose_edge.vision.native"]
    assert any("XNNPACK" in record.message for record in native)
    assert capfd.readouterr() == ("", "")


def _results_within(process: VisionProcess, duration_s: float) -> int:
    deadline_s, count = time.monotonic() + duration_s, 0
    while (left_s := deadline_s - time.monotonic()) > 0:
        count += sum(isinstance(record, PoseResult) for record in process.poll(left_s))
    return count


def test_masks_are_made_only_when_asked_for_and_stay_inside(model_path: Path, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    asked = job(
        model_path,
        landmarker=LandmarkerOptions(output_segmentation_masks=True),
        mask_paths=(mask,),
        source=ActorOptions(script="demo", loop=False, rate_hz=0.1),
    )
    with VisionProcess(asked, LIMITS) as process:
        results = [record for record in everything(process) if isinstance(record, PoseResult)]

    assert mask.read_bytes().startswith(b"\x89PNG")
    assert all(result.segmentation_masks is None for result in results)
