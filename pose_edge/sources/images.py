"""Photos: one frame each, a fixed time apart."""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field

from pose_edge.errors import SourceError, UsageError
from pose_edge.records import Frame
from pose_edge.sources.base import SourceInfo
from pose_edge.sources.contents import describe, picture_size_px
from pose_edge.sources.opencv import quieten
from pose_edge.sources.pixels import from_bgr
from pose_edge.sources.turning import TurningOptions

if TYPE_CHECKING:
    from cv2.typing import MatLike

logger = logging.getLogger(__name__)

SUFFIXES: Final = (
    *(".avif", ".bmp", ".dib", ".gif", ".hdr", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
"""What is taken for a picture in a folder; a file named by itself may be called anything."""

MOST_PIXELS: Final = 100_000_000
"""More would take 300 MB, and the model sees 256 x 256 of them."""


class ImagesOptions(TurningOptions):
    """A folder of photos, or photos by name. Their EXIF orientation is honoured, before `rotation_deg`."""

    kind: Literal["images"] = "images"

    path: Path | Annotated[tuple[Path, ...], Field(min_length=1)]
    """A folder, taken in natural order (`2.jpg` before `10.jpg`), one photo, or a list of photos."""

    interval_ms: int = Field(1000, ge=1)
    """Time between one photo and the next."""


class ImagesSource:
    """Shows photos one after the other. See `Source`; frames may differ in size.

    Photo k has the timestamp k * interval_ms, whether or not those before it could be read. One that
    cannot be read is left out of a folder; where it was asked for by name, opening or `grab` raises
    `SourceError`, and the next `grab` goes on with the one after it.
    """

    info: SourceInfo

    def __init__(self, options: ImagesOptions) -> None:
        self._options = options
        self._picture_bgr: MatLike | None = None
        self._current_ms: int | None = None

    def __enter__(self) -> Self:
        quieten()
        self._paths = _find(self._options.path)
        self._next = 0
        # Now, so that a folder of rubbish is found out before anything starts, and for the size.
        self._ahead_ms = self._move_on()
        if self._picture_bgr is None:
            msg = f"{self._options.path}: none of its {len(self._paths)} pictures can be read"
            raise SourceError(msg)
        height_px, width_px = self._picture_bgr.shape[:2]
        width_px, height_px = self._options.turning.size_px(width_px, height_px)
        self.info = SourceInfo(
            self._name(), width_px, height_px, None, live=False, frame_count=len(self._paths)
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._picture_bgr = self._current_ms = None

    def wait(self, timeout_s: float) -> bool:  # noqa: ARG002  # a file never lets anybody wait
        """See `Source.wait`: True at once."""
        return True

    def grab(self) -> int | None:
        """See `Source.grab`: one photo further. Decodes it, for only that tells whether it counts."""
        timestamp_ms = self._ahead_ms if self._ahead_ms is not None else self._move_on()
        self._ahead_ms = None
        if timestamp_ms is not None:
            self._current_ms = timestamp_ms
        return timestamp_ms

    def retrieve(self) -> Frame:
        """See `Source.retrieve`."""
        if self._picture_bgr is None or self._current_ms is None:
            msg = f"{self._options.path}: no photo was grabbed yet"
            raise SourceError(msg)
        return Frame(self._options.turning.apply(from_bgr(self._picture_bgr)), self._current_ms)

    def _move_on(self) -> int | None:
        """Load the next photo that can be read and return its timestamp."""
        while self._next < len(self._paths):
            index, self._next = self._next, self._next + 1
            try:
                self._picture_bgr = _load_bgr(self._paths[index])
            except SourceError as error:
                if not _is_folder(self._options.path):
                    raise
                logger.warning("%s; left out", error)
            else:
                return index * self._options.interval_ms
        return None

    def _name(self) -> str:
        path = self._options.path
        return path.name if isinstance(path, Path) else f"{len(path)} photos"


def _is_folder(path: Path | tuple[Path, ...]) -> bool:
    return isinstance(path, Path) and path.is_dir()


def _find(path: Path | tuple[Path, ...]) -> list[Path]:
    """Return the photos meant. Raises UsageError when there are none."""
    if isinstance(path, Path) and path.is_dir():
        photos = [file for file in path.iterdir() if _looks_like_a_photo(file)]
        if not photos:
            msg = f"{path}: no pictures in this folder; looked for {' '.join(SUFFIXES)}"
            raise UsageError(msg)
        return sorted(photos, key=_natural_order)
    photos = [path] if isinstance(path, Path) else list(path)
    for photo in photos:
        if not photo.is_file():
            found = "this is a folder" if photo.is_dir() else "no such file"
            msg = f"{photo}: a photo is wanted, {found}"
            raise UsageError(msg)
    return photos


def _looks_like_a_photo(file: Path) -> bool:
    # Names with a dot in front are litter of other systems, such as macOS' ._photo.jpg.
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _natural_order(file: Path) -> list[tuple[bool, int, str]]:
    """Return a sorting key that counts: 2.jpg before 10.jpg before a.jpg, capitals as small letters."""
    parts = re.findall(r"\d+|\D+", file.name.casefold())
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts]


def _load_bgr(path: Path) -> MatLike:
    """Decode a photo as OpenCV does: upright by EXIF, B, G, R, 8 bits, no alpha. Raises SourceError."""
    import cv2

    image_bgr = None
    with contextlib.suppress(OSError, cv2.error):
        _refuse_huge(path, picture_size_px(path))
        image_bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image_bgr is None:
        msg = f"{path}: no picture that OpenCV can read, found {describe(path)}"
        raise SourceError(msg)
    _refuse_huge(path, (image_bgr.shape[1], image_bgr.shape[0]))
    return image_bgr


def _refuse_huge(path: Path, size_px: tuple[int, int] | None) -> None:
    if size_px is not None and size_px[0] * size_px[1] > MOST_PIXELS:
        most = f"at most {MOST_PIXELS // 1_000_000} megapixels are allowed"
        msg = f"{path}: the picture has {size_px[0]} x {size_px[1]} px, {most}"
        raise SourceError(msg)
