"""A skeleton on one picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.overlay.text import Colour, Image
from pose_edge.records import VISIBILITY

# Pairs of MediaPipe's PoseLandmarksConnections, as numbers of LANDMARK_NAMES.
FACE: Final = ((0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10))
TRUNK: Final = ((11, 12), (11, 23), (12, 24), (23, 24))
LEFT_ARM: Final = ((11, 13), (13, 15), (15, 17), (15, 19), (15, 21), (17, 19))
RIGHT_ARM: Final = ((12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (18, 20))
LEFT_LEG: Final = ((23, 25), (25, 27), (27, 29), (27, 31), (29, 31))
RIGHT_LEG: Final = ((24, 26), (26, 28), (28, 30), (28, 32), (30, 32))
CONNECTIONS: Final = (*FACE, *TRUNK, *LEFT_ARM, *RIGHT_ARM, *LEFT_LEG, *RIGHT_LEG)

NOSE: Final = 0
LAST_OF_FACE: Final = 10
ENDS: Final = [*range(17, 23), *range(29, 33)]
"""Fingers, heels and toes."""

HIDDEN: Final = 0.3
"""Joints less visible than this are not drawn."""

FAINT: Final = 0.5
"""Below it, thin."""

# Okabe and Ito's palette: told apart with every kind of colour blindness, and in grey by their outline.
LEFT: Final[Colour] = (230, 159, 0)
RIGHT: Final[Colour] = (86, 180, 233)
CENTRE: Final[Colour] = (245, 245, 245)
COLOURS: Final = (LEFT, RIGHT, CENTRE)
OUTLINE: Final[Colour] = (25, 25, 25)

# Widths, as shares of the widest lines. A face should be seen, a hand is four joints in one place.
FACE_SHARE: Final = 0.35
FAINT_SHARE: Final = 0.45
END_SHARE: Final = 0.6
LIMB_SHARE: Final = 1.0

SHIFT: Final = 4
"""Coordinates go to OpenCV in sixteenths of a pixel, or slow movement would tremble."""

FAR: Final = 10.0
"""Points farther out than this many pictures are pulled in: OpenCV's coordinates are 32 bits wide."""


def _side(index: int) -> int:
    words = LANDMARK_NAMES[index].split("_")
    return 0 if "left" in words else 1 if "right" in words else 2


def _pair_side(first: int, second: int) -> int:
    """Return the side both ends are on; the lines from the nose to the eyes are on the eyes'."""
    sides = {_side(first), _side(second)} - ({2} if NOSE in (first, second) else set())
    return sides.pop() if len(sides) == 1 else 2


SIDES: Final = np.array([_side(index) for index in range(len(LANDMARK_NAMES))])
"""Of each landmark: 0 left, 1 right, 2 centre; indexes of `COLOURS`."""

_PAIRS: Final = np.array(CONNECTIONS)
_PAIR_SIDES: Final = np.array([_pair_side(*pair) for pair in CONNECTIONS])
_POINT_SHARES: Final = np.full(len(LANDMARK_NAMES), LIMB_SHARE)
_POINT_SHARES[: LAST_OF_FACE + 1] = FACE_SHARE
_POINT_SHARES[ENDS] = END_SHARE
_PAIR_SHARES: Final = _POINT_SHARES[_PAIRS].min(axis=1)


def picture_scale(width_px: int, height_px: int) -> float:
    """Return how large things are drawn on a picture of that size; 1 at 640 x 480."""
    return math.sqrt(width_px * height_px / (640 * 480))


def points_px(landmarks: npt.NDArray[np.float32], width_px: int, height_px: int) -> npt.NDArray[np.float32]:
    """Return (x, y) of each landmark in pixels, shape (33, 2)."""
    return landmarks[:, :2].clip(-FAR, FAR) * np.array([width_px, height_px], np.float32)


def draw_skeleton(image: Image, landmarks: npt.NDArray[np.float32], *, thin: bool = False) -> None:
    """Draw the connections and joints of one body (array as in `Pose`) that are visible enough.

    `thin` draws all of it as faint joints are: for a body that is not taken for a person.
    """
    height_px, width_px = image.shape[:2]
    points = points_px(landmarks, width_px, height_px)
    visible = landmarks[:, VISIBILITY]
    if not (visible >= HIDDEN).any():
        return
    line_px = _line_px(points[visible >= HIDDEN], picture_scale(width_px, height_px))
    outline_px = max(1, round(line_px * 0.4))
    strokes: list[_Lines | _Dot] = [
        *_bones(points, visible, line_px, thin),
        *_dots(points, visible, line_px, thin),
    ]
    for stroke in strokes:
        if not stroke.bare:
            stroke.draw(image, OUTLINE, outline_px)
    for stroke in strokes:
        stroke.draw(image, stroke.colour, 0)


def _line_px(shown: npt.NDArray[np.float32], scale: float) -> float:
    """Return the width of a line: by the picture, thinner on bodies that are small in it."""
    extent_px = float(np.ptp(shown, axis=0).max())
    return max(1.0, min(3.2 * scale, extent_px / 55))


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Lines of one colour and width: a call of OpenCV for many costs as one."""

    ends: list[npt.NDArray[np.int32]]
    """Each of shape (2, 2), shifted."""
    width_px: int
    colour: Colour
    bare: bool
    """Without outline: a face is small, and should be seen."""

    def draw(self, image: Image, colour: Colour, wider_px: int) -> None:
        width_px = self.width_px + 2 * wider_px
        cv2.polylines(image, self.ends, False, colour, width_px, cv2.LINE_AA, SHIFT)


@dataclass(frozen=True, slots=True)
class _Dot:
    centre: tuple[int, int]
    """Shifted."""
    radius_px: float
    colour: Colour
    bare: bool

    def draw(self, image: Image, colour: Colour, wider_px: int) -> None:
        radius = round((self.radius_px + wider_px) * (1 << SHIFT))
        cv2.circle(image, self.centre, radius, colour, cv2.FILLED, cv2.LINE_AA, SHIFT)


def _bones(
    points: npt.NDArray[np.float32], visible: npt.NDArray[np.float32], line_px: float, thin: bool
) -> Iterator[_Lines]:
    """Yield the connections whose ends are both visible enough."""
    weakest = visible[_PAIRS].min(axis=1)
    shares = _shares(_PAIR_SHARES, weakest, thin)
    ends = _shifted(points[_PAIRS])
    for share in (FACE_SHARE, FAINT_SHARE, END_SHARE, LIMB_SHARE):
        for side, colour in enumerate(COLOURS):
            drawn = (weakest >= HIDDEN) & np.equal(_PAIR_SIDES, side) & np.equal(shares, share)
            if drawn.any():
                width_px = max(1, round(line_px * share))
                yield _Lines(list(ends[drawn]), width_px, colour, share == FACE_SHARE)


def _dots(
    points: npt.NDArray[np.float32], visible: npt.NDArray[np.float32], line_px: float, thin: bool
) -> Iterator[_Dot]:
    """Yield the joints that are visible enough."""
    shares = _shares(_POINT_SHARES, visible, thin)
    centres = _shifted(points).tolist()
    for index in np.flatnonzero(visible >= HIDDEN).tolist():
        x, y = centres[index]
        radius_px = max(0.5, line_px * shares[index] * 1.2)
        yield _Dot((x, y), radius_px, COLOURS[SIDES[index]], shares[index] == FACE_SHARE)


def _shares(
    shares: npt.NDArray[np.float64], visible: npt.NDArray[np.float32], thin: bool
) -> npt.NDArray[np.float64]:
    """Return the widths with thin ones where a joint is faint."""
    return np.where((visible < FAINT) | thin, np.minimum(shares, FAINT_SHARE), shares)


def _shifted(points: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    return np.rint(points * (1 << SHIFT)).astype(np.int32)
