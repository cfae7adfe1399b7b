"""Poses made of joints, for tests that need a body but no picture.

One skeleton in metres, hips at the origin, y down, z away from the camera; seen from straight ahead by a
camera so far away that nothing is foreshortened but by its direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pose_edge.records import Pose, PoseResult

WIDTH_PX, HEIGHT_PX = 640, 480
TORSO_M = 0.5

Point = tuple[float, float, float]


def pose(
    stance: str = "standing",
    *,
    at: tuple[float, float] = (0.5, 0.5),
    torso_px: float = 100.0,
    visibility: float = 0.99,
    legs_visibility: float | None = None,
) -> Pose:
    """Return a pose whose hips are at the shares `at` of a 640 x 480 picture."""
    world = np.zeros((33, 5), np.float32)
    world[:, :3] = _skeleton(stance)
    world[:, 3] = visibility
    if legs_visibility is not None:
        world[25:, 3] = legs_visibility
    world[:, 4] = 1.0
    landmarks = world.copy()
    scale_px = torso_px / TORSO_M
    landmarks[:, 0] = at[0] + world[:, 0] * scale_px / WIDTH_PX
    landmarks[:, 1] = at[1] + world[:, 1] * scale_px / HEIGHT_PX
    landmarks[:, 2] = world[:, 2] * scale_px / WIDTH_PX
    return Pose(np.round(landmarks, 4), np.round(world, 4))


def result(timestamp_ms: int, *poses: Pose) -> PoseResult:
    """Return what the model would have said."""
    return PoseResult(timestamp_ms, WIDTH_PX, HEIGHT_PX, poses)


def timeline(
    *stretches: tuple[int, Pose | None], step_ms: int = 100, start_ms: int = 0
) -> Iterable[PoseResult]:
    """Yield a result every `step_ms`: each pose (None: nobody) for as many milliseconds."""
    at_ms, until_ms = start_ms, start_ms
    for duration_ms, shown in stretches:
        until_ms += duration_ms
        while at_ms < until_ms:
            yield result(at_ms, *([] if shown is None else [shown]))
            at_ms += step_ms


def _skeleton(stance: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    trunk_deg, thigh_deg, shin_deg, tilt_all_deg = {
        "standing": (0.0, 0.0, 0.0, 0.0),
        "sitting": (5.0, -80.0, 0.0, 0.0),
        "bending": (75.0, 0.0, 0.0, 0.0),
        "lying": (0.0, 0.0, 0.0, 90.0),
    }[stance]
    # The trunk leans sideways in the picture, the thighs point at the camera: what each direction looks like.
    shoulders = (
        TORSO_M * math.sin(math.radians(trunk_deg)),
        -TORSO_M * math.cos(math.radians(trunk_deg)),
        0.0,
    )
    head = tuple(1.45 * part for part in shoulders)
    knees = (0.0, 0.42 * math.cos(math.radians(thigh_deg)), 0.42 * math.sin(math.radians(thigh_deg)))
    ankles = (0.0, knees[1] + 0.42 * math.cos(math.radians(shin_deg)), knees[2])
    joints = np.zeros((33, 3))
    joints[0:11] = head
    for index in range(11, 23):
        joints[index] = shoulders
    for middle, pair in (
        (shoulders, (11, 12)),
        ((0.0, 0.0, 0.0), (23, 24)),
        (knees, (25, 26)),
        (ankles, (27, 28)),
    ):
        for side, index in zip((0.1, -0.1), pair, strict=True):
            joints[index] = (middle[0] + side, middle[1], middle[2])
    joints[29:33] = ankles
    turn = math.radians(tilt_all_deg)
    x, y = joints[:, 0].copy(), joints[:, 1].copy()
    joints[:, 0], joints[:, 1] = (
        x * math.cos(turn) - y * math.sin(turn),
        x * math.sin(turn) + y * math.cos(turn),
    )
    return joints
