"""How the vision process begins and ends, as the kernel sees it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pose_edge
from pose_edge.child import KILL_S, command, environment, kill
from pose_edge.job import Job
from pose_edge.landmarker import RunningMode
from pose_edge.sources.actor import ActorOptions
from pose_edge.supervisor import Supervisor, VisionOptions
from pose_edge.wake import Wake
from tests.brokers import eventually

PTRACE_SEIZE = 0x4206

# Until it is told to end, the kernel keeps whatever dies below it for this one, and not for the parent.
TRACER = f"""
import ctypes, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
print(ptrace({PTRACE_SEIZE}, int(sys.argv[1]), None, None), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def wake() -> Iterator[Wake]:
    with Wake() as made:
        yield made


def job(model_path: Path) -> Job:
    source = ActorOptions(rate_hz=10)
    return Job(source=source, model_path=model_path, running_mode=RunningMode.LIVE_STREAM)


def test_a_child_that_cannot_die_is_not_waited_for() -> None:
    """One that hangs in a driver cannot be made here; one whose end is kept from us looks the same."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        tracer = subprocess.Popen(
            [sys.executable, "-c", TRACER, str(child.pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert tracer.stdout is not None
        seized = tracer.stdout.readline().strip()
        before_s = time.monotonic()
        how = kill(child)
        waited_s = time.monotonic() - before_s
        tracer.communicate()
        if seized != b"0":
            pytest.skip("this kernel does not let a process be traced")
        assert child.wait(5) == -signal.SIGKILL

    assert how is None
    assert KILL_S <= waited_s < KILL_S + 2


def test_a_child_that_dies_says_how() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        assert kill(child) == -signal.SIGKILL


def test_no_room_for_a_process_is_trouble_and_not_the_end(model_path: Path, wake: Wake) -> None:
    options = VisionOptions(restart_min_s=0.1, restart_max_s=0.2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Supervisor(job(model_path), options, wake.descriptor, paused=True) as supervisor:
        newest = os.open("/", os.O_RDONLY)
        os.close(newest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (newest + 3, hard))  # not enough for three pipes
        try:
            supervisor.pause(False)
            assert supervisor.trouble is not None
            assert "cannot be started: too many open files" in supervisor.trouble.reason
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        assert eventually(lambda: bool(supervisor.poll(0.2)) and supervisor.trouble is None, 30)


def test_what_lies_in_the_current_directory_is_not_run(tmp_path: Path) -> None:
    package = tmp_path / "pose_edge"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "about.py").write_text("print('from here')\n")
    (tmp_path / "json.py").write_text("print('from here')\n")
    line = [*command("pose_edge.about", Path(sys.executable))]
    code = "import json, pose_edge.about; print(pose_edge.about.__file__)"

    done = subprocess.run(
        [*line[:2], "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )

    assert Path(done.stdout.strip()).parent == Path(pose_edge.__file__).resolve().parent


def test_what_keeps_its_memory_to_itself_is_marked_so_for_the_kernel() -> None:
    """That both processes do, and what follows from it, is in tests/systemd."""
    code = (
        "import ctypes\n"
        "from pose_edge.child import keep_memory_to_itself\n"
        "prctl, get_dumpable = ctypes.CDLL(None).prctl, 3\n"
        "print(prctl(get_dumpable))\n"
        "keep_memory_to_itself()\n"
        "print(prctl(get_dumpable))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1", "0"]
