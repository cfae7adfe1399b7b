"""The pictures of a benchmark: the actor, or a clip of the user's, at the rates that are wanted."""

from __future__ import annotations

import tempfile
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pose_edge.errors import SourceError
from pose_edge.sources import SourceOptions, open_source
from pose_edge.sources.actor import ActorOptions
from pose_edge.sources.video import VideoOptions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


WALKED_IN = 100
"""Frames of the script `demo` after which somebody stands in the room: all start-ups are timed to a pose."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file made for one measurement."""

    path: Path
    frames: int
    rate_hz: float


class Pictures:
    """A few seconds of pictures in memory, to be written at any rate and length."""

    def __init__(self, source: SourceOptions, first: int = 0, most: int = 300) -> None:
        """Read at most `most` frames from number `first` on.

        Raises:
            SourceError: there are none.
        """
        self.images: list[npt.NDArray[np.uint8]] = []
        with open_source(source) as opened:
            count = 0
            while len(self.images) < most and opened.wait(1.0) and opened.grab() is not None:
                count += 1
                if count > first:
                    self.images.append(opened.retrieve().image_rgb)
        if not self.images:
            raise SourceError("there is not a single picture to measure with")

    def write(self, path: Path, rate_hz: float, frames: int) -> Clip:
        """Write `frames` pictures, back and forth through what there is, so that nobody jumps."""
        import cv2

        height_px, width_px, _ = self.images[0].shape
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate_hz, (width_px, height_px))
        if not writer.isOpened():
            raise SourceError(f"{path}: this OpenCV cannot write MP4")
        there_and_back = [*self.images, *self.images[-2:0:-1]]
        for index in range(frames):
            writer.write(cv2.cvtColor(there_and_back[index % len(there_and_back)], cv2.COLOR_RGB2BGR))
        writer.release()
        return Clip(path, frames, rate_hz)


def pictures(clip: Path | None, most: int = 300) -> Pictures:
    """Return the first pictures of `clip`, or of the actor from where it stands in the room."""
    if clip is not None:
        return Pictures(VideoOptions(path=clip), most=most)
    return Pictures(ActorOptions(script="demo", loop=False), first=WALKED_IN, most=most)


def acted(script: str, rate_hz: float) -> Pictures:
    """Return all pictures of the actor playing a script of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.yaml"
        path.write_text(script, "utf-8")
        return Pictures(ActorOptions(script=str(path), rate_hz=rate_hz, loop=False), most=10_000)


def crowd(pictures: Pictures) -> Pictures:
    """Return pictures of six people: the middle halves of six moments, three by two."""
    import numpy as np

    images, width_px = pictures.images, pictures.images[0].shape[1]
    middle = [image[::2, width_px // 4 : -width_px // 4 : 2] for image in images]
    apart = max(1, len(images) // 8)

    def at(index: int) -> npt.NDArray[np.uint8]:
        six = [middle[(index + apart * number) % len(middle)] for number in range(6)]
        return np.vstack([np.hstack(six[:3]), np.hstack(six[3:])])

    found = copy(pictures)
    found.images = [at(index) for index in range(len(images))]
    return found
