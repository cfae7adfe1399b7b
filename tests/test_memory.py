"""What survives restarts, kills, full disks and damaged files."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pose_edge.memory import RETRY_S, Announced, Facts, Memory, make_identity
from pose_edge.records import ActiveFall
from pose_edge.state_directory import StateDirectory

FALL = ActiveFall("den-0a1b-000001", 1_790_000_000_000, 1_790_000_003_000, person_id=2, confidence=1)
ANNOUNCED = Announced(
    root="pose-edge/den", discovery_topic="ha/device/x/config", components={"fall": "binary_sensor"}
)

COUNT_UP = """
import sys
from pathlib import Path
from pose_edge.memory import Announced, Memory
from pose_edge.state_directory import StateDirectory

with StateDirectory(Path(sys.argv[1])) as directory:
    memory = Memory(directory)
    print("ready", flush=True)
    for number in range(200):
        # Long enough that half a write would be seen.
        components = {f"component_{n}": str(number) for n in range(2000)}
        memory.change(announced=Announced(root=str(number), discovery_topic="t", components=components))
        assert memory.problem is None
        print(number, flush=True)
"""

HIT_THE_LIMIT = """
import resource, sys
from pathlib import Path
from pose_edge.memory import Memory
from pose_edge.state_directory import StateDirectory

with StateDirectory(Path(sys.argv[1])) as directory:
    memory = Memory(directory)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
    memory.change(detection=False)
    print(memory.facts.detection, memory.problem)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    memory.retry(0)
    print(memory.facts.detection, memory.problem)
"""


@contextmanager
def opened(path: Path) -> Iterator[Memory]:
    with StateDirectory(path) as directory:
        yield Memory(directory)


def stored(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((path / "memory.json").read_bytes())
    return content


def names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


def run(script: str, path: Path) -> list[str]:
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB; skips where it cannot be mounted."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("not allowed to mount a file system")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def remount(path: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(path)], check=True)


def test_a_new_device_looks_and_has_nothing_to_remember(tmp_path: Path) -> None:
    with opened(tmp_path) as memory:
        assert memory.problem is None
        assert memory.facts == Facts(identity=make_identity(tmp_path))
        assert (memory.facts.detection, memory.facts.fall, memory.facts.announced) == (True, None, None)


def test_what_was_changed_is_there_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as memory:
        memory.change(detection=False, fall=FALL)
        memory.change(announced=ANNOUNCED)
        before = memory.facts

    with opened(tmp_path) as memory:
        assert memory.facts == before
        assert memory.facts == Facts(
            identity=before.identity, detection=False, fall=FALL, announced=ANNOUNCED
        )
        memory.change(fall=None)
    with opened(tmp_path) as memory:
        assert (memory.facts.fall, memory.facts.detection) == (None, False)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    with opened(tmp_path):
        assert stat.S_IMODE((tmp_path / "memory.json").stat().st_mode) == 0o600


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    with opened(tmp_path) as memory:
        memory.change(detection=False, fall=FALL)
        before = (tmp_path / "memory.json").stat()
    with opened(tmp_path) as memory:
        memory.change(detection=False)
        memory.change(fall=FALL)
        memory.change()
        for now_s in range(100):
            memory.retry(now_s)

    after = (tmp_path / "memory.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_wrong_value_is_refused_and_not_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as memory:
        with pytest.raises(ValueError, match="detection"):
            memory.change(detection="off")  # type: ignore[arg-type]  # what is to be refused
        assert memory.facts.detection is True
        assert stored(tmp_path)["detection"] is True


def test_the_identity_is_of_this_directory_and_stays_when_it_moves(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as memory:
        identity = memory.facts.identity
    (tmp_path / "a").rename(tmp_path / "b")

    with opened(tmp_path / "b") as memory:
        assert memory.facts.identity == identity
    with opened(tmp_path / "c") as other:
        assert other.facts.identity != identity
        assert len(identity) == 12
        assert int(identity, 16) >= 0


def test_the_identity_is_the_same_by_any_way_to_the_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert make_identity(tmp_path / "link") == make_identity(tmp_path / "real")
    assert make_identity(tmp_path / "real" / ".." / "real") == make_identity(tmp_path / "real")


def test_fields_of_another_version_are_ignored_and_not_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as memory:
        memory.change(fall=FALL, announced=ANNOUNCED)
    document = stored(tmp_path)
    document["mood"] = document["fall"]["mood"] = document["announced"]["mood"] = "good"
    (tmp_path / "memory.json").write_text(json.dumps(document))

    with opened(tmp_path) as memory:
        assert memory.problem is None
        assert memory.facts.fall == FALL
        memory.change(detection=False)
    assert "mood" not in (tmp_path / "memory.json").read_text()


IDENTITY = '"identity": "0123456789ab"'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is damaged: invalid json"),
        (b'{"identity": "0123456789ab", "detection": fal', "is damaged: invalid json"),
        (b"\0" * 300, "is damaged: invalid json"),
        (b"\xff\xfe", "is damaged: invalid json"),
        (b"[]", "is damaged"),
        (b"{}", "is damaged: identity"),
        (b'{"identity": "0123456789AB"}', "is damaged: identity"),
        (f'{{{IDENTITY}, "detection": "no"}}'.encode(), "is damaged: detection"),
        (f'{{{IDENTITY}, "fall": {{"event_id": "x"}}}}'.encode(), "is damaged: fall.start_ms"),
        (f'{{{IDENTITY}, "schema_version": 2, "detection": false}}'.encode(), "is of version 2, only 1 is"),
        (b"[" * 100_000, "is damaged: invalid json"),
    ],
)
def test_a_damaged_or_newer_file_is_set_aside_and_what_is_lost_is_said(
    tmp_path: Path, content: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "memory.json").write_bytes(content)

    with opened(tmp_path) as memory:
        assert memory.facts == Facts(identity=make_identity(tmp_path))
        assert memory.problem is not None
        assert reason in memory.problem
        assert "pause" in memory.problem
        assert "detection is ON and no fall is active" in memory.problem
        assert "\n" not in memory.problem
        assert caplog.messages == [memory.problem]
        [aside] = tmp_path.glob("memory.json.corrupt-*")
        assert aside.name in memory.problem
        assert aside.read_bytes() == content
        for now_s in range(20):
            memory.retry(now_s)
        assert memory.problem is not None

    with opened(tmp_path) as memory:
        assert memory.problem is None


@pytest.mark.parametrize("on", [True, False])
def test_a_lost_pause_is_no_problem_once_somebody_has_said_again_what_they_want(
    tmp_path: Path, on: bool
) -> None:
    (tmp_path / "memory.json").write_text("{")

    with opened(tmp_path) as memory:
        memory.change(fall=FALL)
        assert memory.problem is not None
        memory.change(detection=on)
        assert memory.problem is None


def test_a_file_that_cannot_be_read_is_set_aside_too(tmp_path: Path) -> None:
    (tmp_path / "memory.json").mkdir()

    with opened(tmp_path) as memory:
        assert "cannot be read: is a directory" in (memory.problem or "")
        assert stored(tmp_path)["identity"] == memory.facts.identity


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(6):
        told = -1
        with subprocess.Popen(
            [sys.executable, "-c", COUNT_UP, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            for _ in range(chance.randrange(1, 60)):
                told = int(child.stdout.readline())
            time.sleep(chance.random() * 0.01)
            child.kill()
            told = max([told, *map(int, child.stdout.read().split())])

        content = stored(tmp_path)["announced"]
        assert int(content["root"]) in {told, told + 1}
        assert content["components"] == {f"component_{n}": content["root"] for n in range(2000)}
        assert names(tmp_path) <= {"lock", "memory.json", "memory.json.new"}


def test_a_write_that_ends_half_way_keeps_the_old_file_and_is_made_good(tmp_path: Path) -> None:
    told = run(HIT_THE_LIMIT, tmp_path)

    path = tmp_path / "memory.json"
    assert told == [f"False {path} cannot be written: file too large", "False None"]
    assert stored(tmp_path)["detection"] is False
    assert names(tmp_path) == {"lock", "memory.json"}


def test_on_a_full_disk_it_remembers_in_memory_and_writes_when_there_is_room(small_disk: Path) -> None:
    with opened(small_disk) as memory:
        before = stored(small_disk)
        (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))

        memory.change(detection=False, fall=FALL)

        assert (
            str(memory.problem) == f"{small_disk / 'memory.json'} cannot be written: no space left on device"
        )
        assert (memory.facts.detection, memory.facts.fall) == (False, FALL)
        assert stored(small_disk) == before

        (small_disk / "filler").unlink()
        memory.retry(100)
        assert memory.problem is None
        assert stored(small_disk)["detection"] is False


def test_a_disk_that_turns_read_only_and_back_loses_nothing(small_disk: Path) -> None:
    with opened(small_disk) as memory:
        # The lock is open for writing, and as long as it is the kernel refuses a plain remount.
        subprocess.run(["mount", "--bind", str(small_disk), str(small_disk)], check=True)
        try:
            remount(small_disk, "ro,bind")
            memory.change(detection=False)
            assert "read-only file system" in (memory.problem or "")
            remount(small_disk, "rw,bind")
        finally:
            subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
        memory.retry(0)
        assert memory.problem is None
        assert stored(small_disk)["detection"] is False


def test_a_read_only_directory_is_still_read(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(small_disk) as memory:
        memory.change(detection=False, fall=FALL)
    remount(small_disk, "ro")

    with opened(small_disk) as memory:
        assert (memory.facts.detection, memory.facts.fall) == (False, FALL)
        assert "read-only file system" in (memory.problem or "")
        memory.change(fall=None)
        for now_s in range(60):
            memory.retry(now_s)
        assert len(caplog.messages) == 1
        remount(small_disk, "rw")
        memory.retry(60)
        assert memory.problem is None
        assert stored(small_disk)["fall"] is None


def test_without_a_directory_everything_goes_on_until_there_is_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "state"
    path.touch()

    with opened(path) as memory:
        problem = f"state directory {path} cannot be used: file exists"
        assert str(memory.problem) == problem
        memory.change(detection=False)
        assert memory.facts.detection is False

        memory.retry(0)
        path.unlink()
        memory.retry(RETRY_S - 0.1)
        assert str(memory.problem) == problem
        memory.retry(RETRY_S)
        assert memory.problem is None
        assert stored(path)["detection"] is False
        assert caplog.messages == [problem, f"{path / 'memory.json'} is kept again"]
