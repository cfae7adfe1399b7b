"""The outbox's thread: keeps a file equal to what it was told to keep, however slow or broken the disk is.

What is in memory is the truth while the daemon runs, the file its journal. Hence the thread holds no list
of operations, only what shall be there and which keys may differ from it: a file that failed, vanished or
was damaged is made equal again by the same step that writes one new event.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from pose_edge.sinks.outbox_store import DamagedError, Row, Store, StoreError, set_aside

logger = logging.getLogger(__name__)

TICK_S: Final = 3.0
"""Between two attempts while the disk fails, two looks at the file, and the latest for what has time."""
HANG_S: Final = 2.0
"""A commit that takes longer counts as a failed disk until it comes back."""
CLOSE_TIMEOUT_S: Final = 2.0
NOTICE_S: Final = 3600.0
"""How long `problem` tells of a file that was set aside."""


class Journal:
    """Writes behind. `wake` is called on its thread when `stored_through` or `problem` changed.

    Nothing but `open` and `close` waits for the disk; all methods are for one thread.
    """

    def __init__(self, path: Path, wake: Callable[[], None] | None = None) -> None:
        self.stored_through = 0
        """Whatever was kept with a key up to this is on disk."""
        self._path = path
        self._wake = wake or (lambda: None)
        self._changed = threading.Condition()
        self._wanted: dict[int, Row] = {}  # from here to _closing: guarded by _changed
        self._differs: set[int] = set()  # keys whose row on disk may not be the wanted one
        self._found: list[Row] = []
        self._last_key = 0
        self._urgent = False
        self._closing = False
        self._store: Store | None = None  # from here on: the thread's, once it runs
        self._loaded = False
        self._distrusted = False
        self._failure: str | None = None
        self._notice: tuple[str, float] | None = None
        self._busy_since_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    @property
    def problem(self) -> str | None:
        """Why events are in memory only, or what became of the file; a sentence, or None."""
        busy_since_s, notice = self._busy_since_s, self._notice  # the thread may change them meanwhile
        if (failure := self._why_failing()) is not None:
            return f"outbox {self._path} cannot be written ({failure}): events are kept in memory only"
        if busy_since_s is not None and time.monotonic() - busy_since_s > HANG_S:
            return f"outbox {self._path} cannot be written (no answer): events are kept in memory only"
        if notice is not None and time.monotonic() - notice[1] < NOTICE_S:
            return notice[0]
        return None

    @property
    def failing(self) -> bool:
        """The last attempt to write failed, so the next events need not wait for theirs."""
        return self._why_failing() is not None

    def open(self) -> int:
        """Open the file, begin to write, and return the highest key that was ever used."""
        used = 0
        try:
            self._open_store()
            assert self._store is not None
            used = self._store.last_key()
        except StoreError as error:
            self._give_up(error)
        self._last_key = self.stored_through = max([used, *self._wanted])
        self._thread.start()
        return self._last_key

    def take_found(self) -> list[Row]:
        """Return what was in the file when it could be opened, once; later than `open` if that failed."""
        if not self._found:
            return []
        with self._changed:
            found, self._found = self._found, []
        return found

    def keep(self, row: Row, *, urgent: bool = True) -> None:
        """Have `row` in the file, as soon as possible or within `TICK_S`; new keys must rise."""
        with self._changed:
            self._wanted[row.key] = row
            self._last_key = max(self._last_key, row.key)
            self._note(row.key, urgent)

    def forget(self, key: int) -> None:
        """Have it in the file no longer."""
        with self._changed:
            self._wanted.pop(key, None)
            self._note(key, urgent=True)

    def close(self) -> None:
        """Write what is left, for `CLOSE_TIMEOUT_S` at most; safe to call twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                logger.warning("outbox %s: the disk does not answer, closing without it", self._path)

    def _why_failing(self) -> str | None:
        if self._failure is None and not self._closing and not self._thread.is_alive():
            return "nobody writes it"  # not opened, or a mistake of ours ended the thread
        return self._failure

    def _note(self, key: int, urgent: bool) -> None:
        self._differs.add(key)
        if urgent:
            self._urgent = True
            self._changed.notify()

    # From here on: the thread.

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._wait()
            self._work()
        if self._store is not None:
            self._store.close()

    def _wait(self) -> bool:
        """Wait for work, but not longer than `TICK_S`, and no less while the disk fails."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or (self._urgent and self._failure is None), TICK_S)
            self._urgent = False
            return self._closing

    def _work(self) -> None:
        self._busy_since_s = time.monotonic()
        try:
            if self._store is not None and not self._store.untouched():
                self._close_store()
                logger.warning("outbox %s was removed or changed by somebody: writing it again", self._path)
            if self._store is None:
                self._open_store()
            self._write()
        except StoreError as error:
            self._give_up(error)
        else:
            self._succeed()
        finally:
            self._busy_since_s = None

    def _open_store(self) -> None:
        """Open the file, or a fresh one in its place."""
        if self._distrusted:
            self._replace("it cannot be written")
        try:
            self._store, rows = _opened(self._path)
        except DamagedError as error:
            self._replace(str(error))
            self._store, rows = _opened(self._path)
        self._compare(rows)

    def _replace(self, why: str) -> None:
        aside = set_aside(self._path)
        self._distrusted = False
        text = f"outbox {self._path} could not be used ({why}): set aside as {aside.name}, a fresh one begun"
        self._notice = text, time.monotonic()
        logger.error("%s", text)

    def _compare(self, rows: list[Row]) -> None:
        """Take note of what the file holds; what was in it before this run is handed over, once."""
        on_disk = {row.key: row for row in rows}
        with self._changed:
            if not self._loaded:
                self._loaded = True
                self._found = _below_one(rows) if self._thread.is_alive() else rows
                self._wanted.update((row.key, row) for row in self._found)
            self._differs.update(
                key for key in on_disk | self._wanted if on_disk.get(key) != self._wanted.get(key)
            )

    def _write(self) -> None:
        assert self._store is not None
        with self._changed:
            keys, self._differs = self._differs, set()
            kept = [self._wanted[key] for key in sorted(keys & self._wanted.keys())]
            through = self._last_key
        if keys:
            self._store.write(kept, keys)  # if it fails, the file is opened again and compared
        if through > self.stored_through:
            self.stored_through = through
            self._wake()

    def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _give_up(self, error: StoreError) -> None:
        """Go on in memory; the next attempt begins with opening the file."""
        self._close_store()
        self._distrusted |= isinstance(error, DamagedError)
        if self._failure != str(error):
            self._failure = str(error)
            logger.error("%s", self.problem)
        self._wake()

    def _succeed(self) -> None:
        if self._failure is not None:
            self._failure = None
            logger.info("outbox %s is written again: %d events in it", self._path, len(self._wanted))
            self._wake()


def _opened(path: Path) -> tuple[Store, list[Row]]:
    store = Store(path)
    try:
        return store, store.rows()
    except StoreError:
        store.close()
        raise


def _below_one(rows: list[Row]) -> list[Row]:
    """Return `rows` with keys below those of this run, which began at 1 because they were not known."""
    shift = rows[-1].key if rows else 0
    return [replace(row, key=row.key - shift) for row in rows]
