from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.errors import PoseEdgeError, UsageError
from pose_edge.landmarker import LandmarkerOptions
from pose_edge.landmarker.blocking import StillLandmarker
from pose_edge.masks import write_mask
from pose_edge.records import Frame, PoseResult
from tests.overlay.material import limited_file_size, names_in

Mask = npt.NDArray[np.float32]


def result(*masks: Mask, asked: bool = True) -> PoseResult:
    return PoseResult(0, 6, 4, (), masks if asked else None)


def mask(**values: float) -> Mask:
    """A mask of 6 x 4 px, 0 but for columns given as x0=0.5."""
    made = np.zeros((4, 6), np.float32)
    for name, value in values.items():
        made[:, int(name[1:])] = value
    return made


def read(path: Path) -> npt.NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_a_pixel_is_as_bright_as_the_surest_of_all_people(tmp_path: Path) -> None:
    write_mask(result(mask(x0=0.5, x1=0.6), mask(x1=0.2, x2=0.8)), tmp_path / "m.png")

    image = read(tmp_path / "m.png")

    assert image.shape == (4, 6)
    assert image.dtype == np.uint8
    assert image[2].tolist() == [128, 153, 204, 0, 0, 0]


def test_a_picture_without_people_gives_a_black_mask_of_its_size(tmp_path: Path) -> None:
    write_mask(result(), tmp_path / "m.png")

    image = read(tmp_path / "m.png")
    assert image.shape == (4, 6)
    assert not image.any()


def test_values_outside_0_to_1_do_not_wrap_around(tmp_path: Path) -> None:
    write_mask(result(mask(x0=1.01, x1=-0.01)), tmp_path / "m.png")

    assert read(tmp_path / "m.png")[0, :2].tolist() == [255, 0]


def test_an_earlier_mask_is_replaced_and_nothing_else_appears(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"old")

    write_mask(result(mask(x0=1.0)), tmp_path / "m.png")

    assert read(tmp_path / "m.png")[0, 0] == 255
    assert names_in(tmp_path) == ["m.png"]


def test_a_result_without_masks_is_not_taken_for_one_without_people(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="output_segmentation_masks"):
        write_mask(result(asked=False), tmp_path / "m.png")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("m.jpg", r"m\.jpg: unknown ending, found '\.jpg', allowed are \.png"),
        ("folder", r"folder: is a folder"),
        ("none/m.png", r"m\.png: cannot write in .*none: no such file or directory"),
        ("file/m.png", r"m\.png: cannot write in .*file: "),
    ],
)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str, complaint: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match=complaint):
        write_mask(result(mask()), tmp_path / name)

    assert names_in(tmp_path) == ["file", "folder"]


def test_a_full_disk_leaves_the_earlier_mask_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    write_mask(result(mask(x0=1.0)), path)
    before = path.read_bytes()
    noise = np.random.default_rng(1).random((400, 600), np.float32)

    with (
        limited_file_size(10_000),
        pytest.raises(PoseEdgeError, match=r"m\.png: cannot be written: file too large"),
    ):
        write_mask(PoseResult(0, 600, 400, (), (noise,)), path)

    assert path.read_bytes() == before
    assert names_in(tmp_path) == ["m.png"]


def test_the_person_in_a_photo_is_bright_and_the_corner_dark(
    model_path: Path, shared_data: Path, person_rgb: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    del shared_data  # without it the picture ends at the hips, which lie outside it then
    with StillLandmarker(model_path, LandmarkerOptions(output_segmentation_masks=True)) as landmarker:
        found = landmarker.detect(Frame(person_rgb, 0))

    write_mask(found, tmp_path / "m.png")

    image = read(tmp_path / "m.png")
    chest = found.poses[0].landmarks[[11, 12, 23, 24], :2].mean(axis=0)
    x, y = (chest * (found.width_px, found.height_px)).astype(int)
    assert image.shape == person_rgb.shape[:2]
    assert image[y, x] > 200
    assert image[2, 2] < 50
