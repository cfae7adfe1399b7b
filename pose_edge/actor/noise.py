"""The noise of a camera: drawn once, laid over every frame at another place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pose_edge.actor.room import Camera

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MARGIN_PX = 64
"""How much larger than the picture the pattern is: 64 x 64 places to lay it before one comes again."""


class Noise:
    """Grey levels to add and to take away; fresh numbers for each frame would cost more than the figure."""

    def __init__(self, camera: Camera, sigma: float, seed: int) -> None:
        import numpy as np

        self._seed = seed
        self._size = camera.height_px, camera.width_px
        shape = (camera.height_px + MARGIN_PX, camera.width_px + MARGIN_PX, 3)
        levels = np.rint(np.random.default_rng(seed).normal(0.0, sigma, shape))
        self._more = np.clip(levels, 0, 255).astype(np.uint8)
        self._less = np.clip(-levels, 0, 255).astype(np.uint8)

    def add(self, image: npt.NDArray[np.uint8], index: int) -> None:
        """Change `image` in place; the same for the same seed and index."""
        import cv2
        import numpy as np

        top, left = np.random.default_rng((self._seed, index)).integers(0, MARGIN_PX, 2)
        height, width = self._size
        here = np.s_[top : top + height, left : left + width]
        cv2.add(image, self._more[here], dst=image)
        cv2.subtract(image, self._less[here], dst=image)
