"""Landmarks -> measured quantities. The only place that knows which landmark is which.

Formulas and thresholds: posture_class follows the rules measured on the development clips
(macro-F1 0.90 over four classes, frame by frame, before any smoothing in time).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

from pose_edge.geometry import angle_deg, distance, midpoint, tilt_from_vertical_deg
from pose_edge.records import (
    PRESENCE,
    VISIBILITY,
    Body,
    Box,
    PointPx,
    Pose,
    Posture,
    PostureClass,
    Rows,
    X,
    Y,
    Z,
)

# Indices of MediaPipe's PoseLandmark.
NOSE, LEFT_EYE, RIGHT_EYE, LEFT_EAR, RIGHT_EAR = 0, 2, 5, 7, 8
SHOULDERS, HIPS, KNEES, ANKLES = (11, 12), (23, 24), (25, 26), (27, 28)
HEAD = (NOSE, LEFT_EYE, RIGHT_EYE, LEFT_EAR, RIGHT_EAR)

JOINT_VISIBILITY = 0.3
"""Below it a joint counts as not seen. Visibility is high for hidden joints too, so it is a low bar:
it removes what the model itself disowns, never more."""

BENT_TILT_DEG = 45.0
"""Trunk tilt that parts upright from bent; sitting leaned over reaches 41, bending starts at 56."""

STANDING_THIGH_DEG = 40.0
"""Thighs steeper than this carry weight; a high camera makes standing read up to 36, sitting starts at 40."""

KNEES_UP_THIGH_DEG = 130.0


def measure(pose: Pose, width_px: int, height_px: int) -> Body | None:
    """Return what can be measured on one pose; None when shoulders or hips are not seen.

    One side of a pair stands in for the other when that one is not seen.
    """
    rows, world_rows = _rows(pose), _world_rows(pose)
    shoulders = _pair(rows, SHOULDERS, width_px, height_px)
    hips = _pair(rows, HIPS, width_px, height_px)
    if shoulders is None or hips is None or shoulders == hips:
        return None
    knees = _pair(rows, KNEES, width_px, height_px)
    ankles = _pair(rows, ANKLES, width_px, height_px)
    return Body(
        head_px=_head(rows, width_px, height_px) or shoulders,
        shoulders_px=shoulders,
        hips_px=hips,
        knees_px=knees,
        ankles_px=ankles,
        torso_px=distance(shoulders, hips),
        torso_tilt_deg=tilt_from_vertical_deg(shoulders, hips),
        **_leg_angles_deg(world_rows, knees is not None, ankles is not None),
        legs_visibility=_mean_visibility(rows, KNEES + ANKLES),
        visibility=_mean_visibility(rows, SHOULDERS + HIPS),
        box=_box(rows),
        rows=rows,
        world_rows=world_rows,
    )


def describe(
    body: Body, person_id: int, scale_px: float, timestamp_ms: int, leg_share: float = 1.0
) -> Posture:
    """Return `body` in torso lengths of the person it belongs to, with the class of this moment.

    `scale_px` is the person's upright torso length (`tracking.py`), above 0. Heights are those a camera at
    eye level would see: one above it sees legs that are `leg_share` as long (posture_science 3.6).
    """
    hips_down, head_down = body.hips_px[1], body.head_px[1]
    leg_px = scale_px * leg_share
    hips_above_knees = None if body.knees_px is None else (body.knees_px[1] - hips_down) / leg_px
    hips_above_ankles = None if body.ankles_px is None else (body.ankles_px[1] - hips_down) / leg_px
    head_above_ankles = (
        None if hips_above_ankles is None else (hips_down - head_down) / scale_px + hips_above_ankles
    )
    posture_class, confidence = classify(body, head_above_ankles, hips_above_ankles)
    return Posture(
        timestamp_ms=timestamp_ms,
        person_id=person_id,
        body=body,
        scale_px=scale_px,
        head_above_ankles=head_above_ankles,
        hips_above_knees=hips_above_knees,
        hips_above_ankles=hips_above_ankles,
        posture_class=posture_class,
        confidence=confidence,
    )


def classify(
    body: Body, head_above_ankles: float | None, hips_above_ankles: float | None
) -> tuple[PostureClass, float]:
    """Return the class of one moment and how far to trust it, 0-1. Heights are in torso lengths.

    The picture says how the trunk leans; world landmarks say where the thighs point, which the picture
    hides when they point at the camera. Medians by label on the development clips, in degrees:

    ========  ==========  ===========  =====
    label     torso_tilt  thigh        hip
    ========  ==========  ===========  =====
    standing  1-8         2-33         145-175
    sitting   2-40        56-88        54-117
    bending   28-88       7-23         69-146
    lying     31-116      44-162       55-177
    ========  ==========  ===========  =====
    """
    if body.thigh_deg is None or body.hip_deg is None or body.legs_visibility < JOINT_VISIBILITY:
        return _without_legs(body), 0.5 * body.visibility
    if body.torso_tilt_deg <= BENT_TILT_DEG:
        return _trunk_up(body, body.thigh_deg, head_above_ankles, hips_above_ankles), body.visibility
    return _trunk_down(body, body.thigh_deg, body.hip_deg, hips_above_ankles), body.visibility


def _without_legs(body: Body) -> PostureClass:
    # A table, a blanket or the picture's edge hides the legs: the trunk alone tells lying, little else.
    if body.torso_tilt_deg > 65:
        return PostureClass.LYING
    return PostureClass.UNKNOWN if body.torso_tilt_deg > BENT_TILT_DEG else PostureClass.SITTING


def _trunk_up(
    body: Body, thigh_deg: float, head_above_ankles: float | None, hips_above_ankles: float | None
) -> PostureClass:
    if thigh_deg > KNEES_UP_THIGH_DEG:
        # Knees above the hips: sitting on the floor with the trunk upright, or on the back with the feet
        # to the camera, where the trunk is foreshortened but leans all the same (28-38 degrees).
        return PostureClass.LYING if body.torso_tilt_deg > 20 else PostureClass.SITTING
    if thigh_deg < STANDING_THIGH_DEG:
        return PostureClass.STANDING
    if body.knee_deg is None or hips_above_ankles is None or head_above_ankles is None:
        return PostureClass.SITTING
    kneeling = hips_above_ankles < 0.6 and head_above_ankles > 1.3 and body.knee_deg < 100
    crouching = hips_above_ankles < 1.02 and body.torso_tilt_deg > 20 and body.knee_deg < 85
    return PostureClass.UNKNOWN if kneeling or crouching else PostureClass.SITTING


def _trunk_down(
    body: Body, thigh_deg: float, hip_deg: float, hips_above_ankles: float | None
) -> PostureClass:
    if hips_above_ankles is not None and hips_above_ankles < 0.55:
        return PostureClass.LYING  # hips on the floor; on all fours they are 0.83 up, bending 1.4-1.7
    if thigh_deg < STANDING_THIGH_DEG:
        on_all_fours = body.knee_deg is not None and body.knee_deg < 115
        return PostureClass.UNKNOWN if on_all_fours else PostureClass.BENDING
    # Somebody seated and bent to the floor keeps the hips up and folded; lying, neither.
    seated = hip_deg < 120 and hips_above_ankles is not None and hips_above_ankles > 0.7
    return PostureClass.SITTING if seated else PostureClass.LYING


def _rows(pose: Pose) -> Rows:
    """Return the landmarks; one with a value that is no number counts as not seen."""
    rows: Rows = pose.landmarks.tolist()
    if math.isfinite(pose.landmarks.sum()):
        return rows
    return [row if all(map(math.isfinite, row)) else (0.0,) * len(row) for row in rows]


def _world_rows(pose: Pose) -> Rows:
    """Return the world landmarks; none when a value is no number: an angle needs several of them."""
    rows: Rows = pose.world_landmarks.tolist()
    return rows if math.isfinite(pose.world_landmarks.sum()) else ()


def _point(rows: Rows, index: int, width_px: int, height_px: int) -> PointPx | None:
    row = rows[index]
    if row[VISIBILITY] < JOINT_VISIBILITY:
        return None
    return row[X] * width_px, row[Y] * height_px


def _pair(rows: Rows, pair: tuple[int, int], width_px: int, height_px: int) -> PointPx | None:
    one, other = _point(rows, pair[0], width_px, height_px), _point(rows, pair[1], width_px, height_px)
    if one is None or other is None:
        return one or other
    return midpoint(one, other)


def _head(rows: Rows, width_px: int, height_px: int) -> PointPx | None:
    seen = [point for index in HEAD if (point := _point(rows, index, width_px, height_px)) is not None]
    if not seen:
        return None
    across, down = zip(*seen, strict=True)
    return sum(across) / len(seen), sum(down) / len(seen)


def _mean_visibility(rows: Rows, indices: Sequence[int]) -> float:
    return sum([rows[index][VISIBILITY] for index in indices]) / len(indices)


class _LegAngles(TypedDict):
    hip_deg: float | None
    knee_deg: float | None
    thigh_deg: float | None


def _leg_angles_deg(rows: Rows, knees_seen: bool, ankles_seen: bool) -> _LegAngles:
    if not rows:
        return {"hip_deg": None, "knee_deg": None, "thigh_deg": None}
    shoulders, hips, knees, ankles = (_world_middle(rows, pair) for pair in (SHOULDERS, HIPS, KNEES, ANKLES))
    across, down, away = (knee - hip for knee, hip in zip(knees, hips, strict=True))
    return {
        "hip_deg": angle_deg(shoulders, hips, knees) if knees_seen else None,
        "knee_deg": angle_deg(hips, knees, ankles) if knees_seen and ankles_seen else None,
        "thigh_deg": math.degrees(math.atan2(math.hypot(across, away), down)) if knees_seen else None,
    }


def _world_middle(rows: Rows, pair: tuple[int, int]) -> tuple[float, float, float]:
    one, other = rows[pair[0]], rows[pair[1]]
    return (one[X] + other[X]) / 2, (one[Y] + other[Y]) / 2, (one[Z] + other[Z]) / 2


def _box(rows: Rows) -> Box:
    # The whole figure as the model places it; what it disowns would only stretch the box.
    seen = [row for row in rows if row[VISIBILITY] >= JOINT_VISIBILITY and row[PRESENCE] > 0] or rows
    across, down = [row[X] for row in seen], [row[Y] for row in seen]
    left, top = min(across), min(down)
    return Box(left, top, max(across) - left, max(down) - top)
