"""What is wrong with the camera at the moment: a file each, so that any process can turn them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = "POSE_EDGE_BOARD"
"""Environment variable: where the switches are."""

Switch: TypeAlias = Literal[
    "stalled",  # the sensor gives no picture
    "busy",  # another program has the camera
    "failing_start",  # the driver refuses to start the stream
    "hanging_stop",  # the driver never comes back from stopping it
    "no_flips",  # the sensor cannot mirror
    "no_wall_clock",  # an older libcamera, without FrameWallClock
    "short_buffers",  # pictures come incomplete
]


def folder() -> Path:
    """Return where the switches are; KeyError where there is no board."""
    return Path(os.environ[FOLDER])


def is_on(name: Switch) -> bool:
    """Tell how a switch is at this moment."""
    return (folder() / name).exists()


def turn(name: Switch, on: bool) -> None:
    """Turn a switch."""
    if on:
        (folder() / name).touch()
    else:
        (folder() / name).unlink(missing_ok=True)


@contextmanager
def turned_on(name: Switch) -> Iterator[None]:
    """Turn a switch on for a while."""
    turn(name, on=True)
    try:
        yield
    finally:
        turn(name, on=False)


def running() -> set[str]:
    """Return the ids of the cameras that stream at this moment, in any process that still lives."""
    notes = {path.name.removeprefix("running-"): path.read_text() for path in folder().glob("running-*")}
    return {camera_id for camera_id, pid in notes.items() if Path("/proc", pid).exists()}


def note_running(camera_id: str, on: bool) -> None:
    """Take note that a camera streams, or no longer does."""
    path = folder() / f"running-{camera_id}"
    if on:
        path.write_text(str(os.getpid()))
    else:
        path.unlink(missing_ok=True)
