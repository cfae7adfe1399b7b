"""A picture -> four numbers: whether it is dark, covered, blurred or of another place than before.

Runs in the vision process, about once a second. What it was before is kept there as an average of 80 x 60
grey values, in memory alone; what is told is too little for a picture of anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pose_edge.records import PictureStats

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EVERY_MS: Final = 1000
"""Who covers a lens does so for longer."""

SMALL_PX: Final = (80, 60)
"""Edges of furniture are left at this size, the noise of a dark picture is not."""
CELLS: Final = (10, 8)
NOISE: Final = 3.0
"""Grey levels of second difference that count for nothing: a hand over the lens has 0.0, rooms 2.8-11."""

LEARN_MS: Final = 10_000
"""Only after so long it is said how much a picture is like those before."""
FORGET_MS: Final = 600_000
"""What was before is forgotten so slowly, and all at once when nothing has been like it for so long."""
LIKE: Final = 0.3
"""As much as this is the same place: people lower it to 0.4-0.8, lamps to 0.9, a camera turned by 6 degrees
to less than 0.2 (development clips and the actor)."""

FLAT: Final = 0.3
"""With less detail there is nothing to be learned or compared."""


class Glances:
    """Looks at one picture a second of a source, and remembers what the place looks like."""

    def __init__(self) -> None:
        self._due_ms: int | None = None
        self._usual: npt.NDArray[np.float32] | None = None
        self._begun_ms = self._seen_ms = 0
        self._unlike_ms: int | None = None
        """Since when every picture that shows anything has been of another place."""

    def look(self, image_rgb: npt.NDArray[np.uint8], timestamp_ms: int) -> PictureStats | None:
        """Return what is told of a picture, if it is time for one."""
        due_ms = self._due_ms
        if due_ms is not None and due_ms - EVERY_MS <= timestamp_ms < due_ms:
            return None
        self._due_ms = timestamp_ms + EVERY_MS
        small = _small(image_rgb)
        stats, edges = _measured(small)
        likeness = self._compare(small, edges, timestamp_ms) if stats.detail >= FLAT else None
        return replace(stats, likeness=likeness)

    def _compare(
        self, small: npt.NDArray[np.float32], edges: npt.NDArray[np.float32], now_ms: int
    ) -> float | None:
        another = self._unlike_ms is not None and now_ms - self._unlike_ms > FORGET_MS
        if self._usual is None or now_ms < self._begun_ms or another:
            self._usual, self._begun_ms, self._seen_ms, self._unlike_ms = small, now_ms, now_ms, None
            return None
        likeness = _likeness(edges, _edges(self._usual))
        step_ms, self._seen_ms = now_ms - self._seen_ms, now_ms
        known_ms = now_ms - self._begun_ms
        if likeness < LIKE and known_ms > LEARN_MS:
            self._unlike_ms = now_ms if self._unlike_ms is None else self._unlike_ms
            return round(likeness, 3)
        self._unlike_ms = None
        # At first a plain average, later one that follows the light of the day.
        share = min(1.0, step_ms / min(max(known_ms, step_ms, 1), FORGET_MS))
        self._usual = self._usual + share * (small - self._usual)
        return round(likeness, 3) if known_ms >= LEARN_MS else None


def glance(image_rgb: npt.NDArray[np.uint8]) -> PictureStats:
    """Return what is told of a picture by itself, shape (height_px, width_px, 3), R, G, B."""
    return _measured(_small(image_rgb))[0]


def _small(image_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    import cv2
    import numpy as np

    # Every so many pixels of green alone: most of the brightness, and the rest would only cost time.
    step = max(1, min(image_rgb.shape[1] // 320, image_rgb.shape[0] // 240))
    grey = np.ascontiguousarray(image_rgb[::step, ::step, 1])
    return np.asarray(cv2.resize(grey, SMALL_PX, interpolation=cv2.INTER_AREA), np.float32)


def _measured(small: npt.NDArray[np.float32]) -> tuple[PictureStats, npt.NDArray[np.float32]]:
    import cv2
    import numpy as np

    edges = _edges(small)
    cells = cv2.resize(small, CELLS, interpolation=cv2.INTER_AREA)
    stats = PictureStats(
        luma=float(np.median(small)),
        detail=round(float(np.abs(edges).mean()), 3),
        relief=round(float(cells.std()), 3),
    )
    return stats, edges


def _edges(small: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return where brightness bends, without what may be noise."""
    import cv2
    import numpy as np

    bends = cv2.Laplacian(cv2.GaussianBlur(small, (3, 3), 0), cv2.CV_32F)
    return np.asarray(np.sign(bends) * np.maximum(np.abs(bends) - NOISE, 0.0), np.float32)


def _likeness(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Return how much of the edges of two pictures coincide: 1 all, 0 as many as by chance."""
    import numpy as np

    size = float(np.sqrt(np.sum(one * one) * np.sum(other * other)))
    return 0.0 if size == 0 else float(np.sum(one * other)) / size
