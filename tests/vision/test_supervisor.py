from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_edge import wire
from pose_edge.errors import LandmarkerError
from pose_edge.job import Job
from pose_edge.landmarker import RunningMode
from pose_edge.records import PoseResult
from pose_edge.sources.actor import ActorOptions
from pose_edge.sources.v4l2 import V4l2Options
from pose_edge.sources.video import VideoOptions
from pose_edge.supervisor import Supervisor, Trouble, VisionOptions
from pose_edge.wake import Wake
from tests.brokers import eventually

OPTIONS = VisionOptions(silence_limit_s=2, restart_min_s=0.2, restart_max_s=1)


@pytest.fixture
def wake() -> Iterator[Wake]:
    with Wake() as made:
        yield made


def job(model_path: Path) -> Job:
    source = ActorOptions(rate_hz=10)
    return Job(source=source, model_path=model_path, running_mode=RunningMode.LIVE_STREAM)


def results_within(supervisor: Supervisor, limit_s: float, wanted: int = 1) -> int:
    deadline_s, count = time.monotonic() + limit_s, 0
    while count < wanted and time.monotonic() < deadline_s:
        count += sum(isinstance(record, PoseResult) for record in supervisor.poll(0.2))
    return count


def in_trouble(supervisor: Supervisor) -> bool:
    supervisor.poll(0.2)
    return supervisor.trouble is not None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGABRT])
def test_a_vision_process_that_dies_or_hangs_is_replaced(
    model_path: Path, wake: Wake, number: signal.Signals
) -> None:
    with Supervisor(job(model_path), OPTIONS, wake.descriptor) as supervisor:
        assert results_within(supervisor, 20)
        first = supervisor.pid
        assert first is not None
        os.kill(first, number)

        assert eventually(lambda: in_trouble(supervisor), 10)
        assert results_within(supervisor, 20)

        assert supervisor.restarts == 1
        assert supervisor.trouble is None
        assert supervisor.pid != first
    assert not Path(f"/proc/{first}").exists()


def test_a_source_that_fails_is_tried_again_more_and_more_slowly(
    model_path: Path, wake: Wake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    failing = job(model_path).model_copy(update={"source": VideoOptions(path=broken)})
    options = VisionOptions(restart_min_s=0.1, restart_max_s=0.4)
    delays: list[float] = []
    with Supervisor(failing, options, wake.descriptor) as supervisor:
        deadline_s = time.monotonic() + 30
        before = None
        while len(delays) < 4 and time.monotonic() < deadline_s:
            supervisor.poll(0.05)
            if supervisor.trouble is not None and supervisor.trouble is not before:
                before = supervisor.trouble
                delays.append(before.retry_s - time.monotonic())

    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.4], abs=0.08)
    said = [record for record in caplog.records if "broken.mp4" in record.message]
    assert len(said) == 1, "the same reason is logged once, not at each attempt"


def test_a_start_that_hangs_is_no_time_without_trouble(model_path: Path, wake: Wake) -> None:
    """However long it hangs, the next wait is longer: a driver that hangs at opening needs rest."""
    options = VisionOptions(
        start_limit_s=0.2, restart_min_s=0.1, restart_max_s=0.4, restart_reset_s=0.1, silence_limit_s=2
    )
    failed: list[Trouble] = []
    delays: list[float] = []
    with Supervisor(job(model_path), options, wake.descriptor) as supervisor:  # nothing starts in 0.2 s
        deadline_s = time.monotonic() + 30
        while len(failed) < 4 and time.monotonic() < deadline_s:
            supervisor.poll(0.05)
            trouble = supervisor.trouble
            if trouble is not None and (not failed or trouble is not failed[-1]):
                failed.append(trouble)
                delays.append(trouble.retry_s - time.monotonic())

    assert all("did not start" in trouble.reason for trouble in failed)
    assert [trouble.attempts for trouble in failed] == [1, 2, 3, 4]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.4], abs=0.08)


def test_a_model_that_is_wrong_is_not_tried_again(wake: Wake, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(b"no model")
    with (
        Supervisor(job(wrong), OPTIONS, wake.descriptor) as supervisor,
        pytest.raises(LandmarkerError, match=r"wrong\.task"),
    ):
        results_within(supervisor, 20)


def test_the_bell_ends_a_wait(model_path: Path, wake: Wake) -> None:
    with Supervisor(job(model_path), OPTIONS, wake.descriptor) as supervisor:
        wake.ring()
        begun_s = time.monotonic()
        said = supervisor.poll(5)

    assert time.monotonic() - begun_s < 2
    assert not any(isinstance(record, wire.Failure) for record in said)


def test_while_paused_nothing_that_could_see_exists(model_path: Path, wake: Wake) -> None:
    with Supervisor(job(model_path), OPTIONS, wake.descriptor) as supervisor:
        assert results_within(supervisor, 20)
        watching = supervisor.pid
        supervisor.pause(True)

        assert not Path(f"/proc/{watching}").exists()
        assert supervisor.pid is None
        assert results_within(supervisor, 1) == 0
        supervisor.pause(False)
        assert results_within(supervisor, 20)
        assert supervisor.restarts == 0


def test_a_pause_ends_the_attempts_of_one_that_cannot_start(model_path: Path, wake: Wake) -> None:
    missing = Job(
        source=V4l2Options(device="/dev/video-unplugged"),
        model_path=model_path,
        running_mode=RunningMode.LIVE_STREAM,
    )
    with Supervisor(missing, OPTIONS, wake.descriptor) as supervisor:
        assert eventually(lambda: in_trouble(supervisor), 20)
        supervisor.pause(True)
        tries = supervisor.restarts
        results_within(supervisor, 1)
        assert supervisor.restarts == tries
        assert supervisor.trouble is None


def test_started_paused_it_does_not_look(model_path: Path, wake: Wake) -> None:
    with Supervisor(job(model_path), OPTIONS, wake.descriptor, paused=True) as supervisor:
        assert supervisor.pid is None
        supervisor.pause(False)
        assert results_within(supervisor, 20)


def test_what_has_worked_before_is_tried_again_whatever_fails(
    model_path: Path, wake: Wake, tmp_path: Path
) -> None:
    """The model vanishes while it runs, as in an upgrade; the daemon must not end for good."""
    copy = tmp_path / "model.task"
    copy.write_bytes(model_path.read_bytes())
    with Supervisor(job(copy), OPTIONS, wake.descriptor) as supervisor:
        assert results_within(supervisor, 20)
        copy.unlink()
        assert supervisor.pid is not None
        os.kill(supervisor.pid, signal.SIGKILL)
        assert eventually(lambda: in_trouble(supervisor) and "model.task" in _reason(supervisor), 20)
        copy.write_bytes(model_path.read_bytes())

        assert results_within(supervisor, 20)


def _reason(supervisor: Supervisor) -> str:
    return "" if supervisor.trouble is None else supervisor.trouble.reason
