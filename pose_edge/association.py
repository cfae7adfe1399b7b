"""How much two bodies are alike, and the cheapest way to pair what may belong together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from pose_edge.geometry import area, distance
from pose_edge.records import Body, PointPx

OKS_WIDTHS: Final = {"shoulders_px": 0.158, "hips_px": 0.214, "knees_px": 0.174}
"""How far apart two sightings of a joint lie, as a share of the body's size: COCO's kappa."""

UNPAIRED: Final = 10.0
"""What it costs to leave one out: more than any pair."""


def likeness(one: Body, other: Body, shift_px: PointPx, width_px: int, height_px: int) -> float:
    """Return the object keypoint similarity of `one`, moved by `shift_px`, and `other`, 0-1."""
    area_px2 = max(area(one.box), area(other.box), 1e-9) * width_px * height_px
    found: list[float] = []
    for name, width in OKS_WIDTHS.items():
        here, there = getattr(one, name), getattr(other, name)
        if here is not None and there is not None:
            apart_px = distance((here[0] + shift_px[0], here[1] + shift_px[1]), there)
            found.append(math.exp(-min(700.0, apart_px**2 / (2 * area_px2 * width**2))))
    return sum(found) / len(found)


def cheapest(
    choices: Sequence[tuple[int, Sequence[tuple[float, int]]]], used: tuple[int, ...] = ()
) -> tuple[float, dict[int, int]]:
    """Return the least cost and its pairing, each partner used once.

    `choices` has for each thing to pair its (cost, partner)s; those in `used` are taken already. Tries all
    ways, so there should be few.
    """
    if not choices:
        return 0.0, {}
    (index, found), rest = choices[0], choices[1:]
    cost, pairing = cheapest(rest, used)
    best = cost + UNPAIRED, pairing
    for own, partner in found:
        if partner not in used:
            cost, pairing = cheapest(rest, (*used, partner))
            if cost + own < best[0]:
                best = cost + own, {**pairing, index: partner}
    return best
