"""From a stance to the joints: where they are in the room, and where in the picture."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

from pose_edge.actor.looks import Build
from pose_edge.actor.room import Camera, Point
from pose_edge.actor.stance import Stance
from pose_edge.records import PointPx

Direction: TypeAlias = tuple[float, float, float]
"""Length 1, along the axes of `Point`."""

Joints: TypeAlias = dict[str, Point]
"""Places by name. Joints the model knows are named as in `landmark_names.py`."""

EDGE_SHARE = 0.7
"""Share of the way out at which the middle of the body crosses the edge of the picture. From there on the
figure does not count as present; the rest of the way takes arms and feet out, too."""

STRIDE_M = 1.3
"""Two steps."""

CLEARANCE_M = {
    "head": 0.10,
    "shoulder": 0.07,
    "chest": 0.11,
    "elbow": 0.045,
    "wrist": 0.035,
    "fingers": 0.025,
    "pelvis": 0.12,
    "hip": 0.085,
    "knee": 0.055,
    "heel": 0.032,
    "foot_index": 0.028,
}
"""How far the skin is from the joint: what rests on the floor rests on that."""


class Axes(NamedTuple):
    """A body's own directions in the room."""

    forward: Direction
    left: Direction
    up: Direction

    def limb(self, forward_deg: float, out_deg: float = 0.0, side: float = 0.0) -> Direction:
        """Return where a limb points; angles as in `stance.py`, side is 1 for left and -1 for right."""
        forward, out = math.radians(forward_deg), math.radians(out_deg)
        ahead = math.sin(forward) * math.cos(out)
        above = -math.cos(forward) * math.cos(out)
        beside = side * math.sin(out)
        x, y, z = (
            ahead * f + beside * le + above * u
            for f, le, u in zip(self.forward, self.left, self.up, strict=True)
        )
        return x, y, z


def axes(facing_deg: float, tip_deg: float) -> Axes:
    """Return the directions of a body that looks `facing_deg` away from us and is tipped over."""
    facing = math.radians(facing_deg)
    sine, cosine = math.sin(facing), math.cos(facing)
    return Axes(
        _tipped((sine, 0.0, -cosine), tip_deg),
        _tipped((cosine, 0.0, sine), tip_deg),
        _tipped((0.0, 1.0, 0.0), tip_deg),
    )


def joints(stance: Stance, build: Build, camera: Camera) -> Joints:
    """Return where everything is in the room; the lowest part touches the floor."""
    way_out_m = camera.half_width_m / EDGE_SHARE
    stance = _with_steps(stance, stance.out * way_out_m)
    body = axes(stance.facing_deg, stance.tip_deg)
    pelvis = Point(stance.x_m - stance.out * way_out_m, 0.0, stance.z_m)
    chest = _along(pelvis, body.limb(180.0 - stance.trunk_deg), build.torso_m)
    places = {"pelvis": pelvis, "chest": chest}
    places |= {"belly": _between(pelvis, chest, 0.35), "ribs": _between(pelvis, chest, 0.8)}
    places |= _head(stance, chest, build)
    for name, side in (("left", 1.0), ("right", -1.0)):
        places |= _arm(stance, body, chest, build, name, side)
        places |= _leg(stance, body, pelvis, build, name, side)
        places[f"{name}_waist"] = _between(places[f"{name}_hip"], places[f"{name}_shoulder"], 0.12)
    return _on_the_floor(places)


def landmarks_px(places: Joints, camera: Camera) -> dict[str, PointPx]:
    """Return where the joints are in the picture.

    A mirrored body has its left where the right was, and the model names what it sees.
    """
    found = {}
    for name, place in places.items():
        spot = camera.project(place)
        found[_swapped(name) if camera.mirrored else name] = (spot.x_px, spot.y_px)
    return found


def _swapped(name: str) -> str:
    for one, other in (("left", "right"), ("right", "left")):
        if one in name:
            return name.replace(one, other)
    return name


def _tipped(direction: Direction, tip_deg: float) -> Direction:
    sine, cosine = math.sin(math.radians(tip_deg)), math.cos(math.radians(tip_deg))
    x, y, z = direction
    return x * cosine + y * sine, y * cosine - x * sine, z


def _with_steps(stance: Stance, walked_m: float) -> Stance:
    """Swing legs and arms against each other by how far the figure has walked."""
    phase, share = 2 * math.pi * walked_m / STRIDE_M, stance.walking
    swing_deg = 24.0 * math.sin(phase) * share
    left_lift_deg = (8.0 + 38.0 * max(0.0, math.cos(phase))) * share
    right_lift_deg = (8.0 + 38.0 * max(0.0, -math.cos(phase))) * share
    return stance._replace(
        left_thigh_deg=stance.left_thigh_deg + swing_deg,
        left_shank_deg=stance.left_shank_deg + swing_deg - left_lift_deg,
        right_thigh_deg=stance.right_thigh_deg - swing_deg,
        right_shank_deg=stance.right_shank_deg - swing_deg - right_lift_deg,
        left_arm_deg=stance.left_arm_deg - swing_deg,
        left_forearm_deg=stance.left_forearm_deg - swing_deg + 12.0 * share,
        right_arm_deg=stance.right_arm_deg + swing_deg,
        right_forearm_deg=stance.right_forearm_deg + swing_deg + 12.0 * share,
    )


def _head(stance: Stance, chest: Point, build: Build) -> Joints:
    neck = _along(chest, axes(stance.facing_deg, stance.tip_deg).limb(180.0 - stance.trunk_deg), 0.03)
    body = axes(stance.facing_deg, stance.tip_deg)
    head = _along(neck, body.limb(180.0 - stance.neck_deg), build.neck_m - 0.03)
    turned = axes(stance.facing_deg + stance.turn_deg, stance.tip_deg)
    ahead, up = turned.limb(90.0 - stance.nod_deg), turned.limb(180.0 - stance.nod_deg)

    def place(ahead_m: float, up_m: float, left_m: float = 0.0) -> Point:
        return _along(_along(_along(head, ahead, ahead_m), up, up_m), turned.left, left_m)

    middle = {
        "neck": neck,
        "throat": _between(neck, head, 0.6),
        "head": head,
        "hair": place(-0.022, 0.028),
        "crown": place(-0.020, 0.070),
        "fringe": place(0.040, 0.080),
        "face": place(0.022, -0.008),
        "chin": place(0.045, -0.085),
        "bridge": place(0.100, 0.020),
        "nose": place(0.115, -0.015),
    }
    return middle | {
        f"{name}_{feature}": place(ahead_m, up_m, side * left_m)
        for name, side in (("left", 1.0), ("right", -1.0))
        for feature, ahead_m, up_m, left_m in (
            ("ear", 0.0, 0.0, 0.090),
            ("eye", 0.090, 0.020, 0.036),
            ("pupil", 0.100, 0.020, 0.036),
            ("brow_in", 0.100, 0.046, 0.020),
            ("brow_out", 0.088, 0.046, 0.052),
            ("mouth", 0.095, -0.062, 0.024),
        )
    }


def _arm(stance: Stance, body: Axes, chest: Point, build: Build, name: str, side: float) -> Joints:
    shoulder = _along(chest, body.left, side * build.shoulders_m)
    above = body.limb(_angle(stance, name, "arm_deg"), _angle(stance, name, "arm_out_deg"), side)
    below = body.limb(_angle(stance, name, "forearm_deg"), _angle(stance, name, "forearm_out_deg"), side)
    elbow = _along(shoulder, above, build.upper_arm_m)
    wrist = _along(elbow, below, build.forearm_m)
    return {
        f"{name}_shoulder": shoulder,
        f"{name}_sleeve": _between(shoulder, elbow, 0.55),
        f"{name}_elbow": elbow,
        f"{name}_wrist": wrist,
        f"{name}_palm": _along(wrist, below, 0.06),
        f"{name}_fingers": _along(wrist, below, 0.14),
    }


def _leg(stance: Stance, body: Axes, pelvis: Point, build: Build, name: str, side: float) -> Joints:
    hip = _along(pelvis, body.left, side * build.hips_m)
    thigh_deg, shank_deg = _angle(stance, name, "thigh_deg"), _angle(stance, name, "shank_deg")
    knee = _along(hip, body.limb(thigh_deg, stance.legs_out_deg, side), build.thigh_m)
    ankle = _along(knee, body.limb(shank_deg, stance.legs_out_deg / 2, side), build.shank_m)
    foot_deg = stance.feet_deg + 0.6 * shank_deg * stance.walking
    ahead, sole = body.limb(foot_deg, 8.0, side), body.limb(foot_deg - 90.0)
    return {
        f"{name}_hip": hip,
        f"{name}_knee": knee,
        f"{name}_ankle": ankle,
        f"{name}_heel": _along(_along(ankle, sole, 0.050), ahead, -0.045),
        f"{name}_foot_index": _along(_along(ankle, sole, 0.055), ahead, build.foot_m),
    }


def _angle(stance: Stance, name: str, limb: str) -> float:
    angle: float = getattr(stance, f"{name}_{limb}")
    return angle


def _on_the_floor(places: Joints) -> Joints:
    clear_m = {name: CLEARANCE_M.get(name.removeprefix("left_").removeprefix("right_")) for name in places}
    lowest_m = min(places[name].y_m - clear for name, clear in clear_m.items() if clear is not None)
    return {name: place._replace(y_m=place.y_m - lowest_m) for name, place in places.items()}


def _along(start: Point, direction: Direction, length_m: float) -> Point:
    x, y, z = direction
    return Point(start.x_m + x * length_m, start.y_m + y * length_m, start.z_m + z * length_m)


def _between(start: Point, end: Point, share: float) -> Point:
    return Point(*(a + (b - a) * share for a, b in zip(start, end, strict=True)))
