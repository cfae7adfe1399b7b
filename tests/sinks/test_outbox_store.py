"""The outbox on real files: what survives kill -9, full and broken disks, and strangers' hands."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from pose_edge.records import Delivery, Message
from pose_edge.sinks import outbox_writer
from pose_edge.sinks.outbox import Outbox
from pose_edge.sinks.outbox_options import OutboxOptions
from pose_edge.sinks.outbox_store import DamagedError, Row, Store, StoreError, set_aside
from tests.sinks.test_outbox import alert, rest, take, wait_for

SOON_S = 0.1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try a failing disk again after a moment instead of seconds."""
    monkeypatch.setattr(outbox_writer, "TICK_S", SOON_S)


def leave(path: Path, numbers: Iterable[int]) -> None:
    """Be an earlier run that left alerts behind."""
    with Outbox(path) as outbox:
        for number in numbers:
            outbox.put(alert(number))


def left(path: Path) -> list[int]:
    """Return what the next run will find."""
    with Outbox(path) as outbox:
        return rest(outbox)


def on_disk(path: Path, elsewhere: Path) -> list[int] | None:
    """Return what a power cut would leave now; None: it changes at this moment.

    The file is locked, so this looks at a copy.
    """
    try:
        shutil.copytree(path.parent, elsewhere)
        store = Store(elsewhere / path.name)
        found = [int(row.message.payload) for row in store.rows()]
        store.close()
    except (OSError, StoreError):
        return None
    finally:
        shutil.rmtree(elsewhere, ignore_errors=True)
    return found


def problem(outbox: Outbox) -> str:
    return outbox.counts().problem or ""


def aside(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.glob("*.corrupt-*Z"))


# The file


def test_a_row_comes_back_as_it_was(path: Path) -> None:
    message = Message(
        "homeassistant/ä",
        bytes(range(256)),
        Delivery.EVENT,
        qos=0,
        expiry_s=86400,
        content_type="text/plain",
        absolute=True,
        event_id="pi-1-000007",
        critical=True,
    )
    rows = [
        Row(-3, alert(1), created_ms=-5),
        Row(7, message, created_ms=1_800_000_000_000, tries=3, parked="too large", acked_ms=1),
    ]
    store = Store(path)
    store.write(rows, [])
    store.close()

    store = Store(path)
    assert store.rows() == rows
    assert store.last_key() == 7
    store.write([], [7])
    assert store.rows() == rows[:1]
    store.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_nobody_else_may_read_it_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        leave(path, [0])
        path.chmod(0o644)
        with Outbox(path) as outbox:
            outbox.put(alert(1))
            wait_for(lambda: len(rest(outbox)))
            modes = {found.name: found.stat().st_mode & 0o777 for found in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert modes == {"outbox.db": 0o600, "outbox.db-wal": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_every_commit_waits_for_the_disk_and_the_log_stays_small(path: Path) -> None:
    store = Store(path)
    settings = [store._pragma(name) for name in ("journal_mode", "synchronous", "journal_size_limit")]

    assert settings == ["wal", 2, 1 << 20]
    for number in range(500):
        store.write([Row(number, alert(number), 0)], [number - 1])
    assert sum(found.stat().st_size for found in path.parent.iterdir()) < 1 << 20
    store.close()


def test_a_write_is_whole_or_not_at_all(path: Path) -> None:
    store = Store(path)
    store.write([Row(1, alert(1), 0)], [])
    two = Message("events", b"2", Delivery.EVENT, qos=2)  # type: ignore[arg-type]  # the file refuses it

    with pytest.raises(Exception, match="CHECK constraint failed"):
        store.write([Row(3, alert(3), 0), Row(2, two, 0)], [1])

    assert [row.key for row in store.rows()] == [1]
    store.close()


def test_an_event_is_on_disk_when_it_is_offered_and_gone_after_its_acknowledgement(
    path: Path, tmp_path: Path
) -> None:
    woken = threading.Event()
    with Outbox(path, wake=woken.set) as outbox:
        for number in range(10):
            woken.clear()
            outbox.put(alert(number))
            assert woken.wait(5)
            item = take(outbox)
            assert on_disk(path, tmp_path / "copy") == [number]
            outbox.acked(item.key)
            wait_for(lambda: on_disk(path, tmp_path / "copy") == [])


def test_thousands_come_back_in_their_order(path: Path) -> None:
    leave(path, range(10_000))

    began_s = time.monotonic()
    assert left(path) == list(range(10_000))
    assert time.monotonic() - began_s < 5


def test_closing_writes_what_waits_and_may_be_done_twice(path: Path) -> None:
    outbox = Outbox(path)
    with outbox:
        for number in range(100):
            outbox.put(alert(number))
    outbox.close()

    assert left(path) == list(range(100))


def test_tries_are_remembered_without_hurry(path: Path) -> None:
    leave(path, [0])
    with Outbox(path) as outbox:
        outbox.refused(take(outbox).key, "quota exceeded")

    store = Store(path)
    assert [row.tries for row in store.rows()] == [1]
    store.close()


# Killed


def be_killed(path: Path, pipe: Connection, first: int) -> None:
    """Put events in, say which were offered and which acknowledged, until kill -9."""
    with Outbox(path) as outbox:
        for number in range(first, first + 1_000_000):
            outbox.put(alert(number))
            if (item := outbox.next()) is None:
                time.sleep(0.0005)
                continue
            offered = int(item.message.payload)
            pipe.send(("offered", offered))
            if offered % 3 == 0:
                pipe.send(("acked", offered))
                outbox.acked(item.key)


def test_nothing_that_was_offered_is_lost_by_kill_9(path: Path) -> None:
    dice = random.Random(3)
    offered: set[int] = set()
    acked: set[int] = set()
    for first in range(0, 20_000_000, 1_000_000):
        said = run_and_kill(path, first, dice.uniform(0.03, 0.15))
        offered.update(number for word, number in said if word == "offered")
        acked.update(number for word, number in said if word == "acked")

        found = left(path)

        assert found == sorted(found)
        assert offered - acked <= set(found)
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()  # or the next child finds it locked
        offered -= acked  # what was acknowledged may come again, and is no promise
    assert len(offered) > 100
    assert aside(path) == []


def run_and_kill(path: Path, first: int, after_s: float) -> list[tuple[str, int]]:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    # Forked, because a fresh interpreter would take longer than all the rest of it.
    child = multiprocessing.get_context("fork").Process(target=be_killed, args=(path, theirs, first))
    child.start()
    theirs.close()
    said: list[tuple[str, int]] = []
    deadline_s = time.monotonic() + after_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        if ours.poll(left_s):
            said.append(ours.recv())
    child.kill()
    try:
        while True:
            said.append(ours.recv())
    except (EOFError, OSError):
        child.join(5)
    assert child.exitcode == -signal.SIGKILL
    return said


# Damaged


def overwritten(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def of_another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.close()


def of_a_newer_version(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()


def without_its_table(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("DROP TABLE events")
    database.close()


def with_another_column(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("ALTER TABLE events ADD COLUMN colour TEXT")
    database.close()


def with_a_bad_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096)


def with_a_bad_list_of_free_pages(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(36)  # of the header: how many there are
        file.write(b"\0\0\0\7")


def with_a_broken_text(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("UPDATE events SET topic = CAST(x'ff41' AS TEXT)")
    database.commit()
    database.close()


DAMAGES = (
    overwritten,
    truncated,
    of_another_program,
    of_a_newer_version,
    without_its_table,
    with_another_column,
    with_a_bad_page,
    with_a_bad_list_of_free_pages,
    with_a_broken_text,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_file_that_cannot_be_used_is_set_aside_told_of_once_and_a_fresh_one_serves(
    path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    leave(path, range(100))
    damage(path)
    content = path.read_bytes()

    with Outbox(path) as outbox:
        assert rest(outbox) == []
        outbox.put(alert(7))
        assert wait_for(lambda: rest(outbox)) == [7]
        [name] = aside(path)
        assert f"set aside as {name}" in problem(outbox)

    assert len(path.with_name(name).read_bytes()) == len(content)
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1
    assert left(path) == [7]


def test_a_file_that_can_be_read_but_never_written_is_replaced_with_all_that_was_in_it(path: Path) -> None:
    leave(path, [0, 1])
    database = sqlite3.connect(path)
    database.execute("CREATE TRIGGER odd BEFORE INSERT ON events BEGIN SELECT * FROM missing; END")
    database.close()
    with Outbox(path) as outbox:
        outbox.put(alert(2))
        wait_for(lambda: "no such table" in problem(outbox))
        wait_for(lambda: "set aside" in problem(outbox))

    assert left(path) == [0, 1, 2]


def test_keys_never_repeat_even_when_the_file_forgot_the_last_one(path: Path) -> None:
    leave(path, [0, 1])
    database = sqlite3.connect(path)
    database.execute("DELETE FROM sqlite_sequence")
    database.commit()
    database.close()
    leave(path, [2])

    assert left(path) == [0, 1, 2]


def test_an_outbox_nobody_opened_says_so(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put(alert(0))

    assert take(outbox).message == alert(0)
    assert "nobody writes it" in problem(outbox)


def test_a_fresh_file_that_was_never_finished_is_taken(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    leave(path, [1])

    assert left(path) == [1]
    assert aside(path) == []


def test_a_leftover_log_of_a_file_that_is_gone_does_no_harm(path: Path) -> None:
    leave(path, [1])
    path.with_name("outbox.db-wal").write_bytes(b"\0" * 5000)
    path.unlink()

    leave(path, [2])

    assert left(path) == [2]


def test_only_three_damaged_files_are_kept_and_the_newest_is_one_of_them(path: Path) -> None:
    names = []
    for _ in range(5):
        leave(path, [0])
        overwritten(path)
        path.with_name("outbox.db-wal").touch()
        names.append(set_aside(path).name)

    assert aside(path) == names[-3:]
    assert len(list(path.parent.iterdir())) == 6
    future = path.with_name("outbox.db.corrupt-29991231T000000000000Z")
    future.touch()
    leave(path, [0])
    assert set_aside(path).name in aside(path)
    assert len(aside(path)) == 3


@pytest.mark.parametrize(
    "damage", [overwritten, truncated, with_a_bad_page, lambda path: os.truncate(path, 0)]
)
def test_a_file_damaged_while_open_is_replaced_with_all_that_is_in_memory(
    path: Path, damage: Callable[[Path], None]
) -> None:
    leave(path, range(50))
    with Outbox(path) as outbox:
        for _ in range(10):
            outbox.acked(take(outbox).key)
        wait_for(lambda: on_disk(path, path.parent.with_name("copy")) == list(range(10, 50)))
        time.sleep(0.01)  # a change in the very moment of a write passes for ours
        damage(path)
        outbox.put(alert(50))
        wait_for(lambda: 50 in rest(outbox))
        wait_for(lambda: not outbox._journal or not outbox._journal.failing)

    assert left(path) == list(range(10, 51))


@pytest.mark.parametrize("what", ["file", "log", "directory"])
def test_what_is_removed_while_open_is_written_again_even_when_nothing_happens(path: Path, what: str) -> None:
    leave(path, [0])
    with Outbox(path) as outbox:
        outbox.put(alert(1))
        for _ in range(2):
            wait_for(outbox.next)
        if what == "directory":
            shutil.rmtree(path.parent)
        else:
            path.with_name("outbox.db" if what == "file" else "outbox.db-wal").unlink()

        def back() -> bool:
            copy = path.parent.with_name("copy")
            return path.exists() and on_disk(path, copy) == [0, 1]

        wait_for(back)
        assert problem(outbox) == ""

    assert left(path) == [0, 1]


# Full, read-only, slow, locked


@contextlib.contextmanager
def no_directory(path: Path) -> Iterator[None]:
    """Let nobody, root neither, open files beside `path`: a file stands where the directory was."""
    away = path.parent.with_name("away")
    path.parent.rename(away)
    path.parent.touch()
    try:
        yield
    finally:
        path.parent.unlink()
        away.rename(path.parent)


def test_without_a_disk_at_the_start_events_leave_all_the_same_and_older_ones_follow_when_it_is_back(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    leave(path, [1, 2, 3])
    with no_directory(path):
        outbox = Outbox(path)
        with outbox:
            pass  # closing works as well
        outbox = Outbox(path)
        outbox.__enter__()
        outbox.put(alert(4))
        outbox.put(alert(5))
        assert take(outbox).message == alert(4)
        assert "cannot be written (not a directory): events are kept in memory only" in problem(outbox)
        time.sleep(3 * SOON_S)

    wait_for(lambda: not problem(outbox))
    outbox.put(alert(6))
    assert rest(outbox)[:4] == [1, 2, 3, 5]
    outbox.acked(1)  # alert 4
    outbox.close()

    assert left(path) == [1, 2, 3, 5, 6]
    assert caplog.text.count("cannot be written") == 2  # once for each of the two
    assert caplog.text.count("is written again") == 1


def test_a_disk_that_fails_later_is_told_of_and_gets_everything_when_it_is_back(path: Path) -> None:
    with Outbox(path) as outbox:
        outbox.put(alert(0))
        wait_for(outbox.next)
        with no_directory(path):
            outbox.put(alert(1))
            assert wait_for(outbox.next).message == alert(1)
            assert "not a directory" in problem(outbox)
            outbox.acked(1)
        wait_for(lambda: not problem(outbox))

    assert left(path) == [1]


def fill_and_recover(path: Path, pipe: Connection) -> None:
    """Run into a limit on the length of files, which SQLite sees as a disk without room, and lift it."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Outbox(path) as outbox:
        outbox.put(alert(0))
        wait_for(outbox.next)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        for number in range(1, 500):
            outbox.put(Message("events", str(number).encode().ljust(1000), Delivery.EVENT))
        pipe.send([wait_for(outbox.next).message.payload.strip() for _ in range(1, 500)])
        pipe.send(problem(outbox))
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        wait_for(lambda: not problem(outbox))
        pipe.send("back")


def test_with_a_full_disk_events_leave_all_the_same_and_are_written_when_there_is_room(path: Path) -> None:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=fill_and_recover, args=(path, theirs))
    child.start()
    theirs.close()

    assert ours.recv() == [str(number).encode() for number in range(1, 500)]
    assert "cannot be written" in ours.recv()
    assert ours.recv() == "back"
    child.join(5)
    assert left(path) == list(range(500))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", str(mounted)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as other:
        while True:
            other.write(b"x" * 4096)


def test_a_disk_full_of_other_things_is_told_of_and_used_again_when_they_are_gone(tiny_disk: Path) -> None:
    path = tiny_disk / "outbox.db"
    with Outbox(path) as outbox:
        outbox.put(alert(0))
        wait_for(outbox.next)
        fill(tiny_disk / "other")
        for number in range(1, 50):
            outbox.put(Message("events", str(number).encode().ljust(1000), Delivery.EVENT))
        for _ in range(1, 50):
            wait_for(outbox.next)
        assert "full" in problem(outbox)
        (tiny_disk / "other").unlink()
        wait_for(lambda: not problem(outbox))

    assert left(path) == list(range(50))


def test_a_read_only_disk_at_the_start_is_told_of_and_read_when_it_can_be_written(tiny_disk: Path) -> None:
    path = tiny_disk / "outbox.db"
    leave(path, [1, 2])
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with Outbox(path) as outbox:
        outbox.put(alert(3))
        assert take(outbox).message == alert(3)
        assert "read-only file system" in problem(outbox)
        subprocess.run(["mount", "-o", "remount,rw", str(tiny_disk)], check=True)
        wait_for(lambda: not problem(outbox))
        assert rest(outbox) == [1, 2]

    assert left(path) == [1, 2, 3]


class SlowStore(Store):
    """On a disk that does not answer until it is told to."""

    answers = threading.Event()

    def write(self, kept: Iterable[Row], gone: Iterable[int]) -> None:
        self.answers.wait()
        super().write(kept, gone)


def test_a_disk_that_does_not_answer_holds_nobody_up_for_long(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_writer, "Store", SlowStore)
    monkeypatch.setattr(outbox_writer, "HANG_S", 0.3)
    monkeypatch.setattr("pose_edge.sinks.outbox.HANG_S", 0.3)
    SlowStore.answers.clear()
    with Outbox(path) as outbox:
        began_s = time.monotonic()
        outbox.put(alert(0))
        assert outbox.next() is None  # the disk may still answer
        assert wait_for(outbox.next).message == alert(0)
        assert 0.3 <= time.monotonic() - began_s < 2
        assert "no answer" in wait_for(lambda: problem(outbox))
        outbox.put(alert(1))
        SlowStore.answers.set()
        wait_for(outbox.next)
        wait_for(lambda: not problem(outbox))

    assert left(path) == [0, 1]


def test_closing_does_not_wait_for_a_disk_that_does_not_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_writer, "Store", SlowStore)
    monkeypatch.setattr(outbox_writer, "CLOSE_TIMEOUT_S", 0.2)
    SlowStore.answers.clear()
    outbox = Outbox(path)
    with outbox:
        outbox.put(alert(0))
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 2
    SlowStore.answers.set()


def test_a_second_daemon_does_not_send_what_the_first_has(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose_edge.sinks.outbox_store.LOCK_TIMEOUT_S", 0.05)
    leave(path, [0])
    with Outbox(path) as first, Outbox(path) as second:
        assert rest(second) == []
        assert "another program has it open" in problem(second)
        assert rest(first) == [0]


def test_a_damaged_file_is_told_apart_from_a_disk_that_fails(path: Path) -> None:
    leave(path, [0])
    overwritten(path)

    with pytest.raises(DamagedError):
        Store(path)


def test_in_memory_nothing_is_waited_for_and_nothing_is_written(tmp_path: Path) -> None:
    with Outbox(None, options=OutboxOptions()) as outbox:
        outbox.put(alert(0))
        assert rest(outbox) == [0]

    assert list(tmp_path.iterdir()) == []
