from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.errors import SourceError
from pose_edge.sources import pixels
from pose_edge.sources.v4l2 import V4l2Options, V4l2Source
from tests.sources.clips import corners, number_of, picture_bgr

Buffer = npt.NDArray[np.uint8]


def open_(device: Path | int) -> None:
    with V4l2Source(V4l2Options(device=device if isinstance(device, int) else str(device))):
        pass


def yuyv(width_px: int, height_px: int, y: int, u: int, v: int) -> Buffer:
    """Return what a camera sends for one colour: Y U Y V for each two pixels."""
    return np.tile(np.array([y, u, y, v], np.uint8), width_px * height_px // 2)


@pytest.mark.parametrize(
    ("yuv", "expected_rgb"),
    [((81, 90, 240), (255, 0, 0)), ((145, 54, 34), (0, 255, 0)), ((41, 240, 110), (0, 0, 255))],
    ids=["red", "green", "blue"],
)
def test_yuyv_becomes_rgb(yuv: tuple[int, int, int], expected_rgb: tuple[int, int, int]) -> None:
    """The BT.601 values of the three pure colours."""
    image_rgb = pixels.from_yuyv(yuyv(6, 4, *yuv), 6, 4)

    assert image_rgb.shape == (4, 6, 3)
    assert np.abs(image_rgb.astype(int) - expected_rgb).max() <= 4


@pytest.mark.parametrize("shape", [(-1,), (1, -1), (4, -1), (4, 6, 2)])
def test_yuyv_is_understood_in_every_shape_opencv_gives_it(shape: tuple[int, ...]) -> None:
    buffer = yuyv(6, 4, 81, 90, 240).reshape(shape)

    assert (pixels.from_yuyv(buffer, 6, 4)[..., 0] > 250).all()


def test_padding_at_the_end_of_yuyv_rows_is_cut() -> None:
    rows = yuyv(6, 4, 81, 90, 240).reshape(4, 12)
    padded = np.hstack([rows, np.zeros((4, 20), np.uint8)]).reshape(-1)

    assert (pixels.from_yuyv(padded, 6, 4)[..., 0] > 250).all()


def test_a_yuyv_buffer_that_is_too_short_is_refused() -> None:
    short = yuyv(6, 4, 81, 90, 240)[:-12]

    assert not pixels.whole_yuyv(short, 6, 4)
    with pytest.raises(SourceError, match="a YUYV picture of 6 x 4 px cannot have 36 bytes"):
        pixels.from_yuyv(short, 6, 4)


@pytest.mark.parametrize("shape", [(-1,), (1, -1)])
def test_mjpg_becomes_rgb(shape: tuple[int, ...]) -> None:
    buffer = jpeg().reshape(shape)

    image_rgb = pixels.from_mjpg(buffer)

    assert pixels.whole_mjpg(buffer)
    assert (number_of(image_rgb), corners(image_rgb)) == (9, "rb..")


def test_an_mjpg_buffer_that_is_no_jpeg_is_refused() -> None:
    for broken in (jpeg()[7:], jpeg()[:40], np.zeros(0, np.uint8)):
        with pytest.raises(SourceError, match=f"an MJPG picture of {broken.size} bytes cannot be decoded"):
            pixels.from_mjpg(broken)


def jpeg() -> Buffer:
    return np.asarray(cv2.imencode(".jpg", picture_bgr(9))[1], np.uint8).reshape(-1)


def test_a_camera_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "video3").touch()

    with pytest.raises(
        SourceError, match=r"video7: no such camera; is it plugged in\? Devices found: .*video3"
    ):
        open_(tmp_path / "video7")


def test_a_number_means_the_device_node() -> None:
    assert V4l2Options(device=3).path == V4l2Options(device="3").path == Path("/dev/video3")
    assert V4l2Options(device="/dev/v4l/by-id/usb-cam").path == Path("/dev/v4l/by-id/usb-cam")


@pytest.mark.parametrize("name", ["a file", "/dev/null"])
def test_what_is_no_camera_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if not path.exists():
        path.touch()

    with pytest.raises(SourceError, match=rf"{name}: not a camera \(it is no V4L2 device\)"):
        open_(path)


def test_a_folder_is_no_camera(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be opened: Is a directory"):
        open_(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use everything")
def test_a_camera_one_may_not_use_says_how_to_be_allowed(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.touch(mode=0)

    with pytest.raises(SourceError, match="permission denied; add the user to the group video: sudo usermod"):
        open_(node)
