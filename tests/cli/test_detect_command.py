from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.command import lines, refused, run


def test_a_photo_gives_landmarks_and_a_posture(shared_data: Path, model_path: Path) -> None:
    person_photo = shared_data / "photos" / "man_arms_out_lunge.jpg"
    [photo] = lines(run("detect", person_photo, "--model", model_path))

    assert photo["file"] == str(person_photo)
    [pose] = photo["poses"]
    assert len(pose["landmarks"]) == len(pose["world_landmarks"]) == 165
    assert pose["person"] is True
    assert pose["posture"] in ("standing", "sitting")


@pytest.mark.parametrize(
    ("name", "posture"),
    [
        ("man_standing_arms_crossed.jpg", "standing"),
        ("woman_tree_pose.jpg", "standing"),
        ("woman_sitting_on_ground.jpg", "sitting"),
    ],
)
def test_the_posture_in_a_photo_is_the_one_to_be_seen(
    shared_data: Path, model_path: Path, name: str, posture: str
) -> None:
    [photo] = lines(run("detect", shared_data / "photos" / name, "--model", model_path))

    assert [pose["posture"] for pose in photo["poses"]] == [posture]


def test_nobody_is_a_result_too(shared_data: Path, model_path: Path) -> None:
    [photo] = lines(run("detect", shared_data / "photos" / "porch_nobody.jpg", "--model", model_path))

    assert photo["poses"] == []


def test_the_overlay_is_the_photo_with_something_on_it(
    person_photo: Path, model_path: Path, tmp_path: Path
) -> None:
    drawn = tmp_path / "drawn.png"
    done = run("detect", person_photo, "--overlay", drawn, "--model", model_path)

    assert done.returncode == 0, done.stderr
    before, after = cv2.imread(str(person_photo)), cv2.imread(str(drawn))
    assert before is not None
    assert after is not None
    assert before.shape == after.shape
    changed = np.mean(np.abs(before.astype(int) - after.astype(int)).max(axis=2) > 40)
    assert 0.005 < changed < 0.5


def test_the_mask_is_white_where_the_person_is(person_photo: Path, model_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    done = run("detect", person_photo, "--mask", path, "--model", model_path)

    [pose] = lines(done)[0]["poses"]
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    height, width = mask.shape
    left, right = (pose["landmarks"][5 * index : 5 * index + 2] for index in (11, 12))
    chest_x, chest_y = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2 + 0.03
    assert mask[int(chest_y * height), int(chest_x * width)] > 200
    assert mask[0, 0] < 50
    assert 0.01 < np.mean(mask > 128) < 0.9


def test_several_photos_go_into_a_folder(person_photo: Path, model_path: Path, tmp_path: Path) -> None:
    done = run("detect", person_photo, person_photo, "--overlay", tmp_path / "out", "--model", model_path)

    assert len(lines(done)) == 2
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_no_mask_without_asking(person_photo: Path, model_path: Path) -> None:
    [photo] = lines(run("detect", person_photo, "--model", model_path))

    assert "mask" not in str(photo.keys())


def test_what_is_no_photo_is_named(tmp_path: Path, model_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")

    refused(run("detect", broken, "--model", model_path), 1, "broken.jpg")


def test_a_missing_photo_is_named(tmp_path: Path) -> None:
    refused(run("detect", tmp_path / "none.jpg"), 2, "none.jpg", "no such file")


def test_a_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    refused(run("detect", tmp_path), 2, str(tmp_path), "replay")


def test_an_overlay_that_cannot_be_written_is_named_before_the_work(
    person_photo: Path, model_path: Path, tmp_path: Path
) -> None:
    refused(
        run("detect", person_photo, "--overlay", tmp_path / "none" / "o.png", "--model", model_path),
        2,
        "o.png",
    )
