from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from pose_edge.errors import SourceError, UsageError
from pose_edge.records import Frame
from pose_edge.sources.contents import picture_size_px
from pose_edge.sources.images import ImagesOptions, ImagesSource
from tests.sources.clips import corners, number_of, picture_bgr


def show(options: ImagesOptions) -> list[Frame]:
    """Return all frames."""
    frames = []
    with ImagesSource(options) as source:
        while source.grab() is not None:
            frames.append(source.retrieve())
    return frames


def write(path: Path, image: Any) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def write_numbered(folder: Path, *names: str) -> list[Path]:
    return [write(folder / name, picture_bgr(number)) for number, name in enumerate(names)]


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.image_rgb) for frame in frames]


def test_a_folder_is_shown_in_natural_order_a_second_apart(tmp_path: Path) -> None:
    write_numbered(tmp_path, "1.png", "2.PNG", "10.jpg", "B.jpeg", "c.webp")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._1.png").write_text("litter")
    (tmp_path / "more.png").mkdir()

    frames = show(ImagesOptions(path=tmp_path))

    assert numbers(frames) == [0, 1, 2, 3, 4]
    assert [frame.timestamp_ms for frame in frames] == [0, 1000, 2000, 3000, 4000]


def test_a_list_is_shown_as_it_is(tmp_path: Path) -> None:
    first, second = write_numbered(tmp_path, "b.png", "a.png")

    frames = show(ImagesOptions(path=(first, second, first), interval_ms=40))

    assert numbers(frames) == [0, 1, 0]
    assert [frame.timestamp_ms for frame in frames] == [0, 40, 80]


def test_one_photo_by_name(tmp_path: Path) -> None:
    odd_name = write(tmp_path / "photo.png", picture_bgr(9)).rename(tmp_path / "photo.from.camera")

    with ImagesSource(ImagesOptions(path=odd_name)) as source:
        info = source.info

    assert (info.name, info.width_px, info.height_px) == ("photo.from.camera", 96, 64)
    assert (info.rate_hz, info.live, info.frame_count) == (None, False, 1)


def test_red_is_the_first_channel(tmp_path: Path) -> None:
    write_numbered(tmp_path, "a.png")

    assert corners(show(ImagesOptions(path=tmp_path))[0].image_rgb) == "rb.."


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    """The photo is stored so that its own orientation makes it upright again."""
    upright = picture_bgr(5)
    mirrored, turned = upright[:, ::-1], np.rot90(upright, 2)
    stored = {
        1: upright,
        2: mirrored,
        3: turned,
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: turned.transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    path = write(tmp_path / "phone.jpg", np.ascontiguousarray(stored))
    path.write_bytes(with_orientation(path.read_bytes(), orientation))

    [frame] = show(ImagesOptions(path=path))

    assert number_of(frame.image_rgb) == 5
    assert corners(frame.image_rgb) == "rb.."


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Return the JPEG with an EXIF block that holds nothing but the orientation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def test_rotation_by_option_comes_on_top_of_exif(tmp_path: Path) -> None:
    path = write(tmp_path / "phone.jpg", np.ascontiguousarray(np.rot90(picture_bgr(5), 1)))
    path.write_bytes(with_orientation(path.read_bytes(), 6))

    with ImagesSource(ImagesOptions(path=path, rotation_deg=90)) as source:
        source.grab()
        image_rgb = source.retrieve().image_rgb

    assert corners(image_rgb) == ".r.b"
    assert image_rgb.shape == (source.info.height_px, source.info.width_px, 3)
    assert image_rgb.flags.c_contiguous


@pytest.mark.parametrize("kind", ["grey", "grey 16 bit", "colour 16 bit", "alpha", "palette"])
def test_every_kind_of_pixel_becomes_rgb_of_8_bits(tmp_path: Path, kind: str) -> None:
    image_bgr = picture_bgr(5)
    grey = image_bgr.max(axis=2)
    path = tmp_path / "a.png"
    if kind == "palette":
        path.write_bytes(palette_png())
    else:
        write(
            path,
            {
                "grey": grey,
                "grey 16 bit": grey.astype(np.uint16) * 257,
                "colour 16 bit": image_bgr.astype(np.uint16) * 257,
                "alpha": np.dstack([image_bgr, grey]),
            }[kind],
        )

    [frame] = show(ImagesOptions(path=path))

    assert frame.image_rgb.dtype == np.uint8
    assert frame.image_rgb.shape == (64, 96, 3)
    if kind != "palette":
        assert number_of(frame.image_rgb) == 5
    if "grey" not in kind:
        assert corners(frame.image_rgb)[0] == "r"


def palette_png() -> bytes:
    """Return a PNG of 96 x 64 px whose pixels all have the one colour of its palette, red."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 96, 64, 8, 3, 0, 0, 0)
    rows = zlib.compress(bytes(97 * 64))
    body = chunk(b"IHDR", header) + chunk(b"PLTE", b"\xff\0\0") + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_photos_may_differ_in_size(tmp_path: Path) -> None:
    write(tmp_path / "1.png", np.zeros((20, 30, 3), np.uint8))
    write(tmp_path / "2.png", np.zeros((40, 10, 3), np.uint8))

    assert [frame.image_rgb.shape for frame in show(ImagesOptions(path=tmp_path))] == [
        (20, 30, 3),
        (40, 10, 3),
    ]


def test_a_bad_photo_in_a_folder_is_left_out_and_the_others_keep_their_times(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_numbered(tmp_path, "1.png", "2.png", "3.png")
    (tmp_path / "2.png").write_text("no picture")

    frames = show(ImagesOptions(path=tmp_path))

    assert numbers(frames) == [0, 2]
    assert [frame.timestamp_ms for frame in frames] == [0, 2000]
    [record] = caplog.records
    assert record.getMessage() == (
        f"{tmp_path / '2.png'}: no picture that OpenCV can read, found 10 bytes of text; left out"
    )


def test_a_bad_photo_asked_for_by_name_is_an_error_and_the_next_can_be_had(tmp_path: Path) -> None:
    photos = write_numbered(tmp_path, "1.png", "2.png", "3.png")
    photos[1].write_bytes(b"")

    with ImagesSource(ImagesOptions(path=tuple(photos))) as source:
        assert source.grab() == 0
        with pytest.raises(SourceError, match=r"2\.png: no picture .* found an empty file"):
            source.grab()
        assert source.grab() == 2000
        assert number_of(source.retrieve().image_rgb) == 2


def test_a_folder_of_rubbish_is_an_error(tmp_path: Path) -> None:
    for name in ("1.png", "2.jpg"):
        (tmp_path / name).write_text("no picture")

    with pytest.raises(SourceError, match="none of its 2 pictures can be read"):
        show(ImagesOptions(path=tmp_path))


def test_a_folder_without_pictures_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")

    with pytest.raises(UsageError, match=r"no pictures in this folder; looked for .* \.jpg"):
        show(ImagesOptions(path=tmp_path))


def test_a_missing_photo_is_a_usage_error(tmp_path: Path) -> None:
    [photo] = write_numbered(tmp_path, "1.png")

    with pytest.raises(UsageError, match=r"2\.png: a photo is wanted, no such file"):
        show(ImagesOptions(path=(photo, tmp_path / "2.png")))


def test_an_empty_list_and_a_standstill_are_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        ImagesOptions(path=())
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        ImagesOptions(path=Path("a"), interval_ms=0)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_absurdly_large_pictures_are_refused_before_they_are_decoded(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"huge.{suffix}", np.zeros((16, 16, 3), np.uint8))
    data = bytearray(path.read_bytes())
    at = 16 if suffix == "png" else data.index(b"\xff\xc0") + 5
    data[at : at + (8 if suffix == "png" else 4)] = struct.pack(
        ">II" if suffix == "png" else ">HH", 20000, 20000
    )
    path.write_bytes(data)

    with pytest.raises(SourceError, match="20000 x 20000 px, at most 100 megapixels are allowed"):
        show(ImagesOptions(path=path))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_the_size_a_picture_announces_is_read_from_its_header(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}", picture_bgr(0))
    assert picture_size_px(path) == (96, 64)

    whole = path.read_bytes()
    for length in range(len(whole)):  # cut off anywhere: the size or None, never an exception
        path.write_bytes(whole[:length])
        assert picture_size_px(path) in {(96, 64), None}


def test_frames_are_the_callers_own(tmp_path: Path) -> None:
    write_numbered(tmp_path, "1.png")
    with ImagesSource(ImagesOptions(path=tmp_path)) as source:
        source.grab()
        source.retrieve().image_rgb[:] = 7

        assert corners(source.retrieve().image_rgb) == "rb.."
