from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_edge.sources.stamps import StampRepair


def repaired(raw_ms: list[float], period_ms: float = 40.0) -> list[int]:
    repair = StampRepair(period_ms)
    return [repair.next(each) for each in raw_ms]


@given(st.lists(st.floats(), max_size=40), st.floats(0.5, 1000))
def test_stamps_strictly_increase_from_zero_on_whatever_comes(raw_ms: list[float], period_ms: float) -> None:
    stamps = repaired(raw_ms, period_ms)

    assert all(before < after for before, after in pairwise([-1, *stamps]))


def test_good_stamps_are_kept_also_at_a_variable_rate() -> None:
    assert repaired([0, 40, 50, 250, 251.4, 9000]) == [0, 40, 50, 250, 251, 9000]


@pytest.mark.parametrize("fps", [5, 23.976, 25, 29.97, 30, 59.94, 120])
def test_without_any_stamps_frames_are_a_period_apart_and_do_not_drift(fps: float) -> None:
    assert repaired([0.0] * 500, 1000 / fps) == [round(k * 1000 / fps) for k in range(500)]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, -40.0, 0.0, 40.0, 80.0, 1e12])
def test_one_broken_stamp_does_not_move_those_after_it(broken: float) -> None:
    assert repaired([0, 40, 80, broken, 160, 200]) == [0, 40, 80, 120, 160, 200]


def test_a_clock_that_restarts_goes_on() -> None:
    assert repaired([0, 40, 80, 0, 40, 140, 180]) == [0, 40, 80, 120, 160, 260, 300]


def test_negative_beginnings_are_moved_to_zero() -> None:
    assert repaired([-80, -40, 0, 40]) == [0, 40, 80, 120]


def test_stamps_too_large_to_tell_frames_apart_are_not_used() -> None:
    # What OpenCV 4.11 gives for JPEGs one after the other: 2^63 ticks below zero, rounded to 1 ms by float.
    assert repaired([-7686143364045606.0 + k for k in (0, 40, 80, 119, 160)]) == [0, 40, 80, 120, 160]


def test_more_than_a_thousand_frames_a_second_get_a_millisecond_each() -> None:
    assert repaired([0, 0.2, 0.4, 0.6]) == [0, 1, 2, 3]
