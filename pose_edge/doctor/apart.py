"""Runs what may crash or hang in a process of its own: an import that ends in SIGILL must not end doctor."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LIMIT_S: Final = 4.5
"""Below that of a check (examination.py), so that the reason is told and nothing is left running."""

ROOT: Final = Path(__file__).parents[2]
"""Where this very package lies."""

# -P: nothing from the directory somebody happens to be in, which may be root.
PYTHON: Final = (sys.executable, "-P", "-c")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it."""

    value: Any = None
    """The JSON it printed last."""
    problem: str = ""
    """Why there is none."""


def run_python(code: str, *arguments: str, limit_s: float = LIMIT_S) -> Answer:
    """Run Python code that prints one line of JSON; `ROOT` is its first argument, the others follow."""
    return run((*PYTHON, code, str(ROOT), *arguments), limit_s)


def run(command: tuple[str, ...], limit_s: float = LIMIT_S) -> Answer:
    """Run a command that prints JSON in its last line."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(problem=f"no answer in {limit_s:g} s")
    except OSError as error:
        return Answer(problem=f"{command[0]}: {(error.strerror or str(error)).lower()}")
    if done.returncode != 0:
        return Answer(problem=_why(done.returncode, done.stderr))
    try:
        return Answer(value=json.loads((done.stdout.splitlines() or [""])[-1]))
    except ValueError:
        return Answer(problem="an answer that cannot be read")


def _why(status: int, stderr: str) -> str:
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    told = [line for line in stderr.splitlines() if line.strip()]
    return told[-1].strip() if told else f"exit status {status}"
