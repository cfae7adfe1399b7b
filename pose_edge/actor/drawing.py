"""From joints to the picture: which shapes the figure is made of, and in which order they are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pose_edge.actor.figure import Joints
from pose_edge.actor.looks import Looks
from pose_edge.actor.room import CAMERA_DISTANCE_M, CAMERA_HEIGHT_M, Camera, Point, paint_room
from pose_edge.actor.shading import FLAT, ROUND, SMALL, Brush, Layers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Part:
    """One shape: the hull of circles around joints."""

    colour: str
    circles: tuple[tuple[str, float], ...]
    """Joints, each with its radius in metres."""
    layers: Layers = ROUND
    behind_m: float = 0.0
    """Moves the part back (or, negative, forward) in the order of drawing, where depths are equal."""


@dataclass(frozen=True, slots=True)
class Feature(Part):
    """A part of the head, seen only from some sides."""

    seen_from: str = ""
    """The joint that must be on our side of the head; empty: always."""
    least_cosine: float = 0.0
    """How far towards us: 1 straight, 0 on the rim."""


def _both(*parts: Part) -> tuple[Part, ...]:
    """Return each part for the left and for the right side."""
    return tuple(
        Part(
            part.colour,
            tuple((f"{side}_{joint}", radius_m) for joint, radius_m in part.circles),
            part.layers,
            part.behind_m,
        )
        for part in parts
        for side in ("left", "right")
    )


BODY: tuple[Part, ...] = (
    Part(
        "shirt",
        (
            ("left_shoulder", 0.062),
            ("right_shoulder", 0.062),
            ("neck", 0.050),
            ("ribs", 0.118),
            ("belly", 0.115),
            ("left_waist", 0.085),
            ("right_waist", 0.085),
        ),
    ),
    Part("pants", (("left_hip", 0.088), ("right_hip", 0.088), ("pelvis", 0.108)), behind_m=-0.012),
    Part("skin", (("neck", 0.055), ("throat", 0.05)), SMALL, behind_m=0.03),
    *_both(
        Part("pants", (("hip", 0.088), ("knee", 0.06)), behind_m=-0.01),
        Part("pants", (("knee", 0.058), ("ankle", 0.04)), behind_m=0.005),
        Part("shoes", (("heel", 0.042), ("foot_index", 0.034))),
        Part("skin", (("sleeve", 0.048), ("elbow", 0.04)), SMALL),
        Part("shirt", (("shoulder", 0.062), ("sleeve", 0.058))),
        Part("skin", (("elbow", 0.04), ("wrist", 0.028)), behind_m=-0.005),
        Part("skin", (("wrist", 0.026), ("palm", 0.04)), SMALL, behind_m=-0.006),
        Part("skin", (("palm", 0.034), ("fingers", 0.022)), SMALL, behind_m=-0.007),
    ),
)
"""Drawn from far to near."""

HEAD_DEPTH_M = -0.03


def _face(side: str) -> tuple[Feature, ...]:
    eye = f"{side}_eye"
    return (
        Feature("skin", ((f"{side}_ear", 0.026),), SMALL, seen_from=f"{side}_ear", least_cosine=-0.15),
        Feature("eyes", ((eye, 0.013),), FLAT, seen_from=eye, least_cosine=0.3),
        Feature("pupils", ((f"{side}_pupil", 0.008),), FLAT, seen_from=eye, least_cosine=0.3),
        Feature(
            "hair",
            ((f"{side}_brow_in", 0.005), (f"{side}_brow_out", 0.004)),
            FLAT,
            seen_from=eye,
            least_cosine=0.3,
        ),
    )


HEAD: tuple[Feature, ...] = (
    Feature("hair", (("hair", 0.108),), SMALL),
    Feature("skin", (("face", 0.092), ("chin", 0.052)), ROUND),
    Feature("hair", (("fringe", 0.034), ("crown", 0.052)), SMALL[1:]),
    *_face("left"),
    *_face("right"),
    Feature(
        "skin",
        (("nose", 0.017), ("bridge", 0.008)),
        ((1.0, 0.80), (0.7, 1.08)),
        seen_from="nose",
        least_cosine=-0.1,
    ),
    Feature(
        "lips",
        (("left_mouth", 0.006), ("right_mouth", 0.006)),
        FLAT,
        seen_from="chin",
    ),
)
"""Drawn in this order, all where the head is."""


class Painter:
    """Draws one figure in one room, as often as wanted."""

    def __init__(self, camera: Camera, looks: Looks) -> None:
        self._camera = camera
        self._looks = looks
        self._room = paint_room(camera)
        self._brush = Brush(lit_from_right=camera.mirrored)

    def paint(self, places: Joints | None) -> npt.NDArray[np.uint8]:
        """Return a new picture, RGB, shape (height_px, width_px, 3); without joints the empty room."""
        image = self._room.copy()
        if places is None:
            return image
        depths = [(_depth_m(part, places), part) for part in BODY]
        head_m: float | None = places["head"].z_m + HEAD_DEPTH_M
        for depth_m, part in sorted(depths, key=lambda entry: -entry[0]):
            if head_m is not None and depth_m < head_m:
                self._head(image, places)
                head_m = None
            self._part(image, part, places, self._looks.girth)
        if head_m is not None:
            self._head(image, places)
        return image

    def _head(self, image: npt.NDArray[np.uint8], places: Joints) -> None:
        for feature in HEAD:
            towards_us = _cosine_to_camera(places["head"], places[feature.seen_from or "nose"])
            if not feature.seen_from or towards_us >= feature.least_cosine:
                self._part(image, feature, places, 1.0)

    def _part(self, image: npt.NDArray[np.uint8], part: Part, places: Joints, girth: float) -> None:
        circles = []
        for joint, radius_m in part.circles:
            spot = self._camera.project(places[joint])
            circles.append((spot.x_px, spot.y_px, radius_m * girth * spot.px_per_m))
        self._brush.hull(image, circles, self._looks.colours[part.colour], part.layers)


def _depth_m(part: Part, places: Joints) -> float:
    return sum(places[joint].z_m for joint, _ in part.circles) / len(part.circles) + part.behind_m


def _cosine_to_camera(centre: Point, place: Point) -> float:
    """Return how far `place` is on our side of `centre`: 1 straight towards the camera, -1 behind."""
    outward = [a - b for a, b in zip(place, centre, strict=True)]
    to_camera = [a - b for a, b in zip((0.0, CAMERA_HEIGHT_M, -CAMERA_DISTANCE_M), centre, strict=True)]
    along = sum(a * b for a, b in zip(outward, to_camera, strict=True))
    return along / (math.hypot(*outward) * math.hypot(*to_camera))
