"""What the processes that see pixels have in common: how they begin, and how their log reaches the parent."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import resource
import signal
import sys
from typing import Final

from pose_edge.errors import EXIT_FAILURE

LOG_FORMAT: Final = "<%(levelname)s> %(name)s: %(message)s"

LOG_LINE: Final = re.compile(rb"<(DEBUG|INFO|WARNING|ERROR|CRITICAL)> (\S+): (.*)")
"""A line of `LOG_FORMAT`; every other line comes from native code."""

PR_SET_PDEATHSIG: Final = 1  # prctl(2)


def keep_stdout_for_records() -> int:
    """Return the pipe that was stdout, and let everything printed from now on go to stderr."""
    records = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return records


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel for the signal `by` when the parent is gone: a hung process cannot notice by itself."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the last frames
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it went before the kernel was asked
        os._exit(EXIT_FAILURE)


def log_to_parent() -> None:
    """Write the log to stderr, in lines that `relay` understands."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=LOG_FORMAT)


def relay(line: bytes) -> bool:
    """Log a line from a child's stderr under the name it was logged there; False: it is not of our log."""
    match = LOG_LINE.fullmatch(line)
    if match is None:
        return False
    level, name, text = (part.decode(errors="replace") for part in match.groups())
    logging.getLogger(name).log(logging.getLevelName(level), "%s", text)
    return True
