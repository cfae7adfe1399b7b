"""One daemon, one directory; and a daemon without one goes on."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pose_edge.errors import UnavailableError
from pose_edge.state_directory import StateDirectory, default_directory, replace_file

HOLD = """
import sys
from pathlib import Path
from pose_edge.state_directory import StateDirectory

with StateDirectory(Path(sys.argv[1])) as directory:
    print(directory.problem, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the directory until it is killed or this ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "None\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"STATE_DIRECTORY": "/s/a:/s/b", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/s/a"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/pose-edge"),
        ({"XDG_STATE_HOME": "x", "HOME": "/h"}, "/h/.local/state/pose-edge"),
        ({"STATE_DIRECTORY": "", "HOME": "/h"}, "/h/.local/state/pose-edge"),
        ({}, "/var/lib/pose-edge"),
    ],
)
def test_state_is_where_the_service_or_the_user_keeps_it(environment: dict[str, str], path: str) -> None:
    assert default_directory(environment) == Path(path)


def test_a_missing_directory_is_made_for_nobody_else(tmp_path: Path) -> None:
    with StateDirectory(tmp_path / "a" / "b") as directory:
        assert directory.problem is None
        assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory.path / "lock").stat().st_mode) == 0o600


def test_of_two_daemons_the_second_is_told_which_has_the_directory(tmp_path: Path) -> None:
    with holder(tmp_path) as first, pytest.raises(UnavailableError) as refusal, StateDirectory(tmp_path):
        pass

    assert f"{tmp_path} is in use by process {first.pid};" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_killed_daemon_leaves_the_directory_free(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        first.kill()
        first.wait()
        with StateDirectory(tmp_path) as directory:
            assert directory.problem is None
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_refused_daemon_takes_nothing_from_the_first(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        for _ in range(2):
            with pytest.raises(UnavailableError, match=f"process {first.pid}"), StateDirectory(tmp_path):
                pass


def test_closing_twice_is_safe_and_frees_it_for_the_next(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    with directory:
        pass
    directory.__exit__(None, None, None)

    assert directory.problem == "not open"
    with StateDirectory(tmp_path) as again:
        assert again.problem is None


def test_children_of_the_daemon_do_not_hold_the_directory(tmp_path: Path) -> None:
    with StateDirectory(tmp_path):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        with StateDirectory(tmp_path) as again:
            assert again.problem is None
    finally:
        child.kill()
        child.wait()


def test_a_file_in_its_place_is_a_problem_and_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with StateDirectory(path) as directory:
            assert directory.problem is not None
            assert directory.problem.startswith(f"state directory {path} cannot be used: ")


def test_what_was_mended_is_taken_on_retry(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with StateDirectory(tmp_path / "state") as directory:
        directory.retry()
        assert "file exists" in (directory.problem or "")

        (tmp_path / "state").unlink()
        directory.retry()

        assert directory.problem is None
        with pytest.raises(UnavailableError), StateDirectory(tmp_path / "state"):
            pass


def test_a_daemon_that_runs_is_not_ended_by_one_that_was_quicker(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with StateDirectory(tmp_path / "state") as directory:
        (tmp_path / "state").unlink()
        with holder(tmp_path / "state") as quicker:
            directory.retry()
            assert f"in use by process {quicker.pid}" in (directory.problem or "")
        directory.retry()
        assert directory.problem is None


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock").symlink_to(tmp_path / "precious")

    with StateDirectory(tmp_path / "state") as directory:
        assert directory.problem is not None
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_replaced_file_has_its_mode_whatever_lay_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (tmp_path / "file.new").write_text("left by a kill")
    (tmp_path / "file.new").chmod(0o666)

    assert replace_file(path, b"new", mode=0o600) is None

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


REPLACE = """
import sys
from pathlib import Path
from pose_edge.state_directory import replace_file

replace_file(Path(sys.argv[1]), b"new", mode=0o600)
"""


def test_the_content_is_on_disk_before_the_name_and_the_name_before_it_returns(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no strace, or not allowed to use it: a lost fsync shows only at a power cut")
    calls = [strace, "-y", "-e", "trace=write,fsync,/rename.*", "-o", str(tmp_path / "calls")]
    subprocess.run([*calls, sys.executable, "-c", REPLACE, str(tmp_path / "file")], check=True)

    here = [line for line in (tmp_path / "calls").read_text().splitlines() if str(tmp_path) in line]
    assert [line.partition("(")[0] for line in here] == ["write", "fsync", "rename", "fsync"]
    assert f"<{tmp_path / 'file.new'}>" in here[1]
    assert f"<{tmp_path}>" in here[3]


def test_a_file_that_cannot_be_replaced_stays_and_leaves_no_litter(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "inside").touch()

    problem = replace_file(tmp_path / "file", b"new", mode=0o600)

    assert problem == f"{tmp_path / 'file'} cannot be written: is a directory"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
