"""What the processes that see pixels have in common: how they begin, and how their log reaches the parent."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pose_edge.errors import EXIT_FAILURE

logger = logging.getLogger(__name__)

LOG_FORMAT: Final = "<%(levelname)s> %(name)s: %(message)s"

LOG_LINE: Final = re.compile(rb"<(DEBUG|INFO|WARNING|ERROR|CRITICAL)> (\S+): (.*)")
"""A line of `LOG_FORMAT`; every other line comes from native code."""

PR_SET_PDEATHSIG: Final = 1  # prctl(2)
PR_SET_DUMPABLE: Final = 4

SWITCH_S: Final = 0.0005

KILL_S: Final = 2.0
"""How long a killed process may take to go. One that hangs in a driver cannot; nobody may wait for it."""


def command(module: str, python: Path) -> list[str]:
    """Return what runs a module of ours, without looking for it in the current directory."""
    return [str(python), "-P", "-m", module]


def start(python: Path = Path(sys.executable)) -> subprocess.Popen[bytes]:
    """Start a vision process: it loads its libraries and waits for its job. Raises OSError."""
    pipe = subprocess.PIPE
    line = command("pose_edge.vision", python)
    return subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, env=environment())


@contextmanager
def started_early() -> Iterator[subprocess.Popen[bytes] | None]:
    """Start the first vision process ahead of its job; None: there is no room for it now.

    Both processes load libraries for some tenths of a second, and can do so at the same time. Whether or not
    somebody gave it a job, it is ended in the end.
    """
    try:
        process = start()
    except OSError:  # whoever has the job tries again, and tells
        yield None
        return
    try:
        yield process
    finally:
        discard(process)


def discard(process: subprocess.Popen[bytes]) -> None:
    """End a vision process that will have no job; safe to repeat, and for one that has ended."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    kill(process)


def environment() -> dict[str, str] | None:
    """Return the environment in which a child finds the very package that runs here; None: ours will do."""
    root = str(Path(__file__).resolve().parents[1])
    if root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return None
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{others}" if others else root}


def hand_over_quickly() -> None:
    """Let a thread that waits for Python's lock have it within half a millisecond instead of five.

    A result comes in one thread and goes on in another; every message waited for the rest of a turn.
    """
    sys.setswitchinterval(SWITCH_S)


def kill(child: subprocess.Popen[bytes]) -> int | None:
    """Kill it and return how it ended; None: it does not end, and goes when the kernel lets it."""
    child.kill()
    try:
        return child.wait(KILL_S)
    except subprocess.TimeoutExpired:
        logger.error("process %d cannot be killed: it hangs in the kernel, in a driver likely", child.pid)
        return None


def keep_memory_to_itself() -> None:
    """Ask the kernel to let no other process of this user read or change this one's memory (ptrace(2)).

    The two processes run as one user: otherwise the one with the network could read the other's pictures, and
    that one borrow the first one's network.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0)


def own_usage() -> tuple[float, float]:
    """Return this process's resident memory in MiB and the processor seconds it has used."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round(pages * resource.getpagesize() / 2**20, 1), used.ru_utime + used.ru_stime


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
