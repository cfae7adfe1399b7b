"""Turns what a camera that hangs askew has seen, so that down is down; and back again for who looks at it.

Everything between the tracker and the events lives in the upright picture, zones included. What leaves
(`messages.py`) is as the camera shows it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from pose_edge.records import VISIBILITY, Body, Box, PointPx, Pose, PoseResult, Scene, View, X, Y, Zone

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST_DEG: Final = 3.0
"""A smaller lean is left as it is: people do not stand straighter than that (posture_science 3.6)."""

MOST_DEG: Final = 25.0
"""A larger one is no camera that hangs askew but one that was never turned upright (posture_science 3.6)."""

SEEN: Final = 0.3
"""Visibility from which a landmark belongs to the box of a body, as in `posture.py`."""


def correction_deg(view: View | None) -> float:
    """Return by how much pictures of this view are to be turned counterclockwise; 0: not at all."""
    if view is None or abs(view.roll_deg) <= LEAST_DEG:
        return 0.0
    return max(-MOST_DEG, min(MOST_DEG, view.roll_deg))


def turned(result: PoseResult, roll_deg: float) -> PoseResult:
    """Return the result with its poses turned counterclockwise about the middle of the picture."""
    if not roll_deg or not result.poses:
        return result
    matrix = _matrix(-roll_deg)
    size_px = np.array((result.width_px, result.height_px), np.float32)
    across = size_px[:, None] * matrix.T / size_px  # on shares of the picture, which are not square
    middle = np.float32(0.5) - np.float32(0.5) * across.sum(axis=0)
    return replace(result, poses=tuple(_turned_pose(pose, across, middle, matrix.T) for pose in result.poses))


def turned_zones(zones: tuple[Zone, ...], view: View) -> tuple[Zone, ...]:
    """Return the zones where the poses of this view are: turned with them."""
    roll_deg = correction_deg(view)
    if not roll_deg:
        return zones
    size_px = view.width_px, view.height_px
    return tuple(
        replace(zone, polygon=tuple(turned_share(corner, -roll_deg, size_px) for corner in zone.polygon))
        for zone in zones
    )


def as_seen(point_px: PointPx, scene: Scene) -> PointPx:
    """Return where a point of the scene is in the picture as the camera shows it."""
    if not scene.roll_deg:
        return point_px
    width_px, height_px = scene.width_px, scene.height_px
    share = point_px[0] / width_px, point_px[1] / height_px
    across, down = turned_share(share, scene.roll_deg, (width_px, height_px))
    return across * width_px, down * height_px


def box_as_seen(body: Body, scene: Scene) -> Box:
    """Return where a body is in the picture as the camera shows it, as shares of it."""
    if not scene.roll_deg:
        return body.box
    size_px = scene.width_px, scene.height_px
    seen = [row for row in body.rows if row[VISIBILITY] >= SEEN]
    points = [turned_share((row[X], row[Y]), scene.roll_deg, size_px) for row in seen]
    if not points:
        return body.box
    across, down = zip(*points, strict=True)
    return Box(min(across), min(down), max(across) - min(across), max(down) - min(down))


def turned_share(share: PointPx, clockwise_deg: float, size_px: tuple[int, int]) -> PointPx:
    """Turn a point, given as shares of the picture, about its middle."""
    (width_px, height_px), turn = size_px, math.radians(clockwise_deg)
    across, down = (share[0] - 0.5) * width_px, (share[1] - 0.5) * height_px
    return (
        0.5 + (across * math.cos(turn) - down * math.sin(turn)) / width_px,
        0.5 + (across * math.sin(turn) + down * math.cos(turn)) / height_px,
    )


def _turned_pose(
    pose: Pose,
    across: npt.NDArray[np.float32],
    middle: npt.NDArray[np.float32],
    around: npt.NDArray[np.float32],
) -> Pose:
    landmarks, world = pose.landmarks.copy(), pose.world_landmarks.copy()
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number stays none
        landmarks[:, : Y + 1] = landmarks[:, : Y + 1] @ across + middle
        world[:, : Y + 1] = world[:, : Y + 1] @ around
    return Pose(landmarks, world)


def _matrix(clockwise_deg: float) -> npt.NDArray[np.float32]:
    """Return what turns a column (x, y), y pointing down."""
    turn = math.radians(clockwise_deg)
    return np.array(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]],
        np.float32,
    )
