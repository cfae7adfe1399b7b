"""Plane and space geometry on points; knows nothing of bodies."""

import math
from collections.abc import Sequence

from pose_edge.records import PointPx


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
    """Return the angle at `vertex` between two points, in [0, 180] degrees, in two or three dimensions.

    None when a point coincides with the vertex, so that there is no angle.
    """
    one = [a - b for a, b in zip(first, vertex, strict=True)]
    two = [a - b for a, b in zip(second, vertex, strict=True)]
    length = math.hypot(*one) * math.hypot(*two)
    if length == 0:
        return None
    cosine = sum(a * b for a, b in zip(one, two, strict=True)) / length
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def bounding(points: Sequence[PointPx]) -> tuple[float, float, float, float]:
    """Return (left, top, right, bottom) around at least one point."""
    across = [point[0] for point in points]
    down = [point[1] for point in points]
    return min(across), min(down), max(across), max(down)
