from __future__ import annotations

import itertools

import numpy as np
import pytest

from pose_edge.sources.pixels import from_bgr
from pose_edge.sources.turning import Turning
from tests.sources.clips import corners, picture_bgr

UPRIGHT = from_bgr(picture_bgr(0))
EVERY_TURNING = [
    Turning(*each) for each in itertools.product((0, 90, 180, 270), (False, True), (False, True))
]


@pytest.mark.parametrize(
    ("turning", "expected"),
    [
        (Turning(0), "rb.."),
        (Turning(90), ".r.b"),
        (Turning(180), "..br"),
        (Turning(270), "b.r."),
        (Turning(0, flip_horizontal=True), "br.."),
        (Turning(0, flip_vertical=True), "..rb"),
        (Turning(90, flip_horizontal=True), "r.b."),
    ],
)
def test_rotation_is_clockwise_and_flips_come_after_it(turning: Turning, expected: str) -> None:
    assert corners(turning.apply(UPRIGHT)) == expected


@pytest.mark.parametrize("turning", EVERY_TURNING)
def test_turned_pictures_are_contiguous_and_have_the_size_told(turning: Turning) -> None:
    turned = turning.apply(UPRIGHT)

    assert turned.flags.c_contiguous
    assert turned.shape[1::-1] == turning.size_px(UPRIGHT.shape[1], UPRIGHT.shape[0])


@pytest.mark.parametrize("turning", EVERY_TURNING)
def test_what_the_camera_flips_and_what_is_left_make_the_same_picture(turning: Turning) -> None:
    flip_horizontal, flip_vertical, rest = turning.split()
    from_the_camera = UPRIGHT[:: -1 if flip_vertical else 1, :: -1 if flip_horizontal else 1]

    assert (rest.flip_horizontal, rest.flip_vertical) == (False, False)
    assert np.array_equal(rest.apply(np.ascontiguousarray(from_the_camera)), turning.apply(UPRIGHT))


@pytest.mark.parametrize("turning", EVERY_TURNING)
@pytest.mark.parametrize("first_deg", [90, 180, 270])
def test_turning_after_a_rotation_is_both_one_after_the_other(turning: Turning, first_deg: int) -> None:
    one_after_the_other = turning.apply(Turning(first_deg).apply(UPRIGHT))

    assert np.array_equal(turning.after(first_deg).apply(UPRIGHT), one_after_the_other)
