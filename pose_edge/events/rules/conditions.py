"""What may be written under `when`: one option for each measured quantity, and `all`, `any`, `not`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pose_edge.options import Options
from pose_edge.quantities import POINTS, TABLE, Quantity
from pose_edge.records import PostureClass
from pose_edge.spelling import nearest

POSTURES: Final = tuple(word.value for word in PostureClass if word is not PostureClass.UNKNOWN)
ZONE_NAME: Final = r"^[a-z0-9_-]{1,32}$"
"""As `scene.zones` allows."""


def _one_of(allowed: Sequence[str]) -> Any:
    def check(word: object) -> object:
        if isinstance(word, str) and word in allowed:
            return word
        near = nearest(str(word), allowed)
        hint = f"did you mean '{near}'? " if near else ""
        raise PydanticCustomError("word", "{told}", {"told": f"{hint}allowed: {', '.join(allowed)}"})

    return Annotated[str, BeforeValidator(check), WithJsonSchema({"type": "string", "enum": [*allowed]})]


def _listed(words: object) -> object:
    return (words,) if isinstance(words, str) else words


def _words(of: Any) -> Any:
    """Return the type of one word or a list of them."""
    return Annotated[
        tuple[of, ...],
        BeforeValidator(_listed, json_schema_input_type=of | list[of]),  # type: ignore[operator,unused-ignore]  # types made above
        Field(min_length=1, max_length=16),
    ]


PointName: Any = _one_of(tuple(POINTS))
PostureWords: Any = _words(_one_of(POSTURES))
ZoneName: Any = Annotated[str, Field(pattern=ZONE_NAME)]
ZoneNames: Any = _words(ZoneName)


class Written(Options):
    """Shown and sent as it was written: without the dozens of options that nobody spoke of."""

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


class Limits(Written):
    """Where a number has to be: one of ``below``, ``above``, ``between``."""

    lowest: ClassVar[float] = -math.inf
    highest: ClassVar[float] = math.inf

    below: float | None = None
    above: float | None = None
    between: tuple[float, float] | None = None
    """[lower, upper]"""
    margin: float | None = Field(None, ge=0)
    """Once it is so, how far back beyond the limit it must go before it is so no more."""

    @field_validator("below", "above", "between")
    @classmethod
    def _possible(cls, limit: float | tuple[float, float] | None) -> float | tuple[float, float] | None:
        ends = limit if isinstance(limit, tuple) else () if limit is None else (limit,)
        if not all(cls.lowest <= end <= cls.highest for end in ends):
            upper = "" if math.isinf(cls.highest) else f" to {cls.highest:g}"
            raise PydanticCustomError(
                "range", "{told}", {"told": f"{cls.lowest:g}{upper or ' or more'} is allowed"}
            )
        if len(ends) > 1 and ends[0] >= ends[1]:
            raise PydanticCustomError("order", "the lower limit comes first")
        return limit

    @model_validator(mode="after")
    def _just_one(self) -> Self:
        given = [name for name in ("below", "above", "between") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise PydanticCustomError(
                "limits", "{told}", {"told": f"one of below, above, between is allowed, {found} given"}
            )
        return self

    @property
    def interval(self) -> tuple[float, float]:
        """Between which two numbers the value has to be."""
        if self.between is not None:
            return self.between
        return (
            -math.inf if self.above is None else self.above,
            math.inf if self.below is None else self.below,
        )


class Height(Limits):
    """Limits on how far one point is above another."""

    of: PointName
    over: PointName


class Distance(Limits):
    """Limits on how far two points are apart."""

    lowest: ClassVar[float] = 0.0

    of: PointName
    to: PointName


class Speed(Limits):
    """Limits on how fast a point moves."""

    lowest: ClassVar[float] = 0.0

    of: PointName = "hips"


class Degrees(Limits):
    """Limits on an angle."""

    lowest: ClassVar[float] = 0.0
    highest: ClassVar[float] = 180.0


class Share(Limits):
    """Limits on a share."""

    lowest: ClassVar[float] = 0.0
    highest: ClassVar[float] = 1.0


class People(Written):
    """How many people are in sight: ``at_least``, ``at_most`` or both."""

    at_least: int | None = Field(None, ge=0, le=5)
    at_most: int | None = Field(None, ge=0, le=5)
    zone: ZoneNames = ()
    """Only those in this zone, or in one of these."""

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise PydanticCustomError("limits", "at_least, at_most or both are allowed, none given")
        if (self.at_least or 0) > (5 if self.at_most is None else self.at_most):
            raise PydanticCustomError("limits", "at_least is more than at_most: never so")
        return self


class ConditionBase(Written):
    """What has to be so: one or several quantities, or `all`, `any`, `not` of further conditions."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set or not any(True for _ in self.given()):
            raise PydanticCustomError("empty", "at least one quantity, or all, any, not, is needed")
        return self

    def given(self) -> Iterator[tuple[str, Any]]:
        """Yield what was written, in the order of the table, `all`, `any` and `not` last."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None and value != ():
                yield name, value

    def inner(self) -> Iterator[ConditionBase]:
        """Yield the conditions inside this one."""
        for _, value in self.given():
            if isinstance(value, ConditionBase):
                yield value
            elif isinstance(value, tuple):
                yield from (part for part in value if isinstance(part, ConditionBase))


def _option(row: Quantity) -> tuple[Any, Any]:
    by_unit = {"deg": Degrees, "share": Share}
    types: dict[str, Callable[[], Any]] = {
        "number": lambda: by_unit[row.unit],
        "height": lambda: Height,
        "distance": lambda: Distance,
        "speed": lambda: Speed,
        "posture": lambda: PostureWords,
        "zone": lambda: ZoneNames,
        "people": lambda: People,
    }
    unit = f" In {row.unit}." if row.unit else ""
    return types[row.shape]() | None, Field(None, description=f"{row.meaning}{unit}")


def _parts(meaning: str) -> tuple[Any, Any]:
    return "tuple[Condition, ...] | None", Field(None, min_length=1, max_length=8, description=meaning)


Condition: type[ConditionBase] = create_model(
    "Condition",
    __base__=ConditionBase,
    __doc__="What has to be so; several quantities side by side all have to.",
    **{row.name: _option(row) for row in TABLE},  # type: ignore[call-overload]  # fields come from the table
    **{
        "all": _parts("Each of these."),
        "any": _parts("At least one of these."),
        "not": ("Condition | None", Field(None, description="This is not so.")),
    },
)
Condition.model_rebuild(_types_namespace={"Condition": Condition})
