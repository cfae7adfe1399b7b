"""What every source promises."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from pose_edge.records import Frame


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says about itself once it is open."""

    name: str
    """For people: `/dev/video0`, `clip.mp4`, `actor day`."""
    width_px: int
    height_px: int
    rate_hz: float | None
    """Nominal; None where it is unknown or has no meaning (photos)."""
    live: bool
    """True: frames come when they come and old ones are worthless (camera).
    False: the next frame is there when asked for (file, actor)."""
    frame_count: int | None = None
    """How many there will be, for progress bars; None where unknown."""


@runtime_checkable
class Adjustable(Protocol):
    """A source that can be slower than it was opened: what a sensor does not read costs nothing at all."""

    def set_rate_hz(self, rate_hz: float) -> None:
        """Give so many pictures a second from now on: a wish; a camera follows some pictures later."""


class Source(Protocol):
    """Pictures, one after the other, in three steps so that an unwanted one costs almost nothing.

    `wait` blocks, `grab` moves on without converting anything, `retrieve` converts the picture
    grabbed last. A source is used by one thread at a time (the caller holds a lock around `grab`
    and `retrieve`; `wait` runs outside it).

    Opened by `with`, closed by leaving it, safe to close twice. `__enter__` raises `SourceError`
    when there is nothing to open.
    """

    @property
    def info(self) -> SourceInfo:
        """What was opened. Only while open."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def wait(self, timeout_s: float) -> bool:
        """Block until `grab` will find a newer picture or the end; False: none came in time.

        Files answer True at once. Raises `SourceError` when no picture will come any more.
        """

    def grab(self) -> int | None:
        """Make the newest picture the current one and return its `timestamp_ms`; None: the end.

        A live source skips to the newest, a file goes one further. Timestamps strictly increase.
        """

    def retrieve(self) -> Frame:
        """Return the current picture as RGB, in memory of its own.

        Raises `SourceError` when it cannot be decoded.
        """
