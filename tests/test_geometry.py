from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_edge.geometry import all_numbers, angle_deg, is_inside, midpoint, overlap, tilt_from_vertical_deg
from pose_edge.records import Box, PointPx


@pytest.mark.parametrize(
    ("top", "tilt_deg"),
    [((100, 0), 0), ((200, 100), 90), ((0, 100), 90), ((100, 200), 180), ((200, 0), 45), ((200, 200), 135)],
)
def test_tilt_runs_from_upright_over_lying_to_head_down(top: tuple[float, float], tilt_deg: float) -> None:
    assert tilt_from_vertical_deg(top, (100, 100)) == pytest.approx(tilt_deg)


def test_a_point_has_no_tilt() -> None:
    with pytest.raises(ValueError, match="coincide"):
        tilt_from_vertical_deg((3, 4), (3, 4))


def test_a_straight_limb_has_180_degrees_and_a_folded_one_few() -> None:
    assert angle_deg((0, 0, 0), (0, 1, 0), (0, 2, 0)) == pytest.approx(180)
    assert angle_deg((0, 0, 0), (0, 1, 0), (1, 1, 0)) == pytest.approx(90)
    assert angle_deg((0, 0, 0), (0, 1, 0), (0, 0, 1)) == pytest.approx(45)


def test_no_angle_at_a_point_that_coincides() -> None:
    assert angle_deg((1, 1, 1), (1, 1, 1), (2, 2, 2)) is None


@given(
    st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
)
def test_tilt_is_the_same_in_a_mirror(top: tuple[float, float], bottom: tuple[float, float]) -> None:
    if top == bottom:
        return
    mirrored = tilt_from_vertical_deg((-top[0], top[1]), (-bottom[0], bottom[1]))

    assert mirrored == pytest.approx(tilt_from_vertical_deg(top, bottom))


def test_midpoint_is_half_way() -> None:
    assert midpoint((0, 2), (4, 4)) == (2, 3)


SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


@pytest.mark.parametrize("polygon", [SQUARE, SQUARE[::-1]])
def test_a_point_is_inside_whichever_way_round_the_corners_go(polygon: tuple[PointPx, ...]) -> None:
    assert is_inside((0.5, 0.5), polygon)
    assert not is_inside((0.9, 0.5), polygon)
    assert not is_inside((0.5, 0.1), polygon)


def test_the_notch_of_a_polygon_is_outside() -> None:
    notched = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.3), (0.0, 1.0))

    assert not is_inside((0.5, 0.8), notched)
    assert is_inside((0.1, 0.6), notched)


def test_boxes_overlap_by_what_both_cover() -> None:
    one = Box(0.0, 0.0, 0.2, 0.2)

    assert overlap(one, one) == pytest.approx(1)
    assert overlap(one, Box(0.1, 0.0, 0.2, 0.2)) == pytest.approx(1 / 3)
    assert overlap(one, Box(0.5, 0.5, 0.2, 0.2)) == 0


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_no_number_is_noticed(wrong: float) -> None:
    values = np.full((33, 5), 0.5, np.float32)
    assert all_numbers(values)
    values[32, 4] = wrong
    assert not all_numbers(values)


def test_numbers_too_large_for_their_squares_are_numbers() -> None:
    assert all_numbers(np.full((33, 5), 1e30, np.float32))
