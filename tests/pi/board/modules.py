"""The camera modules of this board: what their sensors can do, and what libcamera would say of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZES: Final = ((1280, 720), (640, 480), (480, 640), (322, 242), (320, 240))
"""What can be asked for; 322 pixels are 966 bytes, in rows of 1024. Others become the first, the largest."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One way of reading a sensor."""

    size_px: tuple[int, int]
    crop_px: tuple[int, int, int, int]
    shortest_us: int


@dataclass(frozen=True, slots=True)
class Module:
    """A camera one can buy."""

    raw_format: str
    modes: tuple[Mode, ...]
    autofocus: bool

    def mode(self, size_px: tuple[int, int] | None) -> Mode:
        """Return the mode of this size; the first where none is asked for."""
        return next((mode for mode in self.modes if mode.size_px == size_px), self.modes[0])


MODULES: Final[Mapping[str, Module]] = {
    # Sizes, crops and rates as `rpicam-hello --list-cameras` shows them for Camera Module 3 and 2.
    "module3": Module(
        "SRGGB10_CSI2P",
        (
            Mode((1536, 864), (768, 432, 3072, 1728), 8324),
            Mode((2304, 1296), (0, 0, 4608, 2592), 17849),
            Mode((4608, 2592), (0, 0, 4608, 2592), 69669),
        ),
        autofocus=True,
    ),
    "module2": Module(
        "SRGGB10_CSI2P",
        (
            Mode((640, 480), (1000, 752, 1280, 960), 4848),
            Mode((1640, 1232), (0, 0, 3280, 2464), 23895),
            Mode((3280, 2464), (0, 0, 3280, 2464), 47161),
        ),
        autofocus=False,
    ),
    "actor": Module("SRGGB10_CSI2P", (Mode((2304, 1296), (0, 0, 4608, 2592), 17849),), autofocus=True),
}
"""By libcamera id. picamera2 numbers them in falling order of the id: module3 is 0, module2 is 1, actor 2."""


def controls(libcamera: Any, module: Module, mode: Mode) -> dict[Any, Any]:
    """Return what a driver would let one set, in this mode: control -> (min, max, default)."""
    names, rectangle = libcamera.controls, libcamera.Rectangle
    full = rectangle(*mode.crop_px)
    limits: dict[Any, tuple[Any, Any, Any]] = {
        names.ExposureTime: (26, 112015096, 20000),
        names.ExposureTimeMode: (0, 1, 0),
        names.AnalogueGain: (1.12, 16.0, 1.0),
        names.AnalogueGainMode: (0, 1, 0),
        names.ExposureValue: (-8.0, 8.0, 0.0),
        names.AeEnable: (False, True, True),
        names.AwbEnable: (False, True, True),
        names.AwbMode: (0, 7, 0),
        names.ColourGains: (0.0, 32.0, 0.0),
        names.Brightness: (-1.0, 1.0, 0.0),
        names.draft.NoiseReductionMode: (0, 4, 0),
        names.ScalerCrop: (rectangle(0, 0, 64, 64), full, full),
        names.FrameDurationLimits: (mode.shortest_us, 220535845, 33333),
    }
    if module.autofocus:
        limits |= {
            names.AfMode: (0, 2, 0),
            names.AfTrigger: (0, 1, 0),
            names.LensPosition: (0.0, 32.0, 1.0),
        }
    return {name: SimpleNamespace(min=a, max=b, default=c) for name, (a, b, c) in limits.items()}
