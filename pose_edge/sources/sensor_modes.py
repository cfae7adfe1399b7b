"""Which mode of a sensor sees everything and costs least."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SAME_FIELD: Final = 0.99
"""Crops that differ by less show the same; sensors lose a few rows here and there."""


@dataclass(frozen=True, slots=True)
class SensorMode:
    """One way of reading a sensor."""

    size_px: tuple[int, int]
    bit_depth: int
    field_px: tuple[int, int] | None
    """How much of the sensor it shows, in full pixels; None where the driver does not say."""
    fps: float | None
    """At most; None where the driver does not say."""


def read_modes(raw_modes: Iterable[Mapping[str, Any]]) -> list[SensorMode]:
    """Read what picamera2 lists; modes of cameras that are no raw sensors lack sizes and are left out."""
    return [
        SensorMode(
            size_px=tuple(mode["size"]),
            bit_depth=mode.get("bit_depth") or _bit_depth(str(mode["format"])),
            field_px=tuple(mode["crop_limits"][2:]) if mode.get("crop_limits") else None,
            fps=mode.get("fps"),
        )
        for mode in raw_modes
        if "size" in mode
    ]


def best_mode(modes: Iterable[SensorMode], size_px: tuple[int, int], fps: float) -> SensorMode | None:
    """Return the mode to read for pictures of `size_px`, or None when there is no choice.

    The widest field first, since the default for small pictures is often a cropped one, made for speed, which
    does not see a person on the floor. Then: fast enough, large enough, and of those the smallest, which is
    the binned one: less noise, less to read. Then the deepest.
    """
    choice = list(modes)
    if not choice:
        return None
    largest_px = max((mode.size_px for mode in choice), key=_area)
    widest = max(_area(_field_px(mode, largest_px)) for mode in choice)

    def cost(mode: SensorMode) -> tuple[bool, bool, bool, int, int]:
        cropped = _area(_field_px(mode, largest_px)) < SAME_FIELD * widest
        slow = mode.fps is not None and mode.fps < fps
        small = mode.size_px[0] < size_px[0] or mode.size_px[1] < size_px[1]
        area = -_area(mode.size_px) if small else _area(mode.size_px)
        return cropped, slow, small, area, -mode.bit_depth

    return min(choice, key=cost)


def _field_px(mode: SensorMode, largest_px: tuple[int, int]) -> tuple[int, int]:
    """Return how much a mode shows.

    Where the driver does not say, the largest mode and the one of half its size show everything, others only
    as much as their size. So are the sensors sold for the Raspberry Pi.
    """
    if mode.field_px is not None:
        return mode.field_px
    width_px, height_px = mode.size_px
    return largest_px if (2 * width_px, 2 * height_px) == largest_px else mode.size_px


def _area(size_px: tuple[int, int]) -> int:
    return size_px[0] * size_px[1]


def _bit_depth(raw_format: str) -> int:
    """Return 10 for "SRGGB10_CSI2P"."""
    digits = re.search(r"\d+", raw_format)
    return int(digits[0]) if digits else 0
