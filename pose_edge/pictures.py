"""Files with pixels in them: where they may be written, and all of a file or none of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from pose_edge.errors import PoseEdgeError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Endings of the picture files that can be written."""


def require_writable(path: Path, endings: Sequence[str]) -> None:
    """Refuse an output that could not be written, before there is any work to lose.

    Raises:
        UsageError: the ending is none of `endings` (lower case, with the dot), `path` is a folder, or
            nothing can be created where it should be.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file ending in {' '.join(endings)}")
    if path.suffix.lower() not in endings:
        found = repr(path.suffix) if path.suffix else "none"
        raise UsageError(f"{path}: unknown ending, found {found}, allowed are {' '.join(endings)}")
    try:
        # Tried, not asked: permission bits know nothing of read-only disks, and nothing stops root.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.stem}."):
            pass
    except OSError as error:
        raise UsageError(f"{path}: cannot write in {path.parent}: {_reason(error)}") from error


def temporary_beside(path: Path, pid: int) -> Path:
    """Return the name under which process `pid` writes what shall become `path`: hidden, same ending."""
    return path.with_name(f".{path.stem}.{pid}.part{path.suffix}")


class AllOrNothing:
    """Files that get their names together when `with` ends well, and leave nothing behind when it does not.

    Raises:
        PoseEdgeError: a file cannot be created, filled or renamed: disk full, folder gone.
    """

    def __init__(self) -> None:
        self._temporary: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._rename()
        finally:
            for temporary in self._temporary.values():
                temporary.unlink(missing_ok=True)

    def create(self, path: Path, data: bytes = b"") -> Path:
        """Return where to write what shall become `path`: a file that holds `data` so far."""
        temporary = temporary_beside(path, os.getpid())
        self._temporary[path] = temporary
        try:
            temporary.write_bytes(data)
        except OSError as error:
            raise _unwritten(path, error) from error
        return temporary

    def _rename(self) -> None:
        for path, temporary in self._temporary.items():
            try:
                temporary.replace(path)
            except OSError as error:
                raise _unwritten(path, error) from error


def encode(image: npt.NDArray[np.uint8], path: Path) -> bytes:
    """Return a picture as `path`'s ending asks: shape (height, width, 3) with channels B, G, R, or grey.

    Raises:
        PoseEdgeError: this OpenCV cannot write that format, or not a picture of that size.
    """
    import cv2

    height_px, width_px = image.shape[:2]
    try:
        written, data = cv2.imencode(path.suffix.lower(), image)
    except cv2.error as error:
        written, data, why = False, image, f": {error}"
    else:
        why = ""
    if not written:
        size = f"{width_px} x {height_px} px"
        raise PoseEdgeError(f"{path}: OpenCV {cv2.__version__} cannot write {size} as {path.suffix}{why}")
    return data.tobytes()


def write_picture(image: npt.NDArray[np.uint8], path: Path, endings: Sequence[str] = PICTURES) -> None:
    """Write one picture, replacing what was there; see `encode`.

    Raises:
        UsageError: see `require_writable`.
        PoseEdgeError: the disk is full, or the encoder refused.
    """
    require_writable(path, endings)
    with AllOrNothing() as files:
        files.create(path, encode(image, path))


def _unwritten(path: Path, error: OSError) -> PoseEdgeError:
    return PoseEdgeError(f"{path}: cannot be written: {_reason(error)}")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
