"""Text on pictures: rendered once, kept, pasted often. The font is OpenCV's own, whatever its version."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
"""Shape (height_px, width_px, 3), channels R, G, B."""

Colour: TypeAlias = tuple[int, int, int]
"""R, G, B."""

FINER: Final = 3
"""Letters are drawn this much larger and shrunk: OpenCV 4 gives small ones no grey edges worth the name."""

FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
"""Lines in OpenCV 4, a real font in OpenCV 5; digits are all of one width in both."""

UNIT_PX: Final = 30.0
"""Height of a line for which OpenCV's Hershey fonts are at scale 1."""

OPAQUE: Final = 256
"""A power of two, so that blending divides by shifting."""


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """A small picture with soft edges."""

    coloured: npt.NDArray[np.uint16]
    """Shape (height_px, width_px, 3): R, G, B times opacity."""
    clear: npt.NDArray[np.uint16]
    """Shape (height_px, width_px, 1): how much of the background shows, 0 to `OPAQUE`."""

    @property
    def width_px(self) -> int:
        """Of the whole sprite."""
        return int(self.clear.shape[1])

    @property
    def height_px(self) -> int:
        """Of the whole sprite."""
        return int(self.clear.shape[0])


def paste(image: Image, sprite: Sprite, x_px: int, y_px: int) -> None:
    """Lay `sprite` over `image`, its upper left corner at (x, y); what lies outside is cut off."""
    height_px, width_px = image.shape[:2]
    left, top = max(0, x_px), max(0, y_px)
    right, bottom = min(width_px, x_px + sprite.width_px), min(height_px, y_px + sprite.height_px)
    if left >= right or top >= bottom:
        return
    part = np.s_[top - y_px : bottom - y_px, left - x_px : right - x_px]
    below = image[top:bottom, left:right]
    below[:] = (below * sprite.clear[part] + sprite.coloured[part]) // OPAQUE


@lru_cache(256)
def text_sprite(text: str, text_px: int, colour: Colour) -> Sprite:
    """Return `text` in one line; `text_px` is the distance of two lines."""
    return _sprite(colour, _letters(text, text_px).astype(np.uint16) * OPAQUE // 255)


@lru_cache(64)
def chip_sprite(text: str, text_px: int, colour: Colour, ground: Colour, opacity: float) -> Sprite:
    """Return `text` on a rounded plate of colour `ground`."""
    letters = _letters(text, text_px).astype(np.uint16) * OPAQUE // 255
    margin_px = max(2, round(text_px * 0.35))
    inked = np.flatnonzero(letters.any(axis=0))
    letters = np.pad(letters[:, inked[0] : inked[-1] + 1], ((0, 0), (margin_px, margin_px)))
    plate = _rounded(letters.shape[1], letters.shape[0], text_px * 0.3)
    plate = np.rint(plate * (opacity * OPAQUE / 255)).astype(np.uint16)
    return _over(_sprite(colour, letters), _sprite(ground, plate))


def _sprite(colour: Colour, opacity: npt.NDArray[np.uint16]) -> Sprite:
    return Sprite(np.array(colour, np.uint16) * opacity[..., None], (OPAQUE - opacity)[..., None])


def _over(upper: Sprite, lower: Sprite) -> Sprite:
    """Return both as one."""
    clear = upper.clear.astype(np.uint32)  # the products below need more than 16 bits
    coloured = upper.coloured + lower.coloured * clear // OPAQUE
    return Sprite(coloured.astype(np.uint16), (lower.clear * clear // OPAQUE).astype(np.uint16))


def _letters(text: str, text_px: int) -> npt.NDArray[np.uint8]:
    """Return the opacity of the letters, 0-255, shape (line height, width)."""
    scale, stroke = text_px * FINER / UNIT_PX, max(1, round(text_px * FINER / 11))
    (width, _), _ = cv2.getTextSize(text, FONT, scale, stroke)
    size = (round(text_px * 1.3), math.ceil((width + stroke) / FINER))
    large = np.zeros((size[0] * FINER, size[1] * FINER), np.uint8)
    cv2.putText(large, text, (0, round(text_px * 0.96 * FINER)), FONT, scale, (255,), stroke, cv2.LINE_AA)
    return np.asarray(cv2.resize(large, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _rounded(width_px: int, height_px: int, radius_px: float) -> npt.NDArray[np.float32]:
    """Return a filled rectangle with round corners, 0-255."""
    radius = round(radius_px * FINER)
    width, height = width_px * FINER, height_px * FINER
    large = np.zeros((height, width), np.uint8)
    cv2.rectangle(large, (radius, 0), (width - radius - 1, height), (255,), cv2.FILLED)
    cv2.rectangle(large, (0, radius), (width, height - radius - 1), (255,), cv2.FILLED)
    for x in (radius, width - radius - 1):
        for y in (radius, height - radius - 1):
            cv2.circle(large, (x, y), radius, (255,), cv2.FILLED)
    return np.asarray(cv2.resize(large, (width_px, height_px), interpolation=cv2.INTER_AREA), np.float32)
