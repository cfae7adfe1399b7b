"""What holds of zones, exits and inactivity together, whatever happens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pose_edge.engine import Engine
from pose_edge.evaluation.stress import Change, changed, changed_zones
from pose_edge.events import EventsOptions
from pose_edge.records import Event, Pose, PoseResult, Surroundings, Zone
from tests.bodies import pose, result, timeline

KINDS = ("zones", "bed_exit", "chair_exit", "inactivity")
BED = Zone("bed", ((0.45, 0.6), (0.95, 0.6), (0.95, 0.9), (0.45, 0.9)), lying_ok=True)
STOVE = Zone("stove", ((0.0, 0.7), (0.35, 0.7), (0.35, 1.0), (0.0, 1.0)), loiter_s=4.0)
ZONES = (BED, STOVE)
OPTIONS = EventsOptions.model_validate(
    {
        "bed_exit": {"rest_s": 3.0, "out_s": 1.0, "back_s": 1.0},
        "chair_exit": {"rest_s": 3.0, "out_s": 1.0, "back_s": 1.0},
        "inactivity": {"after_min": 0.1, "resting_min": 0.2},
    }
)
SHOWN: dict[str, Pose | None] = {
    "lies in bed": pose("lying", at=(0.7, 0.75)),
    "stands by the bed": pose("standing", at=(0.7, 0.5)),
    "sits": pose("sitting", at=(0.5, 0.5)),
    "stands": pose("standing", at=(0.45, 0.5)),
    "cooks": pose("standing", at=(0.3, 0.5)),
    "nobody": None,
}
STORIES = st.lists(st.tuples(st.sampled_from(sorted(SHOWN)), st.integers(2, 8)), min_size=1, max_size=6)
"""What is seen, and for how many seconds."""
FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def events(results: Iterable[PoseResult], zones: tuple[Zone, ...] = ZONES) -> list[Event]:
    engine = Engine(OPTIONS, surroundings=Surroundings(zones))
    return [event for one in results for event in engine.update(one).events if event.kind in KINDS]


def film(story: list[tuple[str, int]], step_ms: int = 125, start_ms: int = 0) -> list[PoseResult]:
    stretches = [(seconds * 1000, SHOWN[name]) for name, seconds in story]
    return [*timeline(*stretches, step_ms=step_ms, start_ms=start_ms)]


def told(found: Iterable[Event], shift_ms: int = 0) -> list[tuple[Any, ...]]:
    return [
        (
            event.event_type,
            event.stage.value,
            event.number,
            event.person_id,
            event.zone,
            event.timestamp_ms - shift_ms,
            event.start_ms - shift_ms,
            None if event.end_ms is None else event.end_ms - shift_ms,
            event.reason,
        )
        for event in found
    ]


@FEW
@given(STORIES, st.integers(1, 10**12))
def test_adding_a_constant_to_all_times_changes_nothing_else(
    story: list[tuple[str, int]], by_ms: int
) -> None:
    assert told(events(film(story, start_ms=by_ms)), by_ms) == told(events(film(story)))


@FEW
@given(STORIES)
def test_a_mirror_changes_nothing(story: list[tuple[str, int]]) -> None:
    mirror = Change("mirror")
    mirrored = changed(film(story), mirror, "")

    assert told(events(mirrored, changed_zones(ZONES, mirror, 640, 480))) == told(events(film(story)))


TRIPS = st.sampled_from([("stands", "cooks"), ("stands", "sits"), ("stands by the bed", "lies in bed")])


@FEW
@given(TRIPS, st.lists(st.sampled_from([2, 6, 9]), min_size=1, max_size=3), st.sampled_from([33, 66, 200]))
def test_the_frame_rate_moves_an_event_by_a_frame_and_no_more(
    trip: tuple[str, str], stays_s: list[int], step_ms: int
) -> None:
    base, place = trip
    story = [(base, 3), *(item for stay_s in stays_s for item in ((place, stay_s), (base, 3)))]

    def moments(at_step_ms: int) -> list[Event]:
        return [event for event in events(film(story, at_step_ms)) if event.kind != "inactivity"]

    one, other = moments(125), moments(step_ms)
    assert [(event.event_type, event.stage) for event in one] == [
        (event.event_type, event.stage) for event in other
    ]
    for event, same in zip(one, other, strict=True):
        assert abs(event.timestamp_ms - same.timestamp_ms) <= 2 * max(step_ms, 125)


@FEW
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3000),
            st.lists(
                arrays(np.float32, (33, 5), elements=st.floats(-2, 3, width=32) | st.just(float("nan"))),
                max_size=2,
            ),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_no_pose_however_broken_stops_them(story: list[tuple[int, list[Any], bool]]) -> None:
    engine, at_ms = Engine(OPTIONS, surroundings=Surroundings(ZONES)), 0
    for step_ms, bodies, twice in story:
        at_ms += step_ms
        shown = [SHOWN["lies in bed"], *(Pose(body, body) for body in bodies)]
        poses = tuple(one for one in shown if one is not None) * (2 if twice else 1)
        for event in engine.update(PoseResult(at_ms, 640, 480, poses)).events:
            assert event.start_ms <= event.timestamp_ms


def test_a_month_of_visits_leaves_nothing_behind() -> None:
    engine = Engine(OPTIONS, surroundings=Surroundings(ZONES))
    for visit in range(150):
        start_ms = visit * 14_400_000
        shown = SHOWN["lies in bed"] if visit % 2 else SHOWN["cooks"]
        story = timeline(
            (5000, shown), (2000, SHOWN["stands"]), (70_000, None), start_ms=start_ms, step_ms=500
        )
        for one in story:
            state = engine.update(one).state

    zones, bed, chair, still = (d for d in engine._detectors if d.kind in KINDS)
    assert state.stays == ()
    assert not len(zones._people)  # type: ignore[attr-defined]  # the roster of any of them
    assert not len(still._people)  # type: ignore[attr-defined]  # the same
    assert not len(chair._watch.people)  # type: ignore[attr-defined]  # the same
    # A bed remembers for a night who slept in it, and 16 at most.
    assert all(len(watch.people) <= 16 for watch in bed._watches)  # type: ignore[attr-defined]  # the same


def test_duplicated_results_change_nothing() -> None:
    story = film([("stands", 3), ("cooks", 6), ("sits", 5), ("stands", 3)])
    doubled = [one for one in story for _ in range(2)]

    assert told(events(doubled)) == told(events(story))


def test_two_people_have_events_of_their_own() -> None:
    sleeper, cook = SHOWN["lies in bed"], SHOWN["cooks"]
    assert sleeper is not None
    assert cook is not None
    both = [result(at_ms, sleeper, cook) for at_ms in range(0, 8000, 125)]

    entered = {event.person_id: event.zone for event in events(both) if event.event_type == "zone_entered"}
    loiters = {event.person_id for event in events(both) if event.event_type == "loitering"}
    assert sorted(map(str, entered.values())) == ["bed", "stove"]
    assert {entered[person_id] for person_id in loiters if person_id} == {"stove"}
