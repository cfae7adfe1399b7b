"""Poses of `bodies.py` with arms and knees: hands where they are wanted, and bodies that squat."""

from __future__ import annotations

import numpy as np

from pose_edge.records import Pose
from tests.bodies import HEIGHT_PX, WIDTH_PX, pose

TORSO_PX = 100.0
EYES = 0.45
"""How far the eyes are above the shoulders, in torso lengths."""

Hand = tuple[float, float]
"""(how far out from its own shoulder, how far above it), in torso lengths."""

HANGING: Hand = (0.05, -0.6)
RAISED: Hand = (0.2, EYES + 0.5)
ON_HEAD: Hand = (-0.05, EYES + 0.03)


def body(
    left: Hand = HANGING,
    right: Hand = HANGING,
    *,
    stance: str = "standing",
    at: tuple[float, float] = (0.5, 0.55),
    hands_seen: float = 0.95,
) -> Pose:
    """Return a body of 100 px torso with its hands at these places; elbows are half way, and lower."""
    landmarks = pose(stance, at=at, torso_px=TORSO_PX).landmarks.copy()
    for (shoulder, elbow, wrist), sign, (out, above) in (((11, 13, 15), 1, left), ((12, 14, 16), -1, right)):
        for index, share, lower in ((elbow, 0.5, 0.15), (wrist, 1.0, 0.0)):
            landmarks[index, 0] = landmarks[shoulder, 0] + sign * share * out * TORSO_PX / WIDTH_PX
            landmarks[index, 1] = landmarks[shoulder, 1] - (share * above - lower) * TORSO_PX / HEIGHT_PX
        landmarks[wrist, 3] = hands_seen
    return Pose(np.round(landmarks, 4), pose(stance).world_landmarks)


def squatting(depth: float) -> Pose:
    """Return a body whose hips have gone down by `depth` torso lengths, the feet where they were."""
    landmarks = body().landmarks.copy()
    landmarks[:25, 1] += depth * TORSO_PX / HEIGHT_PX
    landmarks[25:27, 1] += 0.5 * depth * TORSO_PX / HEIGHT_PX
    return Pose(np.round(landmarks, 4), pose().world_landmarks)


def mirrored(one: Pose) -> Pose:
    """Return what a mirror shows: across turned round, left and right swapped."""
    order = [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(index + (1 if index % 2 else -1) for index in range(11, 33))]
    landmarks, world = one.landmarks[order].copy(), one.world_landmarks[order].copy()
    landmarks[:, 0] = np.round(1 - landmarks[:, 0], 4)
    world[:, 0] = -world[:, 0]
    return Pose(landmarks, world)
