"""How many pictures a second are looked at: all, few while nobody is there, fewer while the board is hot.

Begins to idle when no pose was found for `idle_after_s`; ends with the first pose. Heat is taken in steps,
each left only some degrees below where it began. With somebody in view never below `LEAST_HZ`: a fall takes
0.6 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pydantic import Field

from pose_edge.options import Options

LEAST_HZ: Final = 5.0
"""Falls are found as well at 5 as at 15 pictures a second, but for one of nine (docs: evaluation)."""

HOT_STEPS: Final = ((0.0, 10.0), (3.0, LEAST_HZ))
"""Degrees above `hot_c` -> at most so many pictures a second. Boards slow themselves at 80 to 85 degrees,
if need be in the middle of a fall."""

COOLED_C: Final = 4.0
"""So far below where a step began it ends."""

SPARE: Final = 1.5
"""Pictures a sensor takes for each that is looked at; the one looked at is then at most 2/3 of a turn old."""

SENSOR_LEAST_HZ: Final = 8.0
"""A camera follows a new rate after some pictures at the old one: half a second from here to full rate."""

EARLY_MS: Final = 17
"""A picture this much too early is taken: half a frame at 30 Hz, or 4 Hz would become 3.75."""

Pace: TypeAlias = Literal["full", "idle", "hot"]


class TempoOptions(Options):
    """Options under ``rate``: how many pictures a second the model looks at."""

    idle_fps: float | None = Field(4.0, ge=1, le=120)
    """While nobody is in view. Whoever enters is seen a quarter of a second later at most, and then at the
    full rate. null: always at the full rate."""

    idle_after_s: float = Field(10.0, ge=1, le=3600)
    """How long nobody must have been seen."""

    hot_c: float | None = Field(80.0, ge=40, le=110)
    """From this temperature of the chip on 10 pictures a second, 3 degrees above it 5. null: never."""


@dataclass(slots=True)
class Tempo:
    """Decides on results and temperatures as they come, by the clock of the pictures."""

    options: TempoOptions
    limit_hz: float | None = None
    """At most so many pictures a second; None: all."""
    pace: Pace = "full"
    _found_ms: int | None = None
    _step: int = 0

    def result(self, timestamp_ms: int, *, found: bool) -> bool:
        """Learn whether there is a pose in a picture; True: it woke up."""
        idled = self.pace == "idle"
        if found or self._found_ms is None or timestamp_ms < self._found_ms:
            self._found_ms = timestamp_ms
        alone = timestamp_ms - self._found_ms >= self.options.idle_after_s * 1000
        self._decide(idle=alone and not found)
        return idled and self.pace != "idle"

    def heat(self, temperature_c: float | None) -> None:
        """Learn how hot the chip is; None: it does not tell."""
        hot_c = self.options.hot_c
        if temperature_c is None or hot_c is None:
            self._step = 0
        else:
            begins = [hot_c + above_c for above_c, _ in HOT_STEPS]
            while self._step < len(begins) and temperature_c >= begins[self._step]:
                self._step += 1
            while self._step and temperature_c < begins[self._step - 1] - COOLED_C:
                self._step -= 1
        self._decide(idle=self.pace == "idle")

    def _decide(self, *, idle: bool) -> None:
        if idle and self.options.idle_fps is not None:
            hot_hz = HOT_STEPS[self._step - 1][1] if self._step else self.options.idle_fps
            self.pace, self.limit_hz = "idle", min(self.options.idle_fps, hot_hz)
        elif self._step:
            self.pace, self.limit_hz = "hot", HOT_STEPS[self._step - 1][1]
        else:
            self.pace, self.limit_hz = "full", None


class SensorRate:
    """How many pictures a camera should take: some more than are looked at, or the newest would be old."""

    def __init__(self, nominal_hz: float | None) -> None:
        """`nominal_hz` is what the camera was opened with; None: nobody knows, and nothing is changed."""
        self._nominal_hz = nominal_hz
        self._told_hz = nominal_hz
        self._inference_s = 0.0

    def result(self, inference_s: float) -> None:
        """Learn how long the model took."""
        before_s = self._inference_s or inference_s
        self._inference_s = before_s + 0.1 * (inference_s - before_s)

    def change(self, limit_hz: float | None) -> float | None:
        """Return what to tell the camera; None: what it was told last still does."""
        if self._nominal_hz is None or self._told_hz is None:
            return None
        wanted_hz = self._nominal_hz
        if self._inference_s:
            wanted_hz = min(wanted_hz, SPARE / self._inference_s)
        if limit_hz is not None:
            wanted_hz = min(wanted_hz, SPARE * limit_hz)
        wanted_hz = min(self._nominal_hz, max(SENSOR_LEAST_HZ, wanted_hz))
        if abs(wanted_hz - self._told_hz) < 0.15 * self._told_hz and wanted_hz != self._nominal_hz:
            return None  # every change costs the camera some pictures
        if wanted_hz == self._told_hz:
            return None
        self._told_hz = wanted_hz
        return wanted_hz


class Throttle:
    """Lets so many pictures a second pass, on average; the others cost nothing but this look."""

    def __init__(self) -> None:
        self._passed_ms: int | None = None
        self._late_ms = 0.0
        """What the last one came too late by, and the next may be sooner by: otherwise a camera of 8 Hz would
        give 4 pictures a second where 5 are wanted."""
        self.skipped = 0

    def admits(self, timestamp_ms: int, limit_hz: float | None) -> bool:
        """Return whether the picture is wanted; counts those that are not."""
        last_ms, late_ms = self._passed_ms, 0.0
        if limit_hz is not None and last_ms is not None and timestamp_ms >= last_ms:
            period_ms = 1000 / limit_hz
            late_ms = timestamp_ms - last_ms + self._late_ms - period_ms
            if late_ms < -EARLY_MS:
                self.skipped += 1
                return False
            late_ms = min(late_ms, period_ms / 2)
        self._passed_ms, self._late_ms = timestamp_ms, late_ms
        return True
