"""What the user knows about the picture: which part of it means what."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from pose_edge.geometry import is_inside
from pose_edge.options import Options
from pose_edge.records import PointPx, Zone

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class ZoneOptions(Options):
    """One zone of ``scene.zones``."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    """As it appears in `state`."""

    polygon: Annotated[tuple[tuple[Share, Share], ...], Field(min_length=3, max_length=64)]
    """Corners in order, each [x, y] as shares of the upright picture: [0, 0] is the upper left."""

    lying_ok: bool = False
    """A bed or a sofa: whoever lies there has not fallen."""

    @field_validator("polygon")
    @classmethod
    def _has_an_inside(cls, polygon: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        following = (*polygon[1:], polygon[0])
        sides = zip(polygon, following, strict=True)
        if abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in sides)) < 1e-6:  # twice the area
            raise ValueError("its corners lie on a line: nothing is inside")
        return polygon


class SceneOptions(Options):
    """Options under ``scene``: what you know about the picture."""

    zones: tuple[ZoneOptions, ...] = ()
    """Parts of the picture: `{name: bed, polygon: [[0.1, 0.5], [0.6, 0.5], [0.6, 0.9]], lying_ok: true}`. The
    polygon's corners are shares of the upright picture. Hips decide who is in a zone."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [zone.name for zone in self.zones]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"zones: {', '.join(twice)} is there more than once; names must differ")
        return self

    def all_zones(self) -> tuple[Zone, ...]:
        """Return them as the engine knows them."""
        return tuple(Zone(zone.name, zone.polygon, zone.lying_ok) for zone in self.zones)


def zones_at(point_px: PointPx, width_px: int, height_px: int, zones: tuple[Zone, ...]) -> tuple[str, ...]:
    """Return the names of the zones a point of the picture is in, in the order of the options."""
    share = (point_px[0] / width_px, point_px[1] / height_px)
    return tuple(zone.name for zone in zones if is_inside(share, zone.polygon))
