"""What can happen to the camera and the light: the drawn picture as a camera in trouble would show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pose_edge.actor.acts import CameraTrouble

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NIGHT_SHARE: Final = 0.02
"""Of the light: what comes through the curtains."""

PALM: Final = (120, 74, 58)
"""Light that comes through a hand on the lens; a little less of it at the rim."""

KNOCKED_DEG: Final = 8.0
KNOCKED_SHARE: Final = 0.07
"""How far the camera was turned about its axis, and to the side as a share of the picture's width."""


def troubled(image: npt.NDArray[np.uint8], trouble: CameraTrouble | None) -> npt.NDArray[np.uint8]:
    """Return the picture, shape (height_px, width_px, 3), as it is seen meanwhile."""
    if trouble is None:
        return image
    if trouble is CameraTrouble.DARK:
        return _darkened(image)
    return _covered(image) if trouble is CameraTrouble.COVERED else _knocked(image)


def _darkened(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import numpy as np

    return (image * NIGHT_SHARE).astype(np.uint8)


def _covered(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import numpy as np

    height_px, width_px, _ = image.shape
    across = np.linspace(-1.0, 1.0, width_px)[None, :, None]
    down = np.linspace(-1.0, 1.0, height_px)[:, None, None]
    light = 1.0 - 0.15 * (across**2 + down**2) / 2
    return (np.array(PALM) * light).astype(np.uint8)


def _knocked(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2
    import numpy as np

    height_px, width_px, _ = image.shape
    matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), KNOCKED_DEG, 1.0)
    matrix[0, 2] += KNOCKED_SHARE * width_px
    turned = cv2.warpAffine(image, matrix, (width_px, height_px), borderMode=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(turned, dtype=np.uint8)
