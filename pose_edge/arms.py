"""Where somebody's arms are: one function for both sides, measured in torso lengths of the person.

Left and right are the person's own. A part the model disowns is None, never a guess.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from pose_edge.geometry import angle_deg, distance
from pose_edge.posture import JOINT_VISIBILITY, LEFT_EYE, RIGHT_EYE
from pose_edge.records import VISIBILITY, Body, PointPx, Posture, Rows, X, Y, Z

Side: TypeAlias = Literal["left", "right"]
SIDES: Final[tuple[Side, Side]] = ("left", "right")

# Indices of MediaPipe's PoseLandmark: shoulder, elbow, wrist.
JOINTS: Final[dict[Side, tuple[int, int, int]]] = {"left": (11, 13, 15), "right": (12, 14, 16)}
LEFT_ELBOW, RIGHT_ELBOW, LEFT_WRIST, RIGHT_WRIST = 13, 14, 15, 16


class Arm(NamedTuple):
    """One arm at one moment. Heights are in torso lengths, negative when the wrist is lower."""

    wrist_px: PointPx
    visibility: float
    """Of the wrist, 0-1."""
    above_eyes: float | None
    """How far the wrist is above the middle of the eyes; None when no eye is seen."""
    above_shoulder: float | None
    above_elbow: float | None
    out: float | None
    """How far it is to the right of its shoulder as the picture shows it."""
    below_top: float
    """How far it is below the upper edge of the picture; negative outside."""


def arm(posture: Posture, side: Side, width_px: int, height_px: int) -> Arm | None:
    """Return where one arm is in a picture of this size; None when its wrist is not seen."""
    rows = posture.body.rows
    at_shoulder, at_elbow, at_wrist = JOINTS[side]
    shoulder, elbow, wrist = rows[at_shoulder], rows[at_elbow], rows[at_wrist]
    if wrist[VISIBILITY] < JOINT_VISIBILITY:
        return None
    down = height_px / posture.scale_px
    eyes, wrist_down = _eyes_down(rows), wrist[Y]
    shoulder_seen = shoulder[VISIBILITY] >= JOINT_VISIBILITY
    return Arm(
        wrist_px=(wrist[X] * width_px, wrist_down * height_px),
        visibility=wrist[VISIBILITY],
        above_eyes=None if eyes is None else (eyes - wrist_down) * down,
        above_shoulder=(shoulder[Y] - wrist_down) * down if shoulder_seen else None,
        above_elbow=(elbow[Y] - wrist_down) * down if elbow[VISIBILITY] >= JOINT_VISIBILITY else None,
        out=(wrist[X] - shoulder[X]) * width_px / posture.scale_px if shoulder_seen else None,
        below_top=wrist_down * down,
    )


def may_be_up(body: Body, side: Side) -> bool:
    """Whether a wrist is above elbow and shoulder: a glance that rules most moments out at no cost."""
    rows = body.rows
    shoulder, elbow, wrist = JOINTS[side]
    height = rows[wrist][Y]
    return height < rows[elbow][Y] and height < rows[shoulder][Y]


def apart(one: Arm, other: Arm, scale_px: float) -> float:
    """Return how far two wrists are from each other."""
    return distance(one.wrist_px, other.wrist_px) / scale_px


def elbow_deg(body: Body, side: Side) -> float | None:
    """Return the inner angle of an elbow, from world landmarks; 180 is straight."""
    if not body.world_rows or any(body.rows[index][VISIBILITY] < JOINT_VISIBILITY for index in JOINTS[side]):
        return None
    shoulder, elbow, wrist = (
        (row[X], row[Y], row[Z]) for row in map(body.world_rows.__getitem__, JOINTS[side])
    )
    return angle_deg(shoulder, elbow, wrist)


def hands_px(body: Body, width_px: int, height_px: int) -> PointPx | None:
    """Return the point between the wrists, or the one that is seen; None when none is."""
    rows = body.rows
    seen = [rows[index] for index in (LEFT_WRIST, RIGHT_WRIST) if rows[index][VISIBILITY] >= JOINT_VISIBILITY]
    if not seen:
        return None
    across, down = sum([row[X] for row in seen]) / len(seen), sum([row[Y] for row in seen]) / len(seen)
    return across * width_px, down * height_px


def _eyes_down(rows: Rows) -> float | None:
    """Return how far down the eyes are, as a share of the picture's height."""
    left, right = rows[LEFT_EYE], rows[RIGHT_EYE]
    if left[VISIBILITY] < JOINT_VISIBILITY:
        return None if right[VISIBILITY] < JOINT_VISIBILITY else right[Y]
    return left[Y] if right[VISIBILITY] < JOINT_VISIBILITY else (left[Y] + right[Y]) / 2
