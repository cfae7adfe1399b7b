"""Processes from outside: what they are started with, and what they have used so far."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pose_edge.health import cpu_s, rss_mb


def environment() -> dict[str, str]:
    """Return this process's, in which bytecode is kept: an installed program does not compile itself."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True)
class Used:
    """What a daemon and its vision process had used at one moment."""

    at_s: float
    cpu_s: float
    daemon_mb: float
    vision_mb: float


def children(pid: int) -> list[int]:
    """Return the processes that `pid` has started and that are there."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def used(pid: int, at_s: float) -> Used | None:
    """Return what the daemon `pid` and its child have used; None when one of them is not there."""
    pids = [pid, *children(pid)]
    cpu, memory = [cpu_s(one) for one in pids], [rss_mb(one) for one in pids]
    if len(pids) < 2 or any(value is None for value in (*cpu, *memory)):
        return None
    return Used(
        at_s, sum(value or 0 for value in cpu), memory[0] or 0.0, sum(value or 0 for value in memory[1:])
    )
