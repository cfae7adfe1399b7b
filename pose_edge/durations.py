"""Durations as people write them: `2 s`, `20 min`, `1 h 30 min`, or a number of seconds."""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_SECONDS: Final = {
    **dict.fromkeys(("ms",), 0.001),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}
_PART: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_UNITS: Final = (("h", 3600.0), ("min", 60.0), ("s", 1.0))


def seconds(written: object) -> object:
    """Return the seconds of a duration; a number is one already.

    Raises:
        PydanticCustomError: it is none.
    """
    if isinstance(written, str):
        parts = _PART.findall(written.lower())
        if parts and not _PART.sub("", written.lower()) and all(unit in _SECONDS for _, unit in parts):
            return sum(float(count) * _SECONDS[unit] for count, unit in parts)
    elif isinstance(written, int | float) and not isinstance(written, bool):
        return written
    raise PydanticCustomError("duration", "a duration is allowed: 2 s, 20 min, 1 h 30 min or seconds")


def in_words(duration_s: float) -> str:
    """Return a duration as a person would write it, to the millisecond."""
    words, rest = [], duration_s
    for unit, size in _UNITS[:-1]:
        count, rest = divmod(round(rest, 3), size)
        if count:
            words.append(f"{count:g} {unit}")
    if rest or not words:
        words.append(f"{round(rest, 3):g} s")
    return " ".join(words)


Seconds: TypeAlias = Annotated[float, BeforeValidator(seconds, json_schema_input_type=float | str)]
"""An option that takes a duration and holds seconds."""
