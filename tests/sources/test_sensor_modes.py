from __future__ import annotations

from typing import Any

import pytest

from pose_edge.sources.sensor_modes import best_mode, read_modes
from tests.sources.fake_picamera2 import MODULE_3


def mode(
    raw_format: str, size: tuple[int, int], crop: tuple[int, int, int, int], fps: float
) -> dict[str, Any]:
    return {"format": raw_format, "size": size, "crop_limits": crop, "fps": fps}


# As published for the modules of Raspberry Pi.
MODULE_2 = [
    mode("SRGGB8", (640, 480), (1000, 752, 1280, 960), 206.65),
    mode("SRGGB8", (1640, 1232), (0, 0, 3280, 2464), 41.85),
    mode("SRGGB10_CSI2P", (640, 480), (1000, 752, 1280, 960), 103.33),
    mode("SRGGB10_CSI2P", (1640, 1232), (0, 0, 3280, 2464), 41.85),
    mode("SRGGB10_CSI2P", (1920, 1080), (680, 692, 1920, 1080), 47.57),
    mode("SRGGB10_CSI2P", (3280, 2464), (0, 0, 3280, 2464), 21.19),
]
HIGH_QUALITY = [
    mode("SRGGB10_CSI2P", (1332, 990), (696, 528, 2664, 1980), 120.05),
    mode("SRGGB12_CSI2P", (2028, 1080), (0, 440, 4056, 2160), 50.03),
    mode("SRGGB12_CSI2P", (2028, 1520), (0, 0, 4056, 3040), 40.01),
    mode("SRGGB12_CSI2P", (4056, 3040), (0, 0, 4056, 3040), 10.0),
]
GLOBAL_SHUTTER = [mode("SBGGR10_CSI2P", (1456, 1088), (0, 0, 1456, 1088), 60.38)]

EVERY_MODULE = {"3": MODULE_3, "2": MODULE_2, "HQ": HIGH_QUALITY, "GS": GLOBAL_SHUTTER}
FULL_FIELD_BINNED = {"3": (2304, 1296), "2": (1640, 1232), "HQ": (2028, 1520), "GS": (1456, 1088)}


@pytest.mark.parametrize("module", EVERY_MODULE)
@pytest.mark.parametrize("wanted_px", [(640, 480), (320, 240), (1280, 720)])
@pytest.mark.parametrize("fps", [5, 15, 30])
def test_small_pictures_are_read_from_the_whole_field_binned(
    module: str, wanted_px: tuple[int, int], fps: float
) -> None:
    chosen = best_mode(read_modes(EVERY_MODULE[module]), wanted_px, fps)

    assert chosen is not None
    assert chosen.size_px == FULL_FIELD_BINNED[module]


@pytest.mark.parametrize("module", ["3", "2", "HQ", "GS"])
def test_where_the_driver_does_not_tell_crop_and_rate_the_sizes_do(module: str) -> None:
    sizes_only = [{"format": each["format"], "size": each["size"]} for each in EVERY_MODULE[module]]

    chosen = best_mode(read_modes(sizes_only), (640, 480), 15)

    assert chosen is not None
    assert chosen.size_px == FULL_FIELD_BINNED[module]


def test_pictures_larger_than_the_binned_mode_take_the_full_one() -> None:
    chosen = best_mode(read_modes(MODULE_3), (3000, 1700), 10)

    assert chosen is not None
    assert chosen.size_px == (4608, 2592)


def test_a_rate_the_whole_field_cannot_reach_does_not_narrow_it() -> None:
    chosen = best_mode(read_modes(MODULE_3), (640, 480), 100)

    assert chosen is not None
    assert chosen.size_px == (2304, 1296)


def test_of_equal_modes_the_deepest_is_taken() -> None:
    chosen = best_mode(read_modes(MODULE_2), (640, 480), 15)

    assert chosen is not None
    assert chosen.bit_depth == 10


def test_a_camera_without_raw_modes_leaves_no_choice() -> None:
    assert best_mode(read_modes([{"format": "MJPEG"}, {"format": "YUYV"}]), (640, 480), 15) is None
