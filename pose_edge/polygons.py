"""A zone's outline as people write it: corners in shares of the picture. All else is refused in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

LEAST_CORNERS: Final = 3
MOST_CORNERS: Final = 64
EXAMPLE: Final = "[[0.1, 0.5], [0.6, 0.5], [0.6, 0.9]]"
SIDES: Final = {"x": "width", "y": "height"}
SHARES: Final = "shares of the picture, 0 to 1, are allowed"


def _corner(written: object) -> object:
    """Refuse what is no [x, y] of shares, in words."""
    if isinstance(written, dict):
        meant = f"; did you mean [{written['x']}, {written['y']}]?" if {*written} == {"x", "y"} else ""
        raise _no_polygon(f"a mapping found, a corner is [x, y]{meant}")
    if not isinstance(written, list | tuple):
        raise _no_polygon(f"{_called(written)} found, a corner is [x, y], as [0.1, 0.5]")
    if len(written) != 2:
        raise _no_polygon(f"a corner of {len(written)} found, two are allowed: [x, y]")
    for name, number in zip("xy", written, strict=True):
        if not _is_number(number):
            raise _no_polygon(f"{name} is {number!r:.40}: {SHARES}{_percent(number)}")
        if not 0 <= number <= 1:
            pixels = f"; divide pixels by the picture's {SIDES[name]}" if number > 1 else ""
            raise _no_polygon(f"{name} is {number:g}: {SHARES}{pixels}")
    return written


def _polygon(written: object) -> object:
    """Refuse what is no list of corners, and one that is in pixels, in words."""
    if not isinstance(written, list | tuple):
        raise _no_polygon(f"{_called(written)} found, corners are allowed: {EXAMPLE}")
    if written and all(map(_is_number, written)):
        meant = ", ".join(f"[{x:g}, {y:g}]" for x, y in zip(written[::2], written[1::2], strict=False))
        raise _no_polygon(f"numbers found, corners are allowed; did you mean [{meant:.120}]?")
    if len(written) == 1 and isinstance(written[0], list) and len(written[0]) >= LEAST_CORNERS:
        raise _no_polygon("its corners are in one pair of brackets too many")
    _require_shares(written)
    if not LEAST_CORNERS <= len(written) <= MOST_CORNERS:
        opposite = "; a rectangle needs all four" if len(written) == 2 else ""
        allowed = f"{LEAST_CORNERS} to {MOST_CORNERS} are allowed"
        raise _no_polygon(f"{len(written)} corner{'s' * (len(written) != 1)} found, {allowed}{opposite}")
    return written


def _require_shares(corners: Sequence[object]) -> None:
    """Refuse pixels as a whole: a complaint for each number would say the same again and again."""
    numbers = [n for corner in corners if isinstance(corner, list | tuple) for n in corner if _is_number(n)]
    above = [number for number in numbers if number > 1]
    if not above or 2 * len(above) < sum(number != 0 for number in numbers):
        return
    percent = ", percent by 100" if max(above) <= 100 else ""
    divide = "divide pixels by the picture's width (x) and height (y)"
    raise _no_polygon(f"{max(above):g} found, {SHARES}; {divide}{percent}")


def _with_an_inside(polygon: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    following = (*polygon[1:], polygon[0])
    sides = zip(polygon, following, strict=True)
    if abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in sides)) < 1e-6:  # twice the area
        raise _no_polygon("its corners lie on a line: nothing is inside")
    return polygon


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _percent(value: object) -> str:
    number = str(value).strip().removesuffix("%")
    if str(value).strip().endswith("%") and number.replace(".", "", 1).isdecimal():
        return f"; did you mean {float(number) / 100:g}?"
    return ""


def _called(value: object) -> str:
    return "nothing" if value is None else "a mapping" if isinstance(value, dict) else f"{value!r:.40}"


def _no_polygon(told: str) -> PydanticCustomError:
    return PydanticCustomError("polygon", "{told}", {"told": told})


Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Corner: TypeAlias = Annotated[tuple[Share, Share], BeforeValidator(_corner)]
Polygon: TypeAlias = Annotated[
    tuple[Corner, ...],
    Field(min_length=LEAST_CORNERS, max_length=MOST_CORNERS),
    BeforeValidator(_polygon),
    AfterValidator(_with_an_inside),
]
