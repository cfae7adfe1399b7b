"""What the user knows about the picture: which part of it means what."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Literal, Self

from pydantic import Field, model_validator

from pose_edge.geometry import is_inside
from pose_edge.options import Options
from pose_edge.polygons import Polygon
from pose_edge.records import PointPx, Posture, PostureClass, Scene, Zone


class ZoneOptions(Options):
    """One zone of ``scene.zones``."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    """As it appears in `state`."""

    polygon: Polygon
    """Corners in order, each [x, y] as shares of the upright picture: [0, 0] is the upper left."""

    lying_ok: bool = False
    """A bed or a sofa: whoever lies there has not fallen, and getting up from it is `bed_exit`."""

    point: Literal["feet", "hips"] | None = None
    """Which part of a body decides who is in it: `feet` for a part of the floor, `hips` for furniture. Where
    it is null, hips with `lying_ok`, else feet. Feet that are not seen, or lie, are stood in for by the
    hips."""

    loiter_s: float | None = Field(None, ge=0, le=86400)
    """How long somebody may be in it before that is `loitering`; 0: for ever. Where it is null,
    `events.zones.loiter_s`, and for ever with `lying_ok`: resting is no loitering."""

    still_min: float | None = Field(None, ge=0, le=10080)
    """How many minutes somebody may not move in it before that is `inactivity`; 0: for ever. Where it is
    null, `events.inactivity.resting_min` with `lying_ok`, else `after_min` there."""

    def as_zone(self) -> Zone:
        """Return it as the engine knows it."""
        return Zone(**dict(self))


class SceneOptions(Options):
    """Options under ``scene``: what you know about the picture."""

    zones: tuple[ZoneOptions, ...] = ()
    """Parts of the picture: `{name: bed, polygon: [[0.1, 0.5], [0.6, 0.5], [0.6, 0.9]], lying_ok: true}`. The
    polygon's corners are shares of the upright picture. Each zone tells who enters, leaves and stays too
    long."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if twice := repeated_names(self.zones):
            raise ValueError(f"zones: {', '.join(twice)} is there more than once; names must differ")
        return self

    def all_zones(self) -> tuple[Zone, ...]:
        """Return them as the engine knows them."""
        return tuple(zone.as_zone() for zone in self.zones)


def repeated_names(zones: Sequence[ZoneOptions]) -> list[str]:
    """Return the names that more than one zone has."""
    names = [zone.name for zone in zones]
    return sorted({name for name in names if names.count(name) > 1})


def share_of(point_px: PointPx, scene: Scene) -> PointPx:
    """Return a point of the picture as shares of its width and height."""
    return point_px[0] / scene.width_px, point_px[1] / scene.height_px


def are_in(posture: Posture, zones: Sequence[Zone], scene: Scene) -> list[bool]:
    """Return for each zone whether somebody is in it by this moment alone."""
    hips = share_of(posture.body.hips_px, scene)
    feet = share_of(feet_px, scene) if (feet_px := _telling_feet_px(posture)) is not None else hips
    return [is_inside(feet if _is_for_feet(zone) else hips, zone.polygon) for zone in zones]


def zones_of(posture: Posture, zones: Sequence[Zone], scene: Scene) -> tuple[Zone, ...]:
    """Return the zones somebody is in by this moment alone, in their order."""
    return tuple(compress(zones, are_in(posture, zones, scene)))


def decides(posture: Posture, zone: Zone) -> Literal["feet", "hips"]:
    """Return which part of a body says whether it is in a zone.

    Feet that are not seen say nothing, and those of somebody lying are at one end of them.
    """
    return "hips" if _telling_feet_px(posture) is None or not _is_for_feet(zone) else "feet"


def deciding_px(posture: Posture, zone: Zone) -> PointPx:
    """Return where that part is, in pixels."""
    feet_px = _telling_feet_px(posture)
    return posture.body.hips_px if feet_px is None or not _is_for_feet(zone) else feet_px


def _telling_feet_px(posture: Posture) -> PointPx | None:
    return None if posture.posture_class is PostureClass.LYING else posture.body.ankles_px


def _is_for_feet(zone: Zone) -> bool:
    return zone.point == "feet" if zone.point else not zone.lying_ok
