"""Landmarks -> measured quantities. The only place that knows which landmark is which.

The rules of `classify` were measured on the development clips: macro-F1 over four classes, picture by picture
and before any smoothing in time, 0.92 (lite, 15 fps).
"""

from __future__ import annotations

import math
from typing import TypeAlias

from pose_edge.geometry import all_numbers, angle_deg, distance, tilt_from_vertical_deg
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
TRUNK, LEGS = SHOULDERS + HIPS, KNEES + ANKLES

JOINT_VISIBILITY = 0.3
"""Below it a joint counts as not seen. Visibility is high for hidden joints too, so it is a low bar:
it removes what the model itself disowns, never more."""

BENT_TILT_DEG = 45.0
"""Trunk tilt that parts upright from bent; sitting leaned over reaches 41, bending starts at 56."""

STANDING_THIGH_DEG = 40.0
"""Thighs steeper than this carry weight; a high camera makes standing read up to 36, sitting starts at 40."""

STRAIGHT_DEG = 140.0
LEANING_THIGH_DEG = 60.0
KNEES_BELOW = 0.45
"""Trunk and thighs in a line stand, however far a high camera makes the thighs seem to lean: hips straighter
than this occur standing (145-175), not sitting (54-117) - but for reclining, where thighs lean further
(70-80), and for sitting upright on a high chair seen from the side (140), where the knees are bent and less
than this many visible trunks below the hips (0.35; standing 0.5-0.8)."""

HEEL_THIGH_DEG = 80.0
"""On the heels the hips are a lower leg's thickness above the knees (60-78); cross-legged they are level with
them (84-127)."""

KNEES_UP_THIGH_DEG = 130.0

HEAD_DOWN = 0.75
HEAD_LOW = 0.95
SHORT_TRUNK = 0.6
"""A head so few torso lengths above the feet is on no upright trunk: cross-legged on the floor it is 0.96-1.3
up, lying -0.8-0.7. Up to `HEAD_LOW` that holds when the trunk looks shorter than this share of its length,
too: it points along the camera's axis, where its tilt in the picture says nothing (0-45 degrees measured)."""

LONG_TRUNK = 1.3
"""No trunk shows more than its length; looking down 35 degrees, one that lies shows 1.2 of what it did
upright. Beyond it hips are put where no hips are: 1.3-1.5 measured at a table, the trunk "level"."""

LEGS_VISIBILITY = 0.6
"""Legs in full view reach this; a table in front of them leaves 0.1-0.2 (posture_science 3.4)."""

MARGIN_DEG = 15.0
"""So far from a border a class is certain; on it, it is a toss between two. Angles of one body scatter by
about 5 degrees from picture to picture."""


def measure(pose: Pose, width_px: int, height_px: int) -> Body | None:
    """Return what can be measured on one pose; None when shoulders or hips are not seen.

    One side of a pair stands in for the other when that one is not seen.
    """
    rows, world_rows = _rows(pose), _world_rows(pose)
    shoulders = _middle(rows, SHOULDERS, width_px, height_px)
    hips = _middle(rows, HIPS, width_px, height_px)
    if shoulders is None or hips is None or shoulders == hips:
        return None
    knees = _middle(rows, KNEES, width_px, height_px)
    ankles = _middle(rows, ANKLES, width_px, height_px)
    hip_deg, knee_deg, thigh_deg = _leg_angles_deg(world_rows, knees is not None, ankles is not None)
    return Body(
        head_px=_head(rows, width_px, height_px) or shoulders,
        shoulders_px=shoulders,
        hips_px=hips,
        knees_px=knees,
        ankles_px=ankles,
        torso_px=distance(shoulders, hips),
        torso_tilt_deg=tilt_from_vertical_deg(shoulders, hips),
        hip_deg=hip_deg,
        knee_deg=knee_deg,
        thigh_deg=thigh_deg,
        legs_visibility=_mean_visibility(rows, *LEGS),
        visibility=_mean_visibility(rows, *TRUNK),
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
    posture_class = classify(body, head_above_ankles, hips_above_ankles, body.torso_px / scale_px)
    return Posture(
        timestamp_ms=timestamp_ms,
        person_id=person_id,
        body=body,
        scale_px=scale_px,
        head_above_ankles=head_above_ankles,
        hips_above_knees=hips_above_knees,
        hips_above_ankles=hips_above_ankles,
        posture_class=posture_class,
        confidence=certainty(body, posture_class),
    )


def classify(
    body: Body, head_above_ankles: float | None, hips_above_ankles: float | None, trunk_share: float
) -> PostureClass:
    """Return the class of one moment.

    Heights are in torso lengths; `trunk_share` is how much of its length the trunk shows.

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
    if trunk_share > LONG_TRUNK and body.torso_tilt_deg > BENT_TILT_DEG:
        return PostureClass.UNKNOWN
    if not _legs_known(body):
        return _without_legs(body, trunk_share)
    if body.torso_tilt_deg <= BENT_TILT_DEG:
        if _head_is_down(head_above_ankles, trunk_share):
            return PostureClass.LYING
        return _trunk_up(body, head_above_ankles, hips_above_ankles)
    return _trunk_down(body, hips_above_ankles)


def certainty(body: Body, posture_class: PostureClass) -> float:
    """Return how far to trust the class of one moment, 0-1.

    Half of it goes with the legs, which tell most classes apart, and half on a border between two classes.
    """
    legs = 0.5 + 0.5 * min(1.0, body.legs_visibility / LEGS_VISIBILITY) if _legs_known(body) else 0.5
    away_deg = abs(body.torso_tilt_deg - BENT_TILT_DEG)
    if posture_class in (PostureClass.STANDING, PostureClass.SITTING) and body.thigh_deg is not None:
        away_deg = min(away_deg, abs(body.thigh_deg - STANDING_THIGH_DEG))
    return body.visibility * legs * (0.5 + 0.5 * min(1.0, away_deg / MARGIN_DEG))


def _legs_known(body: Body) -> bool:
    return (
        body.thigh_deg is not None and body.hip_deg is not None and body.legs_visibility >= JOINT_VISIBILITY
    )


def _head_is_down(head_above_ankles: float | None, trunk_share: float) -> bool:
    if head_above_ankles is None:
        return False
    return head_above_ankles < (HEAD_LOW if trunk_share < SHORT_TRUNK else HEAD_DOWN)


def _without_legs(body: Body, trunk_share: float) -> PostureClass:
    # A table, a blanket or the picture's edge hides the legs: the trunk alone tells lying, little else. A
    # short one points at the camera, be it on a chair or on the floor.
    if body.torso_tilt_deg > 65:
        return PostureClass.LYING
    leaning = body.torso_tilt_deg > BENT_TILT_DEG or trunk_share < SHORT_TRUNK
    return PostureClass.UNKNOWN if leaning else PostureClass.SITTING


def _trunk_up(body: Body, head_above_ankles: float | None, hips_above_ankles: float | None) -> PostureClass:
    assert body.thigh_deg is not None
    assert body.hip_deg is not None
    if body.thigh_deg > KNEES_UP_THIGH_DEG:
        # Knees above the hips: sitting on the floor with the trunk upright, or on the back with the feet
        # to the camera, where the trunk is foreshortened but leans all the same (28-38 degrees).
        return PostureClass.LYING if body.torso_tilt_deg > 20 else PostureClass.SITTING
    if body.thigh_deg < STANDING_THIGH_DEG or _is_straight(body):
        return PostureClass.STANDING
    if body.knee_deg is None or hips_above_ankles is None or head_above_ankles is None:
        return PostureClass.SITTING
    low = hips_above_ankles < 0.6 and head_above_ankles > 1.3
    kneeling = low and body.knee_deg < 100 and body.thigh_deg < HEEL_THIGH_DEG
    crouching = hips_above_ankles < 1.02 and body.torso_tilt_deg > 20 and body.knee_deg < 85
    return PostureClass.UNKNOWN if kneeling or crouching else PostureClass.SITTING


def _is_straight(body: Body) -> bool:
    """Whether trunk and thighs are in a line, and the legs bear them."""
    assert body.thigh_deg is not None
    assert body.hip_deg is not None
    if body.thigh_deg >= LEANING_THIGH_DEG or body.hip_deg < STRAIGHT_DEG:
        return False
    if body.knee_deg is not None and body.knee_deg > STRAIGHT_DEG:
        return True
    return body.knees_px is not None and body.knees_px[1] - body.hips_px[1] > KNEES_BELOW * body.torso_px


def _trunk_down(body: Body, hips_above_ankles: float | None) -> PostureClass:
    assert body.thigh_deg is not None
    assert body.hip_deg is not None
    if hips_above_ankles is not None and hips_above_ankles < 0.55:
        return PostureClass.LYING  # hips on the floor; on all fours they are 0.83 up, bending 1.4-1.7
    if body.thigh_deg < STANDING_THIGH_DEG:
        on_all_fours = body.knee_deg is not None and body.knee_deg < 115
        return PostureClass.UNKNOWN if on_all_fours else PostureClass.BENDING
    # Somebody seated and bent to the floor keeps the hips up and folded; lying, neither.
    seated = body.hip_deg < 120 and hips_above_ankles is not None and hips_above_ankles > 0.7
    return PostureClass.SITTING if seated else PostureClass.LYING


def _rows(pose: Pose) -> Rows:
    """Return the landmarks; one with a value that is no number counts as not seen."""
    rows: Rows = pose.landmarks.tolist()
    if all_numbers(pose.landmarks):
        return rows
    return [row if all(map(math.isfinite, row)) else (0.0,) * len(row) for row in rows]


def _world_rows(pose: Pose) -> Rows:
    """Return the world landmarks; none when a value is no number: an angle needs several of them."""
    rows: Rows = pose.world_landmarks.tolist()
    return rows if all_numbers(pose.world_landmarks) else ()


def _middle(rows: Rows, pair: tuple[int, int], width_px: int, height_px: int) -> PointPx | None:
    one, other = rows[pair[0]], rows[pair[1]]
    if one[VISIBILITY] < JOINT_VISIBILITY:
        one = other
    elif other[VISIBILITY] >= JOINT_VISIBILITY:
        across, down = one[X] * width_px + other[X] * width_px, one[Y] * height_px + other[Y] * height_px
        return across / 2, down / 2
    return None if one[VISIBILITY] < JOINT_VISIBILITY else (one[X] * width_px, one[Y] * height_px)


def _head(rows: Rows, width_px: int, height_px: int) -> PointPx | None:
    seen = [row for index in HEAD if (row := rows[index])[VISIBILITY] >= JOINT_VISIBILITY]
    if not seen:
        return None
    across, down = [row[X] * width_px for row in seen], [row[Y] * height_px for row in seen]
    return sum(across) / len(seen), sum(down) / len(seen)


def _mean_visibility(rows: Rows, one: int, two: int, three: int, four: int) -> float:
    seen = rows[one][VISIBILITY] + rows[two][VISIBILITY] + rows[three][VISIBILITY] + rows[four][VISIBILITY]
    return seen / 4


_LegAngles: TypeAlias = tuple[float | None, float | None, float | None]
"""`Body.hip_deg`, `knee_deg`, `thigh_deg`."""


def _leg_angles_deg(rows: Rows, knees_seen: bool, ankles_seen: bool) -> _LegAngles:
    if not rows or not knees_seen:
        return None, None, None
    hips, knees = _world_middle(rows, HIPS), _world_middle(rows, KNEES)
    across, down, away = knees[X] - hips[X], knees[Y] - hips[Y], knees[Z] - hips[Z]
    return (
        angle_deg(_world_middle(rows, SHOULDERS), hips, knees),
        angle_deg(hips, knees, _world_middle(rows, ANKLES)) if ankles_seen else None,
        math.degrees(math.atan2(math.hypot(across, away), down)),
    )


def _world_middle(rows: Rows, pair: tuple[int, int]) -> tuple[float, float, float]:
    one, other = rows[pair[0]], rows[pair[1]]
    return (one[X] + other[X]) / 2, (one[Y] + other[Y]) / 2, (one[Z] + other[Z]) / 2


def _box(rows: Rows) -> Box:
    # The whole figure as the model places it; what it disowns would only stretch the box.
    seen = [row for row in rows if row[VISIBILITY] >= JOINT_VISIBILITY and row[PRESENCE] > 0] or rows
    across, down = [row[X] for row in seen], [row[Y] for row in seen]
    left, top = min(across), min(down)
    return Box(left, top, max(across) - left, max(down) - top)
