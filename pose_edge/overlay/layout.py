"""Where text may stand: beside heads, not on them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.overlay.skeleton import HIDDEN
from pose_edge.records import VISIBILITY

NOSE, LEFT_EAR, RIGHT_EAR = (LANDMARK_NAMES.index(name) for name in ("nose", "left_ear", "right_ear"))
EYES: Final = [LANDMARK_NAMES.index(name) for name in ("left_eye", "right_eye")]
MOUTH: Final = [LANDMARK_NAMES.index(name) for name in ("mouth_left", "mouth_right")]

# With hair a head reaches 15 cm from between the ears; those are 14 cm apart, the nose is 11 cm before them
# and the eyes 7 cm above the mouth.
RADIUS_PER_EARS: Final = 1.05
RADIUS_PER_NOSE: Final = 1.3
RADIUS_PER_EYES_TO_MOUTH: Final = 2.2

FACE_COSTS: Final = 10.0
"""A pixel of a face that is covered is as bad as so many of another label."""


class Rect(NamedTuple):
    """A part of the picture, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Rect) -> float:
        """Return how many square pixels both have in common."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


def head_rect(points: npt.NDArray[np.float32], landmarks: npt.NDArray[np.float32]) -> Rect | None:
    """Return the square around a head, hair included; None when no ear is visible enough to tell.

    `points` are the landmarks in pixels, shape (33, 2).
    """
    if landmarks[[LEFT_EAR, RIGHT_EAR], VISIBILITY].max() < HIDDEN:
        return None
    ears = (points[LEFT_EAR] + points[RIGHT_EAR]) / 2
    radius_px = max(
        RADIUS_PER_EARS * math.dist(points[LEFT_EAR], points[RIGHT_EAR]),
        RADIUS_PER_NOSE * math.dist(points[NOSE], ears),
        RADIUS_PER_EYES_TO_MOUTH * math.dist(points[EYES].mean(axis=0), points[MOUTH].mean(axis=0)),
    )
    x, y = float(ears[0]), float(ears[1])
    return Rect(x - radius_px, y - radius_px, x + radius_px, y + radius_px)


def body_rect(points: npt.NDArray[np.float32], landmarks: npt.NDArray[np.float32]) -> Rect | None:
    """Return the smallest rectangle around what is drawn of a body; None when nothing is."""
    shown = points[landmarks[:, VISIBILITY] >= HIDDEN]
    if not len(shown):
        return None
    (left, top), (right, bottom) = shown.min(axis=0).tolist(), shown.max(axis=0).tolist()
    return Rect(left, top, right, bottom)


class Place(NamedTuple):
    """Where a label goes."""

    rect: Rect
    corner: int
    """Which of the possible places it is."""


def place(
    size_px: tuple[int, int],
    body: Rect,
    head: Rect | None,
    within: Rect,
    faces: Sequence[Rect],
    taken: Sequence[Rect],
    last: int | None = None,
) -> Place:
    """Return where the label of a body goes: over its head if that is free, else near it, inside `within`.

    It stays at the corner `last` while that is free, or it would jump with every nod.
    """
    corners = _corners(*size_px, body, head or _top_of(body), gap_px=size_px[1] / 4)
    rects = [_moved_inside(Rect(x, y, x + size_px[0], y + size_px[1]), within) for x, y in corners]
    costs = [_covered(rect, faces) * FACE_COSTS + _covered(rect, taken) for rect in rects]
    corner = last if last is not None and not costs[last] else costs.index(min(costs))
    return Place(rects[corner], corner)


def _corners(
    width_px: int, height_px: int, body: Rect, head: Rect, gap_px: float
) -> Iterable[tuple[float, float]]:
    """Yield upper left corners, best first."""
    head_x, head_y = (head.left + head.right) / 2, (head.top + head.bottom) / 2
    body_x = (body.left + body.right) / 2
    yield head_x - width_px / 2, head.top - gap_px - height_px
    yield head.right + gap_px, head_y - height_px / 2
    yield head.left - gap_px - width_px, head_y - height_px / 2
    yield body_x - width_px / 2, body.bottom + gap_px
    yield body_x - width_px / 2, body.top - gap_px - height_px
    yield body_x - width_px / 2, (body.top + body.bottom - height_px) / 2


def _top_of(body: Rect) -> Rect:
    x = (body.left + body.right) / 2
    return Rect(x, body.top, x, body.top)


def _moved_inside(rect: Rect, within: Rect) -> Rect:
    x = max(within.left, min(rect.left, within.right - (rect.right - rect.left)))
    y = max(within.top, min(rect.top, within.bottom - (rect.bottom - rect.top)))
    return Rect(x, y, x + rect.right - rect.left, y + rect.bottom - rect.top)


def _covered(rect: Rect, others: Iterable[Rect]) -> float:
    return sum(rect.overlap(other) for other in others)
