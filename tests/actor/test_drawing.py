"""The pictures: any size, somebody in them, the noise that was asked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.actor.drawing import Painter
from pose_edge.actor.figure import joints, landmarks_px
from pose_edge.actor.looks import looks
from pose_edge.actor.noise import Noise
from pose_edge.actor.room import Camera
from pose_edge.actor.stance import LIE, SIT, STAND, Stance

SIZES_PX = [(160, 120), (161, 121), (320, 240), (480, 640), (640, 480), (1280, 720), (1920, 1080)]


def drawn(camera: Camera, stance: Stance | None, seed: int = 0) -> npt.NDArray[np.uint8]:
    appearance = looks(seed)
    places = None if stance is None else joints(stance, appearance.build, camera)
    return Painter(camera, appearance).paint(places)


@pytest.mark.parametrize("size_px", SIZES_PX)
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_size_gives_a_picture_with_the_figure_around_its_joints(
    size_px: tuple[int, int], mirrored: bool
) -> None:
    camera = Camera(*size_px, 1.0, mirrored)

    room, picture = drawn(camera, None), drawn(camera, STAND)

    assert picture.shape == (size_px[1], size_px[0], 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    changed = (picture != room).any(axis=2)
    assert 0.02 < changed.mean() < 0.2
    for name, (x_px, y_px) in landmarks_px(joints(STAND, looks(0).build, camera), camera).items():
        assert changed[int(y_px), int(x_px)], name


@pytest.mark.parametrize("stance", [STAND, SIT, LIE])
def test_shirt_skin_and_shoes_have_their_colours(stance: Stance) -> None:
    camera, appearance = Camera(640, 480, 1.0, mirrored=False), looks(1)
    spots = landmarks_px(joints(stance, appearance.build, camera), camera)
    picture = drawn(camera, stance, seed=1).astype(int)

    for joint, colour in (("ribs", "shirt"), ("face", "skin"), ("right_foot_index", "shoes")):
        x_px, y_px = spots[joint]
        here = picture[int(y_px) - 1 : int(y_px) + 2, int(x_px) - 1 : int(x_px) + 2].mean(axis=(0, 1))
        assert np.abs(here - appearance.colours[colour]).max() < 60, joint


def test_the_mirrored_room_is_the_mirror_image() -> None:
    one, other = (drawn(Camera(640, 480, 1.0, mirrored), STAND).astype(int) for mirrored in (False, True))

    # Polygons are rounded to 1/16 px, so edges may differ a little.
    assert np.abs(one - other[:, ::-1]).mean() < 0.5


def test_nothing_of_the_figure_stays_in_the_room() -> None:
    camera, appearance = Camera(320, 240, 1.0, mirrored=False), looks(0)
    painter = Painter(camera, appearance)
    before = painter.paint(None).copy()

    painter.paint(joints(STAND, appearance.build, camera))

    assert np.array_equal(painter.paint(None), before)


def test_a_smaller_size_is_a_smaller_figure() -> None:
    def area(size: float) -> int:
        camera = Camera(640, 480, size, mirrored=False)
        return int((drawn(camera, STAND) != drawn(camera, None)).any(axis=2).sum())

    assert 0.55 < area(0.8) / area(1.0) < 0.73


@pytest.mark.parametrize("sigma", [0.0, 3.0, 20.0])
def test_noise_has_the_spread_asked_for_and_moves(sigma: float) -> None:
    camera = Camera(320, 240, 1.0, mirrored=False)
    noise, pictures = Noise(camera, sigma, seed=5), []
    for index in range(2):
        picture = np.full((240, 320, 3), 128, np.uint8)
        noise.add(picture, index)
        pictures.append(picture.astype(float))

    assert pictures[0].std() == pytest.approx(sigma, rel=0.05, abs=0.01)
    assert pictures[0].mean() == pytest.approx(128, abs=0.3)
    # Independent from frame to frame: the difference spreads by a factor of the square root of 2.
    assert (pictures[0] - pictures[1]).std() == pytest.approx(sigma * 2**0.5, rel=0.05, abs=0.01)


def test_noise_never_wraps_around_at_black_or_white() -> None:
    noise = Noise(Camera(160, 120, 1.0, mirrored=False), 30.0, seed=0)
    for level in (0, 255):
        picture = np.full((120, 160, 3), level, np.uint8)
        noise.add(picture, 0)
        assert np.abs(picture.astype(int) - level).max() < 200


def test_seeds_dress_differently() -> None:
    outfits = {tuple(sorted(looks(seed).colours.items())) for seed in range(20)}

    assert len(outfits) > 15
    assert looks(7) == looks(7)
