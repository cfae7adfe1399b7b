"""Who is in which zone, and who stays too long."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.records import Event, PoseResult, Stage, State, Surroundings, Zone
from tests.bodies import pose, result, timeline

FLOOR = ((0.0, 0.7), (0.5, 0.7), (0.5, 1.0), (0.0, 1.0))
STOVE = Zone("stove", FLOOR)
AT_STOVE = pose("standing", at=(0.25, 0.5))  # feet at 0.85
AWAY = pose("standing", at=(0.75, 0.5))
STEP_MS = 100


def play(
    results: Iterable[PoseResult], *zones: Zone, **options: float
) -> tuple[list[Event], list[tuple[int, State]]]:
    engine = Engine(EventsOptions.model_validate({"zones": options}), surroundings=Surroundings(zones))
    events: list[Event] = []
    states: list[tuple[int, State]] = []
    for one in results:
        step = engine.update(one)
        events += [event for event in step.events if event.kind == "zones"]
        states.append((one.timestamp_ms, step.state))
    return events, states


def told(results: Iterable[PoseResult], *zones: Zone, **options: float) -> list[tuple[str, str, int]]:
    return [
        (event.event_type, event.stage.value, event.timestamp_ms)
        for event in play(results, *(zones or (STOVE,)), **options)[0]
    ]


def test_who_walks_through_in_no_time_has_not_been_there() -> None:
    assert told(timeline((3000, AWAY), (400, AT_STOVE), (3000, AWAY))) == []


def walk(*stops: tuple[int, float], step_ms: int = STEP_MS) -> Iterable[PoseResult]:
    """Yield somebody who is at each place (share of the width) at each moment, and walks in between."""
    for (begin_ms, one), (end_ms, other) in itertools.pairwise(stops):
        for at_ms in range(begin_ms, end_ms, step_ms):
            across = one + (other - one) * (at_ms - begin_ms) / (end_ms - begin_ms)
            yield result(at_ms, pose("standing", at=(across, 0.5)))


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_a_stay_is_one_event_from_coming_to_leaving(step_ms: int) -> None:
    # The border at 0.5 is crossed at 4.5 s and at 9.5 s.
    steps = walk(
        (0, 0.7), (4000, 0.7), (5000, 0.3), (9000, 0.3), (10_000, 0.7), (13_000, 0.7), step_ms=step_ms
    )
    entered, left = play(steps, STOVE)[0]

    assert (entered.event_type, entered.stage, entered.zone) == ("zone_entered", Stage.NEW, "stove")
    assert (left.event_type, left.stage, left.zone) == ("zone_left", Stage.END, "stove")
    assert entered.number == left.number
    assert 4500 - step_ms <= entered.start_ms <= 4500 + step_ms
    assert 500 <= entered.timestamp_ms - entered.start_ms <= 500 + step_ms
    assert left.end_ms is not None
    assert 9500 - step_ms <= left.end_ms <= 9500 + step_ms
    assert 1000 <= left.timestamp_ms - left.end_ms <= 1000 + step_ms
    assert left.details["stayed_s"] == pytest.approx(5.0, abs=2 * step_ms / 1000)


def test_flickering_at_the_border_begins_and_ends_nothing() -> None:
    inside = [result(at_ms, pose(at=(0.45, 0.5))) for at_ms in range(0, 5000, 100)]
    flicker = [
        result(at_ms, pose(at=(0.48 if at_ms % 300 else 0.52, 0.5))) for at_ms in range(5000, 15_000, 100)
    ]
    outside = [
        result(at_ms, pose(at=(0.52 if at_ms % 300 else 0.48, 0.5))) for at_ms in range(0, 10_000, 100)
    ]

    assert [name for name, _, _ in told([*inside, *flicker])] == ["zone_entered"]
    assert told(outside) == []


def test_whoever_is_lost_inside_has_not_left_at_once() -> None:
    lost = [*walk((0, 0.3), (3000, 0.3)), *timeline((9000, None), start_ms=3000)]
    back = [*lost, *walk((12_000, 0.3), (14_000, 0.3))]

    assert [name for name, _, _ in told(lost)] == ["zone_entered"]
    assert [name for name, _, _ in told(back)] == ["zone_entered", "zone_changed"]
    assert told([*lost, *timeline((3000, None), start_ms=12_000)])[-1] == ("zone_left", "end", 12_900)


def test_whoever_comes_back_under_another_id_is_still_who_is_there() -> None:
    back = [
        *walk((0, 0.3), (3000, 0.3)),
        *timeline((5000, None), start_ms=3000),
        *walk((8000, 0.3), (10_000, 0.3)),
    ]
    events, states = play(back, STOVE)
    entered, changed = events

    assert (changed.stage, changed.number, changed.person_id) == (Stage.UPDATE, entered.number, 2)
    assert states[-1][1].zone_of(2) == "stove"
    assert states[-1][1].zone_of(1) is None


def test_state_says_what_the_events_say() -> None:
    steps = [*walk((0, 0.7), (2000, 0.7), (4000, 0.3), (9000, 0.3), (11_000, 0.7), (14_000, 0.7))]
    events, states = play(steps, STOVE)
    inside_ms = [at_ms for at_ms, state in states if state.zones == ("stove",)]

    assert (inside_ms[0], inside_ms[-1] + STEP_MS) == (events[0].timestamp_ms, events[1].timestamp_ms)
    assert {state.zone_of(1) for at_ms, state in states if at_ms in inside_ms} == {"stove"}


def test_of_two_zones_the_one_entered_last_is_where_somebody_is() -> None:
    room = Zone("room", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    _, states = play(walk((0, 0.7), (3000, 0.7), (5000, 0.3), (8000, 0.3)), STOVE, room)
    state = states[-1][1]

    assert (state.zones, state.zone_of(1)) == (("room", "stove"), "stove")


def test_nobody_is_in_a_zone_where_nobody_is() -> None:
    gone = [*walk((0, 0.3), (3000, 0.3)), *timeline((15_000, None), start_ms=3000)]
    _, states = play(gone, STOVE)

    assert states[-1][1].zones == ()
    assert not any(state.zones and not state.occupied for _, state in states)


def stays(for_ms: int, step_ms: int = STEP_MS) -> Iterable[PoseResult]:
    return walk((0, 0.3), (for_ms, 0.3), (for_ms + 1000, 0.9), (for_ms + 5000, 0.9), step_ms=step_ms)


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_a_minute_in_a_zone_is_loitering(step_ms: int) -> None:
    entered, loitering, over, left = play(stays(70_000, step_ms), STOVE)[0]

    assert (loitering.event_type, loitering.stage, loitering.severity) == ("loitering", Stage.NEW, "warning")
    assert 60_000 <= loitering.timestamp_ms - loitering.start_ms <= 60_000 + step_ms
    assert (over.event_type, over.stage, over.number) == ("loitering", Stage.END, loitering.number)
    assert (left.event_type, left.number) == ("zone_left", entered.number)
    assert loitering.number != entered.number


def test_each_zone_may_have_its_own_patience() -> None:
    def loiters(zone: Zone, **options: float) -> list[int]:
        return [
            at_ms
            for name, stage, at_ms in told(stays(70_000), zone, **options)
            if (name, stage) == ("loitering", "new")
        ]

    assert loiters(Zone("stove", FLOOR, loiter_s=5.0)) == [5200]
    assert loiters(STOVE, loiter_s=30.0) == [30_200]
    assert loiters(Zone("stove", FLOOR, loiter_s=0.0)) == []
    assert loiters(STOVE, loiter_s=0.0) == []


def test_whoever_rests_where_lying_is_fine_does_not_loiter() -> None:
    sofa = Zone("sofa", ((0.0, 0.3), (0.5, 0.3), (0.5, 1.0), (0.0, 1.0)), lying_ok=True)

    assert [name for name, _, _ in told(stays(70_000), sofa)] == ["zone_entered", "zone_left"]


def test_no_clock_runs_while_the_camera_is_silent() -> None:
    before, after = walk((0, 0.3), (5000, 0.3)), walk((65_000, 0.3), (70_000, 0.3))

    assert "loitering" not in {name for name, _, _ in told([*before, *after])}
