"""Plane and space geometry on points; knows nothing of bodies."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pose_edge.records import Box, PointPx


def all_numbers(values: npt.NDArray[np.float32]) -> bool:
    """Whether no value is infinite or NaN.

    The sum of their squares would be, too, and takes half as long as looking at each. Of very large numbers
    it is infinite although none of them is, so they are looked at.
    """
    return math.isfinite(np.vdot(values, values)) or bool(np.isfinite(values).all())


def midpoint(one: PointPx, other: PointPx) -> PointPx:
    """Return the point half way between two."""
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def distance(one: PointPx, other: PointPx) -> float:
    """Return how far apart two points are, in their own unit."""
    return math.hypot(one[0] - other[0], one[1] - other[1])


def tilt_from_vertical_deg(top_px: PointPx, bottom_px: PointPx) -> float:
    """Return how far the line bottom -> top leans from upright, in degrees.

    Points are (x, y) in pixels, y pointing down. The result is in [0, 180]: 0 is upright, 90 is
    lying. Normalised coordinates will not do: they are stretched by the aspect ratio, and a
    45 degree lean at 640 x 480 would read as 53.1.

    Raises:
        ValueError: the points coincide, so the line has no direction.
    """
    across, up = top_px[0] - bottom_px[0], bottom_px[1] - top_px[1]
    if across == 0 and up == 0:
        msg = f"no direction between {bottom_px} and {top_px}: the points coincide"
        raise ValueError(msg)
    return math.degrees(math.atan2(abs(across), up))


def angle_deg(first: Sequence[float], vertex: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the angle at `vertex` between two points in space, in [0, 180] degrees.

    None when a point coincides with the vertex, so that there is no angle.
    """
    x, y, z = vertex
    x1, y1, z1 = first[0] - x, first[1] - y, first[2] - z
    x2, y2, z2 = second[0] - x, second[1] - y, second[2] - z
    length = math.hypot(x1, y1, z1) * math.hypot(x2, y2, z2)
    if length == 0:
        return None
    cosine = (x1 * x2 + y1 * y2 + z1 * z2) / length
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def is_inside(point: PointPx, polygon: Sequence[PointPx]) -> bool:
    """Whether a point lies inside a polygon of at least three corners, in their own unit.

    Corners may go either way round; of a point on an edge either may be said.
    """
    across, down = point
    inside = False
    x1, y1 = polygon[-1]
    for x2, y2 in polygon:
        if (y1 > down) != (y2 > down) and across < x1 + (down - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
        x1, y1 = x2, y2
    return inside


def area(box: Box) -> float:
    """Return the share of the picture a box covers."""
    return box.width * box.height


def overlap(one: Box, other: Box) -> float:
    """Return the share of what two boxes cover that both of them cover, 0-1."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    both = max(0.0, across) * max(0.0, down)
    return both / max(1e-9, area(one) + area(other) - both)
