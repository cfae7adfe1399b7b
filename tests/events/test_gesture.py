from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.records import Event, Pose, PoseResult, Stage
from tests.bodies import result, timeline
from tests.limbs import EYES, HANGING, ON_HEAD, RAISED, Hand, body, mirrored

KINDS = ("hands_raised", "one_arm_raised", "wave")
STANDING = body()
HANDS_UP = body(RAISED, RAISED)
RIGHT_UP = body(HANGING, RAISED)


def gestures(results: Iterable[PoseResult], **options: dict[str, object]) -> list[Event]:
    engine = Engine(EventsOptions.model_validate({"one_arm_raised": {"enabled": True}, **options}))
    return [event for one in results for event in engine.update(one).events if event.kind in KINDS]


def told(results: Iterable[PoseResult], **options: dict[str, object]) -> list[tuple[str, str, float]]:
    return [
        (event.kind, event.stage.value, event.timestamp_ms / 1000) for event in gestures(results, **options)
    ]


def raised_for(held_ms: int, up: Pose = HANDS_UP, step_ms: int = 100, start_ms: int = 0) -> list[PoseResult]:
    stretches = ((2000, STANDING), (held_ms, up), (3000, STANDING))
    return [*timeline(*stretches, step_ms=step_ms, start_ms=start_ms)]


def test_both_hands_up_are_one_event_that_knows_when_it_began_and_ended() -> None:
    began, ended = gestures(raised_for(2000))

    assert (began.kind, began.event_type, began.details["gesture"]) == (
        "hands_raised",
        "gesture",
        "hands_raised",
    )
    assert (began.stage, ended.stage, began.number == ended.number) == (Stage.NEW, Stage.END, True)
    assert (began.start_ms, began.timestamp_ms, began.severity) == (2000, 3000, "warning")
    assert (ended.end_ms, ended.timestamp_ms, ended.severity) == (4000, 4400, "info")
    assert began.person_id == ended.person_id == 1
    assert began.evidence["above_eyes"] == pytest.approx(0.5, abs=0.02)
    assert began.evidence["limit_hold_s"] == 1.0
    assert began.confidence == pytest.approx(0.95)


@pytest.mark.parametrize("step_ms", [33, 67, 125, 200])
def test_the_frame_rate_moves_the_event_by_a_frame_at_most(step_ms: int) -> None:
    began, ended = gestures(raised_for(2000, step_ms=step_ms))

    assert 2000 <= began.start_ms <= 2000 + step_ms
    assert 1000 <= began.timestamp_ms - began.start_ms <= 1000 + step_ms
    assert ended.end_ms is not None
    assert 4000 <= ended.end_ms <= 4000 + step_ms


def test_hands_held_up_too_shortly_are_no_gesture() -> None:
    assert told(raised_for(900)) == []
    assert told(raised_for(900), hands_raised={"hold_s": 0.5}) != []


@pytest.mark.parametrize(
    "pose",
    [
        pytest.param(body(ON_HEAD, ON_HEAD), id="on the head"),
        pytest.param(body((-0.15, EYES + 0.5), (-0.15, EYES + 0.5)), id="folded above it"),
        pytest.param(body((1.0, 0.1), (1.0, 0.1)), id="stretched out"),
        pytest.param(body(RAISED, RAISED, at=(0.5, 0.45)), id="at the upper edge of the picture"),
        pytest.param(body(RAISED, RAISED, hands_seen=0.4), id="not seen"),
        pytest.param(body((0.2, 1.0), (0.2, 1.0), stance="bending"), id="bending"),
        pytest.param(body((0.2, 1.0), (0.2, 1.0), stance="lying"), id="lying"),
    ],
)
def test_hands_elsewhere_are_no_gesture(pose: Pose) -> None:
    assert told(raised_for(5000, pose)) == []


def test_the_guard_at_the_upper_edge_can_be_switched_off() -> None:
    high = body(RAISED, RAISED, at=(0.5, 0.45))

    assert told(raised_for(2000, high), hands_raised={"top_edge": 0})[0] == ("hands_raised", "new", 3.0)


def test_a_hand_that_is_lost_for_a_moment_ends_nothing() -> None:
    flickers = [
        result(
            one.timestamp_ms,
            body(RAISED, HANGING) if index % 10 == 5 and one.poses[0] is HANDS_UP else one.poses[0],
        )
        for index, one in enumerate(raised_for(6000))
    ]

    assert [stage for _, stage, _ in told(flickers)] == ["new", "end"]


def test_hands_that_sink_to_the_eyes_are_still_up() -> None:
    sunk = body((0.2, EYES), (0.2, EYES))
    began, ended = gestures(timeline((2000, STANDING), (1500, HANDS_UP), (2000, sunk), (3000, STANDING)))

    assert (began.start_ms, ended.end_ms) == (2000, 5500)


def test_hidden_hands_end_the_gesture_when_they_were_last_seen() -> None:
    hidden = body(RAISED, RAISED, hands_seen=0.1)
    began, ended = gestures(timeline((2000, STANDING), (2000, HANDS_UP), (4000, hidden)))

    assert began.stage is Stage.NEW
    assert (ended.end_ms, ended.timestamp_ms) == (3900, 5900)


def test_a_silence_of_the_camera_holds_nothing_up() -> None:
    before, after = raised_for(500)[:25], raised_for(500, start_ms=9000)[20:]

    assert told([*before, *after]) == []


def test_one_arm_is_told_only_on_request_and_by_its_side() -> None:
    assert told(raised_for(5000, RIGHT_UP), one_arm_raised={"enabled": False}) == []
    began, ended = gestures(raised_for(5000, RIGHT_UP))
    assert (began.kind, began.timestamp_ms, began.details["arm"]) == ("one_arm_raised", 5000, "right")
    assert ended.end_ms == 7000
    [seen, _] = gestures([result(r.timestamp_ms, mirrored(r.poses[0])) for r in raised_for(5000, RIGHT_UP)])
    assert (seen.timestamp_ms, seen.details["arm"]) == (5000, "left")


def test_both_arms_are_not_one_arm() -> None:
    assert {kind for kind, _, _ in told(raised_for(6000))} == {"hands_raised"}


def test_after_its_end_the_same_gesture_waits() -> None:
    twice = [*raised_for(1500), *raised_for(1500, start_ms=6500)]
    soon = [
        *timeline((2000, STANDING), (1500, HANDS_UP), (1000, STANDING), (4000, HANDS_UP), (2000, STANDING))
    ]

    assert [stage for _, stage, _ in told(twice)] == ["new", "end", "new", "end"]
    assert [stage for _, stage, _ in told(soon)] == ["new", "end"]
    assert len(told(soon, hands_raised={"refractory_s": 0})) == 4


def waving(
    rate_hz: float = 1.25,
    way: float = 0.6,
    for_ms: int = 4000,
    step_ms: int = 67,
    place: Callable[[float], tuple[Hand, Hand]] = lambda out: (HANGING, (0.3 + out, EYES)),
    start_ms: int = 0,
) -> Iterator[PoseResult]:
    """Two seconds of rest, a wave, three seconds of rest."""
    for at_ms in range(0, 5000 + for_ms, step_ms):
        out = way / 2 * math.sin(2 * math.pi * rate_hz * (at_ms - 2000) / 1000)
        waves = 2000 <= at_ms < 2000 + for_ms
        yield result(start_ms + at_ms, body(*place(out)) if waves else STANDING)


@pytest.mark.parametrize("step_ms", [33, 67, 125, 200])
def test_a_wave_is_told_while_it_lasts(step_ms: int) -> None:
    began, ended = gestures(waving(step_ms=step_ms))

    assert (began.kind, began.event_type, began.details["arm"]) == ("wave", "gesture", "right")
    assert 2000 <= began.start_ms <= 2700
    assert began.timestamp_ms <= 4000 + step_ms  # four ways of 0.4 s, and the certainty of the last turn
    assert ended.end_ms is not None
    assert 5200 <= ended.end_ms <= 6100
    assert began.evidence["rate_hz"] == pytest.approx(1.25, rel=0.35)


@pytest.mark.parametrize(
    "results",
    [
        pytest.param(waving(way=0.25), id="small"),
        pytest.param(waving(rate_hz=0.3, for_ms=12_000), id="slow"),
        pytest.param(waving(rate_hz=6, step_ms=25), id="fast"),
        pytest.param(waving(for_ms=800), id="short"),
        pytest.param(waving(way=0.8, for_ms=1000), id="two turns and where it came up"),
        pytest.param(waving(place=lambda out: (HANGING, (0.3 + out, -0.3))), id="low"),
        pytest.param(waving(place=lambda out: (HANGING, (0.3, EYES + out))), id="up and down"),
    ],
)
def test_other_movements_are_no_wave(results: Iterator[PoseResult]) -> None:
    assert told(results) == []


def test_somebody_lying_is_not_taken_to_wave() -> None:
    lying = [
        result(one.timestamp_ms, body((0.2, 1 + 0.5 * math.sin(index)), stance="lying"))
        for index, one in enumerate(raised_for(6000))
    ]

    assert told(lying) == []


def test_walking_while_waving_is_still_a_wave() -> None:
    def walked(results: Iterable[PoseResult]) -> Iterator[PoseResult]:
        for index, one in enumerate(results):
            moved = one.poses[0].landmarks.copy()
            moved[:, 0] += index * 0.002
            yield result(one.timestamp_ms, Pose(moved, one.poses[0].world_landmarks))

    assert told(walked(waving()))[0][:2] == ("wave", "new")


def test_each_person_has_gestures_of_their_own() -> None:
    left, right = body(RAISED, RAISED, at=(0.25, 0.55)), body(at=(0.75, 0.55))
    idle = body(at=(0.25, 0.55))
    shown = [(2000, idle), (2000, left), (3000, idle)]
    both = [result(one.timestamp_ms, *one.poses, right) for one in timeline(*shown)]

    assert [(event.stage, event.person_id) for event in gestures(both)] == [(Stage.NEW, 1), (Stage.END, 1)]


def test_people_who_are_gone_are_forgotten_and_their_gestures_ended() -> None:
    engine, events = Engine(), []
    for visit in range(50):
        for one in timeline((2000, STANDING), (2000, HANDS_UP), (6000, None), start_ms=visit * 60_000):
            events += [event for event in engine.update(one).events if event.kind == "hands_raised"]

    assert [event.stage for event in events] == [Stage.NEW, Stage.END] * 50
    kinds = ("hands_raised", "wave", "repetition")
    keeping = [one for one in engine._detectors if one.kind in kinds and getattr(one, "_people", None)]
    assert not keeping


# Properties.

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def times(results: Iterable[PoseResult]) -> list[tuple[str, str, int, int | None]]:
    return [(e.kind, e.stage.value, e.start_ms, e.end_ms) for e in gestures(results)]


@FEW
@given(st.integers(0, 2**40))
def test_the_time_of_day_changes_nothing(start_ms: int) -> None:
    plain = times([*raised_for(2000), *waving(start_ms=20_000)])
    later = times([*raised_for(2000, start_ms=start_ms), *waving(start_ms=start_ms + 20_000)])

    assert later == [(k, s, a + start_ms, b if b is None else b + start_ms) for k, s, a, b in plain]


@FEW
@given(st.integers(0, 10**6))
def test_dropped_frames_lose_no_gesture(seed: int) -> None:
    rng = random.Random(seed)
    everything = [*raised_for(3000, step_ms=67), *waving(start_ms=20_000)]
    began = [
        event for event in gestures(r for r in everything if rng.random() > 0.3) if event.stage is Stage.NEW
    ]

    assert [event.kind for event in began] == ["hands_raised", "wave"]
    assert 2000 <= began[0].start_ms <= 2500
    assert 3000 <= began[0].timestamp_ms <= 4000


@FEW
@given(st.data())
def test_no_hands_however_broken_raise(data: st.DataObject) -> None:
    def broken(pose: Pose) -> Pose:
        landmarks = pose.landmarks.copy()
        index, column = data.draw(st.integers(0, 22)), data.draw(st.integers(0, 4))
        landmarks[index, column] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -7.0]))
        return Pose(landmarks, pose.world_landmarks)

    shown = [result(one.timestamp_ms, broken(one.poses[0])) for one in raised_for(1000)]
    gestures([*shown, *(result(one.timestamp_ms + 9000, *one.poses * 2) for one in raised_for(1000))])
