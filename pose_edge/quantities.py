"""What a rule of the user may speak of: the table of measured quantities. Pure.

Angles of legs come from world landmarks, because thighs often point at the camera, where the picture shows
nothing of them. All else comes from the picture, angles of arms too: of an elbow drawn at 30 degrees the lite
model's picture says 25-32 and its world landmarks 76-79, of a straight one 176 and 146. Lengths are in
torso lengths of the person, so distance from the camera cancels out. None: a part it needs is hidden, so
nothing can be said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pose_edge.geometry import area, distance, tilt_from_vertical_deg
from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.posture import ANKLES, HEAD, HIPS, JOINT_VISIBILITY, KNEES, SHOULDERS
from pose_edge.records import VISIBILITY, PointPx, Posture, PostureClass, Scene, X, Y, Z, Zone
from pose_edge.scene import zones_of

Point: TypeAlias = tuple[int, ...]
"""Landmarks whose middle it is; those that are seen stand in for the others."""

EARS: Final = (7, 8)

POINTS: Final[Mapping[str, Point]] = {
    **{name: (index,) for index, name in enumerate(LANDMARK_NAMES)},
    "head": HEAD,
    "shoulders": SHOULDERS,
    "hips": HIPS,
    "knees": KNEES,
    "ankles": ANKLES,
}
"""Every landmark, and the middles of several."""

Measure: TypeAlias = Callable[[Posture, Scene], float | None]
"""Measures a number on one person."""

Shape: TypeAlias = Literal["number", "height", "distance", "speed", "posture", "zone", "people"]
"""What a condition on it is made of, and what its function takes."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One row of `TABLE`."""

    name: str
    unit: str
    """`deg`, `share` ...; empty for words and counts."""
    meaning: str
    shape: Shape
    measure: Callable[..., Any]
    """By shape: number and posture take (posture, scene), height and distance also two points, speed
    (place_px, earlier_px, seconds, posture), zone (posture, scene, zones), people (scene, zones)."""
    margin: float = 0.0
    """How far back beyond its limit it has to go before it counts as over, unless the user says otherwise."""

    @property
    def label(self) -> str:
        """The name in words, without its unit."""
        return self.name.removesuffix("_deg").removesuffix("_m").replace("_", " ")

    @property
    def mirrored(self) -> str:
        """The row that a mirror makes of this one; most stay what they are."""
        return mirrored(self.name)


def mirrored(name: str) -> str:
    """Return a name with left and right swapped."""
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(word, word) for word in name.split("_"))


def place_px(posture: Posture, scene: Scene, point: Point) -> PointPx | None:
    """Return where a point is in the picture; None when nothing of it is seen."""
    rows = posture.body.rows
    if len(point) == 1:
        row = rows[point[0]]
        if row[VISIBILITY] < JOINT_VISIBILITY:
            return None
        return row[X] * scene.width_px, row[Y] * scene.height_px
    seen = [row for index in point if (row := rows[index])[VISIBILITY] >= JOINT_VISIBILITY]
    if not seen:
        return None
    across, down = sum([row[X] for row in seen]), sum([row[Y] for row in seen])
    return across / len(seen) * scene.width_px, down / len(seen) * scene.height_px


def _place_m(posture: Posture, point: Point) -> tuple[float, float, float] | None:
    rows, world = posture.body.rows, posture.body.world_rows
    seen = [world[index] for index in point if rows[index][VISIBILITY] >= JOINT_VISIBILITY] if world else []
    if not seen:
        return None
    across, down, away = (sum(row[axis] for row in seen) / len(seen) for axis in (X, Y, Z))
    return across, down, away


def _arm(first: int, vertex: int, second: int) -> Measure:
    def measure(posture: Posture, scene: Scene) -> float | None:
        rows = posture.body.rows
        one, middle, other = rows[first], rows[vertex], rows[second]
        if min(one[VISIBILITY], middle[VISIBILITY], other[VISIBILITY]) < JOINT_VISIBILITY:
            return None
        width, height, x, y = scene.width_px, scene.height_px, middle[X], middle[Y]
        x1, y1 = (one[X] - x) * width, (one[Y] - y) * height
        x2, y2 = (other[X] - x) * width, (other[Y] - y) * height
        if x1 == y1 == 0 or x2 == y2 == 0:
            return None
        return abs(math.degrees(math.atan2(x1 * y2 - y1 * x2, x1 * x2 + y1 * y2)))

    return measure


def _leg(first: int, vertex: int, second: int) -> Measure:
    def measure(posture: Posture, _: Scene) -> float | None:
        rows, world = posture.body.rows, posture.body.world_rows
        if (
            not world
            or rows[first][VISIBILITY] < JOINT_VISIBILITY
            or rows[vertex][VISIBILITY] < JOINT_VISIBILITY
            or rows[second][VISIBILITY] < JOINT_VISIBILITY
        ):
            return None
        return _angle_deg(world[first], world[vertex], world[second])

    return measure


def _angle_deg(first: Sequence[float], vertex: Sequence[float], second: Sequence[float]) -> float | None:
    """As `geometry.angle_deg`, with one root for both lengths: it runs for every rule and picture."""
    x, y, z = vertex[X], vertex[Y], vertex[Z]
    x1, y1, z1 = first[X] - x, first[Y] - y, first[Z] - z
    x2, y2, z2 = second[X] - x, second[Y] - y, second[Z] - z
    length = math.sqrt((x1 * x1 + y1 * y1 + z1 * z1) * (x2 * x2 + y2 * y2 + z2 * z2))
    if length == 0:
        return None
    return math.degrees(math.acos(max(-1.0, min(1.0, (x1 * x2 + y1 * y2 + z1 * z2) / length))))


def _trunk_tilt(posture: Posture, _: Scene) -> float:
    return posture.body.torso_tilt_deg


def _neck_tilt(posture: Posture, scene: Scene) -> float | None:
    ears, shoulders = place_px(posture, scene, EARS), place_px(posture, scene, SHOULDERS)
    if ears is None or shoulders is None or ears == shoulders:
        return None
    return tilt_from_vertical_deg(ears, shoulders)


def _slope(left: int, right: int) -> Measure:
    def measure(posture: Posture, scene: Scene) -> float | None:
        one, other = place_px(posture, scene, (left,)), place_px(posture, scene, (right,))
        if one is None or other is None or one == other:
            return None
        return math.degrees(math.atan2(abs(one[1] - other[1]), abs(one[0] - other[0])))

    return measure


def _height(posture: Posture, scene: Scene, of: Point, over: Point) -> float | None:
    upper, lower = place_px(posture, scene, of), place_px(posture, scene, over)
    return None if upper is None or lower is None else (lower[1] - upper[1]) / posture.scale_px


def _distance(posture: Posture, scene: Scene, of: Point, to: Point) -> float | None:
    one, other = place_px(posture, scene, of), place_px(posture, scene, to)
    return None if one is None or other is None else distance(one, other) / posture.scale_px


def _distance_m(posture: Posture, _: Scene, of: Point, to: Point) -> float | None:
    one, other = _place_m(posture, of), _place_m(posture, to)
    return None if one is None or other is None else math.dist(one, other)


def _speed(now_px: PointPx, earlier_px: PointPx, span_s: float, posture: Posture) -> float:
    return distance(now_px, earlier_px) / posture.scale_px / span_s


def _posture(posture: Posture, _: Scene) -> str | None:
    word = posture.posture_class
    return None if word is PostureClass.UNKNOWN else word


def _zone(posture: Posture, scene: Scene, zones: tuple[Zone, ...]) -> tuple[str, ...]:
    return tuple([zone.name for zone in zones_of(posture, zones, scene)])


def _people(scene: Scene, zones: tuple[Zone, ...]) -> int:
    if not zones:
        return len(scene.people)
    return sum(1 for posture in scene.people if _zone(posture, scene, zones))


def _box_share(posture: Posture, _: Scene) -> float:
    return min(1.0, area(posture.body.box))


def _torso_share(posture: Posture, scene: Scene) -> float:
    return posture.scale_px / scene.height_px


def _visibility(posture: Posture, _: Scene) -> float:
    return posture.body.visibility


def _angle(name: str, meaning: str, measure: Measure) -> Quantity:
    # A margin of 5: joints of the drawn figure, which breathes and sways, move by 1-3 degrees while it
    # holds still; and limits to enter and to leave should be 10-20 % apart (posture_science 4.0).
    return Quantity(name, "deg", meaning, "number", measure, margin=5)


def _share(name: str, meaning: str, measure: Measure) -> Quantity:
    return Quantity(name, "share", meaning, "number", measure, margin=0.02)


def _joints(
    joint: str, meaning: str, kind: Callable[[int, int, int], Measure], *indices: tuple[int, int, int]
) -> tuple[Quantity, ...]:
    return tuple(
        _angle(f"{side}_{joint}_deg", meaning, kind(*landmarks))
        for side, landmarks in zip(("left", "right"), indices, strict=True)
    )


TABLE: Final[tuple[Quantity, ...]] = (
    *_joints("elbow", "Upper arm against forearm; 180 is straight.", _arm, (11, 13, 15), (12, 14, 16)),
    *_joints(
        "shoulder",
        "Trunk against upper arm; 0 hangs down, 180 is overhead.",
        _arm,
        (23, 11, 13),
        (24, 12, 14),
    ),
    *_joints("hip", "Trunk against thigh; 180 is straight.", _leg, (11, 23, 25), (12, 24, 26)),
    *_joints("knee", "Thigh against shin; 180 is straight.", _leg, (23, 25, 27), (24, 26, 28)),
    *_joints("ankle", "Shin against foot; about 110 standing.", _leg, (25, 27, 31), (26, 28, 32)),
    _angle("trunk_tilt_deg", "How far the trunk leans from upright; 90 is lying.", _trunk_tilt),
    _angle("neck_tilt_deg", "How far shoulders to ears lean from upright.", _neck_tilt),
    _angle(
        "head_tilt_deg", "How far the line of the ears slopes, seen from the front or back.", _slope(*EARS)
    ),
    _angle(
        "shoulder_tilt_deg",
        "How far the line of the shoulders slopes, seen likewise.",
        _slope(*SHOULDERS),
    ),
    Quantity(
        "height",
        "torso lengths",
        "How far a point is above another; negative below it. Takes `of` and `over`.",
        "height",
        _height,
        margin=0.05,
    ),
    Quantity(
        "distance",
        "torso lengths",
        "How far two points are apart in the picture. Takes `of` and `to`.",
        "distance",
        _distance,
        margin=0.05,
    ),
    Quantity(
        "distance_m",
        "m",
        "The same in space, in metres as the model guesses them. Takes `of` and `to`.",
        "distance",
        _distance_m,
        margin=0.03,
    ),
    Quantity(
        "speed",
        "torso lengths/s",
        "How fast a point moves across the picture, over half a second. Takes `of`, else the hips.",
        "speed",
        _speed,
        margin=0.1,
    ),
    _share("box_share", "Share of the picture the body's box covers.", _box_share),
    _share("torso_share", "Upright torso against the picture's height: how near they are.", _torso_share),
    _share("visibility", "How sure the model is of shoulders and hips.", _visibility),
    Quantity("posture", "", "Standing, sitting, bending or lying, or a list of these.", "posture", _posture),
    Quantity("zone", "", "The person is in that zone of `scene.zones`, or in one of a list.", "zone", _zone),
    Quantity(
        "people", "", "How many people are in sight, or in `zone`: `at_least`, `at_most`.", "people", _people
    ),
)
"""Everything a condition may be about. A row here is an option, a line of the docs and a word of errors."""

BY_NAME: Final[Mapping[str, Quantity]] = {row.name: row for row in TABLE}
