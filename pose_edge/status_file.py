"""How the daemon is, in a file: for `doctor`, and for people who cannot see it over MQTT."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from pose_edge.state_directory import replace_file

STATUS: Final = "status.json"
STATUS_INTERVAL_S: Final = 1.0


class Part(BaseModel):
    """How a part of the daemon is."""

    model_config = ConfigDict(frozen=True)

    state: str
    """Machine word."""
    reason: str = ""
    """For people."""
    since: str | None = None
    """RFC 3339."""


class Status(BaseModel):
    """How the daemon is, for `doctor` and for people who cannot see it over MQTT."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    pid: int
    """Whoever reads this looks whether it is still there."""
    since: str
    """RFC 3339: start of the daemon."""
    broker: Part
    vision: Part
    events_waiting: int = 0
    """For the broker."""
    problems: dict[str, str] = {}
    """Machine word -> sentence; empty when all is well."""


def status_path(directory: Path, environment: Mapping[str, str]) -> Path:
    """Return where it is: in the service's runtime directory, which is no SD card, else in `directory`."""
    runtime = environment.get("RUNTIME_DIRECTORY")
    return (Path(runtime.split(":")[0]) if runtime else directory) / STATUS


class StatusFile:
    """`status.json`, written when it changes and at most every `STATUS_INTERVAL_S`. For one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        """Why it is not written, in one sentence."""
        self._written: Status | None = None
        self._from_s = float("-inf")

    def remove(self) -> None:
        """Take it away: nobody is there any more."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self._written = None

    def tell(self, status: Status, now_s: float) -> None:
        """Write it if it is due; called every turn, so that what came too soon is written later."""
        if status == self._written or now_s < self._from_s:
            return
        self._from_s = now_s + STATUS_INTERVAL_S
        text = json.dumps(status.model_dump(), indent=2, ensure_ascii=False) + "\n"
        # Not synced to the disk: after a power cut nobody needs it.
        self.problem = replace_file(self.path, text.encode(), mode=0o644, durable=False)
        self._written = status if self.problem is None else None
