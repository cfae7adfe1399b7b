"""Getting out of bed and up from a chair."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.records import Event, Pose, PoseResult, Stage, Surroundings, Zone
from tests.bodies import pose, timeline

BED = Zone("bed", ((0.2, 0.6), (0.8, 0.6), (0.8, 0.75), (0.2, 0.75)), lying_ok=True)
LYING = pose("lying", at=(0.5, 0.7))
SITTING = pose("sitting", at=(0.5, 0.65))
BESIDE = pose("standing", at=(0.5, 0.5))
BEFORE = pose("standing", at=(0.5, 0.62), torso_px=60)  # hips in front of the bed, feet at 0.83
ON_CHAIR = pose("sitting", at=(0.5, 0.55))
UP = pose("standing", at=(0.5, 0.45))


def play(
    kind: str, results: Iterable[PoseResult], *zones: Zone, **options: float | bool
) -> list[tuple[int, Event]]:
    engine = Engine(EventsOptions.model_validate({kind: options}), surroundings=Surroundings(zones))
    steps = [(one.timestamp_ms, engine.update(one).events) for one in results]
    return [(at_ms, event) for at_ms, events in steps for event in events if event.kind == kind]


def told(
    kind: str, *stretches: tuple[int, Pose | None], zones: tuple[Zone, ...] = (BED,), **options: float | bool
) -> list[tuple[str, str]]:
    events = play(kind, timeline(*stretches), *zones, **options)
    return [(event.stage.value, event.reason) for _, event in events]


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
@pytest.mark.parametrize(
    ("kind", "rests", "is_up"), [("bed_exit", LYING, BESIDE), ("chair_exit", ON_CHAIR, UP)]
)
def test_getting_up_is_told_after_its_time_and_ends_with_resting_again(
    kind: str, rests: Pose, is_up: Pose, step_ms: int
) -> None:
    story = timeline((65_000, rests), (8000, is_up), (4000, rests), step_ms=step_ms)
    (out_ms, out), (back_ms, back) = play(kind, story, BED)

    assert (out.event_type, out.stage, back.event_type, back.stage) == (kind, Stage.NEW, kind, Stage.END)
    assert out.number == back.number
    assert 65_000 - step_ms <= out.start_ms <= 65_000 + step_ms
    assert 67_000 - step_ms <= out_ms <= 67_000 + 2 * step_ms
    assert 73_000 - step_ms <= (back.end_ms or 0) <= 73_000 + step_ms
    assert 75_000 - step_ms <= back_ms <= 75_000 + 2 * step_ms
    assert out.details["rested_s"] == pytest.approx(65, abs=0.2 + 3 * step_ms / 1000)
    assert back.details["out_s"] == pytest.approx(8, abs=2 * step_ms / 1000)
    assert out.zone == ("bed" if kind == "bed_exit" else None)


@pytest.mark.parametrize(
    ("kind", "rests", "is_up"), [("bed_exit", LYING, BESIDE), ("chair_exit", ON_CHAIR, UP)]
)
def test_who_rested_too_short_or_is_up_for_a_moment_has_not_got_up(
    kind: str, rests: Pose, is_up: Pose
) -> None:
    assert told(kind, (50_000, rests), (8000, is_up)) == []
    assert told(kind, (65_000, rests), (1500, is_up), (20_000, rests)) == []
    assert told(kind, (65_000, rests), (8000, is_up), enabled=False) == []


def test_limits_are_options() -> None:
    assert told("bed_exit", (10_000, LYING), (3000, BESIDE), rest_s=5.0) == [("new", "got_up")]
    assert told("chair_exit", (65_000, ON_CHAIR), (3000, UP), out_s=5.0) == []


def test_sitting_on_the_edge_of_the_bed_is_not_out_of_it() -> None:
    assert told("bed_exit", (65_000, LYING), (20_000, SITTING)) == []


def test_standing_before_the_bed_is_out_of_it_though_the_hips_are_inside() -> None:
    lying = pose("lying", at=(0.5, 0.7), torso_px=60)

    assert told("bed_exit", (65_000, lying), (5000, BEFORE)) == [("new", "got_up")]
    hidden = pose("standing", at=(0.5, 0.62), torso_px=60, legs_visibility=0.1)  # feet: nobody knows
    assert told("bed_exit", (65_000, lying), (5000, hidden)) == []


def test_a_sleeper_the_model_loses_under_the_blanket_still_sleeps() -> None:
    night = ((20_000, LYING), (3_600_000, None), (5000, BESIDE))
    events = play("bed_exit", timeline(*night, step_ms=500), BED)

    assert [(event.stage, event.person_id) for _, event in events] == [(Stage.NEW, 2)]
    assert events[0][1].details["rested_s"] == pytest.approx(3620, abs=3)


def test_back_from_the_bathroom_is_back_whatever_the_id() -> None:
    at_door = pose("standing", at=(0.02, 0.5))
    night = (
        (65_000, LYING),
        (4000, BESIDE),
        (1500, at_door),
        (600_000, None),
        (3000, at_door),
        (5000, LYING),
    )
    (_, out), (_, back) = play("bed_exit", timeline(*night, step_ms=250), BED)

    assert (out.stage, back.stage, back.reason) == (Stage.NEW, Stage.END, "back")
    assert back.person_id != out.person_id
    assert back.details["out_s"] == pytest.approx(608.5, abs=1)


def test_somebody_else_who_comes_in_has_not_got_up() -> None:
    elsewhere = pose("standing", at=(0.02, 0.5))

    assert told("bed_exit", (65_000, LYING), (60_000, None), (8000, elsewhere)) == []


def test_who_leaves_the_chair_and_the_room_is_gone() -> None:
    assert told("chair_exit", (65_000, ON_CHAIR), (4000, UP), (15_000, None)) == [
        ("new", "got_up"),
        ("end", "gone"),
    ]


def test_a_sofa_is_no_chair() -> None:
    sofa = Zone("sofa", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), lying_ok=True)

    assert told("chair_exit", (65_000, ON_CHAIR), (8000, UP), zones=(sofa,)) == []


def test_after_coming_back_one_must_have_rested_again() -> None:
    nervous = [(65_000, ON_CHAIR), *[(5000, UP), (10_000, ON_CHAIR)] * 3]

    assert told("chair_exit", *nervous) == [("new", "got_up"), ("end", "back")]


def test_a_posture_that_flickers_costs_what_it_lasted_and_no_more() -> None:
    restless = [(1000, ON_CHAIR), (100, UP)] * 70

    assert told("chair_exit", *restless, (5000, UP)) == [("new", "got_up")]


def test_no_zones_no_beds() -> None:
    assert told("bed_exit", (65_000, LYING), (8000, BESIDE), zones=()) == []


def test_the_evidence_has_the_numbers_and_the_limits() -> None:
    [(_, out)] = play("chair_exit", timeline((65_000, ON_CHAIR), (4000, UP)))

    assert (out.evidence["limit_rested_s"], out.evidence["limit_out_s"]) == (60.0, 2.0)
    assert float(out.evidence["out_s"] or 0) >= 2.0
    assert 0.9 < (out.confidence or 0) <= 1


def test_standing_on_the_bed_is_not_out_of_it() -> None:
    deep = Zone("bed", ((0.2, 0.5), (0.8, 0.5), (0.8, 0.95), (0.2, 0.95)), lying_ok=True)
    lying = pose("lying", at=(0.5, 0.7), torso_px=60)

    assert told("bed_exit", (65_000, lying), (5000, BEFORE), zones=(deep,)) == []
