"""Exposure, colour and focus: options for a person, controls for libcamera.

What a camera lacks is said once and left out, for a sharper picture is not worth a fall nobody sees. What it
has but cannot do is an error.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import Field

from pose_edge.errors import SourceError
from pose_edge.sources.turning import TurningOptions

logger = logging.getLogger(__name__)

WhiteBalance: TypeAlias = Literal[
    "auto", "incandescent", "tungsten", "fluorescent", "indoor", "daylight", "cloudy"
]

AWB_MODES: Final[dict[WhiteBalance, int]] = {
    "auto": 0,
    "incandescent": 1,
    "tungsten": 2,
    "fluorescent": 3,
    "indoor": 4,
    "daylight": 5,
    "cloudy": 6,
}
"""libcamera, control_ids_core.yaml, AwbMode."""

AF_MANUAL: Final = 0
AF_CONTINUOUS: Final = 2
"""libcamera, control_ids_core.yaml, AfMode."""


class ControlOptions(TurningOptions):
    """How the sensor is exposed and focused. All is automatic unless said otherwise."""

    exposure_us: int | None = Field(None, ge=1, le=500_000)
    """How long each picture is exposed. Without it: as long as the light asks for, but no longer than a
    picture lasts (1 / `fps`). In a dim room a lower `fps` gives brighter ones; below 5 falls are missed."""

    gain: float | None = Field(None, ge=1, le=64)
    """Amplification of the sensor. Without it: as the light asks for."""

    exposure_ev: float = Field(0.0, ge=-8, le=8)
    """Stops by which automatic exposure makes pictures brighter (+) or darker (-). +1 helps where people
    stand before a window."""

    white_balance: WhiteBalance = "auto"
    """The colour of the light. The model hardly minds; a fixed one keeps overlays steady."""

    focus_m: float | None = Field(None, ge=0.05, le=100)
    """Distance that is kept sharp. Without it a camera that can (Camera Module 3) follows by itself."""

    tuning_file: str | None = None
    """Of libcamera: a path, or a name it ships. `imx219_noir.json` is for a camera that sees infrared."""

    def wishes(self) -> dict[str, tuple[str, Any]]:
        """Return control -> (option, value) of all that was asked for."""
        asked: dict[str, tuple[str, Any]] = {
            "ExposureTime": ("exposure_us", self.exposure_us),
            "AnalogueGain": ("gain", self.gain),
            "ExposureValue": ("exposure_ev", self.exposure_ev or None),
            "AwbMode": ("white_balance", AWB_MODES[self.white_balance] or None),
            "LensPosition": ("focus_m", None if self.focus_m is None else 1 / self.focus_m),  # dioptres
        }
        return {control: wish for control, wish in asked.items() if wish[1] is not None}


def controls_for(
    options: ControlOptions, fps: float, has: Mapping[str, tuple[Any, Any, Any]], name: str
) -> dict[str, Any]:
    """Return what to tell a camera that has these controls, each with (least, most, usual).

    Raises:
        SourceError: a value the camera cannot take.
    """
    period_us = round(1e6 / fps)
    chosen: dict[str, Any] = {"FrameDurationLimits": (period_us, period_us)}
    for control, (option, value) in options.wishes().items():
        if control in has:
            _check(f"{name}: {option} {getattr(options, option)}", control, value, has[control])
            chosen[control] = value
        else:
            logger.warning("%s: has no %s: %s is left out", name, control, option)
    chosen["AfMode"] = AF_CONTINUOUS if options.focus_m is None else AF_MANUAL
    return {control: value for control, value in chosen.items() if control in has}


def _check(what: str, control: str, value: Any, limits: tuple[Any, Any, Any]) -> None:
    """Raise `SourceError` where a camera cannot do what it has a control for."""
    least, most, _ = limits
    if not least <= value <= most:
        msg = f"{what}: this camera's {control} goes from {least:g} to {most:g}, found {value:g}"
        raise SourceError(msg)


def tuning(wanted: str | None, library: Any) -> str | dict[str, Any] | None:
    """Return what the constructor of `Picamera2` takes for it.

    Raises:
        SourceError: there is no such file, or it is not JSON: libcamera itself would only log that.
    """
    if wanted is None:
        return None
    try:
        if "/" not in wanted:
            found: dict[str, Any] = library.load_tuning_file(wanted)
            return found
        json.loads(Path(wanted).read_text())
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"tuning_file {wanted}: {reason}; a path, or a name from /usr/share/libcamera/ipa/rpi/*/"
        raise SourceError(msg) from error
    return wanted
