from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.records import Event, Pose, PoseResult, Stage
from tests.bodies import pose, result, timeline
from tests.limbs import body, mirrored, squatting


def counted(results: Iterable[PoseResult], **options: float) -> list[Event]:
    engine = Engine(EventsOptions.model_validate({"repetition": options}))
    return [event for one in results for event in engine.update(one).events if event.kind == "repetition"]


def count(results: Iterable[PoseResult]) -> int | None:
    """What the last event says."""
    events = counted(results)
    return int(str(events[-1].details["count"])) if events else None


def squats(
    times: int,
    *,
    depth: float = 0.7,
    period_ms: int = 2000,
    step_ms: int = 67,
    start_ms: int = 0,
    after_ms: int = 12_000,
) -> Iterator[PoseResult]:
    """Two seconds of standing, squats without a pause, and standing."""
    end_ms = 2000 + times * period_ms
    for at_ms in range(0, end_ms + after_ms, step_ms):
        down = 0.0
        if 2000 <= at_ms < end_ms:
            down = depth / 2 * (1 - math.cos(2 * math.pi * (at_ms - 2000) / period_ms))
        yield result(start_ms + at_ms, squatting(down))


def test_a_series_begins_with_the_third_is_told_again_with_each_and_ends_after_a_pause() -> None:
    events = counted(squats(5))

    assert [event.stage.value for event in events] == ["new", "update", "update", "end"]
    assert [event.details["count"] for event in events] == [3, 4, 5, 5]
    assert {event.number for event in events} == {events[0].number}
    assert {(event.event_type, event.details["exercise"]) for event in events} == {("repetition", "squat")}
    began, *_, ended = events
    assert 2000 <= began.start_ms <= 2400
    assert 7000 <= began.timestamp_ms <= 8000  # on the way up from the third
    assert ended.end_ms == events[2].timestamp_ms
    assert 10_000 <= ended.timestamp_ms - events[2].timestamp_ms <= 10_067
    assert began.evidence["depth"] == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("step_ms", [33, 67, 125, 200])
@pytest.mark.parametrize("period_ms", [1000, 3000, 5000])
def test_the_count_depends_neither_on_frame_rate_nor_on_pace(step_ms: int, period_ms: int) -> None:
    assert count(squats(4, period_ms=period_ms, step_ms=step_ms)) == 4


def test_the_last_one_counts_though_the_clip_ends_on_its_way_up() -> None:
    assert count(list(squats(3, step_ms=200, after_ms=0))[:-1]) == 3


@pytest.mark.parametrize(
    "results",
    [
        pytest.param(squats(2), id="two"),
        pytest.param(squats(8, depth=0.2), id="shallow"),
        pytest.param(squats(5, period_ms=14_000), id="slow"),
        pytest.param(squats(8, period_ms=400, step_ms=33), id="a tremble"),
    ],
)
def test_other_movements_are_not_counted(results: Iterator[PoseResult]) -> None:
    assert counted(results) == []


def test_sitting_down_and_standing_up_again_is_no_exercise() -> None:
    standing, sitting = pose("standing", at=(0.5, 0.5)), pose("sitting", at=(0.5, 0.6))

    assert counted(timeline(*[(8000, standing), (8000, sitting)] * 4)) == []


def test_shallow_ones_between_deep_ones_do_not_count() -> None:
    depths = [0.8, 0.8, 0.35, 0.8, 0.35, 0.8]
    results = [
        result(2000 * index + at_ms, squatting(depth / 2 * (1 - math.cos(2 * math.pi * at_ms / 2000))))
        for index, depth in enumerate([0.0, *depths, 0.0])
        for at_ms in range(0, 2000, 67)
    ]

    events = counted(results)
    assert events[-1].details["count"] == 4
    assert events[-1].evidence["not_counted"] == 2
    assert events[-1].confidence == pytest.approx(0.99 * 4 / 6, abs=0.02)


def test_who_walks_on_between_two_is_not_counted() -> None:
    def walking(results: Iterable[PoseResult]) -> Iterator[PoseResult]:
        for one in results:
            moved = one.poses[0].landmarks.copy()
            moved[:, 0] += 0.00008 * one.timestamp_ms  # half a torso length a second
            yield result(one.timestamp_ms, Pose(moved, one.poses[0].world_landmarks))

    assert counted(walking(squats(4, after_ms=0))) == []


def test_lifting_the_feet_is_no_squat() -> None:
    def lifted(up: float) -> Pose:
        landmarks = pose("sitting").landmarks.copy()
        landmarks[27:, 1] -= up * 100 / 480
        return Pose(landmarks, pose("sitting").world_landmarks)

    results = [result(at_ms, lifted(0.3 - 0.3 * math.cos(at_ms / 300))) for at_ms in range(0, 20_000, 67)]
    assert counted(results) == []


def test_a_hidden_part_breaks_off_what_was_under_way_and_no_more() -> None:
    def hiding(from_ms: int, until_ms: int) -> Iterator[PoseResult]:
        for one in squats(5):
            hidden = from_ms <= one.timestamp_ms < until_ms
            shown = pose(legs_visibility=0.1) if hidden else one.poses[0]
            yield result(one.timestamp_ms, shown)

    assert count(hiding(4700, 5300)) == 5  # at the bottom, for a moment
    assert count(hiding(4500, 5700)) == 4


def test_a_silence_of_the_camera_is_no_repetition() -> None:
    cut = [one for one in squats(3) if not 2500 < one.timestamp_ms < 7500]

    assert counted(cut) == []


def test_it_can_be_switched_off_and_asked_for_fewer() -> None:
    assert counted(squats(5), enabled=False) == []
    assert [event.details["count"] for event in counted(squats(2), at_least=1)] == [1, 2, 2]


def test_fast_ones_are_told_once_a_second() -> None:
    events = counted(squats(12, period_ms=700, depth=0.5, step_ms=33))
    updates = [event for event in events if event.stage is not Stage.END]

    assert events[-1].details["count"] == 12
    assert len(updates) < 9
    for one, other in itertools.pairwise(updates):
        assert other.timestamp_ms - one.timestamp_ms >= 1000


def test_people_who_are_gone_are_forgotten_and_their_series_ended() -> None:
    engine, ended = Engine(), 0
    for visit in range(20):
        for one in squats(4, start_ms=visit * 60_000, after_ms=0, step_ms=100):
            engine.update(one)
        for one in timeline((14_000, None), start_ms=visit * 60_000 + 10_000):
            ended += sum(e.kind == "repetition" and e.stage is Stage.END for e in engine.update(one).events)

    assert ended == 20
    assert all(not getattr(detector, "_people", None) for detector in engine._detectors)


FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(st.integers(0, 2**40), st.integers(0, 10**6))
def test_neither_time_of_day_nor_mirror_nor_dropped_frames_change_the_count(start_ms: int, seed: int) -> None:
    rng = random.Random(seed)
    kept = [one for one in squats(4, start_ms=start_ms) if rng.random() > 0.3]

    assert count(kept) == 4
    assert count(result(one.timestamp_ms, mirrored(one.poses[0])) for one in kept) == 4


@FEW
@given(st.data())
def test_no_body_however_broken_raises(data: st.DataObject) -> None:
    results = []
    for one in squats(3, step_ms=200, after_ms=0):
        landmarks = one.poses[0].landmarks.copy()
        index, column = data.draw(st.integers(0, 32)), data.draw(st.integers(0, 4))
        landmarks[index, column] = data.draw(st.sampled_from([np.nan, np.inf, 1e30, -3.0]))
        results.append(result(one.timestamp_ms, Pose(landmarks, body().world_landmarks), *one.poses))

    counted(results)
