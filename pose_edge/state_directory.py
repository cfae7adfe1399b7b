"""The directory where a daemon keeps things over restarts: whose it is, and how a file in it is replaced."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pose_edge.errors import UnavailableError

SYSTEM_DIRECTORY: Final = Path("/var/lib/pose-edge")


def default_directory(environment: Mapping[str, str]) -> Path:
    """Return where state belongs: the service's directory, else the user's (XDG base directories)."""
    if state := environment.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])  # systemd lists several with colons
    if (xdg := environment.get("XDG_STATE_HOME", "")).startswith("/"):  # relative ones are to be ignored
        return Path(xdg) / "pose-edge"
    home = environment.get("HOME")
    return Path(home) / ".local" / "state" / "pose-edge" if home else SYSTEM_DIRECTORY


class StateDirectory:
    """A directory for one daemon alone; opened by `with`, safe to close twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = "not open"
        """Why nothing can be kept there, in one sentence; None: it is ours."""
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Make the directory (0700) and lock it; where that fails `problem` says why.

        Raises:
            UnavailableError: another daemon has it. Two would send each other's alerts.
        """
        if (holder := self._open()) is not None:
            raise UnavailableError(f"{holder}; stop that one, or give this one another service.state_dir")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lock, self._lock = self._lock, None
        self.problem = "not open"
        if lock is not None:
            os.close(lock)  # the file stays: whoever unlinked it might unlink another's

    def retry(self) -> None:
        """Try again what failed; a daemon that runs is not ended by another one."""
        if self._lock is None:
            self._open()

    def _open(self) -> str | None:
        """Lock it and set `problem`; return the problem if it is another daemon."""
        self.problem = None
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            self.problem = f"state directory {self.path} cannot be used: {why(error)}"
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.problem = self._why_not_locked(lock, error)
            os.close(lock)
            return self.problem if isinstance(error, BlockingIOError) else None
        self._lock = lock
        _write_pid(lock)
        return None

    def _why_not_locked(self, lock: int, error: OSError) -> str:
        if not isinstance(error, BlockingIOError):
            return f"state directory {self.path} cannot be locked: {why(error)}"
        pid = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        holder = f"process {pid}" if pid.isdigit() else "another process"
        return f"state directory {self.path} is in use by {holder}"


def replace_file(path: Path, data: bytes, *, mode: int, durable: bool = True) -> str | None:
    """Put `data` in the place of the file: whoever reads it, after a power cut too, finds the old or the new.

    Returns what went wrong, in one sentence. A file half written is not left behind.
    """
    # Always the same name: what a kill leaves is overwritten, not collected.
    draft = path.with_name(f"{path.name}.new")
    try:
        _write(draft, data, mode, durable)
        draft.rename(path)
        if durable:
            _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        return f"{path} cannot be written: {why(error)}"
    return None


def set_aside(path: Path) -> str:
    """Rename a file that is of no use, so that it can be looked at; return what became of it."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    try:
        path.rename(aside)
    except OSError as error:
        return f"it cannot be set aside ({why(error)})"
    return f"set aside as {aside.name}"


def why(error: OSError) -> str:
    """Return what the system said, for the end of a sentence."""
    return (error.strerror or str(error)).lower()


def _write_pid(lock: int) -> None:
    """Say who holds the lock. It holds without that too, as on a full disk."""
    with contextlib.suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _write(path: Path, data: bytes, mode: int, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever umask, or an older file of that name, had to say
        file.write(data)
        file.flush()
        if durable:
            os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
