"""The camera and the empty room: wall, floor, a chair and a mat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pose_edge.actor.looks import Colour
from pose_edge.actor.stance import SIT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Point(NamedTuple):
    """A place in the room in metres: x to where the figure walks, y up from the floor, z away from us.

    x and z are 0 in the middle of the picture, where the figure stands.
    """

    x_m: float
    y_m: float
    z_m: float


class Spot(NamedTuple):
    """Where a place is in the picture, and how large a metre is there."""

    x_px: float
    y_px: float
    px_per_m: float


CAMERA_HEIGHT_M = 1.3
CAMERA_DISTANCE_M = 3.6
"""About what a shelf or a chest of drawers gives; also how far the model is good."""

FLOOR_SHARE = 0.88
"""Height of the picture at which the figure's feet stand."""

METRE_SHARES = (0.42, 0.38)
"""What one metre may take of the width and of the height at size 1: lying fits across, hands up fit above."""

CHAIR_FACING_DEG = 62.0
"""Not quite as the sitter: at 77 the model takes the empty chair for somebody now and then."""

WALL_M = 1.0
"""How far behind the figure the wall is."""

WALL: Colour = (206, 202, 190)
SKIRTING: Colour = (232, 230, 224)
FLOOR: Colour = (150, 122, 96)
GAPS: Colour = (132, 106, 82)
MAT: Colour = (92, 120, 128)
WOOD: tuple[Colour, Colour, Colour] = ((146, 108, 74), (120, 86, 58), (84, 60, 42))
"""In the light, beside it, in the shade."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Looks level into the room."""

    width_px: int
    height_px: int
    size: float
    """Scales the room and the figure; the floor stays where it is."""
    mirrored: bool
    """The figure walks to the left instead of to the right."""

    @property
    def px_per_m(self) -> float:
        """How large a metre is where the figure stands."""
        return self.size * min(METRE_SHARES[0] * self.width_px, METRE_SHARES[1] * self.height_px)

    @property
    def half_width_m(self) -> float:
        """From the middle to the edge of the picture, where the figure stands."""
        return self.width_px / 2 / self.px_per_m

    def project(self, place: Point) -> Spot:
        """Return where `place` is in the picture. It must be in front of the camera."""
        px_per_m = self.px_per_m * CAMERA_DISTANCE_M / (CAMERA_DISTANCE_M + place.z_m)
        across_m = -place.x_m if self.mirrored else place.x_m
        horizon_px = FLOOR_SHARE * self.height_px - CAMERA_HEIGHT_M * self.px_per_m
        return Spot(
            # Pixels are counted by their centres: so the other side is the exact mirror image.
            (self.width_px - 1) / 2 + across_m * px_per_m,
            horizon_px + (CAMERA_HEIGHT_M - place.y_m) * px_per_m,
            px_per_m,
        )


Panel = tuple[Colour, tuple[Point, ...]]


def paint_room(camera: Camera) -> npt.NDArray[np.uint8]:
    """Return the room without anybody in it, shape (height_px, width_px, 3)."""
    import cv2
    import numpy as np

    image = _wall_and_floor(camera)
    for colour, corners in (*_floor_panels(), *_chair_panels()):
        spots = [camera.project(corner) for corner in corners]
        outline = np.rint(np.array([(spot.x_px, spot.y_px) for spot in spots]) * 16).astype(np.int32)
        cv2.fillPoly(image, [outline], colour, cv2.LINE_AA, 4)
    # A lens has no edges as sharp as a polygon's.
    return np.asarray(cv2.GaussianBlur(image, (3, 3), 0), dtype=np.uint8)


def _wall_and_floor(camera: Camera) -> npt.NDArray[np.uint8]:
    import numpy as np

    across = np.linspace(0.0, 1.0, camera.width_px)[None, :, None]
    down = np.linspace(0.0, 1.0, camera.height_px)[:, None, None]
    corner_share = camera.project(Point(0.0, 0.0, WALL_M)).y_px / camera.height_px
    light = 1.0 - 0.12 * (1.0 - across if camera.mirrored else across) - 0.08 * down
    return (np.where(down < corner_share, WALL, FLOOR) * light).astype(np.uint8)


def _floor_panels() -> list[Panel]:
    """Return the gaps between the boards, the skirting along the wall, and the mat."""
    near_m = -2.5
    gaps = [_floor_strip(GAPS, 0.6 * i, 0.6 * i + 0.012, WALL_M, near_m) for i in range(-10, 11)]
    skirting = tuple(Point(x, y, WALL_M) for x, y in ((-15, 0), (15, 0), (15, 0.09), (-15, 0.09)))
    return [*gaps, (SKIRTING, skirting), _floor_strip(MAT, -1.05, 1.15, -0.02, -0.62)]


def _floor_strip(colour: Colour, left_m: float, right_m: float, far_m: float, near_m: float) -> Panel:
    corners = ((left_m, far_m), (right_m, far_m), (right_m, near_m), (left_m, near_m))
    return colour, tuple(Point(x_m, 0.0, z_m) for x_m, z_m in corners)


def _chair_panels() -> list[Panel]:
    """Return the chair from far to near; it stands where `SIT` has the hips."""
    lit, side, shade = WOOD
    legs = [_chair_leg(shade, ahead, left) for ahead in (-0.20, 0.24) for left in (0.20, -0.20)]
    seat = _chair_panel(
        lit, (-0.22, -0.22, 0.47), (0.26, -0.22, 0.47), (0.26, 0.22, 0.47), (-0.22, 0.22, 0.47)
    )
    flank = _chair_panel(
        side, (-0.22, -0.22, 0.43), (0.26, -0.22, 0.43), (0.26, -0.22, 0.47), (-0.22, -0.22, 0.47)
    )
    front = _chair_panel(
        shade, (0.26, 0.22, 0.43), (0.26, -0.22, 0.43), (0.26, -0.22, 0.47), (0.26, 0.22, 0.47)
    )
    back = _chair_panel(
        side, (-0.22, -0.22, 0.47), (-0.22, 0.22, 0.47), (-0.26, 0.22, 0.92), (-0.26, -0.22, 0.92)
    )
    return [*legs, seat, flank, front, back]


def _chair_leg(colour: Colour, ahead_m: float, left_m: float) -> Panel:
    start, end = (ahead_m - 0.02, left_m - 0.02), (ahead_m + 0.02, left_m + 0.02)
    return _chair_panel(colour, (*start, 0.0), (*end, 0.0), (*end, 0.45), (*start, 0.45))


def _chair_panel(colour: Colour, *corners: Sequence[float]) -> Panel:
    """Turn corners given as (ahead of the sitter's hips, to their left, up) into places in the room."""
    facing = math.radians(CHAIR_FACING_DEG)
    sine, cosine = math.sin(facing), math.cos(facing)
    return colour, tuple(
        Point(SIT.x_m + ahead * sine + left * cosine, up, left * sine - ahead * cosine)
        for ahead, left, up in corners
    )
