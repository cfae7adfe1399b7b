"""Our one thread: moves pictures on, so that neither the source nor the model waits for the other."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

from pose_edge.errors import SourceError
from pose_edge.landmarker.slots import Shot
from pose_edge.records import Frame, PictureStats
from pose_edge.sources.base import Source

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

logger = logging.getLogger(__name__)

Look: TypeAlias = "Callable[[npt.NDArray[np.uint8], int], PictureStats | None]"
"""(picture, timestamp_ms) -> what is told of it; see `Glances.look`."""

WAIT_S: Final = 0.5
"""How long the thread may block in one wait; also how soon it notices that it should stop."""

JOIN_S: Final = 5.0
"""How long to wait for the thread; a driver that hangs longer is left to the end of the process."""


class Background:
    """A thread that runs `work` once, and keeps what it raised for whoever owns the process."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self.stop = threading.Event()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """Ask it to stop and wait for that, within a limit."""
        self.stop.set()
        self._thread.join(JOIN_S)

    def done(self) -> bool:
        """Whether `work` has come to its end. Raises what it raised."""
        if self._thread.is_alive():
            return False
        self.raise_failure()
        return True

    def raise_failure(self) -> None:
        """Raise what `work` raised, if it did."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  # nothing is lost: the owner of the process raises it
            self._failure = error


class Unreadable:
    """A camera's pictures that cannot be read: they are left out, unless there are no others."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since_s: float | None = None
        self._told = False

    def bad(self, error: SourceError, now_s: float) -> None:
        """Leave one picture out. Raises its error when none could be read for longer than the limit."""
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s > self._limit_s:
            raise error
        # Once: a loose plug damages many, and each of them counts as dropped anyway.
        logger.log(logging.DEBUG if self._told else logging.WARNING, "%s; the picture is left out", error)
        self._told = True

    def good(self) -> None:
        """Note that a picture could be read."""
        self._since_s = None


class LivePump:
    """Gives every picture to `submit` the moment it is there, unconverted. Runs while inside `with`."""

    def __init__(self, source: Source, submit: Callable[[Shot], None]) -> None:
        self._source = source
        self._submit = submit
        self._lock = threading.Lock()
        self._source_free = threading.Event()
        self._source_free.set()
        self._background = Background(self._move)
        self.last_frame_ns = 0
        """CLOCK_MONOTONIC when the newest picture came."""

    def __enter__(self) -> Self:
        self._background.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._background.finish()

    def ended(self) -> bool:
        """Whether the source has no more pictures. Raises `SourceError` when it failed."""
        return self._background.done()

    def _move(self) -> None:
        stop = self._background.stop
        while not stop.is_set():
            if self._source.wait(WAIT_S) and not self._grab():
                return

    def _grab(self) -> bool:
        # Python's locks are not fair: a source that is always ready would keep the model waiting.
        self._source_free.wait(WAIT_S)
        with self._lock:
            timestamp_ms = self._source.grab()
            if timestamp_ms is None:
                return False
            self.last_frame_ns = time.monotonic_ns()
            self._submit(Shot(timestamp_ms, self.last_frame_ns, self._retrieve))
        return True

    def _retrieve(self) -> Frame:
        # Between grab and retrieve a newer picture may have become the current one: the frame's own stamp
        # counts, and the landmarker does not look at the shots it covers again.
        self._source_free.clear()
        try:
            with self._lock:
                return self._source.retrieve()
        finally:
            self._source_free.set()


class Decoded(NamedTuple):
    """A frame of a file, ready to be given to the model."""

    frame: Frame
    available_ns: int
    """CLOCK_MONOTONIC when it was."""
    stats: PictureStats | None
    """What was seen of the picture itself; most have none."""


class Ahead:
    """Iterates over every frame of a file, decoding up to two ahead. Runs while inside `with`.

    Raises `SourceError` when the source failed, after the frames that came before.
    """

    DEPTH = 2

    def __init__(self, source: Source, look: Look) -> None:
        """`look` sees every picture, on the thread that decodes, while the model is at the last one."""
        self._source = source
        self._look = look
        self._queue: queue.Queue[Decoded | None] = queue.Queue(self.DEPTH)
        self._background = Background(self._decode)

    def __enter__(self) -> Self:
        self._background.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._background.finish()

    def __iter__(self) -> Iterator[Decoded]:
        while (item := self._queue.get()) is not None:
            yield item
        self._background.finish()
        self._background.raise_failure()

    def _decode(self) -> None:
        try:
            while not self._background.stop.is_set():
                if not self._source.wait(WAIT_S):
                    continue
                if self._source.grab() is None:
                    return
                frame = self._source.retrieve()
                stats = self._look(frame.image_rgb, frame.timestamp_ms)
                self._put(Decoded(frame, time.monotonic_ns(), stats))
        finally:
            self._put(None)

    def _put(self, item: Decoded | None) -> None:
        while not self._background.stop.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=WAIT_S)
                return
