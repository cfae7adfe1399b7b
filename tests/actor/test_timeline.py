"""What is true when: from the acts alone, the same in every picture."""

from __future__ import annotations

import itertools

import pytest

from pose_edge.actor.acts import ACTS, before
from pose_edge.actor.figure import EDGE_SHARE
from pose_edge.actor.script import load_script
from pose_edge.actor.shipped import shipped_names
from pose_edge.actor.timeline import Script, Truth, least_ms
from pose_edge.records import PostureClass

STEADY: dict[str, PostureClass | None] = {
    "stand": PostureClass.STANDING,
    "raise_both_hands": PostureClass.STANDING,
    "raise_one_hand": PostureClass.STANDING,
    "stand_up": PostureClass.STANDING,
    "get_up": PostureClass.STANDING,
    "sit": PostureClass.SITTING,
    "slouch": PostureClass.SITTING,
    "wave": PostureClass.STANDING,
    "bend_left_arm": PostureClass.STANDING,
    "squats": PostureClass.STANDING,
    "push_ups": None,
    "bend": PostureClass.BENDING,
    "lie_down_slowly": PostureClass.LYING,
    "lie": PostureClass.LYING,
    "fall": PostureClass.LYING,
    "stay_down": PostureClass.LYING,
}


def truths(name: str, step_ms: int = 20) -> list[tuple[int, Truth]]:
    script = load_script(name)
    return [(at_ms, script.truth(at_ms)) for at_ms in range(0, script.duration_ms, step_ms)]


@pytest.mark.parametrize("name", shipped_names())
def test_periods_follow_each_other_without_a_gap(name: str) -> None:
    script = load_script(name)

    assert script.periods[0].start_ms == 0
    assert script.periods[-1].end_ms == script.duration_ms
    for one, after in itertools.pairwise(script.periods):
        assert one.start_ms < one.end_ms == after.start_ms
        assert one.truth != after.truth


@pytest.mark.parametrize("name", shipped_names())
def test_the_truth_of_every_moment_is_that_of_the_act_being_played(name: str) -> None:
    script = load_script(name)
    for step in script.steps:
        for at_ms in range(step.start_ms, step.end_ms, 50):
            truth = script.truth(at_ms)
            assert truth.act == step.name
            assert truth.transition == (at_ms < step.still_ms)


@pytest.mark.parametrize("name", shipped_names())
def test_a_posture_is_told_exactly_when_somebody_is_there_and_holds_one(name: str) -> None:
    for at_ms, truth in truths(name):
        held = truth.present and not truth.transition
        assert truth.posture == (STEADY[truth.act] if held else None), at_ms


@pytest.mark.parametrize("name", shipped_names())
def test_flags_belong_to_their_acts_alone(name: str) -> None:
    for at_ms, truth in truths(name):
        held = not truth.transition
        assert truth.hands_raised == (held and truth.act == "raise_both_hands"), at_ms
        assert truth.slouching == (held and truth.act == "slouch"), at_ms
        assert truth.falling == (not held and truth.act == "fall"), at_ms
        assert truth.fallen == (held and truth.act in ("fall", "stay_down")), at_ms
        assert not truth.waving or truth.act == "wave", at_ms
        assert truth.exercise in (None, {"squats": "squat", "push_ups": "push_up"}.get(truth.act)), at_ms


@pytest.mark.parametrize("name", shipped_names())
def test_somebody_is_present_exactly_while_the_body_is_inside_the_picture(name: str) -> None:
    script = load_script(name)
    for at_ms, truth in truths(name, 10):
        stance = script.stance(at_ms)
        out = 1.0 if stance is None else abs(stance.out)
        # A cut is a whole millisecond: nobody asks at the edge itself.
        if abs(out - EDGE_SHARE) > 0.001:
            assert truth.present == (out < EDGE_SHARE), at_ms


def test_presence_changes_at_three_and_seven_tenths_of_the_walk() -> None:
    script = Script("walk", [("walk_in", 2600), ("walk_out", 2600)])

    pairs = itertools.pairwise(script.periods)
    changes_ms = [one.end_ms for one, after in pairs if one.truth.present != after.truth.present]

    # Of the 2600 ms, 600 are for turning: at the end of the way in, at the start of the way out.
    assert changes_ms == [600, 2600 + 600 + 1400]


def test_a_fall_takes_as_long_as_falls_do_and_lying_down_several_times_that() -> None:
    fall = Script("fall", [("fall", 3000), ("stay_down", 1000)])
    slow = Script("slow", [("lie_down_slowly", 6000), ("lie", 1000)])

    assert [p.end_ms - p.start_ms for p in fall.periods if p.truth.falling] == [700]
    assert not any(p.truth.falling or p.truth.fallen for p in slow.periods)
    assert slow.periods[0].end_ms >= 4000


def test_after_the_last_act_comes_the_first() -> None:
    script = load_script("demo")

    for at_ms in (0, 12_345, script.duration_ms - 1):
        assert script.truth(at_ms + 2 * script.duration_ms) == script.truth(at_ms)
        assert script.stance(at_ms + 2 * script.duration_ms) == script.stance(at_ms)


def test_a_body_already_held_right_does_not_move_again() -> None:
    script = Script("down", [("fall", 2000), ("stay_down", 2000), ("stay_down", 2000)])

    held = [period.truth for period in script.periods[1:]]
    assert [truth.posture for truth in held] == [PostureClass.LYING] * 3
    assert not any(truth.transition for truth in held)


@pytest.mark.parametrize("name", shipped_names())
def test_the_body_never_jumps_while_anybody_can_see_it(name: str) -> None:
    script = load_script(name)
    for at_ms in range(0, script.duration_ms - 10, 10):
        one, after = script.stance(at_ms), script.stance(at_ms + 10)
        if one is None or after is None or min(abs(one.out), abs(after.out)) > 0.98:
            continue
        # The fastest there is, the last 10 ms of a fall: an arm's 140 degrees, twice their mean speed.
        assert max(abs(a - b) for a, b in zip(one, after, strict=True)) < 140 * 2 / 700 * 10 + 1, at_ms


def test_every_act_can_be_reached_and_left() -> None:
    for act in ACTS.values():
        assert any(act.leads_to in other.follows for other in ACTS.values())
        assert any(other.leads_to in act.follows for other in ACTS.values())


def test_a_cycle_is_made_as_often_as_there_is_time_for_and_told_while_it_lasts() -> None:
    script = Script("waves", [("stand", 1000), ("wave", 5000)])  # 0.9 s of raising, then 5 x 0.8 s
    told = [period for period in script.periods if period.truth.waving]

    assert [(period.start_ms, period.end_ms) for period in told] == [(1900, 5900)]
    assert script.stance(1900 + 400) != script.stance(1900 + 800)
    assert script.truth(5950).posture is PostureClass.STANDING


def test_an_act_with_a_cycle_takes_at_least_one() -> None:
    assert least_ms(ACTS["squats"], before(ACTS["squats"])) == 1800
    assert {ACTS[name].cycle[-1].to for name in ("wave", "squats", "push_ups")} == {
        ACTS[name].moves[-1].to for name in ("wave", "squats", "push_ups")
    }
