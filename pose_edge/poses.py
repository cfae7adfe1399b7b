"""The daemon's end of the vision process: starts it, reads it, ends it.

No thread: whoever owns the loop calls `poll`. `supervisor.py` keeps one running.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from pydantic import Field

from pose_edge import wire
from pose_edge.child import kill, relay, start
from pose_edge.errors import PoseEdgeError, SourceError
from pose_edge.options import Options

if TYPE_CHECKING:
    from pose_edge.job import Job

logger = logging.getLogger(__name__)
native = logging.getLogger("pose_edge.vision.native")

CLOSE_S: Final = 3.0
"""How long a child that was asked to stop may take; then it is killed."""


HELD: Final = "a driver holds it in the kernel; only restarting the device helps"

READ_BYTES: Final = 1 << 16


class VisionLimits(Options):
    """When the vision process counts as hung."""

    start_limit_s: float = Field(60.0, gt=0)
    """How long it may take to open the camera and load the model; a Pi 3 needs about 20 s."""

    silence_limit_s: float = Field(15.0, gt=1)
    """How long it may say nothing before it is killed; it says something every second."""


class VisionProcess:
    """One run of the vision process. Leaving `with` ends it, kindly if it listens."""

    def __init__(
        self,
        job: Job,
        limits: VisionLimits,
        wake_descriptor: int | None = None,
        python: Path = Path(sys.executable),
        waiting: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """Prepare. `python` is what runs it; tests put something in between.

        `waiting` is one that has been started (`child.start`) and waits for its job: it is ours now.
        """
        self._job = job
        self._python = python
        self._waiting = waiting
        self._limits = limits
        self._wake_descriptor = wake_descriptor
        self._decoder = wire.Decoder()
        self._stderr_rest = b""
        self._last_native: deque[bytes] = deque(maxlen=12)
        self._greeted = self._ended = False
        self._failure: PoseEdgeError | None = None

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            SourceError: the system has no room for another process, or for its pipes.
        """
        try:
            self._child = self._waiting or start(self._python)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SourceError(f"the vision process cannot be started: {reason}") from error
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        self._records, self._stderr = self._child.stdout.fileno(), self._child.stderr.fileno()
        self._heard_s = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._records, selectors.EVENT_READ)
        self._selector.register(self._stderr, selectors.EVENT_READ)
        if self._wake_descriptor is not None:
            self._selector.register(self._wake_descriptor, selectors.EVENT_READ)
        self._order(self._job.model_dump_json().encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()  # which asks it to stop
        try:
            self._child.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            logger.warning("vision process %d does not stop; killed", self._child.pid)
            kill(self._child)
        if self._child.stderr is not None:
            self._drain_stderr()
            self._child.stderr.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def ended(self) -> bool:
        """Whether the source came to its end and every result has been returned by `poll`."""
        return self._ended

    def poll(self, timeout_s: float) -> list[wire.Record]:
        """Return what it said, waiting for something up to `timeout_s`.

        Also returns, empty, when the wake descriptor becomes readable (the owner reads it).

        Raises:
            PoseEdgeError: it failed, died, or has been silent for too long; the message says which. What it
                said before has been returned by an earlier call.
        """
        if self._failure is not None:
            raise self._failure
        said: list[wire.Record] = []
        # Twice: after the daemon itself was frozen the time is up although something waits to be read.
        for key, _ in self._selector.select(timeout_s) or self._selector.select(0):
            if key.fd == self._records:
                said += self._read_records()
            elif key.fd == self._stderr:
                self._read_stderr()
        if said:
            self._heard_s = time.monotonic()
            self._take_note(said)
        elif not self._ended:
            self._check_alive()
        return said

    def _read_records(self) -> list[wire.Record]:
        data = os.read(self._records, READ_BYTES)
        if not data:
            self._selector.unregister(self._records)
            if not self._ended:
                raise self._death()
        try:
            return list(self._decoder.feed(data))
        except ValueError as error:
            raise SourceError(f"the vision process sent something that is no record: {error}") from error

    def _take_note(self, said: list[wire.Record]) -> None:
        for record in said:
            if isinstance(record, wire.Hello):
                self._greeted = True
            elif isinstance(record, wire.Ended):
                self._ended = True
            elif isinstance(record, wire.Failure):
                self._failure = record.exception()  # raised by the next poll: what came before counts

    def _check_alive(self) -> None:
        limit_s = self._limits.silence_limit_s if self._greeted else self._limits.start_limit_s
        silent_s = time.monotonic() - self._heard_s
        if silent_s > limit_s:
            self._child.kill()
            what = "is silent" if self._greeted else "did not start"
            raise SourceError(f"the vision process {what} for {silent_s:.0f} s (limit {limit_s:g} s): killed")

    def _death(self) -> PoseEdgeError:
        code: int | None
        try:
            code = self._child.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            code = kill(self._child)
        self._drain_stderr()
        # Before the hello these lines say why; afterwards they are what MediaPipe prints at each start.
        level = logging.INFO if self._greeted else logging.ERROR
        for line in self._last_native:
            native.log(level, "%s", line.decode(errors="replace"))
        if code is None:
            return SourceError(f"the vision process {self._child.pid} cannot even be killed: {HELD}")
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return SourceError(f"the vision process died: {how}")

    def _order(self, line: bytes) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died; the next poll says how
            self._child.stdin.write(line + b"\n")

    def _read_stderr(self) -> bool:
        data = os.read(self._stderr, READ_BYTES)
        if not data:
            self._selector.unregister(self._stderr)
        self._relay(data)
        return bool(data)

    def _drain_stderr(self) -> None:
        """Relay what is left without blocking on a pipe that a grandchild may hold open."""
        os.set_blocking(self._stderr, False)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._stderr, READ_BYTES):
                self._relay(data)

    def _relay(self, data: bytes) -> None:
        *lines, self._stderr_rest = (self._stderr_rest + data).split(b"\n")
        for line in lines:
            if not relay(line) and line.strip():
                self._last_native.append(line)
                native.debug("%s", line.decode(errors="replace"))
