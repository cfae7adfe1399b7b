from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pose_edge.engine import Engine, project
from pose_edge.events import TABLE, EventsOptions, detectors
from pose_edge.records import Pose, PoseResult, PostureClass, State, Surroundings, Zone
from tests.bodies import pose, result, timeline


def test_the_state_is_what_the_events_told() -> None:
    engine = Engine()
    steps = [engine.update(one) for one in timeline((4000, pose("sitting")))]

    events = [event for step in steps for event in step.events]
    assert project(State(), events) == steps[-1].state
    assert steps[-1].state.occupied
    assert steps[-1].state.main_person is not None
    assert steps[-1].state.main_person.posture is PostureClass.SITTING


def test_nobody_is_left_in_the_state_of_an_empty_room() -> None:
    engine = Engine()
    for one in timeline((4000, pose("sitting", at=(0.97, 0.5))), (5000, None)):
        state = engine.update(one).state

    assert state == State(occupied=False, person_count=0, people=())


def test_before_anything_was_decided_nothing_is_claimed() -> None:
    assert Engine().update(result(0)).state.occupied is None


def test_the_same_results_give_the_same_events() -> None:
    def play() -> list[object]:
        engine = Engine()
        day = timeline((2000, None), (4000, pose()), (4000, pose("lying")), (3000, None))
        return [event for one in day for event in engine.update(one).events]

    assert play() == play()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_kind_has_options_a_detector_and_one_name(row) -> None:  # type: ignore[no-untyped-def]  # a row
    made = detectors(EventsOptions(), iter(range(100)), Surroundings())

    assert row.name in EventsOptions.model_fields
    assert row.name in {detector.kind for detector in made}
    assert row.options.__doc__


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3000),
            st.lists(
                arrays(np.float32, (33, 5), elements=st.floats(-2, 3, width=32) | st.just(float("nan"))),
                max_size=3,
            ),
        ),
        max_size=12,
    )
)
def test_no_pose_however_broken_stops_the_engine(story) -> None:  # type: ignore[no-untyped-def]  # drawn
    engine, at_ms = Engine(), 0
    for step_ms, bodies in story:
        at_ms += step_ms
        step = engine.update(PoseResult(at_ms, 640, 480, tuple(Pose(body, body) for body in bodies)))
        assert len(step.person_ids) == len(bodies)


def test_a_month_of_visits_leaves_nothing_behind() -> None:
    engine = Engine()
    for visit in range(300):
        for one in timeline(
            (1500, pose("sitting", at=(0.97, 0.5))), (5000, None), start_ms=visit * 8_000_000
        ):
            engine.update(one)

    assert engine._tracker._tracks == []
    assert all(not getattr(detector, "_people", ()) for detector in engine._detectors)


def test_the_engine_handles_10000_poses_a_second() -> None:
    # A bound an order of magnitude above what a slow algorithm would give, not a benchmark: 25,000 measured.
    results = [result(i * 66, pose("sitting")) for i in range(3000)]
    engine = Engine()
    begun_s = time.perf_counter()
    for one in results:
        engine.update(one)

    assert len(results) / (time.perf_counter() - begun_s) > 4000


def test_somebody_who_comes_back_at_once_has_a_posture_in_the_state() -> None:
    engine, edge = Engine(), pose("standing", at=(0.97, 0.5))
    for one in timeline((5000, edge), (1700, None), (5000, edge)):
        state = engine.update(one).state

    assert state.occupied
    assert [person.posture for person in state.present] == [PostureClass.STANDING]


def test_a_stay_and_a_reminder_end_as_their_detectors_end_them_when_nobody_looks_any_more() -> None:
    """A second `zone_entered` or `posture_reminder` would set off whatever waits for the first."""
    room = Zone("room", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    options = EventsOptions.model_validate({"desk": {"remind": True, "break_every_min": 1}})
    engine = Engine(options, surroundings=Surroundings((room,)))
    told = [
        event.event_type for one in timeline((90_000, pose("sitting"))) for event in engine.update(one).events
    ]

    ends = {event.event_type for event in engine.close("paused")[0]}

    assert "posture_reminder" in told
    assert ends >= {"zone_left", "loitering", "sedentary_ended"}
    assert not ends & {"zone_entered", "posture_reminder"}
