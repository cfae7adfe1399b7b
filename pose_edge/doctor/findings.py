"""What a check is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pose_edge.config import Config

Verdict: TypeAlias = Literal["ok", "warning", "fault", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    verdict: Verdict
    text: str
    """One sentence: what was found and, unless all is well, what to do."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the checks look."""

    config: Config | None
    """None: it cannot be read."""
    config_problem: str = ""
    """Why, one complaint a line."""
    config_path: Path | None = None
    """None: there is no file, and the defaults are looked at."""
    state_directory: Path = Path()
    """Where the daemon keeps what must survive."""
    status_path: Path = Path()
    """Where the daemon says how it is."""
    unit: Mapping[str, str] | None = None
    """What systemd says about pose-edge.service; None: there is no systemd."""
    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    installed: Path = Path("/opt/pose-edge")
    """Where deploy/install.sh puts versions."""
    install_lock: Path = Path("/run/lock/pose-edge-install")
    """Held by the installer while it runs."""

    @property
    def unit_installed(self) -> bool:
        """Whether systemd knows the service."""
        return self.unit is not None and self.unit.get("LoadState") == "loaded"


Check: TypeAlias = Callable[[Surroundings], Finding]
ConfiguredCheck: TypeAlias = Callable[[Surroundings, Config], Finding]


def ok(text: str) -> Finding:
    """All is well."""
    return Finding("ok", text)


def warning(text: str) -> Finding:
    """It works, and could be better."""
    return Finding("warning", text)


def fault(text: str) -> Finding:
    """It does not work like this."""
    return Finding("fault", text)


def skipped(text: str) -> Finding:
    """Nothing to look at here."""
    return Finding("skipped", text)


def configured(check: ConfiguredCheck) -> Check:
    """Make a check of one that needs the configuration."""

    def whole(around: Surroundings) -> Finding:
        if around.config is None:
            return skipped("the configuration cannot be read")
        return check(around, around.config)

    return whole
