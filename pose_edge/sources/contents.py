"""What a file holds, as far as can be told without decoding it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8"

SIZE_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's SOF markers (ITU T.81, table B.1): the frame header, which holds the size."""

BARE_MARKERS: Final = frozenset({0x01, *range(0xD0, 0xDA)})
"""JPEG markers that no length follows."""


def describe(path: Path) -> str:
    """Say what was found in a file that is not what it should be, for an error message."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        return f"that it cannot be opened: {error.strerror}"
    if not size:
        return "an empty file"
    if head[4:8] == b"ftyp":
        return f"{size} bytes of MP4 without a readable index: was the recording cut off?"
    if head.isascii() and " ".join(head.decode().split()).isprintable():
        return f"{size} bytes of text"
    return f"{size} bytes beginning with {head[:12]!r}"


def picture_size_px(path: Path) -> tuple[int, int] | None:
    """Return (width, height) a JPEG or PNG announces; None for other formats and damaged ones."""
    with path.open("rb") as file:
        head = file.read(24)
        if head.startswith(PNG) and len(head) == 24:
            width_px, height_px = struct.unpack(">II", head[16:])
            return width_px, height_px
        if head.startswith(JPEG):
            file.seek(len(JPEG))
            return _jpeg_size_px(file)
    return None


def _jpeg_size_px(file: BinaryIO) -> tuple[int, int] | None:
    """Walk from marker to marker up to the frame header."""
    while file.read(1) == b"\xff":
        marker = file.read(1)
        while marker == b"\xff":  # any number of these may pad
            marker = file.read(1)
        if not marker or marker[0] in BARE_MARKERS:
            continue
        segment = file.read(7)  # length, precision, height, width
        if len(segment) < 7:
            return None
        if marker[0] in SIZE_MARKERS:
            height_px, width_px = struct.unpack(">HH", segment[3:])
            return width_px, height_px
        file.seek(struct.unpack(">H", segment[:2])[0] - len(segment), 1)
    return None
