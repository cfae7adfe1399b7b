"""How a body is held: angles of its limbs, and the stances the acts are made of.

All angles of limbs are measured in the body's own frame, from hanging straight down: positive is
forward, 180 is overhead; `_out_deg` leads away from the body's middle. The finished body is turned
by `facing_deg` about its long axis and then tipped over by `tip_deg` in the plane of the picture.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Stance(NamedTuple):
    """One moment of a body; every field blends linearly into the next stance."""

    facing_deg: float = 15.0
    """0 looks at the camera, 90 to the side the figure walks towards."""
    tip_deg: float = 0.0
    """0 upright, -90 on its back when facing 90, 90 on its side when facing 0."""
    trunk_deg: float = 0.0
    """Forward bend of shoulders over hips; the legs do not follow."""
    neck_deg: float = 6.0
    """Forward bend of head over shoulders."""
    nod_deg: float = 4.0
    """How far the face looks down."""
    turn_deg: float = 0.0
    """How far the face looks away from where the chest does; positive as `facing_deg`."""
    left_arm_deg: float = 2.0
    left_arm_out_deg: float = 11.0
    left_forearm_deg: float = 12.0
    left_forearm_out_deg: float = 7.0
    right_arm_deg: float = 2.0
    right_arm_out_deg: float = 11.0
    right_forearm_deg: float = 12.0
    right_forearm_out_deg: float = 7.0
    left_thigh_deg: float = 2.0
    left_shank_deg: float = -2.0
    right_thigh_deg: float = 2.0
    right_shank_deg: float = -2.0
    legs_out_deg: float = 4.0
    feet_deg: float = 88.0
    """Direction of the feet: 90 stands flat on the floor."""
    x_m: float = 0.0
    """Where the hips are, from the middle of the picture; positive is where the figure walks to."""
    z_m: float = 0.0
    """The same in depth; positive is away from the camera."""
    out: float = 0.0
    """Share of the way out of the picture: 1 on the side of entry, -1 on the far side."""
    walking: float = 0.0
    """How much of the swing of legs and arms is in it, 0-1."""


def blend(start: Stance, end: Stance, share: float) -> Stance:
    """Return the stance `share` (0-1) of the way from start to end."""
    return Stance(*(a + (b - a) * share for a, b in zip(start, end, strict=True)))


STAND = Stance()
STAND_SIDEWAYS = STAND._replace(facing_deg=86.0)

WALK = Stance(facing_deg=88.0, trunk_deg=4.0, walking=1.0)
WALK_BACK = WALK._replace(facing_deg=-88.0)

HANDS_UP = Stance(
    left_arm_deg=0.0,
    left_arm_out_deg=145.0,
    left_forearm_deg=0.0,
    left_forearm_out_deg=172.0,
    right_arm_deg=0.0,
    right_arm_out_deg=145.0,
    right_forearm_deg=0.0,
    right_forearm_out_deg=172.0,
)
ONE_HAND_UP = STAND._replace(
    right_arm_deg=0.0, right_arm_out_deg=145.0, right_forearm_deg=0.0, right_forearm_out_deg=172.0
)
LEFT_ARM_BENT = STAND._replace(
    left_arm_deg=4.0, left_arm_out_deg=62.0, left_forearm_deg=10.0, left_forearm_out_deg=212.0
)
"""The hand at the shoulder, the elbow out to the side."""

WAVE_OUT = STAND._replace(
    right_arm_deg=0.0, right_arm_out_deg=95.0, right_forearm_deg=0.0, right_forearm_out_deg=140.0
)
WAVE_IN = WAVE_OUT._replace(right_forearm_out_deg=205.0)

SQUAT = STAND._replace(
    trunk_deg=32.0,
    neck_deg=20.0,
    left_arm_deg=80.0,
    left_forearm_deg=84.0,
    right_arm_deg=80.0,
    right_forearm_deg=84.0,
    left_thigh_deg=82.0,
    left_shank_deg=-38.0,
    right_thigh_deg=82.0,
    right_shank_deg=-38.0,
    legs_out_deg=12.0,
)

ALL_FOURS = STAND_SIDEWAYS._replace(
    trunk_deg=76.0,
    neck_deg=70.0,
    nod_deg=60.0,
    left_arm_out_deg=5.0,
    left_forearm_deg=4.0,
    right_arm_out_deg=5.0,
    right_forearm_deg=4.0,
    left_shank_deg=-86.0,
    right_shank_deg=-86.0,
    z_m=-0.3,
)
PLANK = Stance(
    facing_deg=84.0,
    tip_deg=72.0,
    neck_deg=-8.0,
    nod_deg=-6.0,
    left_arm_deg=72.0,
    left_arm_out_deg=6.0,
    left_forearm_deg=72.0,
    left_forearm_out_deg=0.0,
    right_arm_deg=72.0,
    right_arm_out_deg=6.0,
    right_forearm_deg=72.0,
    right_forearm_out_deg=0.0,
    left_thigh_deg=0.0,
    left_shank_deg=0.0,
    right_thigh_deg=0.0,
    right_shank_deg=0.0,
    z_m=-0.3,
)
"""On hands and toes, the body straight."""
PLANK_LOW = PLANK._replace(
    tip_deg=85.0,
    left_arm_deg=85.0,
    left_arm_out_deg=70.0,
    left_forearm_deg=85.0,
    left_forearm_out_deg=-60.0,
    right_arm_deg=85.0,
    right_arm_out_deg=70.0,
    right_forearm_deg=85.0,
    right_forearm_out_deg=-60.0,
)

SIT = Stance(
    facing_deg=77.0,
    trunk_deg=3.0,
    left_arm_deg=22.0,
    left_arm_out_deg=9.0,
    left_forearm_deg=66.0,
    left_forearm_out_deg=0.0,
    right_arm_deg=22.0,
    right_arm_out_deg=9.0,
    right_forearm_deg=66.0,
    right_forearm_out_deg=0.0,
    left_thigh_deg=80.0,
    left_shank_deg=-10.0,
    right_thigh_deg=80.0,
    right_shank_deg=-10.0,
    legs_out_deg=5.0,
    x_m=-0.45,
)
SLOUCH = SIT._replace(
    trunk_deg=17.0,
    neck_deg=52.0,
    nod_deg=22.0,
    left_arm_deg=30.0,
    right_arm_deg=30.0,
)

BEND = Stance(
    facing_deg=86.0,
    trunk_deg=82.0,
    neck_deg=96.0,
    nod_deg=72.0,
    left_arm_deg=22.0,
    left_arm_out_deg=4.0,
    left_forearm_deg=14.0,
    left_forearm_out_deg=2.0,
    right_arm_deg=14.0,
    right_arm_out_deg=4.0,
    right_forearm_deg=8.0,
    right_forearm_out_deg=2.0,
    left_thigh_deg=9.0,
    left_shank_deg=4.0,
    right_thigh_deg=9.0,
    right_shank_deg=4.0,
    x_m=-0.10,
)

CROUCH = Stance(
    facing_deg=80.0,
    trunk_deg=38.0,
    neck_deg=30.0,
    nod_deg=15.0,
    left_arm_deg=20.0,
    right_arm_deg=-5.0,
    left_forearm_deg=45.0,
    right_forearm_deg=10.0,
    left_thigh_deg=104.0,
    left_shank_deg=-44.0,
    right_thigh_deg=96.0,
    right_shank_deg=-52.0,
    x_m=-0.15,
    z_m=-0.2,
)
SIT_ON_FLOOR = Stance(
    facing_deg=75.0,
    trunk_deg=-14.0,
    left_arm_deg=-28.0,
    right_arm_deg=-34.0,
    left_forearm_deg=-18.0,
    right_forearm_deg=-22.0,
    left_thigh_deg=116.0,
    left_shank_deg=46.0,
    right_thigh_deg=112.0,
    right_shank_deg=52.0,
    x_m=-0.05,
    z_m=-0.3,
)
LIE = Stance(
    facing_deg=62.0,
    tip_deg=-89.0,
    neck_deg=2.0,
    nod_deg=0.0,
    turn_deg=-20.0,
    left_arm_out_deg=14.0,
    right_arm_out_deg=14.0,
    feet_deg=70.0,
    z_m=-0.3,
)
FALLEN = Stance(
    facing_deg=18.0,
    tip_deg=91.0,
    neck_deg=4.0,
    left_arm_deg=55.0,
    left_arm_out_deg=6.0,
    left_forearm_deg=150.0,
    left_forearm_out_deg=0.0,
    right_arm_deg=30.0,
    right_arm_out_deg=4.0,
    right_forearm_deg=60.0,
    right_forearm_out_deg=-20.0,
    left_thigh_deg=12.0,
    left_shank_deg=-20.0,
    right_thigh_deg=28.0,
    right_shank_deg=-24.0,
    x_m=0.12,
    z_m=-0.3,
)
CURLED = FALLEN._replace(
    facing_deg=35.0,
    trunk_deg=35.0,
    right_arm_deg=70.0,
    right_forearm_deg=60.0,
    left_thigh_deg=100.0,
    left_shank_deg=-20.0,
    right_thigh_deg=105.0,
    right_shank_deg=-15.0,
    x_m=0.05,
)
"""On the side with the knees drawn up: how one comes from lying on the side onto the feet."""


def sway(stance: Stance, at_ms: int) -> Stance:
    """Return the stance with the small movements nobody can suppress: breath and balance."""
    slow = math.sin(at_ms / 1000 * 2 * math.pi / 3.7)
    slower = math.sin(at_ms / 1000 * 2 * math.pi / 7.1)
    return stance._replace(
        facing_deg=stance.facing_deg + 1.5 * slower,
        trunk_deg=stance.trunk_deg + 0.7 * slow,
        nod_deg=stance.nod_deg + 1.5 * slower,
        turn_deg=stance.turn_deg + 4.0 * slower,
        left_forearm_deg=stance.left_forearm_deg + 1.5 * slow,
        right_forearm_deg=stance.right_forearm_deg - 1.5 * slow,
    )
