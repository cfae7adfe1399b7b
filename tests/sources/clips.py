"""Small videos and photos whose content proves which frame is shown, which way up, in which colours."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

WIDTH_PX, HEIGHT_PX, FPS = 96, 64, 25.0

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
"""As R, G, B."""

Image = npt.NDArray[np.uint8]

# ISO 14496-12, tkhd: the matrix that turns the picture clockwise, a b u c d v x y w in 16.16 and 2.30.
ONE = 0x10000
TURNED = {90: (0, ONE, -ONE, 0), 180: (-ONE, 0, 0, -ONE), 270: (0, -ONE, ONE, 0)}


def picture_bgr(number: int) -> Any:
    """Return a picture for OpenCV: red at the top left, blue at the top right, `number` in bits below."""
    image_bgr = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    top, bottom = image_bgr[: HEIGHT_PX // 2], image_bgr[HEIGHT_PX // 2 :]
    top[:, : WIDTH_PX // 2] = RED[::-1]
    top[:, WIDTH_PX // 2 :] = BLUE[::-1]
    for bit in range(8):
        width_px = WIDTH_PX // 8
        bottom[:, bit * width_px : (bit + 1) * width_px] = 255 * (number >> bit & 1)
    return image_bgr


def number_of(image_rgb: Image) -> int:
    """Return the number in a picture that stands upright."""
    height_px, width_px = image_rgb.shape[:2]
    row = image_rgb[height_px * 3 // 4, width_px // 16 :: width_px // 8]
    return sum((int(pixel.mean()) > 127) << bit for bit, pixel in enumerate(row[:8]))


def corners(image_rgb: Image) -> str:
    """Return what is at the top left, top right, bottom left and bottom right: r, b, or . for neither."""
    height_px, width_px = image_rgb.shape[:2]
    places = [
        (y, x) for y in (height_px // 8, height_px * 7 // 8) for x in (width_px // 8, width_px * 7 // 8)
    ]
    return "".join(_colour(image_rgb[place]) for place in places)


def write_video(path: Path, frames: int = 30, fps: float = FPS, codec: str = "mp4v") -> Path:
    """Write frames numbered from 0 at a constant rate."""
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, (WIDTH_PX, HEIGHT_PX)
    )
    assert writer.isOpened(), f"OpenCV cannot write {codec} to {path}"
    for number in range(frames):
        writer.write(picture_bgr(number))
    writer.release()
    return path


def ask_for_rotation(path: Path, rotation_deg: int) -> Path:
    """Make an MP4 say that it is to be shown turned clockwise, as phones do."""
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd")
    assert data[header + 4] == 0, "version 0 of the box is what OpenCV writes"
    a, b, c, d = TURNED[rotation_deg]
    data[header + 44 : header + 80] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def _colour(pixel: Image) -> str:
    red, green, blue = (int(value) for value in pixel)
    if green < 100:
        return "r" if red > 150 > blue else "b" if blue > 150 > red else "."
    return "."
