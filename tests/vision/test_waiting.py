"""The first vision process is started before anybody knows its job, and loads its libraries meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pose_edge.child import command, discard, environment, start, started_early
from pose_edge.errors import EXIT_FAILURE
from pose_edge.job import Job
from pose_edge.landmarker import RunningMode
from pose_edge.records import PoseResult
from pose_edge.sources.actor import ActorOptions
from pose_edge.supervisor import Supervisor, VisionOptions
from pose_edge.wake import Wake
from tests.brokers import eventually
from tests.daemons import children, daemon


@pytest.fixture
def wake() -> Iterator[Wake]:
    with Wake() as made:
        yield made


@pytest.fixture
def waiting() -> Iterator[subprocess.Popen[bytes]]:
    process = start()
    yield process
    discard(process)


def job(model_path: Path) -> Job:
    return Job(source=ActorOptions(rate_hz=10), model_path=model_path, running_mode=RunningMode.LIVE_STREAM)


def sees(supervisor: Supervisor) -> bool:
    return any(isinstance(record, PoseResult) for record in supervisor.poll(0.2))


def without_a_job(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("pose_edge.vision", Path(sys.executable)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**(environment() or os.environ), **variables},
        text=True,
        timeout=30,
        check=False,
    )


def test_it_takes_its_job_when_there_is_one(
    waiting: subprocess.Popen[bytes], model_path: Path, wake: Wake
) -> None:
    with Supervisor(job(model_path), VisionOptions(), wake.descriptor, waiting=waiting) as supervisor:
        assert supervisor.pid == waiting.pid
        assert eventually(lambda: sees(supervisor), 20)

    assert waiting.returncode is not None


def test_while_paused_there_is_none_and_later_a_new_one(
    waiting: subprocess.Popen[bytes], model_path: Path, wake: Wake
) -> None:
    paused = Supervisor(job(model_path), VisionOptions(), wake.descriptor, paused=True, waiting=waiting)
    with paused as supervisor:
        assert waiting.returncode is not None
        supervisor.pause(False)
        assert eventually(lambda: sees(supervisor), 20)


def test_one_that_dies_before_its_job_is_replaced(
    waiting: subprocess.Popen[bytes], model_path: Path, wake: Wake
) -> None:
    waiting.kill()
    options = VisionOptions(restart_min_s=0.1)
    with Supervisor(job(model_path), options, wake.descriptor, waiting=waiting) as supervisor:
        assert eventually(lambda: sees(supervisor), 20)
        assert supervisor.restarts == 1


def test_it_ends_without_a_word_when_there_is_no_job_for_it() -> None:
    done = without_a_job()

    assert (done.returncode, done.stdout, done.stderr) == (EXIT_FAILURE, "", "")


def test_it_loads_mediapipe_before_it_knows_its_job() -> None:
    imported = without_a_job(PYTHONPROFILEIMPORTTIME="1").stderr

    assert "mediapipe.tasks.python.vision" in imported


def test_it_is_ended_whatever_becomes_of_the_daemon() -> None:
    with ExitStack() as stack:
        process = stack.enter_context(started_early())
        assert process is not None
        assert process.poll() is None

    assert process.returncode is not None


def test_the_daemon_starts_it_before_it_reads_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    os.mkfifo(config)  # reading it takes until somebody writes
    with daemon(config) as process:
        assert eventually(lambda: children(process.pid) != [], 20)
        [vision] = children(process.pid)
        time.sleep(0.1)
        config.write_text("surely: wrong\n")
        assert process.wait(20) == 78

    assert not Path(f"/proc/{vision}").exists()
