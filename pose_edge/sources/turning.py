"""Turning pictures upright, and which option says how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pose_edge.options import Options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class TurningOptions(Options):
    """Options of every source whose camera may hang askew. First rotated, then mirrored."""

    rotation_deg: Literal[0, 90, 180, 270] = 0
    """Turn the picture clockwise by this much, so that heads are up."""

    flip_horizontal: bool = False
    """Swap left and right of the turned picture."""

    flip_vertical: bool = False
    """Swap top and bottom of the turned picture."""

    @property
    def turning(self) -> Turning:
        """The three of them."""
        return Turning(self.rotation_deg, self.flip_horizontal, self.flip_vertical)


@dataclass(frozen=True, slots=True)
class Turning:
    """A clockwise rotation by a multiple of 90 degrees, then the flips."""

    rotation_deg: int = 0
    flip_horizontal: bool = False
    flip_vertical: bool = False

    def after(self, rotation_deg: int) -> Turning:
        """Return this turning, done to pictures that must be rotated clockwise by `rotation_deg` first."""
        return replace(self, rotation_deg=(self.rotation_deg + rotation_deg) % 360)

    def size_px(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Return (width, height) of a turned picture."""
        return (height_px, width_px) if self.rotation_deg in {90, 270} else (width_px, height_px)

    def split(self) -> tuple[bool, bool, Turning]:
        """Return (flip_horizontal, flip_vertical) for the camera to do, and what is left after that.

        Cameras mirror for nothing but cannot turn by 90 degrees. Half a turn is both mirrors, and a
        mirror after a quarter turn is the other mirror before it.
        """
        half = self.rotation_deg in {180, 270}
        horizontal, vertical = self.flip_horizontal != half, self.flip_vertical != half
        if self.rotation_deg in {0, 180}:
            return horizontal, vertical, Turning()
        return vertical, horizontal, Turning(90)

    def apply(self, image_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return the picture turned, C-contiguous; the very same array when nothing is to be done."""
        if self == Turning():
            return image_rgb
        import cv2
        import numpy as np

        rotate = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
        turned = image_rgb
        if self.rotation_deg:
            turned = np.asarray(cv2.rotate(turned, rotate[self.rotation_deg]), dtype=np.uint8)
        if self.flip_horizontal or self.flip_vertical:
            turned = np.asarray(cv2.flip(turned, self._flip_code()), dtype=np.uint8)
        return np.ascontiguousarray(turned)

    def _flip_code(self) -> int:
        """Return what cv2.flip calls it: around the vertical axis 1, the horizontal 0, both -1."""
        if self.flip_horizontal and self.flip_vertical:
            return -1
        return 1 if self.flip_horizontal else 0
