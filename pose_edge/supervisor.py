"""Keeps a vision process running: the daemon's answer to cameras that hang and libraries that crash.

No thread: whoever owns the loop calls `poll`.
"""

from __future__ import annotations

import logging
import selectors
import subprocess
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pydantic import Field

from pose_edge import wire
from pose_edge.child import discard
from pose_edge.errors import LandmarkerError, ModelError, PoseEdgeError, SourceError
from pose_edge.poses import VisionLimits, VisionProcess
from pose_edge.sources import CAMERAS

if TYPE_CHECKING:
    from pose_edge.job import Job

logger = logging.getLogger(__name__)


class VisionOptions(VisionLimits):
    """Options under ``vision``: when the vision process counts as hung, and what happens then."""

    restart_min_s: float = Field(1.0, ge=0)
    """How long to wait before the first restart; doubled each time up to `restart_max_s`."""

    restart_max_s: float = Field(30.0, gt=0)
    """The longest wait between two restarts."""

    restart_reset_s: float = Field(60.0, gt=0)
    """After this long without trouble the next wait is the shortest again."""


@dataclass(slots=True)
class Trouble:
    """Why there are no poses at the moment."""

    reason: str
    since_s: float
    retry_s: float
    """time.monotonic() of the next attempt."""
    attempts: int = 1
    """How many in a row have failed."""


class Supervisor:
    """Keeps a vision process running: restarts it with back-off when it fails, hangs or dies."""

    def __init__(
        self,
        job: Job,
        options: VisionOptions,
        wake_descriptor: int,
        *,
        paused: bool = False,
        waiting: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """Prepare. `waiting` is the first vision process, if it was started already and waits for its job."""
        self._job = job
        self._options = options
        self._wake_descriptor = wake_descriptor
        self._process: VisionProcess | None = None
        self._delay_s = options.restart_min_s
        self._works_since_s: float | None = None
        self._paused = paused
        self._waiting = waiting
        self._opened = False
        self._has_run = False
        self._failed_in_a_row = 0
        self.trouble: Trouble | None = None
        """None while results can be expected."""
        self.restarts = 0

    def __enter__(self) -> Self:
        self._opened = True
        if not self._paused:
            self._start()
        elif self._waiting is not None:  # while paused there is nothing that could see
            discard(self._waiting)
            self._waiting = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = False
        self._end()

    @property
    def pid(self) -> int | None:
        """Process id of the vision process; None between two, and while paused."""
        return None if self._process is None else self._process.pid

    @property
    def camera(self) -> bool:
        """Whether what is looked through is hardware."""
        return isinstance(self._job.source, CAMERAS)

    @property
    def ended(self) -> bool:
        """Whether the source came to its end."""
        return self._process is not None and self._process.ended

    @property
    def paused(self) -> bool:
        """Whether nothing is to be looked at."""
        return self._paused

    def pause(self, wanted: bool) -> None:
        """Look no more, or again. While paused there is no vision process, so nothing that could see."""
        if wanted == self._paused:
            return
        self._paused = wanted
        if wanted:
            self._end()
            self.trouble = None
        elif self._opened:
            self._delay_s = self._options.restart_min_s
            self._start()

    def poll(self, timeout_s: float) -> list[wire.Record]:
        """Return what was said within `timeout_s`; returns early when woken.

        Raises:
            PoseEdgeError: only for what a restart cannot cure (a wrong model, a missing library), and only
                before the first start that worked: what has worked may work again.
        """
        if self._process is None:
            self._wait(timeout_s)
            return []
        try:
            said = self._process.poll(timeout_s)
        except PoseEdgeError as error:
            curable = isinstance(error, SourceError | LandmarkerError) and not isinstance(error, ModelError)
            if not (curable or self._has_run):
                raise
            self._fail(str(error))
            return []
        if said and any(isinstance(record, wire.Hello) for record in said):
            self._has_run = True
            self._works_since_s = time.monotonic()
            self._recovered()
        return said

    def _wait(self, timeout_s: float) -> None:
        """Wait for the next attempt, if there is to be one, no longer than `timeout_s`."""
        if self.trouble is not None:
            timeout_s = max(0.0, min(timeout_s, self.trouble.retry_s - time.monotonic()))
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_descriptor, selectors.EVENT_READ)
            selector.select(timeout_s)
        if self.trouble is not None and time.monotonic() >= self.trouble.retry_s:
            self.restarts += 1
            self._start()

    def _start(self) -> None:
        self._works_since_s = None
        waiting, self._waiting = self._waiting, None
        process = VisionProcess(self._job, self._options, self._wake_descriptor, waiting=waiting)
        try:
            self._process = process.__enter__()
        except SourceError as error:  # no room for it now: there may be later
            self._fail(str(error))

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.__exit__(None, None, None)

    def _fail(self, reason: str) -> None:
        now_s = time.monotonic()
        works_since_s = self._works_since_s
        # From the hello on: a start that hangs until its limit is no time without trouble.
        if works_since_s is not None and now_s - works_since_s > self._options.restart_reset_s:
            self._delay_s, self._failed_in_a_row = self._options.restart_min_s, 0
        if self.trouble is None or self.trouble.reason != reason:
            logger.error("%s; trying again in %.0f s", reason, self._delay_s)
        since_s = now_s if self.trouble is None else self.trouble.since_s
        self._failed_in_a_row += 1
        self.trouble = Trouble(reason, since_s, now_s + self._delay_s, self._failed_in_a_row)
        self._delay_s = min(2 * max(self._delay_s, 0.1), self._options.restart_max_s)
        self._end()

    def _recovered(self) -> None:
        if self.trouble is not None:
            logger.info("the vision process is back after %.0f s", time.monotonic() - self.trouble.since_s)
            self.trouble = None
