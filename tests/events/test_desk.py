from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pose_edge.engine import Engine, project
from pose_edge.evaluation.stress import Change, changed
from pose_edge.events import EventsOptions
from pose_edge.events.desk import DeskDetector, DeskOptions
from pose_edge.messages import Device, Messages
from pose_edge.records import (
    Calibration,
    DeskBaseline,
    Event,
    Pose,
    PoseResult,
    Scene,
    Stage,
    State,
    Surroundings,
)
from pose_edge.tracking import Tracker
from tests.bodies import pose, result, timeline
from tests.seats import AWAY_DEG, FRONT_DEG, OBLIQUE_DEG, SIDE_DEG, seat

UPRIGHT, SLOUCHED = seat(), seat(neck_deg=38.0, trunk_deg=8.0)
FRONT, LOWERED = seat(FRONT_DEG), seat(FRONT_DEG, neck_m=0.15)
STANDING = pose("standing", at=(0.5, 0.45))
LEFT_EAR, RIGHT_EAR, LEFT_HIP, RIGHT_HIP = 7, 8, 23, 24
MINUTE_MS = 60_000

DESK_KINDS = {"desk", "slouch", "forward_head", "shoulder_tilt", "head_tilt", "sedentary"}


def desk(results: Iterable[PoseResult], baseline: DeskBaseline | None = None, **options: Any) -> list[Event]:
    engine = Engine(
        EventsOptions.model_validate({"desk": options}), surroundings=Surroundings((), Calibration(baseline))
    )
    events = [event for one in results for event in engine.update(one).events]
    return [event for event in events if event.kind in DESK_KINDS]


def told(events: Sequence[Event]) -> list[tuple[float, str]]:
    return [(event.timestamp_ms / 1000, event.event_type) for event in events if event.kind != "desk"]


def types(events: Sequence[Event]) -> list[str]:
    return [name for _, name in told(events)]


# Bad or good


def test_a_slouch_from_the_side_begins_after_three_seconds_and_ends_after_fifteen_good_ones() -> None:
    begun, ended = (
        event
        for event in desk(timeline((30_000, UPRIGHT), (10_000, SLOUCHED), (20_000, UPRIGHT)))
        if event.kind == "slouch"
    )

    assert 30_000 <= begun.start_ms <= 30_300
    assert 33_000 <= begun.timestamp_ms <= 33_500
    assert 40_000 <= (ended.end_ms or 0) <= 40_500
    assert 55_000 <= ended.timestamp_ms <= 55_500
    assert (begun.stage, ended.stage, ended.number) == (Stage.NEW, Stage.END, begun.number)


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_the_frame_rate_does_not_move_the_event(step_ms: int) -> None:
    sat = timeline((20_000, UPRIGHT), (8000, SLOUCHED), (18_000, UPRIGHT), step_ms=step_ms)
    begun, ended = (event for event in desk(sat) if event.kind == "slouch")

    assert 20_000 <= begun.start_ms <= 20_300 + 2 * step_ms
    assert 23_000 <= begun.timestamp_ms <= 23_400 + 2 * step_ms
    assert 43_000 <= ended.timestamp_ms <= 43_400 + 2 * step_ms


def test_upright_is_never_bad_however_long() -> None:
    swaying = [item for _ in range(60) for item in ((2000, UPRIGHT), (2000, seat(neck_deg=20.0)))]

    assert told(desk(timeline(*swaying))) == []


def test_a_look_at_the_keyboard_and_single_wild_frames_are_no_slouch() -> None:
    glances = [item for _ in range(20) for item in ((4000, UPRIGHT), (1500, SLOUCHED))]
    wild = [item for _ in range(100) for item in ((900, UPRIGHT), (100, seat(neck_deg=80.0)))]

    assert told(desk(timeline((20_000, UPRIGHT), *glances, *wild))) == []


def test_single_good_frames_do_not_end_a_slouch() -> None:
    flicker = [item for _ in range(60) for item in ((900, SLOUCHED), (100, UPRIGHT))]

    assert types(desk(timeline((20_000, UPRIGHT), *flicker))) == ["slouch_started", "forward_head_started"]


def test_from_the_front_the_ears_come_down_to_the_shoulders() -> None:
    events = desk(timeline((20_000, FRONT), (6000, LOWERED)))
    [begun] = [event for event in events if event.kind == "slouch"]

    assert begun.details == {"view": "front", "calibrated": False, "cause": "head"}
    assert float(begun.evidence["gap"] or 0) < float(begun.evidence["limit_gap"] or 0)
    assert types(desk(timeline((20_000, FRONT), (20_000, seat(FRONT_DEG, neck_m=0.20))))) == []


def test_a_trunk_that_leans_forward_is_a_slouch_with_the_head_up() -> None:
    leaning = seat(neck_deg=14.0, trunk_deg=28.0)
    [begun] = [
        event for event in desk(timeline((20_000, UPRIGHT), (6000, leaning))) if event.kind == "slouch"
    ]

    assert begun.details["cause"] == begun.reason == "trunk"


def test_reclining_with_the_head_forward_is_a_forward_head_and_no_slouch() -> None:
    sunk = seat(neck_deg=20.0, trunk_deg=-18.0)

    assert types(desk(timeline((20_000, UPRIGHT), (6000, sunk)))) == ["forward_head_started"]


@pytest.mark.parametrize("tilt_deg", [-16.0, 16.0])
def test_tilts_are_told_from_the_front_only(tilt_deg: float) -> None:
    head, shoulders = seat(FRONT_DEG, head_tilt_deg=tilt_deg), seat(FRONT_DEG, shoulder_tilt_deg=tilt_deg)

    assert types(desk(timeline((20_000, FRONT), (6000, head)))) == ["head_tilt_started"]
    assert types(desk(timeline((20_000, FRONT), (6000, shoulders)))) == ["shoulder_tilt_started"]
    assert types(desk(timeline((20_000, UPRIGHT), (6000, seat(head_tilt_deg=tilt_deg))))) == []


def test_a_tilt_somebody_always_has_is_theirs() -> None:
    assert told(desk(timeline((60_000, seat(FRONT_DEG, shoulder_tilt_deg=14.0))))) == []


# The view, and what is hidden


@pytest.mark.parametrize("turn_deg", [SIDE_DEG, -SIDE_DEG, 75.0])
def test_both_sides_are_a_side_view(turn_deg: float) -> None:
    sat = timeline((20_000, seat(turn_deg)), (6000, seat(turn_deg, neck_deg=40.0)))

    assert types(desk(sat)) == ["slouch_started", "forward_head_started"]


@pytest.mark.parametrize(("turn_deg", "word"), [(OBLIQUE_DEG, "oblique"), (AWAY_DEG, "away")])
def test_a_view_that_shows_nothing_is_told_and_not_measured(turn_deg: float, word: str) -> None:
    sat = [*timeline((30_000, seat(turn_deg)), (30_000, seat(turn_deg, neck_deg=45.0, neck_m=0.15)))]
    [seen] = desk(sat)

    assert (seen.event_type, seen.reason, seen.details["measured"]) == ("desk_started", word, False)
    assert 9_500 <= seen.timestamp_ms <= 14_000
    assert state_after(sat).slouching is None


def test_a_view_is_decided_when_it_held_for_ten_seconds() -> None:
    turned = [(20_000, UPRIGHT), (9000, FRONT), (20_000, UPRIGHT), (15_000, FRONT)]
    views = [event.details["view"] for event in desk(timeline(*turned)) if event.kind == "desk"]

    assert list(dict.fromkeys(views)) == ["side", "front"]
    assert min(
        event.timestamp_ms for event in desk(timeline(*turned)) if event.details["view"] == "front"
    ) > (58_000)


def test_hidden_ears_or_shoulders_are_no_guess() -> None:
    ears = seat(neck_deg=50.0, hidden=(LEFT_EAR, RIGHT_EAR))

    assert told(desk(timeline((20_000, UPRIGHT), (20_000, ears)))) == []


def test_a_desk_that_hides_the_hips_leaves_the_neck() -> None:
    def behind(neck_deg: float) -> Pose:
        shown = seat(neck_deg=neck_deg, trunk_deg=40.0 if neck_deg > 20 else 0.0)
        shown.landmarks[[LEFT_HIP, RIGHT_HIP], 3] = 0.4
        return shown

    events = desk(timeline((20_000, behind(12.0)), (6000, behind(40.0))))
    [begun] = [event for event in events if event.kind == "slouch"]

    assert begun.details["cause"] == "neck"
    assert begun.evidence["trunk_deg"] is None
    assert "forward_head_started" not in types(events)


def test_no_timer_runs_through_a_silence() -> None:
    before = [*timeline((20_000, UPRIGHT), (2000, SLOUCHED))]
    after = [*timeline((700, SLOUCHED), start_ms=23_600)]
    more = [*timeline((4500, SLOUCHED), start_ms=27_000)]

    assert told(desk([*before, *after])) == []
    assert types(desk([*before, *more])) == ["slouch_started", "forward_head_started"]


def test_who_is_found_again_on_the_same_chair_needs_no_time_to_be_known() -> None:
    lost = timeline((20_000, UPRIGHT), (4000, None), (5000, SLOUCHED))
    other = timeline((20_000, UPRIGHT), (4000, None), (5000, seat(neck_deg=38.0, at=(0.8, 0.6))))
    events = desk(lost)

    assert [event.person_id for event in events if event.event_type == "desk_started"] == [1, 2]
    assert types(events) == ["slouch_started", "forward_head_started"]
    assert types(desk(other)) == []


def test_getting_up_and_leaving_end_everything() -> None:
    slouched = [(20_000, UPRIGHT), (10_000, SLOUCHED)]
    up = desk(timeline(*slouched, (6000, STANDING)))
    gone = desk(timeline(*slouched, (12_000, None)))

    assert [event.reason for event in up if event.stage is Stage.END] == ["stood_up"] * 3
    assert [event.reason for event in gone if event.stage is Stage.END] == ["gone"] * 3
    assert all(29_700 <= (event.end_ms or 0) <= 29_900 for event in gone if event.stage is Stage.END)


def test_out_of_sight_for_a_moment_ends_nothing() -> None:
    events = desk(timeline((20_000, UPRIGHT), (8000, SLOUCHED), (1500, None), (8000, SLOUCHED)))

    assert types(events) == ["slouch_started", "forward_head_started"]


# The baseline

BASELINE = DeskBaseline("side", neck_deg=30.0, trunk_deg=0.0, torso=100 / 480, hips_down=0.6)


def test_a_calibrated_baseline_is_used_from_the_first_second_and_said() -> None:
    events = desk(timeline((16_000, seat(neck_deg=32.0)), (6000, seat(neck_deg=45.0))), BASELINE)
    [begun] = [event for event in events if event.kind == "slouch"]

    assert begun.details["calibrated"] is True
    assert (begun.evidence["baseline_neck_deg"], begun.evidence["limit_neck_deg"]) == (30.0, 40.0)


@pytest.mark.parametrize(
    "elsewhere", [{"at": (0.5, 0.75)}, {"torso_px": 130.0}, {"turn_deg": FRONT_DEG}], ids=str
)
def test_another_chair_or_view_is_learnt_anew(elsewhere: dict[str, Any]) -> None:
    [seen, *_] = desk(timeline((25_000, seat(**elsewhere))), BASELINE)

    assert seen.details["calibrated"] is False


def test_a_chair_that_is_changed_while_sitting_is_noticed() -> None:
    sat = timeline((20_000, UPRIGHT), (60_000, seat(at=(0.5, 0.75))))

    views = [event for event in desk(sat, replace(BASELINE, neck_deg=12.0)) if event.kind == "desk"]
    assert [(view.details["calibrated"], view.reason) for view in views] == [
        (True, "measured"),
        (False, "learning"),
        (False, "measured"),
    ]


def test_who_slouches_from_the_beginning_teaches_no_slouch() -> None:
    assert "slouch_started" in types(desk(timeline((30_000, seat(neck_deg=50.0)))))


def test_what_was_learnt_outlives_a_walk() -> None:
    away = timeline((90_000, UPRIGHT), (30_000, None), (60_000, seat(neck_deg=32.0)))
    [begun] = [event for event in desk(away) if event.event_type == "slouch_started"]

    assert float(begun.evidence["baseline_neck_deg"] or 0) == pytest.approx(12, abs=1)
    assert begun.timestamp_ms < 136_000


# Reminders


def reminders(
    results: Iterable[PoseResult], kind: str, baseline: DeskBaseline | None = None, **options: Any
) -> list[Event]:
    events = desk(results, baseline, **{"remind": True, **options})
    return [event for event in events if event.event_type == "posture_reminder" and event.kind == kind]


def test_the_worse_the_sooner() -> None:
    # With a hold that never comes, only the dose can remind: 480 s at 25 degrees, 60 s at 85 (ISO 11226).
    def first_s(neck_deg: float) -> float:
        sat = timeline((20_000, UPRIGHT), (600_000, seat(neck_deg=neck_deg)), step_ms=200)
        return reminders(sat, "slouch", slouch_hold_s=3600)[0].timestamp_ms / 1000 - 20

    assert first_s(38.0) == pytest.approx(480 - 13 * 7, abs=3)
    assert first_s(60.0) == pytest.approx(480 - 35 * 7, abs=3)


def test_a_mild_slouch_is_told_when_most_of_three_minutes_were_bad() -> None:
    mostly = [item for _ in range(60) for item in ((9000, SLOUCHED), (1000, UPRIGHT))]
    half = [item for _ in range(60) for item in ((6000, SLOUCHED), (4000, UPRIGHT))]

    [first, *_] = reminders(timeline((20_000, UPRIGHT), *mostly, step_ms=200), "slouch")
    assert 180_000 <= first.timestamp_ms <= 215_000
    assert (first.reason, first.stage, first.severity) == ("held", Stage.UPDATE, "info")
    assert reminders(timeline((20_000, UPRIGHT), *half[:40], step_ms=200), "slouch") == []


def test_sitting_well_pays_the_dose_back() -> None:
    in_turn = [item for _ in range(10) for item in ((60_000, seat(neck_deg=60.0)), (60_000, UPRIGHT))]

    # 60 s of 245 are 0.24; halved in between it stays below 0.5 for ever.
    assert reminders(timeline((20_000, UPRIGHT), *in_turn, step_ms=200), "slouch") == []


def test_reminders_keep_their_distance_and_an_unheeded_one_is_a_warning() -> None:
    sat = [*timeline((20_000, UPRIGHT), (45 * MINUTE_MS, SLOUCHED), step_ms=1000)]
    found = reminders(sat, "slouch")
    told_ms = [event.timestamp_ms for event in found]

    assert len(told_ms) == 3
    assert all(later - earlier >= 20 * MINUTE_MS for earlier, later in itertools.pairwise(told_ms))
    assert [event.severity for event in found] == ["info", "warning", "warning"]


def test_one_bad_posture_is_one_reminder() -> None:
    sat = [*timeline((20_000, UPRIGHT), (5 * MINUTE_MS, SLOUCHED), step_ms=200)]

    assert len(reminders(sat, "slouch")) == 1
    assert reminders(sat, "forward_head") == []


def test_every_kind_reminds() -> None:
    tilted = {
        "head_tilt": seat(FRONT_DEG, head_tilt_deg=18.0),
        "shoulder_tilt": seat(FRONT_DEG, shoulder_tilt_deg=18.0),
    }
    for kind, tilt in tilted.items():
        sat = timeline((20_000, FRONT), (4 * MINUTE_MS, tilt), step_ms=200)
        assert len(reminders(sat, kind)) == 1
    lowered = timeline((5 * MINUTE_MS, LOWERED), step_ms=200)
    assert len(reminders(lowered, "slouch", baseline=DeskBaseline("front", gap=0.6))) == 1
    sunk = timeline((20_000, UPRIGHT), (5 * MINUTE_MS, seat(neck_deg=20.0, trunk_deg=-18.0)), step_ms=200)
    assert len(reminders(sunk, "forward_head")) == 1


def test_nobody_is_reminded_who_did_not_ask_for_it() -> None:
    day = [*timeline((20_000, UPRIGHT), (8 * MINUTE_MS, SLOUCHED), step_ms=500)]

    assert set(types(desk(day, break_every_min=5))) == {
        "slouch_started",
        "forward_head_started",
        "sedentary_started",
    }
    assert desk(day, enabled=False) == []


# Sitting too long


def sedentary(results: Iterable[PoseResult], **options: Any) -> list[tuple[float, str]]:
    events = [event for event in desk(results, **{"remind": True, **options}) if event.kind == "sedentary"]
    return [(event.timestamp_ms / MINUTE_MS, event.event_type) for event in events]


def test_half_an_hour_of_sitting_is_told_and_three_minutes_up_are_a_break() -> None:
    day = timeline((31 * MINUTE_MS, UPRIGHT), (4 * MINUTE_MS, STANDING), step_ms=1000)
    told_min, words = zip(*sedentary(day), strict=True)

    assert words == ("sedentary_started", "posture_reminder", "sedentary_ended")
    assert told_min == pytest.approx((30, 30, 34), abs=0.1)


def test_a_short_break_pays_off_ten_times_its_length() -> None:
    day = timeline((25 * MINUTE_MS, UPRIGHT), (2 * MINUTE_MS, None), (26 * MINUTE_MS, UPRIGHT), step_ms=1000)
    assert sedentary(day)[0][0] == pytest.approx(25 + 2 + 25, abs=0.3)


def test_frames_without_a_pose_are_no_break() -> None:
    blinking = [item for _ in range(310) for item in ((4500, UPRIGHT), (1500, None))]

    assert sedentary(timeline(*blinking, step_ms=500)) != []


def test_a_posture_nobody_knows_stops_the_clock() -> None:
    hidden = pose("bending", legs_visibility=0.1, at=(0.5, 0.6))
    day = timeline(
        (20 * MINUTE_MS, UPRIGHT), (20 * MINUTE_MS, hidden), (9 * MINUTE_MS, UPRIGHT), step_ms=1000
    )

    assert sedentary(day) == []


def test_the_reminder_to_get_up_is_repeated_only_while_somebody_sits() -> None:
    day = timeline((75 * MINUTE_MS, UPRIGHT), step_ms=1000)

    assert [round(minute) for minute, name in sedentary(day) if name == "posture_reminder"] == [30, 50, 70]
    left = timeline((49 * MINUTE_MS, UPRIGHT), (2 * MINUTE_MS, None), step_ms=1000)
    assert [round(minute) for minute, name in sedentary(left) if name == "posture_reminder"] == [30]


# The state


def state_after(results: Iterable[PoseResult], **options: Any) -> State:
    engine = Engine(EventsOptions.model_validate({"desk": options}))
    steps = [engine.update(one) for one in results]
    assert project(State(), [event for step in steps for event in step.events]) == steps[-1].state
    return steps[-1].state


def test_the_state_says_who_slouches_and_null_where_nobody_can_know() -> None:
    assert state_after(timeline((5000, UPRIGHT))).slouching is None
    assert state_after(timeline((20_000, UPRIGHT))).slouching is False
    assert state_after(timeline((20_000, UPRIGHT), (6000, SLOUCHED))).slouching is True
    assert state_after(timeline((20_000, UPRIGHT), (6000, SLOUCHED), (16_000, UPRIGHT))).slouching is False
    assert state_after(timeline((20_000, UPRIGHT), (6000, SLOUCHED), (6000, STANDING))).slouching is None
    assert state_after(timeline((20_000, UPRIGHT), (15_000, None))).slouching is None
    assert state_after(timeline((3 * MINUTE_MS, UPRIGHT), step_ms=500), break_every_min=2).sedentary


def test_every_event_makes_a_message() -> None:
    messages = Messages(Device("test"), "boot", "lite", "video")
    day = timeline((20_000, UPRIGHT), (4 * MINUTE_MS, SLOUCHED), (4 * MINUTE_MS, STANDING), step_ms=200)
    events = desk(day, remind=True, break_every_min=3)

    assert {event.kind for event in events} == {"desk", "slouch", "forward_head", "sedentary"}
    assert all(messages.event(event).payload for event in events)
    assert all(0 <= (event.confidence or 0) <= 1 for event in events)


# Properties

ACTS = [UPRIGHT, SLOUCHED, FRONT, LOWERED, seat(OBLIQUE_DEG), STANDING, None]
stretches = st.lists(st.tuples(st.integers(500, 25_000), st.sampled_from(ACTS)), min_size=3, max_size=6)


def bare(events: Sequence[Event], shift_ms: int = 0) -> list[tuple[str, int, int]]:
    return [(event.event_type, event.timestamp_ms - shift_ms, event.start_ms - shift_ms) for event in events]


@settings(max_examples=15, deadline=None)
@given(stretches, st.integers(0, 10**12))
def test_adding_a_constant_to_all_times_changes_nothing(
    day: list[tuple[int, Pose | None]], shift_ms: int
) -> None:
    shifted = desk(timeline(*day, step_ms=200, start_ms=shift_ms), remind=True)

    assert bare(shifted, shift_ms) == bare(desk(timeline(*day, step_ms=200), remind=True))


@settings(max_examples=15, deadline=None)
@given(stretches)
def test_a_mirror_changes_nothing(day: list[tuple[int, Pose | None]]) -> None:
    seen = [*timeline(*day, step_ms=200)]

    assert bare(desk(changed(seen, Change("mirror"), ""))) == bare(desk(seen))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(1, 1500),
            arrays(np.float32, (33, 5), elements=st.floats(-3, 3, width=32) | st.just(float("nan"))),
        ),
        max_size=30,
    )
)
def test_nothing_that_comes_in_raises(moments: list[tuple[int, np.ndarray[Any, Any]]]) -> None:
    start = [*timeline((12_000, UPRIGHT), step_ms=200)]
    at_ms, wild = start[-1].timestamp_ms, []
    for step_ms, numbers in moments:
        at_ms += step_ms
        wild.append(result(at_ms, Pose(numbers, numbers), UPRIGHT, UPRIGHT))

    desk([*start, *wild], remind=True)


def test_memory_does_not_grow_with_people() -> None:
    detector, tracker = DeskDetector(DeskOptions(remind=True), itertools.count(1)), Tracker()
    for visit in range(150):
        shown = timeline((9000, UPRIGHT), (15_000, None), step_ms=500, start_ms=visit * 24_000)
        for one in shown:
            people = tracker.update(one).people
            detector.update(Scene(one.timestamp_ms, one.width_px, one.height_px, people))

    assert len(detector._sitters) == 0
    assert len(detector._kept) <= 2
