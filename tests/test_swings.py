from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_edge.swings import Swings, Turn


def turns(values: dict[int, float], least: float = 0.3, patience_ms: int = 5000) -> list[Turn]:
    swings = Swings(patience_ms)
    found = (swings.update(value, at_ms, least, 0.1) for at_ms, value in values.items())
    return [turn for turn in found if turn is not None]


def wave(
    amplitude: float, period_ms: int, until_ms: int, step_ms: int, start_ms: int = 0
) -> dict[int, float]:
    return {
        start_ms + at_ms: amplitude / 2 * math.sin(2 * math.pi * at_ms / period_ms)
        for at_ms in range(0, until_ms, step_ms)
    }


@pytest.mark.parametrize("step_ms", [33, 67, 125, 200])
def test_every_turn_is_found_once_and_at_its_place_at_any_rate(step_ms: int) -> None:
    start, *found = turns(wave(1.0, 2000, 6100, step_ms))

    assert (start.at_ms, start.high) == (0, False)
    assert [turn.high for turn in found] == [True, False] * 3
    for index, turn in enumerate(found):
        assert abs(turn.at_ms - (500 + 1000 * index)) <= step_ms
        assert abs(turn.value) > 0.4


def test_less_than_least_is_no_turn() -> None:
    assert turns(wave(0.25, 2000, 10_000, 50)) == []


def test_resting_at_a_turn_belongs_to_it() -> None:
    down_and_up = {0: 0.0, 1000: 0.0, 2000: 0.05, 2500: -1.0, 3000: 0.0}
    top, bottom = turns(down_and_up)

    assert (top.value, top.at_ms, top.left_ms) == (0.05, 2000, 2000)
    assert (bottom.value, bottom.at_ms) == (-1.0, 2500)
    assert turns({**down_and_up, 2000: -0.05})[0].left_ms == 2000  # near enough to still be up


def test_a_flicker_long_ago_is_no_turn_to_measure_from() -> None:
    [top, _] = turns({0: 0.0, 100: 0.25, 200: 0.0, 6000: 0.0, 6200: 0.0, 6600: -1.0, 7000: 0.0})

    assert top.value == 0.0


def test_reset_forgets_where_it_came_from() -> None:
    swings = Swings(5000)
    swings.update(1.0, 0, 0.3, 0.1)
    swings.reset()

    assert swings.update(0.0, 100, 0.3, 0.1) is None
    assert swings.update(0.2, 200, 0.3, 0.1) is None


@given(st.lists(st.floats(-3, 3), max_size=60), st.integers(1, 400), st.integers(0, 10**9))
def test_turns_alternate_are_far_apart_and_do_not_depend_on_the_time_of_day(
    values: list[float], step_ms: int, start_ms: int
) -> None:
    found = turns({index * step_ms: value for index, value in enumerate(values)}, patience_ms=10**9)
    later = turns(
        {start_ms + index * step_ms: value for index, value in enumerate(values)}, patience_ms=10**9
    )

    assert [turn.at_ms + start_ms for turn in found] == [turn.at_ms for turn in later]
    for one, other in itertools.pairwise(found):
        assert one.high != other.high
        assert abs(one.value - other.value) >= 0.3
