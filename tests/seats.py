"""Somebody on a chair, made of joints: turned, leaning, tilted as a test wants it. No picture, no model.

The same camera as in `bodies.py`: far away, level, 640 x 480.
"""

from __future__ import annotations

import math

import numpy as np

from pose_edge.records import VISIBILITY, Pose
from tests.bodies import HEIGHT_PX, TORSO_M, WIDTH_PX

SIDE_DEG, FRONT_DEG, OBLIQUE_DEG, AWAY_DEG = 90.0, 0.0, 45.0, 180.0


def seat(
    turn_deg: float = SIDE_DEG,
    *,
    neck_deg: float = 12.0,
    trunk_deg: float = 0.0,
    neck_m: float = 0.22,
    head_tilt_deg: float = 0.0,
    shoulder_tilt_deg: float = 0.0,
    at: tuple[float, float] = (0.5, 0.6),
    torso_px: float = 100.0,
    hidden: tuple[int, ...] = (),
) -> Pose:
    """Return a seated pose; 90 looks to the right of the picture, 0 at the camera. Tilts: own left lower."""
    joints = np.zeros((33, 3))  # forward, left, up
    shoulders = _along((0.0, 0.0, 0.0), trunk_deg, TORSO_M)
    ears = _along(shoulders, neck_deg, neck_m)
    for left, places in (
        (11, _pair(shoulders, 0.18, shoulder_tilt_deg)),
        (7, _pair(ears, 0.08, head_tilt_deg)),
        (2, _pair((ears[0] + 0.08, 0.0, ears[2] + 0.03), 0.035, head_tilt_deg)),
        (23, _pair((0.0, 0.0, 0.0), 0.12, 0.0)),
        (25, _pair((0.41, 0.0, -0.07), 0.12, 0.0)),
        (27, _pair((0.41, 0.0, -0.49), 0.12, 0.0)),
    ):
        right = left + {2: 3}.get(left, 1)
        joints[left], joints[right] = places
    joints[0] = (ears[0] + 0.11, 0.0, ears[2] - 0.01)
    joints[[1, 3]], joints[[4, 6]] = joints[2], joints[5]
    joints[[9, 10]] = joints[0]
    joints[13:23] = (0.2, 0.0, 0.2)
    joints[29:33] = joints[27]
    return _seen(joints, math.radians(turn_deg), at, torso_px, hidden)


def _seen(
    joints: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    turn: float,
    at: tuple[float, float],
    torso_px: float,
    hidden: tuple[int, ...],
) -> Pose:
    forward, left, up = joints.T
    world = np.ones((33, 5), np.float32)
    world[:, 0] = left * math.cos(turn) + forward * math.sin(turn)
    world[:, 1] = -up
    world[:, 2] = left * math.sin(turn) - forward * math.cos(turn)
    world[:, VISIBILITY] = 0.99
    world[list(hidden), VISIBILITY] = 0.1
    landmarks = world.copy()
    scale_px = torso_px / TORSO_M
    landmarks[:, 0] = at[0] + world[:, 0] * scale_px / WIDTH_PX
    landmarks[:, 1] = at[1] + world[:, 1] * scale_px / HEIGHT_PX
    landmarks[:, 2] = world[:, 2] * scale_px / WIDTH_PX
    return Pose(np.round(landmarks, 4), np.round(world, 4))


def _along(start: tuple[float, float, float], lean_deg: float, length_m: float) -> tuple[float, float, float]:
    lean = math.radians(lean_deg)
    return start[0] + length_m * math.sin(lean), start[1], start[2] + length_m * math.cos(lean)


def _pair(
    middle: tuple[float, float, float], half_m: float, tilt_deg: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the left and the right one."""
    forward, left, up = middle
    beside, lower = half_m * math.cos(math.radians(tilt_deg)), half_m * math.sin(math.radians(tilt_deg))
    return (forward, left + beside, up - lower), (forward, left - beside, up + lower)
