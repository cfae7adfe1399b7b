"""The quantities a fall is judged by (posture_science 4.1), measured on the history of one person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pose_edge.events.fall.options import Limits
from pose_edge.records import Posture, PostureClass
from pose_edge.signals import History, Moment, median

BEFORE_MS: Final = 1500
"""How the body was before a descent is the median over so long before its head was highest."""

BEFORE_TILT_DEG: Final = 60.0
"""... and over the moments at which the trunk was up, if there are any: a body that is half outside the
picture is often seen upside down."""

JUDGED_MS: Final = 1000
"""A candidate is judged by the medians of its last second."""

SPEED_BEFORE_MS: Final = 2000
SPEED_AFTER_MS: Final = 1000
"""The fastest descent counts from so long before a candidate opens until so long after."""

BALANCE: Final = 0.25
"""Torso lengths below its highest at which the head is on its way down: there the fall began."""

# Heights in torso lengths, medians of the development clips: standing 2.0-2.9, sitting on a chair 1.8-2.4,
# kneeling 1.5, sitting on the floor 1.0-1.3, lying -0.8-0.9 (posture_science 2.4).
STOOD_MS: Final = 1000
"""Somebody seen standing this long before the head went down was on their feet."""

HIPS_UP: Final = 0.7
"""Hips above ankles, in torso lengths: standing 0.9-1.7, on a chair 0.9-1.3, kneeling 0.5, sitting on the
floor 0-0.4 (posture_science 2.4)."""

HIPS_DROP: Final = 0.6
"""Whose hips were not up falls only if they go down further, in torso lengths: out of a bed 1.0-1.4, lying
down from sitting on the floor 0.2-0.4 (measured on the development clips and the actor)."""

SEATED_HEAD: Final = 1.8
SAT_HEAD: Final = 1.5
FULL_TRUNK: Final = 0.75
"""Share of its length a trunk shows when it is upright; falling backward away from the camera 0.3-0.7 [O]."""
FLOOR_HEAD: Final = 1.3
UPRIGHT_DEG: Final = 30.0
ON_FLOOR_UPRIGHT_DEG: Final = 40.0
STANDING_KNEE: Final = 0.5
ON_FEET: Final = 1.1
"""Hips above ankles: bending 1.4-1.7, on hands and knees 0.83."""
BEARING_DEG: Final = 40.0
"""Thighs that lean less bear weight: on hands and knees 2-25 with the hips 0.6-0.9 above the
knees, lying 40-160 with the hips 0.48 above them at most (development clips)."""
KNEELING_DEG: Final = 115.0
"""Inner angle of knees on the floor: 82-107 measured on hands and knees."""
BACK_UP: Final = 0.5
"""Torso lengths below its highest within which the head counts as up again."""


STILL_LOW: Final = 0.8
"""Share of the drop that keeps a body down: to leave is 20 % harder than to enter (posture_science 4.0)."""


@dataclass(frozen=True, slots=True)
class Before:
    """How somebody was before they went down; frozen when a candidate opens."""

    highest_px: float
    """Where the head was highest."""
    usual_px: float
    """Where it was as a rule just before."""
    hips_px: float
    """How far down the hips were then."""
    hips_height: float | None
    """How high they were above the ankles, in torso lengths."""
    height_px: float
    """How tall the body looked just before."""
    scale_px: float
    start_ms: int
    """When the head left the height it had."""
    opened_ms: int


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for a fall; lengths in torso lengths."""

    drop: float
    """From where the head usually was to where it is."""
    speed: float
    tilt_deg: float
    aspect: float
    hips_drop: float
    shrink: float
    """How tall the body looks, as a share of before."""
    score: float


def drop(history: History, scale_px: float) -> float:
    """Return how far the head is below its highest of the last 2 s, in torso lengths."""
    return (history.last.head_px - history.highest().head_px) / scale_px


def before(history: History, scale_px: float) -> Before:
    """Return how the person was before the descent that is going on."""
    highest, now_ms = history.highest(), history.last.at_ms
    earlier = history.between(highest.at_ms - BEFORE_MS, highest.at_ms)
    upright = [moment for moment in earlier if moment.tilt_deg < BEFORE_TILT_DEG] or earlier
    heights = [moment.hips_height for moment in upright if moment.hips_height is not None]
    edge_px = highest.head_px + BALANCE * scale_px
    up = [moment.at_ms for moment in history.between(highest.at_ms, now_ms) if moment.head_px <= edge_px]
    return Before(
        highest_px=highest.head_px,
        usual_px=median([moment.head_px for moment in upright]),
        hips_px=median([moment.hips_px[1] for moment in upright]),
        hips_height=median(heights) if heights else None,
        height_px=median([moment.height_px for moment in upright]),
        scale_px=scale_px,
        start_ms=up[-1],
        opened_ms=now_ms,
    )


def speed(history: History, scale_px: float, opened_ms: int) -> float:
    """Return the fastest descent around the opening of a candidate, in torso lengths a second."""
    return history.descent(opened_ms - SPEED_BEFORE_MS, opened_ms + SPEED_AFTER_MS) / scale_px


def signs(history: History, was: Before, fastest: float, *, lost: bool) -> Signs:
    """Return what speaks for a fall now; fitted to nothing. `lost`: the person is not seen any more."""
    now_ms = history.last.at_ms
    judged = history.between(max(was.opened_ms, now_ms - JUDGED_MS), now_ms)
    last = [history.last] if lost else judged
    down = (median([moment.head_px for moment in last]) - was.usual_px) / was.scale_px
    hips_drop = (median([moment.hips_px[1] for moment in last]) - was.hips_px) / was.scale_px
    tilt_deg = median([moment.tilt_deg for moment in judged])
    aspect = median([moment.aspect for moment in judged])
    shrink = median([moment.height_px for moment in judged]) / was.height_px
    shape = (_share(tilt_deg, 40, 70), _share(aspect, 0.7, 1.3), _share(-shrink, -0.75, -0.45))
    score = 0.35 * _share(down, 0.8, 1.6) + 0.20 * _share(fastest, 1.0, 3.0)
    score += 0.45 if lost else 0.20 * max(shape) + 0.25 * sum(shape) / 3
    return Signs(down, fastest, tilt_deg, aspect, hips_drop, shrink, score)


def is_low(moment: Moment, was: Before, limits: Limits, *, was_low: bool) -> bool:
    """Whether the body is down, by its head and at least one sign of its shape."""
    least = limits.drop * (STILL_LOW if was_low else 1.0)
    if (moment.head_px - was.highest_px) / was.scale_px < least:
        return False
    return (
        moment.tilt_deg > limits.torso_angle_deg
        or moment.aspect > limits.aspect_ratio
        or moment.height_px / was.height_px < limits.height_ratio
    )


def is_lying(posture: Posture) -> bool:
    """Whether somebody lies, for certain: hidden legs make a leaning trunk at a table look like it."""
    return posture.posture_class is PostureClass.LYING and posture.head_above_ankles is not None


def is_seated_on_floor(posture: Posture) -> bool:
    """Whether somebody sits or kneels on the floor."""
    head = posture.head_above_ankles
    return head is not None and head < FLOOR_HEAD and posture.body.torso_tilt_deg < ON_FLOOR_UPRIGHT_DEG


def is_standing(posture: Posture) -> bool:
    """Whether somebody is on their feet, upright."""
    knee = posture.hips_above_knees
    return posture.body.torso_tilt_deg < UPRIGHT_DEG and knee is not None and knee > STANDING_KNEE


def is_seated_high(posture: Posture) -> bool:
    """Whether the trunk is upright and the head higher than it could be from the floor."""
    head = posture.head_above_ankles
    return head is not None and head > SEATED_HEAD and posture.body.torso_tilt_deg < UPRIGHT_DEG


def has_sat_down(posture: Posture) -> bool:
    """Whether the trunk is upright at its full length, on a chair or on the floor: nobody falls like that."""
    head, body = posture.head_above_ankles, posture.body
    if head is None or head < SAT_HEAD or body.torso_tilt_deg >= UPRIGHT_DEG:
        return False
    return body.torso_px >= FULL_TRUNK * posture.scale_px


def is_bent_on_feet(posture: Posture) -> bool:
    """Whether somebody bends down with both feet on the ground."""
    hips = posture.hips_above_ankles
    return posture.posture_class is PostureClass.BENDING and hips is not None and hips >= ON_FEET


def is_on_knees(posture: Posture) -> bool:
    """Whether the thighs bear the hips, as on hands and knees: whoever has fallen lies lower."""
    knee, body = posture.hips_above_knees, posture.body
    if knee is None or body.thigh_deg is None or body.knee_deg is None:
        return False
    return knee > STANDING_KNEE and body.thigh_deg < BEARING_DEG and body.knee_deg < KNEELING_DEG


def is_up(posture: Posture) -> bool:
    """Whether somebody is certainly not on the floor."""
    return is_standing(posture) or is_seated_high(posture) or is_bent_on_feet(posture)


def _share(value: float, none: float, full: float) -> float:
    return min(1.0, max(0.0, (value - none) / (full - none)))
