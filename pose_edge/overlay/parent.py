"""The parent's end of the drawing process: starts it, listens to it, ends it. Sees no pixels."""

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
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson

from pose_edge.child import command, environment, kill, relay
from pose_edge.errors import BY_NAME, EXIT_DONE, PoseEdgeError
from pose_edge.overlay.job import Job, require_possible
from pose_edge.pictures import temporary_beside
from pose_edge.sources import SourceOptions

logger = logging.getLogger(__name__)
native = logging.getLogger("pose_edge.overlay.native")

SILENCE_LIMIT_S: Final = 120.0
"""Longer without a word is a hang. It speaks twice a second, but not while it skips to a late `start_s`."""

CLOSE_S: Final = 3.0
"""How long a process that was asked to stop may take; then it is killed."""

READ_BYTES: Final = 1 << 16

COMMAND: Final = command("pose_edge.overlay.process", Path(sys.executable))


def render(
    source: SourceOptions,
    annotations: Path,
    outputs: Sequence[Path],
    progress: Callable[[int], None] | None = None,
) -> None:
    """Draw what was found on the pictures it was found in; see `Job` for the arguments.

    `progress` is told how many pictures are done, about twice a second. The outputs appear when all is
    done, or not at all; what had their names before is replaced.

    Raises:
        UsageError: the outputs cannot be written or do not suit the source.
        SourceError: the source shows no pictures, or the annotations are damaged.
        PoseEdgeError: the film could not be encoded or written completely, or the process died or hung.
    """
    job = Job(source=source, annotations=annotations, outputs=tuple(outputs))
    require_possible(job)
    with DrawingProcess(job) as process:
        while not process.ended:
            frames = process.poll(1.0)
            if frames is not None and progress is not None:
                progress(frames)


class DrawingProcess:
    """One run of the drawing process. Leaving `with` ends it and removes what it left half done."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._rest = {"stdout": b"", "stderr": b""}
        self._last_native: deque[bytes] = deque(maxlen=12)
        self.ended = False
        """Whether everything is drawn and in place."""

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, env=environment()
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        self._heard_s = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._child.stdout, selectors.EVENT_READ, "stdout")
        self._selector.register(self._child.stderr, selectors.EVENT_READ, "stderr")
        with contextlib.suppress(BrokenPipeError):  # it died; poll says how
            self._child.stdin.write(self._job.model_dump_json().encode() + b"\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._child.terminate()
            self._wait()
        finally:  # a second Ctrl-C interrupts the wait
            kill(self._child)
            for path in self._job.outputs:
                temporary_beside(path, self._child.pid).unlink(missing_ok=True)
            self._selector.close()
            for file in (self._child.stdin, self._child.stdout, self._child.stderr):
                if file is not None:
                    file.close()

    def poll(self, timeout_s: float) -> int | None:
        """Return how many pictures are done when it says so within the time.

        Raises:
            PoseEdgeError: it failed, died, or has said nothing for too long.
        """
        frames: int | None = None
        for key, _ in self._selector.select(timeout_s):
            for line in self._lines(key.fd, key.data):
                if key.data == "stderr":
                    self._note(line)
                else:
                    frames = self._take(line)
        if not self._selector.get_map():
            self._finish()
        elif time.monotonic() - self._heard_s > SILENCE_LIMIT_S:
            raise PoseEdgeError(f"the drawing process has been silent for {SILENCE_LIMIT_S:.0f} s: killed")
        return frames

    def _lines(self, descriptor: int, name: str) -> list[bytes]:
        """Return the lines that are complete; at the end of the pipe, the rest."""
        data = os.read(descriptor, READ_BYTES)
        self._heard_s = time.monotonic()
        if not data:
            self._selector.unregister(descriptor)
        *lines, self._rest[name] = (self._rest[name] + (data or b"\n")).split(b"\n")
        return [line for line in lines if line.strip()]

    def _take(self, line: bytes) -> int:
        said = orjson.loads(line)
        if "error" in said:
            raise BY_NAME.get(said["error"], PoseEdgeError)(said["message"])
        frames: int = said["frames"]
        return frames

    def _note(self, line: bytes) -> None:
        if not relay(line):
            self._last_native.append(line)
            native.debug("%s", line.decode(errors="replace"))

    def _finish(self) -> None:
        """Both pipes are closed: it has ended, one way or the other."""
        code = self._wait()
        if code == EXIT_DONE:
            self.ended = True
            return
        for line in self._last_native:
            native.error("%s", line.decode(errors="replace"))
        if code is None:
            raise PoseEdgeError("the drawing process fell silent and cannot be killed")
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        raise PoseEdgeError(f"the drawing process died: {how}")

    def _wait(self) -> int | None:
        try:
            return self._child.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            return kill(self._child)
