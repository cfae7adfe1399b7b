"""A camera that is opened again when it fails: the first stage, before the whole process is started anew.

Opening a camera again costs half a second; starting the vision process anew costs a Pi several, for the
model. When this does not help either, the error goes on to the daemon, whose supervisor is the next stage.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from pose_edge.errors import PoseEdgeError, SourceError
from pose_edge.records import Frame
from pose_edge.sources.base import Source, SourceInfo

logger = logging.getLogger(__name__)

WAITS_S: Final = (0.5, 2.0, 5.0)
"""Before each attempt: a driver needs a moment, and a cable that is put in again a little longer."""

STEADY_S: Final = 30.0
"""Pictures for so long, and an earlier failure counts no more. Else a camera that gives one picture each time
would be opened again for ever, and nobody would hear of it."""


class Reopening:
    """See `Source`.

    One thread calls `wait`, which does the reopening; any other may call `retrieve` meanwhile and gets a
    `SourceError` while there is no camera.
    """

    def __init__(self, make: Callable[[], Source], waits_s: tuple[float, ...] = WAITS_S) -> None:
        self._make = make
        self._waits_s = waits_s
        self._lock = threading.Lock()  # around whatever uses the camera, so that it is not closed underneath
        self._leaving = threading.Event()
        self._source: Source | None = None
        self._attempts = 0
        self._reopened_s = 0.0
        self.reopened = 0
        """How often that helped."""

    info: SourceInfo
    """See `Source.info`."""

    def __enter__(self) -> Self:
        """Open. A camera that cannot be opened at the start is told at once: that is for a person to mend."""
        self._leaving.clear()
        self._attempts = 0
        self._source = self._make().__enter__()
        self.info = self._source.info
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        with self._lock:
            source, self._source = self._source, None
            if source is not None:
                source.__exit__(kind, error, trace)

    def wait(self, timeout_s: float) -> bool:
        """See `Source.wait`. Raises `SourceError` when opening it again did not help."""
        source = self._source
        if source is None:
            return False
        try:
            came = source.wait(timeout_s)
        except SourceError as error:
            if self._leaving.is_set():
                raise
            self._reopen(error)
            return False
        if came and self._attempts and time.monotonic() - self._reopened_s > STEADY_S:
            self._attempts = 0
        return came

    def grab(self) -> int | None:
        """See `Source.grab`."""
        with self._lock:
            return self._opened().grab()

    def retrieve(self) -> Frame:
        """See `Source.retrieve`."""
        with self._lock:
            return self._opened().retrieve()

    def set_rate_hz(self, rate_hz: float) -> None:
        """See `Adjustable.set_rate_hz`; a camera that is opened again begins at its own rate."""
        with self._lock:
            adjust = getattr(self._source, "set_rate_hz", None)  # V4L2 cameras have none
            if adjust is not None:
                adjust(rate_hz)

    def _opened(self) -> Source:
        if self._source is None:
            msg = f"{self.info.name}: is being opened again"
            raise SourceError(msg)
        return self._source

    def _reopen(self, why: PoseEdgeError) -> None:
        """Close and open until it works; raise the last reason when there are no attempts left."""
        logger.warning("%s; it is opened again", why)
        began_s = time.monotonic()
        with self._lock:
            source, self._source = self._source, None
            if source is not None:
                source.__exit__(None, None, None)
        if getattr(source, "wedged", False):  # only leaving the process helps
            raise why
        while self._attempts < len(self._waits_s):
            self._attempts += 1
            if self._leaving.wait(self._waits_s[self._attempts - 1]):
                return
            try:
                self._take(self._make().__enter__())
            except PoseEdgeError as error:
                why = error
            else:
                logger.info("%s is back after %.1f s", self.info.name, time.monotonic() - began_s)
                return
        raise why

    def _take(self, source: Source) -> None:
        """Go on with this camera, unless nobody wants it any more or its pictures are of another size."""
        with self._lock:
            if self._leaving.is_set():
                source.__exit__(None, None, None)
                return
            size, before = _size(source.info), _size(self.info)
            if size != before:
                source.__exit__(None, None, None)
                msg = f"{source.info.name}: gives {size} px where it gave {before} px before"
                raise SourceError(msg)
            self._source = source
            self._reopened_s = time.monotonic()
            self.reopened += 1


def _size(info: SourceInfo) -> str:
    return f"{info.width_px} x {info.height_px}"
