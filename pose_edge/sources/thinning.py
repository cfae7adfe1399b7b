"""Fewer frames of a file than it has: what a slower camera would have shown."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Final, Self

from pose_edge.records import Frame
from pose_edge.sources.base import Source, SourceInfo

EARLY_SHARE: Final = 0.1
"""Of an interval a frame may come before it is due: stamps are whole milliseconds, and clips of 29.97 Hz
thinned to 15 Hz should not lose the rhythm."""


class Thinning:
    """Chooses frames by their timestamps: the first one in each interval of 1 / `rate_hz`, from the first on.

    A clip that is slower than that keeps every frame.
    """

    def __init__(self, rate_hz: float) -> None:
        if not rate_hz > 0:
            msg = f"the rate must be greater than 0, found {rate_hz}"
            raise ValueError(msg)
        self._rate_hz = rate_hz
        self._first_ms: int | None = None
        self._due = 0

    def wants(self, timestamp_ms: int) -> bool:
        """Return whether to keep the frame; timestamps must come in order, each once."""
        self._first_ms = timestamp_ms if self._first_ms is None else self._first_ms
        intervals = (timestamp_ms - self._first_ms) * self._rate_hz / 1000
        if intervals + EARLY_SHARE < self._due:
            return False
        self._due = math.floor(intervals + EARLY_SHARE) + 1
        return True


class Thinned:
    """A file at no more than `rate_hz`. Unwanted frames are never converted. See `Source`."""

    def __init__(self, source: Source, rate_hz: float) -> None:
        self._source = source
        self._rate_hz = rate_hz
        self._thinning = Thinning(rate_hz)

    @property
    def info(self) -> SourceInfo:
        """See `Source.info`; how many frames there will be is not known before."""
        info = self._source.info
        rate_hz = None if info.rate_hz is None else min(info.rate_hz, self._rate_hz)
        return SourceInfo(info.name, info.width_px, info.height_px, rate_hz, info.live, frame_count=None)

    def __enter__(self) -> Self:
        self._source.__enter__()
        self._thinning = Thinning(self._rate_hz)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.__exit__(kind, error, trace)

    def wait(self, timeout_s: float) -> bool:
        """See `Source.wait`."""
        return self._source.wait(timeout_s)

    def grab(self) -> int | None:
        """See `Source.grab`: on to the next frame that is wanted."""
        while (timestamp_ms := self._source.grab()) is not None:
            if self._thinning.wants(timestamp_ms):
                return timestamp_ms
        return None

    def retrieve(self) -> Frame:
        """See `Source.retrieve`."""
        return self._source.retrieve()
