"""A script at play: the picture and the joints of any moment, drawn when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pose_edge.actor.drawing import Painter
from pose_edge.actor.figure import Joints, joints, landmarks_px
from pose_edge.actor.looks import looks
from pose_edge.actor.mishaps import troubled
from pose_edge.actor.noise import Noise
from pose_edge.actor.room import Camera
from pose_edge.actor.script import load_script

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pose_edge.records import PointPx


class Stage:
    """One script before one camera. `at_ms` is the time since the script began."""

    def __init__(self, script: str, camera: Camera, *, seed: int, noise: float) -> None:
        """Prepare.

        Raises:
            ConfigError: the script cannot be read or played.
        """
        self.script = load_script(script)
        self._camera = camera
        self._looks = looks(seed)
        self._painter = Painter(camera, self._looks)
        self._noise = Noise(camera, noise, seed)

    def picture(self, at_ms: int, index: int) -> npt.NDArray[np.uint8]:
        """Return the picture, shape (height_px, width_px, 3), RGB; `index` chooses its noise."""
        drawn = self._painter.paint(self._joints(at_ms))
        image = troubled(drawn, self.script.truth(at_ms).camera)
        self._noise.add(image, index)
        return image

    def landmarks_px(self, at_ms: int) -> dict[str, PointPx]:
        """Return where the joints are, by the names of `landmark_names.py`; empty when nobody is drawn."""
        places = self._joints(at_ms)
        return {} if places is None else landmarks_px(places, self._camera)

    def _joints(self, at_ms: int) -> Joints | None:
        stance = self.script.stance(at_ms)
        return None if stance is None else joints(stance, self._looks.build, self._camera)
