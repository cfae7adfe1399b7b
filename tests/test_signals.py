from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_edge.posture import describe, measure
from pose_edge.records import Posture
from pose_edge.signals import Held, History, OneEuro, median, percentile
from tests.bodies import HEIGHT_PX, WIDTH_PX, pose

BODY = measure(pose(), WIDTH_PX, HEIGHT_PX)
assert BODY is not None
UPRIGHT = describe(BODY, 1, 100, 0)


def seen(at_ms: int, head_px: float) -> Posture:
    body = dataclasses.replace(UPRIGHT.body, head_px=(320.0, head_px))
    return dataclasses.replace(UPRIGHT, timestamp_ms=at_ms, body=body)


def history(*points: tuple[int, float]) -> History:
    made = History()
    for at_ms, head_px in points:
        made.add(seen(at_ms, head_px), WIDTH_PX, HEIGHT_PX)
    return made


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_the_median_is_numpys(values: list[float]) -> None:
    assert median(values) == pytest.approx(float(np.median(values)))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(0, 100))
def test_percentiles_are_numpys(values: list[float], percent: int) -> None:
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)), abs=1e-6)


def test_a_head_that_jumps_for_one_frame_does_not_move() -> None:
    jumping = history(*((i * 66, 100.0 if i != 5 else 300.0) for i in range(9)))

    assert {moment.head_px for moment in jumping.moments} == {100.0}


def test_the_highest_is_that_of_the_last_two_seconds() -> None:
    risen_and_down = history(*((i * 250, 50.0 if i == 4 else 100.0 + i) for i in range(9)))
    assert risen_and_down.highest().at_ms == 1000

    later = history(*((i * 250, 50.0 if i == 4 else 100.0 + i) for i in range(16)))
    assert later.highest().at_ms == 15 * 250 - 2000


def test_what_was_judged_is_measured_from_anew() -> None:
    fallen = history(*((i * 250, 100.0 if i < 4 else 300.0) for i in range(8)))
    fallen.forget_heights()

    assert fallen.highest() is fallen.last


@pytest.mark.parametrize("step_ms", [30, 66, 125, 200, 300])
def test_a_steady_descent_has_the_same_speed_at_any_rate(step_ms: int) -> None:
    steady = history(*((at_ms, at_ms / 10) for at_ms in range(0, 2000, step_ms)))

    assert steady.descent(0, 2000) == pytest.approx(100, rel=0.15)


def test_a_descent_nobody_saw_is_as_fast_as_its_gap_allows() -> None:
    assert history((0, 0.0), (1200, 240.0)).descent(0, 2000) == pytest.approx(200)


def test_what_happens_faster_than_a_quarter_of_a_second_is_no_speed() -> None:
    assert history((0, 0.0), (100, 200.0)).descent(0, 2000) == 0


def test_a_head_going_up_has_no_descent() -> None:
    assert history(*((i * 100, 500.0 - i) for i in range(20))).descent(0, 2000) == 0


heads = st.lists(
    st.tuples(st.sampled_from([30, 67, 100, 250, 900]), st.integers(0, 400)), min_size=8, max_size=40
)
"""(milliseconds since the one before, how far down the head is)."""


@given(heads, st.integers(0, 1000), st.integers(1000, 6000))
def test_the_fastest_descent_is_that_of_the_steepest_chord(
    steps: list[tuple[int, int]], from_ms: int, span_ms: int
) -> None:
    times = [sum(step_ms for step_ms, _ in steps[: index + 1]) for index in range(len(steps))]
    kept = history(*[(at_ms, float(down)) for at_ms, (_, down) in zip(times, steps, strict=True)])
    moments = list(kept.moments)

    speeds = [0.0]
    for index, end in enumerate(moments):
        near = [one for one in moments[:index] if end.at_ms - one.at_ms <= 800] or moments[:index][-1:]
        if from_ms <= end.at_ms <= from_ms + span_ms:
            chords = [(end.head_px - one.head_px, end.at_ms - one.at_ms) for one in near]
            speeds += [1000 * down / step_ms for down, step_ms in chords if step_ms >= 250]

    assert kept.descent(from_ms, from_ms + span_ms) == max(speeds)


def test_the_history_is_bounded_however_long_and_fast() -> None:
    long = history(*((i * 10, 100.0) for i in range(3000)))

    assert len(long.moments) <= History.SPAN_MS / History.STEP_MS + 1
    assert len(long._highest) <= History.REFERENCE_MS / History.STEP_MS + 1
    assert len(long._heads) <= History.MEDIAN_MS / History.STEP_MS + 1


def test_what_holds_at_two_sightings_held_in_between() -> None:
    held = Held()
    held.run(True, 100, 100)
    held.run(True, 100, 500)

    assert held.ms == 600


def test_what_did_not_hold_before_a_gap_is_not_credited_with_it() -> None:
    held = Held()
    held.run(False, 100, 100)
    held.run(True, 100, 500)

    assert held.ms == 100


def test_a_silence_longer_than_a_second_proves_one_second_at_most() -> None:
    held = Held()
    held.run(True, 100, 100)
    held.run(True, 100, 60_000)

    assert held.ms == 1100


def test_a_flicker_costs_what_it_lasted() -> None:
    held = Held()
    for holds in [True] * 10 + [False] + [True] * 5:
        held.run(holds, 100, 100)

    assert held.ms == 1400


def noisy(seed: int = 1) -> np.ndarray:
    return 0.5 + np.random.default_rng(seed).normal(0, 0.01, (60, 33, 2))


def test_one_euro_takes_the_jitter_out_of_somebody_who_stands_still() -> None:
    smoother, unit = OneEuro(), np.array((0.2, 0.2))
    smooth = np.array([smoother.update(points, unit, i * 66) for i, points in enumerate(noisy())])

    assert smooth[20:].std() < 0.6 * noisy()[20:].std()


def test_one_euro_follows_a_fall() -> None:
    smoother, unit = OneEuro(), np.array((0.2, 0.2))
    still = [0.3] * 15
    falling = [0.3 + 0.8 * i / 15 for i in range(15)]  # 4 torso lengths of 0.2 in a second
    for i, height in enumerate([*still, *falling]):
        out = smoother.update(np.full((33, 2), height), unit, round(i * 1000 / 15))

    assert falling[-1] - float(out[0, 0]) < 0.8 * 0.1  # less than 100 ms behind


def test_one_euro_begins_anew_after_a_gap() -> None:
    smoother, unit = OneEuro(), np.array((0.2, 0.2))
    smoother.update(np.zeros((33, 2)), unit, 0)

    assert np.all(smoother.update(np.ones((33, 2)), unit, 5000) == 1)


def test_a_point_that_is_no_number_spoils_no_later_one() -> None:
    smoother, unit = OneEuro(), np.array((0.2, 0.2))
    broken = np.full((33, 2), 0.5)
    broken[3] = math.nan
    for i, points in enumerate([np.full((33, 2), 0.5), broken, *[np.full((33, 2), 0.5)] * 3]):
        out = smoother.update(points, unit, i * 66)

    assert np.all(out == 0.5)
