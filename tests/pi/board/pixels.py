"""What a Pi's image processor would have written: the format asked for, in padded rows, mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

ROW_BYTES: Final = 64
"""A Pi 5 pads its rows to multiples of this."""

CHANNELS: Final = {"BGR888": (0, 1, 2), "RGB888": (2, 1, 0), "XBGR8888": (0, 1, 2), "XRGB8888": (2, 1, 0)}
"""Format -> which of R, G, B comes first, second, third in memory."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one stream lies in memory."""

    pixel_format: str
    width_px: int
    height_px: int

    @property
    def presented(self) -> bool:
        """Whether pixels are made for it; raw streams stay blank."""
        return self.pixel_format in CHANNELS

    @property
    def pixel_bytes(self) -> int:
        """Bytes from one pixel to the next."""
        return 4 if "X" in self.pixel_format else 3

    @property
    def stride(self) -> int:
        """Bytes from one row to the next."""
        used = self.width_px * self.pixel_bytes if self.presented else self.width_px * 5 // 4
        return -(-used // ROW_BYTES) * ROW_BYTES

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.stride * self.height_px


def present(
    nv12: npt.NDArray[np.uint8],
    layout: Layout,
    target: npt.NDArray[np.uint8],
    *,
    horizontal: bool,
    vertical: bool,
) -> None:
    """Write a picture of libcamera's software camera as the stream of `layout` has it."""
    if not layout.presented:
        return
    rgb = _rgb(nv12, layout.width_px, layout.height_px)
    rgb = rgb[:: -1 if vertical else 1, :: -1 if horizontal else 1]
    rows = target.reshape(layout.height_px, layout.stride)[:, : layout.width_px * layout.pixel_bytes]
    rows.fill(255)
    for place, channel in enumerate(CHANNELS[layout.pixel_format]):
        rows[:, place :: layout.pixel_bytes] = rgb[:, :, channel]


def _rgb(nv12: npt.NDArray[np.uint8], width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    """Return R, G, B by BT.601 with 16-235 for Y, which is what libyuv wrote."""
    luma = width_px * height_px
    y = (nv12[:luma].reshape(height_px, width_px).astype(np.int32) - 16) * 298
    uv = nv12[luma : luma * 3 // 2].reshape(height_px // 2, width_px // 2, 2).astype(np.int32) - 128
    u, v = (uv[:, :, index].repeat(2, 0).repeat(2, 1) for index in (0, 1))
    channels = (y + 409 * v + 128, y - 100 * u - 208 * v + 128, y + 516 * u + 128)
    rgb: npt.NDArray[np.int32] = np.stack(channels, axis=2) >> 8
    return np.clip(rgb, 0, 255).astype(np.uint8)
