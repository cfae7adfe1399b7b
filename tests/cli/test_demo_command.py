from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.brokers import eventually
from tests.cli.command import refused, run

SHORT = """\
acts:
  - {act: nobody, duration_s: 2}
  - {act: walk_in, duration_s: 3}
  - {act: stand, duration_s: 3}
  - {act: walk_out, duration_s: 3}
  - {act: nobody, duration_s: 3}
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "short.yaml"
    path.write_text(SHORT)
    return path


def test_the_demo_shows_what_the_actor_did(script: Path, model_path: Path) -> None:
    done = run("demo", "--script", script, "--model", model_path)

    assert done.returncode == 0, done.stderr + done.stdout
    told = [line.split()[3] for line in done.stdout.splitlines() if "events  " in line]
    assert told[:3] == ["presence_ended", "presence_started", "posture_started"]
    assert "presence_ended" in told[3:]
    assert done.stdout.splitlines()[-1] == "everything the subscriber received matches the script"


def test_a_port_in_use_is_named(model_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        refused(run("demo", "--port", str(port), "--model", model_path), 69, f"port {port}", "in use")


def test_an_unknown_script_is_named_with_the_known_ones(model_path: Path) -> None:
    refused(run("demo", "--script", "dmo", "--model", model_path), 78, "'dmo'", "did you mean 'demo'")


def test_without_a_model_it_says_how_to_get_one(tmp_path: Path) -> None:
    refused(run("demo", "--model", tmp_path / "none.task"), 2, "none.task")


def test_ctrl_c_ends_everything_the_demo_started(model_path: Path) -> None:
    command = [sys.executable, "-m", "pose_edge", "demo", "--model", str(model_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        while "info" not in process.stdout.readline():
            pass
        time.sleep(0.5)
        family = _descendants(process.pid)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, said = process.communicate(timeout=15)

    assert process.returncode == 130
    assert "Traceback" not in said
    assert len(family) >= 2, "the daemon and the vision process"
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))


def _descendants(pid: int) -> list[int]:
    own = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*own, *(grandchild for child in own for grandchild in _descendants(child))]
