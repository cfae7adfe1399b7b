"""What people and `doctor` find when MQTT is down."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pose_edge.status_file import Part, Status, StatusFile, status_path

UP = Status(
    pid=os.getpid(),
    since="2026-11-22T13:45:07.250Z",
    broker=Part(state="connected", since="2026-11-22T13:45:08.000Z"),
    vision=Part(state="running"),
)
DOWN = UP.model_copy(
    update={
        "broker": Part(state="auth_failed", reason="refuses the password"),
        "events_waiting": 0,
        "problems": {"memory": "ärgerlich"},
    }
)


def test_it_says_how_things_are_and_reads_back(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "status.json")

    file.tell(DOWN, now_s=0)

    assert Status.model_validate_json(file.path.read_bytes()) == DOWN
    assert json.loads(file.path.read_text()) == {
        "schema_version": 1,
        "pid": os.getpid(),
        "since": "2026-11-22T13:45:07.250Z",
        "broker": {"state": "auth_failed", "reason": "refuses the password", "since": None},
        "vision": {"state": "running", "reason": "", "since": None},
        "events_waiting": 0,
        "problems": {"memory": "ärgerlich"},
    }


def test_what_stays_the_same_is_written_once(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "status.json")
    file.tell(UP, now_s=0)
    before = file.path.stat()

    for now_s in range(1, 50):
        file.tell(UP.model_copy(), now_s)

    assert file.path.stat().st_ino == before.st_ino
    assert file.path.stat().st_mtime_ns == before.st_mtime_ns


def test_changes_within_a_second_are_written_once_and_the_last_wins(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "status.json")
    file.tell(UP, now_s=10)

    file.tell(DOWN, now_s=10.5)
    assert Status.model_validate_json(file.path.read_bytes()) == UP
    file.tell(DOWN, now_s=11)
    assert Status.model_validate_json(file.path.read_bytes()) == DOWN


def test_a_file_that_cannot_be_written_is_a_problem_until_it_can(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "gone" / "status.json")

    file.tell(UP, now_s=0)
    assert str(file.problem) == f"{file.path} cannot be written: no such file or directory"

    file.path.parent.mkdir()
    file.tell(UP, now_s=1)
    assert file.problem is None
    assert Status.model_validate_json(file.path.read_bytes()) == UP


@pytest.mark.parametrize(
    ("environment", "path"),
    [({}, "/state/status.json"), ({"RUNTIME_DIRECTORY": "/run/a:/run/b"}, "/run/a/status.json")],
)
def test_it_lies_in_memory_where_the_service_has_some(environment: dict[str, str], path: str) -> None:
    assert status_path(Path("/state"), environment) == Path(path)
