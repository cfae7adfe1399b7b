"""Runs `pose-edge` as a person does: a process, its output and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pose_edge", *map(str, arguments)]
    merged = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, env=merged)


def lines(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """The JSON objects on stdout."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """Hold that it failed with one line that has all `words`, and nothing on stdout."""
    told = [line for line in done.stderr.splitlines() if line.startswith("pose-edge: ")]
    assert done.returncode == status, done.stderr
    assert len(told) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in told[0]
    assert done.stdout == ""
