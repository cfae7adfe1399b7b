"""Rounded shapes with light on them: the hull of a few circles, in layers from dark rim to bright middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from pose_edge.actor.looks import Colour

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Layers: TypeAlias = tuple[tuple[float, float], ...]
"""(share of the radius, brightness), from the outside in."""

ROUND: Layers = ((1.0, 0.72), (0.84, 0.90), (0.62, 1.03), (0.34, 1.13))
SMALL: Layers = ((1.0, 0.75), (0.8, 0.95), (0.5, 1.08))
FLAT: Layers = ((1.0, 1.0),)

CORNERS = 20
"""Of the polygon that stands for a circle; with antialiased edges nobody can tell."""

SUBPIXEL_BITS = 4


class Brush:
    """Draws hulls of circles on one picture after the other."""

    def __init__(self, lit_from_right: bool) -> None:
        import numpy as np

        turns = np.linspace(0.0, 2 * np.pi, CORNERS, endpoint=False)
        self._circle = np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
        self._to_light = np.array([0.4 if lit_from_right else -0.4, -0.54], np.float32)

    def hull(
        self,
        image: npt.NDArray[np.uint8],
        circles: Sequence[tuple[float, float, float]],
        colour: Colour,
        layers: Layers,
    ) -> None:
        """Fill the hull of `circles`, each (x, y, radius) in pixels; what is outside the picture is cut."""
        import cv2
        import numpy as np

        table = np.array(circles, np.float32)
        centres, radii = table[:, None, :2], table[:, None, 2:]
        for share, brightness in layers:
            moved = centres + self._to_light * radii * (1.0 - share)
            outline = cv2.convexHull((moved + radii * share * self._circle).reshape(-1, 2))
            corners = np.rint(outline * (1 << SUBPIXEL_BITS)).astype(np.int32)
            red, green, blue = (min(255.0, part * brightness) for part in colour)
            cv2.fillConvexPoly(image, corners, (red, green, blue), cv2.LINE_AA, SUBPIXEL_BITS)
