"""Files that are whole or not there, also after a power cut and with two processes at once."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pose_edge.errors import ModelError, UnavailableError

logger = logging.getLogger(__name__)

LOCK_LIMIT_S = 900.0
"""How long another process may take to fetch a model: 30 MB at 35 kB/s."""
LOCK_POLL_S = 0.2


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def promote(part: Path, target: Path) -> None:
    """Give a complete file its final name, on the disk before this returns."""
    _flush(part)
    part.replace(target)
    _flush(target.parent)  # the name is in the directory, which has a flush of its own


def write_whole(target: Path, data: bytes) -> None:
    """Write a file that never shows half its content under `target`."""
    part = target.with_name(target.name + ".new")
    try:
        part.write_bytes(data)
        promote(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def storing_in(directory: Path) -> Iterator[None]:
    """Turn a disk that is full, read-only or missing into a `ModelError` that names `directory`."""
    try:
        yield
    except OSError as error:
        raise ModelError(f"cannot store a model in {directory}: {error.strerror or error}") from error


@contextmanager
def locked(directory: Path, limit_s: float = LOCK_LIMIT_S) -> Iterator[None]:
    """Keep other processes from fetching into `directory`; waits for one that does.

    Raises `UnavailableError` after `limit_s`. The lock file stays: removing it would take it away
    from under a process that has just opened it.
    """
    with (directory / ".lock").open("w") as file:
        _wait_for(file.fileno(), directory, time.monotonic() + limit_s)
        yield


def _wait_for(descriptor: int, directory: Path, until_s: float) -> None:
    waiting = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until_s:
                message = f"another process has been fetching into {directory} for too long"
                raise UnavailableError(message) from None
            if not waiting:
                logger.info("waiting for another process that fetches into %s", directory)
            waiting = True
            time.sleep(LOCK_POLL_S)
        else:
            return


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
