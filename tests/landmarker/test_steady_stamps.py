from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_edge.landmarker.steady_stamps import SteadyStamps


def repair(*stamps_ms: int) -> tuple[list[int], int]:
    steady = SteadyStamps()
    return [steady.repair(stamp_ms) for stamp_ms in stamps_ms], steady.repairs


def test_increasing_stamps_pass_unchanged() -> None:
    assert repair(0, 1, 34, 3_600_000) == ([0, 1, 34, 3_600_000], 0)


def test_a_repeated_stamp_becomes_the_next_millisecond() -> None:
    """F2.6."""
    assert repair(100, 100, 133) == ([100, 101, 134], 1)


def test_after_a_clock_that_stepped_back_time_goes_on_at_its_own_pace() -> None:
    """F6.7: with last + 1 alone, the hour after the step would last a few seconds."""
    stamps_ms, repairs = repair(3_600_000, 0, 100, 200, 1200)

    assert stamps_ms == [3_600_000, 3_600_001, 3_600_101, 3_600_201, 3_601_201]
    assert repairs == 1


@given(st.lists(st.integers(-(10**12), 10**12)))
@pytest.mark.timeout(60)
def test_whatever_comes_in_increases_when_it_goes_out(stamps_ms: list[int]) -> None:
    repaired_ms, repairs = repair(*stamps_ms)

    assert all(earlier < later for earlier, later in pairwise(repaired_ms))
    assert repairs <= max(0, len(stamps_ms) - 1)
