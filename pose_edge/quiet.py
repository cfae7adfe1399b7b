"""Hours of the day in which nobody wants to be reminded. Pure: the wall time comes in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Self

_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


_NEARLY: Final = re.compile(r"\s*(\d{1,2})(?:[:.](\d\d))?\s*-\s*(\d{1,2})(?:[:.](\d\d))?\s*")
"""`22-7`, `9:00 - 17:00`."""


def _meant(text: str) -> str:
    match = _NEARLY.fullmatch(text)
    if match is None:
        return ""
    begin_h, begin_min, end_h, end_min = (int(part or 0) for part in match.groups())
    meant = f"{begin_h:02}:{begin_min:02}-{end_h:02}:{end_min:02}"
    return f"; did you mean {meant}?" if _FORM.fullmatch(meant) else ""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day to another, over midnight where the end is before the beginning."""

    begin_min: int
    """Minutes after midnight, local time."""
    end_min: int
    """First minute after them."""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the hours of `22:00-07:00`; None for an empty text: there are none.

        Raises:
            ValueError: it has another form, or begins when it ends.
        """
        if not text:
            return None
        match = _FORM.fullmatch(text)
        if match is None:
            allowed = "hours of the day as 22:00-07:00 are allowed, or nothing"
            raise ValueError(f"{text!r}: {allowed}{_meant(text)}")
        begin_h, begin_min, end_h, end_min = map(int, match.groups())
        hours = cls(60 * begin_h + begin_min, 60 * end_h + end_min)
        if hours.begin_min == hours.end_min:
            raise ValueError(f"{text!r}: begins when it ends; two different times are allowed, or nothing")
        return hours

    def cover(self, wall_ms: int, zone: tzinfo | None = None) -> bool:
        """Return whether a moment, in milliseconds since 1970, is one of them; `zone` None: the system's."""
        local = datetime.fromtimestamp(wall_ms / 1000, zone)
        minute = 60 * local.hour + local.minute
        if self.begin_min < self.end_min:
            return self.begin_min <= minute < self.end_min
        return minute >= self.begin_min or minute < self.end_min
