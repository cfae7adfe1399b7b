"""What a device node is, asked before OpenCV opens it: OpenCV would only say that it failed."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

from pose_edge.errors import SourceError

# linux/videodev2.h
VIDIOC_QUERYCAP: Final = 0x80685600
CAPABILITY: Final = struct.Struct(
    "=16s32s32sIII12x"
)  # driver, card, bus, version, of the device, of this node
VIDEO_CAPTURE: Final = 0x00000001 | 0x00001000  # single-planar, multi-planar
DEVICE_CAPS: Final = 0x80000000


def ask_for_name(path: Path) -> str:
    """Return the camera's name from its driver. Raises SourceError when this is no camera we may use."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        raise SourceError(_why_not(path, error)) from error
    try:
        answer = bytearray(CAPABILITY.size)
        fcntl.ioctl(descriptor, VIDIOC_QUERYCAP, answer)
    except OSError as error:
        msg = f"{path}: not a camera (it is no V4L2 device)"
        raise SourceError(msg) from error
    finally:
        os.close(descriptor)
    _driver, card, _bus, _version, all_nodes, this_node = CAPABILITY.unpack(answer)
    name = str(card.split(b"\0")[0].decode("utf-8", "replace"))
    if not (this_node if all_nodes & DEVICE_CAPS else all_nodes) & VIDEO_CAPTURE:
        # Every UVC camera brings a second node, for metadata.
        msg = f"{path}: {name} gives no pictures at this node; try the others of `v4l2-ctl --list-devices`"
        raise SourceError(msg)
    return name


def _why_not(path: Path, error: OSError) -> str:
    """Say what to do about a device that cannot be opened."""
    if isinstance(error, PermissionError):
        return f"{path}: permission denied; add the user to the group video: sudo usermod -aG video <user>"
    if isinstance(error, FileNotFoundError):
        others = ", ".join(sorted(str(node) for node in path.parent.glob("video*"))) or "none"
        return f"{path}: no such camera; is it plugged in? Devices found: {others}"
    return f"{path}: cannot be opened: {error.strerror}"
