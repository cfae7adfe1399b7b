"""Where pictures come from: one file a kind, one protocol, one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field

from pose_edge.options import Options
from pose_edge.sources.actor import ActorOptions, ActorSource
from pose_edge.sources.base import Source
from pose_edge.sources.images import ImagesOptions, ImagesSource
from pose_edge.sources.picamera2 import Picamera2Options, Picamera2Source
from pose_edge.sources.v4l2 import V4l2Options, V4l2Source
from pose_edge.sources.video import VideoOptions, VideoSource

SOURCES: Final[dict[type[Options], Callable[[Any], Source]]] = {
    Picamera2Options: Picamera2Source,
    V4l2Options: V4l2Source,
    VideoOptions: VideoSource,
    ImagesOptions: ImagesSource,
    ActorOptions: ActorSource,
}
"""Every kind: its options, and what is made of them."""

CAMERAS: Final = (Picamera2Options, V4l2Options)
"""Kinds that are hardware: it can fail and come back, and now and then gives a picture nobody can read."""

SourceOptions: TypeAlias = Annotated[
    Picamera2Options | V4l2Options | VideoOptions | ImagesOptions | ActorOptions, Field(discriminator="kind")
]
"""Options under ``source``; ``kind`` tells which."""


def open_source(options: SourceOptions) -> Source:
    """Return the source for these options, to be entered with `with`."""
    return SOURCES[type(options)](options)
