"""The outbox's file: rows in SQLite that survive kill -9 and, as far as the disk is honest, a power cut.

No thread and no queue in here: `outbox_writer.py` decides when to write, `outbox.py` what.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pose_edge.records import Delivery, Message

APPLICATION_ID: Final = 0x70_65_6F_62  # "peob"; tells our file from any other SQLite file
SCHEMA_VERSION: Final = 1
KEPT_ASIDE: Final = 3
"""How many damaged files are kept for whoever wants to look at them."""
LOCK_TIMEOUT_S: Final = 1.0

# STRICT makes the check at opening look at the types too.
_SCHEMA: Final = """\
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    qos INTEGER NOT NULL CHECK (qos IN (0, 1)),
    expiry_s INTEGER,
    content_type TEXT NOT NULL,
    absolute INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    critical INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    parked TEXT,
    acked_ms INTEGER
) STRICT"""
_READ: Final = "SELECT * FROM events ORDER BY seq"
_WRITE: Final = f"INSERT OR REPLACE INTO events VALUES ({', '.join('?' * 13)})"  # noqa: S608  # no value in it
_DELETE: Final = "DELETE FROM events WHERE seq = ?"


@dataclass(frozen=True, slots=True)
class Row:
    """One event as it is kept."""

    key: int
    """Rises in the order in which the events were put in."""
    message: Message
    """Comes back with delivery `EVENT` and without correlation data, which no event has."""
    created_ms: int
    """Wall clock, milliseconds since 1970; as right as the clock was."""
    tries: int = 0
    """How often the broker refused it."""
    parked: str | None = None
    """Why it was set aside; None: it was not."""
    acked_ms: int | None = None
    """When the broker had it; kept all the same, because a consumer's receipt is awaited. Wall clock."""


@dataclass(frozen=True, slots=True)
class _Look:
    """How a file looks from outside."""

    inode: tuple[int, int]
    size: int
    changed_ns: int


class StoreError(Exception):
    """The file cannot be used now; the message is why, without a full stop."""


class DamagedError(StoreError):
    """The file is no outbox of ours, or no longer."""


class Store:
    """An open outbox file. Each method may wait for the disk, and raise `StoreError`.

    The file is locked for as long as it is open: two daemons on one outbox would send everything twice.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`, mode 0600, or make it, in a directory of mode 0700 if there is none.

        Raises:
            DamagedError: it is damaged, another program's, or of a newer version.
        """
        self._path = path
        self._database: sqlite3.Connection | None = None
        try:
            _prepare(path)
            # Opened by one thread and then used by another, never by two at once.
            self._database = sqlite3.connect(
                path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._set_up()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise _translated(error) from error
        except StoreError:
            self.close()
            raise
        self._seen = self._looks()

    def rows(self) -> list[Row]:
        """Return everything in it, oldest first."""
        try:
            return [_row(*fields) for fields in self._execute(_READ)]
        except sqlite3.Error as error:
            raise _translated(error) from error

    def last_key(self) -> int:
        """Return the highest key that was ever given away; 0: none was."""
        try:
            found = self._execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        except sqlite3.Error as error:
            raise _translated(error) from error
        return int(found[0]) if found else 0

    def write(self, kept: Iterable[Row], gone: Iterable[int]) -> None:
        """Delete the keys `gone`, then add or replace `kept`: all of it on disk afterwards, or nothing."""
        assert self._database is not None
        try:
            self._execute("BEGIN IMMEDIATE")
            self._database.executemany(_DELETE, ((key,) for key in gone))
            self._database.executemany(_WRITE, (_fields(row) for row in kept))
            self._execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._execute("ROLLBACK")
            raise _translated(error) from error
        self._look_again()

    def untouched(self) -> bool:
        """Say whether the file is still there and as we left it: nobody else has business in it.

        SQLite would go on writing into a file that was removed, and notice damage only where it reads.
        """
        looks = self._looks()
        return None not in looks and looks == self._seen

    def close(self) -> None:
        """Close it; safe to call twice."""
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):
                database.close()

    def _set_up(self) -> None:
        # Exclusive before the first access: the index of the log is then in memory of our own. In a shared
        # file it would be mapped, and truncating that file would kill the daemon with SIGBUS.
        self._execute("PRAGMA locking_mode = EXCLUSIVE")
        fresh = self._is_fresh()
        for setting in (
            "journal_mode = WAL",
            "synchronous = FULL",  # each commit waits for the disk
            "wal_autocheckpoint = 100",
            "journal_size_limit = 1048576",
        ):
            self._execute(f"PRAGMA {setting}")
        if fresh:
            self._create()
            return
        if (complaint := self._pragma("quick_check(1)")) != "ok":
            raise DamagedError(f"it is damaged: {complaint}")
        if self._execute("SELECT sql FROM sqlite_schema WHERE name = 'events'").fetchone() != (_SCHEMA,):
            raise DamagedError("its table is not ours")

    def _is_fresh(self) -> bool:
        """Say whether nothing is in it yet, as when the daemon was killed while making it."""
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if application == APPLICATION_ID and version == SCHEMA_VERSION:
            return False
        if application == APPLICATION_ID:
            raise DamagedError(f"it is of version {version}, known is {SCHEMA_VERSION}")
        if application or version or self._execute("SELECT 1 FROM sqlite_schema").fetchone():
            raise DamagedError("it belongs to another program")
        return True

    def _create(self) -> None:
        self._execute("BEGIN IMMEDIATE")
        self._execute(_SCHEMA)
        self._execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._execute("COMMIT")

    def _pragma(self, name: str) -> object:
        return self._execute(f"PRAGMA {name}").fetchone()[0]

    def _execute(self, statement: str) -> sqlite3.Cursor:
        assert self._database is not None
        return self._database.execute(statement)

    def _look_again(self) -> None:
        """Take the change for ours, unless we never do such a thing: another file, or a shorter main one."""
        looks = self._looks()
        for now, before in zip(looks, self._seen, strict=True):
            if now is None or before is None or now.inode != before.inode:
                return
        if looks[0] and self._seen[0] and looks[0].size >= self._seen[0].size:
            self._seen = looks

    def _looks(self) -> list[_Look | None]:
        return [_look(path) for path in _files(self._path)[:2]]


def set_aside(path: Path) -> Path:
    """Rename the file out of the way, with what belongs to it, and return its new name.

    The oldest of more than `KEPT_ASIDE` such files are deleted.

    Raises:
        StoreError: the directory cannot be written.
    """
    aside = path.with_name(f"{path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    try:
        for old, new in zip(_files(path), _files(aside), strict=True):
            if old.exists():
                old.rename(new)
        others = sorted(path.parent.glob(f"{path.name}.corrupt-*Z"))
        others.remove(aside)  # with the clock back in 1970 it would count as the oldest
        for surplus in others[: max(0, len(others) + 1 - KEPT_ASIDE)]:
            for file in _files(surplus):
                file.unlink(missing_ok=True)
    except OSError as error:
        raise _translated(error) from error
    return aside


def _prepare(path: Path) -> None:
    """Make the file and its directory private, whatever the umask is; SQLite's own files copy its mode."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700)
        path.parent.chmod(0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for file in _files(path):
        if file.exists() and stat.S_IMODE(file.stat().st_mode) != 0o600:
            file.chmod(0o600)


def _files(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]


def _look(path: Path) -> _Look | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Look((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)


def _translated(error: sqlite3.Error | OSError) -> StoreError:
    if isinstance(error, OSError):
        return StoreError((error.strerror or str(error)).lower())
    # SQLITE_ERROR: a table or column of ours is missing. No code at all: a text is not UTF-8.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest is detail
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return DamagedError(str(error))
    if code == sqlite3.SQLITE_BUSY:
        return StoreError("another program has it open")
    return StoreError(str(error))


def _fields(row: Row) -> tuple[object, ...]:
    message = row.message
    return (
        row.key,
        message.topic,
        message.payload,
        message.qos,
        message.expiry_s,
        message.content_type,
        message.absolute,
        message.event_id,
        message.critical,
        row.created_ms,
        row.tries,
        row.parked,
        row.acked_ms,
    )


def _row(
    key: int,
    topic: str,
    payload: bytes,
    qos: int,
    expiry_s: int | None,
    content_type: str,
    absolute: int,
    event_id: str,
    critical: int,
    created_ms: int,
    tries: int,
    parked: str | None,
    acked_ms: int | None,
) -> Row:
    message = Message(
        topic,
        payload,
        Delivery.EVENT,
        qos=1 if qos else 0,
        expiry_s=expiry_s,
        content_type=content_type,
        absolute=bool(absolute),
        event_id=event_id,
        critical=bool(critical),
    )
    return Row(key, message, created_ms, tries, parked, acked_ms)
