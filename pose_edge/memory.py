"""What the daemon remembers over restarts: few facts, written only when they change (SD cards wear out).

    with StateDirectory(default_directory(os.environ)) as directory:
        memory = Memory(directory)
        memory.change(detection=False)  # on disk when this returns, or `memory.problem` says why not
        memory.retry(now_s)             # every turn: writes what could not be written

A directory that cannot be used stops nothing: everything goes on in memory, and `problem` says so until it
can be used again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import threading
from pathlib import Path
from typing import Annotated, Final, Literal, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from pose_edge.records import ActiveFall
from pose_edge.state_directory import StateDirectory, replace_file, set_aside, why

logger = logging.getLogger(__name__)

FACTS: Final = "memory.json"
RETRY_S: Final = 5.0
WAIT_S: Final = 0.5
"""How long a change waits for the disk; one that takes longer goes on by itself."""
FAR_MS: Final = 10**14  # the year 5138


class Announced(BaseModel):
    """What Home Assistant was last told, so that what is gone can be taken back."""

    model_config = ConfigDict(frozen=True, strict=True)

    root: str
    """`pose-edge/<device>` at that time."""
    discovery_topic: str
    components: dict[str, str]
    """Key -> platform."""
    gone: dict[str, str] = {}
    """The same of those that do not exist any more, and that Home Assistant may not have noticed yet."""


class Facts(BaseModel):
    """What is kept. Fields of other versions are ignored, and gone after the next change."""

    model_config = ConfigDict(frozen=True, strict=True)

    schema_version: Literal[1] = 1
    identity: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    """Who this device is for Home Assistant; made once, and the same wherever the directory goes."""
    detection: bool = True
    """False: somebody paused it."""
    fall: ActiveFall | None = None
    """Confirmed, and ended by nobody."""

    @field_validator("fall")
    @classmethod
    def _in_the_calendar(cls, fall: ActiveFall | None) -> ActiveFall | None:
        if fall is not None and not all(0 <= ms < FAR_MS for ms in (fall.start_ms, fall.confirmed_ms)):
            raise ValueError("a time that no calendar has")
        return fall

    announced: Announced | None = None


class Change(TypedDict, total=False):
    """What `Memory.change` takes."""

    detection: bool
    fall: ActiveFall | None
    announced: Announced | None


class Memory:
    """The facts, in memory and on disk. For one thread.

    A file that cannot be read, is damaged, or was written by a newer version is set aside as
    `memory.json.corrupt-<stamp>` and the defaults hold. An active fall is then forgotten: `fall/state` goes
    OFF, and a person who still lies there may be reported as lying only. A pause is forgotten too, and
    detection is ON: safe for falls, but not what somebody who wanted not to be seen asked for. So `problem`
    says all this until detection is set again or the daemon is restarted.

    A directory that comes back later, mounted late for instance, gets what is in memory in place of its own.
    """

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory
        self._path = directory.path / FACTS
        self._lost: str | None = None
        self._failed: str | None = None
        self._retry_from_s = float("-inf")
        self._writing: _Write | None = None
        self._stored = self._load()
        self.facts = self._stored or Facts(identity=make_identity(directory.path))
        """What holds, whether or not it could be written."""
        self._store()

    @property
    def problem(self) -> str | None:
        """What is not as it should be, in one sentence; None: all is well."""
        return "; ".join(filter(None, (self._lost, self._failed))) or None

    def change(self, **fields: Unpack[Change]) -> None:
        """Change facts; nothing is written if they are what they were."""
        if "detection" in fields:
            self._lost = None
        self.facts = Facts.model_validate({**dict(self.facts), **fields})
        self._store()

    def retry(self, now_s: float) -> None:
        """Write what could not be written; at most every `RETRY_S`, on any clock that does not go back."""
        if self._failed is not None and now_s >= self._retry_from_s:
            self._retry_from_s = now_s + RETRY_S
            self._directory.retry()
            self._store()

    def _load(self) -> Facts | None:
        try:
            return Facts.model_validate_json(self._path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            reason = f"cannot be read: {why(error)}"
        except ValidationError as error:
            reason = _why_invalid(error)
        self._lost = f"{self._path} {reason}; {self._set_aside()}, detection is ON and no fall is active"
        logger.error("%s", self._lost)
        return None

    def _write(self) -> str | None:
        """Write the facts, or wait on for a write that has not come to its end; return what is wrong."""
        if self._writing is None:
            self._writing = _Write(self._path, self.facts)
            self._writing.start()
        self._writing.join(WAIT_S)
        if self._writing.is_alive():
            return f"{self._path}: the disk does not answer"
        done, self._writing = self._writing, None
        self._stored = done.facts if done.failed is None else None  # half a failure may have reached the disk
        if done.failed is None and done.facts != self.facts:  # they changed while it was under way
            return self._write()
        return done.failed

    def _set_aside(self) -> str:
        return f"{set_aside(self._path)}; a pause or fall it held is forgotten"

    def _store(self) -> None:
        failed = self._directory.problem
        if failed is None and self.facts != self._stored:
            failed = self._write()
        if failed != self._failed:
            logger.log(
                logging.WARNING if failed else logging.INFO, "%s", failed or f"{self._path} is kept again"
            )
        self._failed = failed


class _Write(threading.Thread):
    """One write, on a thread of its own: a disk may take seconds, or never answer."""

    def __init__(self, path: Path, facts: Facts) -> None:
        super().__init__(name="memory", daemon=True)
        self.facts = facts
        self.failed: str | None = None
        self._path = path

    def run(self) -> None:
        """Write."""
        self.failed = replace_file(self._path, self.facts.model_dump_json().encode(), mode=0o600)


def stored_identity(directory: Path) -> str:
    """Return the identity kept in a state directory, which may be in use; else the one it would get."""
    try:
        return Facts.model_validate_json((directory / FACTS).read_bytes()).identity
    except (OSError, ValidationError):
        return make_identity(directory)


def make_identity(directory: Path) -> str:
    """Return 12 hex digits for this machine and directory; a second daemon on one board is another device."""
    secret = (
        f"pose-edge\0{_machine()}\0{os.path.realpath(directory)}"  # machine-id(5): never to be shown itself
    )
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _machine() -> str:
    """Return the serial number of the board, else of the installation, else the host name."""
    for path in ("/proc/device-tree/serial-number", "/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if found := Path(path).read_text().strip("\0 \n"):
                return found
    return platform.node()


def _why_invalid(error: ValidationError) -> str:
    """Return the first complaint: the file is ours, nobody will mend it by hand."""
    first = error.errors(include_url=False, include_context=False)[0]
    if first["loc"] == ("schema_version",):
        return f"is of version {repr(first['input'])[:20]}, only 1 is known here"
    place = ".".join(map(str, first["loc"]))
    return f"is damaged: {place + ': ' if place else ''}{first['msg'].lower()}"
