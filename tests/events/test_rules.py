from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.events.rules import RulesOptions, sentences
from pose_edge.events.rules.detector import Rules
from pose_edge.explanation.decisions import decisions
from pose_edge.explanation.timeline import timeline as lived_through
from pose_edge.records import Event, Pose, PoseResult, Stage, Surroundings, Zone
from tests.bodies import pose, result, timeline
from tests.test_quantities import arm, flipped, hidden, moved

BENT, STRAIGHT = arm(30), arm(150)
ALMOST = arm(43)
"""Beyond the limit of 40, but within its margin of 5."""
NO_WRIST = hidden(BENT, "left_wrist")
STOVE = Zone("stove", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
AT_STOVE, ELSEWHERE = pose(at=(0.58, 0.5)), pose(at=(0.42, 0.5))

ARM_BENT: dict[str, Any] = {"when": {"left_elbow_deg": {"below": 40}}, "for": "2 s"}


def told(results: Iterable[PoseResult], rule: dict[str, Any], *zones: Zone) -> list[Event]:
    """What one rule says of these results."""
    options = EventsOptions.model_validate({"rules": {"mine": rule}})
    engine = Engine(options, surroundings=Surroundings(zones))
    return [event for one in results for event in engine.update(one).events if event.kind == "rule_mine"]


def lives(events: Sequence[Event]) -> list[tuple[str, int, int | None]]:
    """Stage, when it began, when it ended; in ms."""
    return [(event.stage.value, event.start_ms, event.end_ms) for event in events]


def test_a_rule_begins_and_ends_like_any_other_event() -> None:
    begun, over = told(timeline((3000, STRAIGHT), (4000, BENT), (3000, STRAIGHT)), ARM_BENT)

    assert (begun.kind, begun.event_type, begun.stage) == ("rule_mine", "rule_mine", Stage.NEW)
    assert (begun.start_ms, begun.timestamp_ms, begun.reason) == (3000, 5000, "held")
    assert (over.stage, over.reason) == (Stage.END, "over")
    assert (over.end_ms, over.timestamp_ms) == (7000, 8000)
    assert begun.number == over.number
    assert begun.person_id == over.person_id == 1
    assert begun.details == {"message": "left elbow below 40 deg"}


def test_the_evidence_has_each_value_and_the_limit_in_force() -> None:
    begun, over = told(timeline((3000, STRAIGHT), (4000, BENT), (3000, STRAIGHT)), ARM_BENT)

    assert begun.evidence["left_elbow_deg"] == pytest.approx(30, abs=0.5)
    assert begun.evidence["limit_left_elbow_deg"] == 40
    assert (begun.evidence["held_s"], begun.evidence["limit_held_s"]) == (2.0, 2.0)
    assert over.evidence["left_elbow_deg"] == pytest.approx(150, abs=0.5)
    assert over.evidence["limit_left_elbow_deg"] == 45
    assert (over.evidence["held_s"], over.evidence["limit_clear_s"]) == (4.0, 1.0)
    assert 0.95 < (begun.confidence or 0) <= 1


def test_what_is_shorter_than_for_is_not_told() -> None:
    assert told(timeline((2000, STRAIGHT), (1900, BENT), (2000, STRAIGHT)), ARM_BENT) == []


def test_the_margin_keeps_what_has_begun_and_begins_nothing() -> None:
    assert told(timeline((6000, ALMOST)), ARM_BENT) == []
    assert lives(told(timeline((3000, BENT), (6000, ALMOST)), ARM_BENT)) == [("new", 200, None)]


def test_the_margin_can_be_none() -> None:
    strict = {**ARM_BENT, "when": {"left_elbow_deg": {"below": 40, "margin": 0}}}

    assert lives(told(timeline((3000, BENT), (3000, ALMOST)), strict))[-1] == ("end", 200, 3000)


def test_flickers_end_nothing_and_begin_nothing() -> None:
    rarely = [item for _ in range(40) for item in ((400, STRAIGHT), (100, BENT))]
    mostly = [item for _ in range(10) for item in ((400, BENT), (100, STRAIGHT))]

    assert told(timeline(*rarely), ARM_BENT) == []
    assert [event.stage for event in told(timeline((3000, BENT), *mostly), ARM_BENT)] == [Stage.NEW]


def test_half_of_the_time_never_adds_up() -> None:
    half = [item for _ in range(40) for item in ((400, STRAIGHT), (400, BENT))]

    assert told(timeline(*half), ARM_BENT) == []


def test_a_hidden_part_stops_the_clock_and_says_neither_yes_nor_no() -> None:
    [begun] = told(timeline((1000, STRAIGHT), (1500, BENT), (3000, NO_WRIST), (1500, BENT)), ARM_BENT)

    # 1.4 s were certain before, so 0.6 s more are needed after; what lies between is unknown.
    assert (begun.start_ms, begun.timestamp_ms) == (1000, 6100)
    assert (begun.confidence or 1) < 0.5
    assert told(timeline((8000, NO_WRIST)), {"when": {"not": ARM_BENT["when"]}}) == []


def test_a_part_hidden_for_long_ends_what_began_when_it_was_last_certain() -> None:
    begun, over = told(timeline((4000, BENT), (11_000, NO_WRIST)), ARM_BENT)

    assert (over.reason, over.end_ms) == ("unknown", 3900)
    assert over.timestamp_ms == pytest.approx(3900 + 10_000, abs=200)
    assert begun.stage is Stage.NEW


def test_no_clock_runs_through_a_silence() -> None:
    before, after = timeline((1500, BENT)), timeline((1500, BENT), start_ms=3300)
    [begun] = told([*before, *after], ARM_BENT)

    assert begun.timestamp_ms == 3300 + 800


def test_somebody_who_goes_ends_it_when_they_were_last_seen() -> None:
    _, over = told(timeline((4000, BENT), (12_000, None)), ARM_BENT)

    assert (over.reason, over.end_ms) == ("gone", 3900)


def test_somebody_who_comes_back_under_the_same_id_goes_on() -> None:
    assert len(told(timeline((3000, BENT), (1500, None), (3000, BENT)), ARM_BENT)) == 1


def test_the_same_rule_is_silent_for_a_while_after_its_end() -> None:
    often = [item for _ in range(4) for item in ((2500, BENT), (1500, STRAIGHT))]
    starts = [event.timestamp_ms for event in told(timeline(*often), {**ARM_BENT, "refractory": "6 s"})]
    free = [event.timestamp_ms for event in told(timeline(*often), {**ARM_BENT, "refractory": 0})]

    assert len(free) == 8
    assert len(starts) == 4
    assert starts[2] - starts[1] >= 6000


def test_whoever_returns_with_another_id_does_not_ring_at_once() -> None:
    quiet = {**ARM_BENT, "refractory": "1 min"}

    assert len(told(timeline((4000, BENT), (15_000, None), (5000, BENT)), quiet)) == 2
    assert len(told(timeline((4000, BENT), (15_000, None), (5000, BENT)), ARM_BENT)) == 3


def test_two_people_have_events_of_their_own() -> None:
    left = moved(STRAIGHT)
    shift = 0.3
    right = pose(at=(0.5 + shift, 0.5))
    for name in ("left_shoulder", "left_elbow", "left_wrist"):
        x, y = {"left_shoulder": (340, 140), "left_elbow": (340, 190), "left_wrist": (365, 147)}[name]
        right = moved(right, **{name: (x + shift * 640, y)})
    events = told([result(at_ms, left, right) for at_ms in range(0, 5000, 100)], ARM_BENT)

    assert len(events) == 1
    assert events[0].person_id == 2


@pytest.mark.parametrize(
    ("rule", "begins_ms"),
    [
        ({"when": {"height": {"of": "right_wrist", "over": "nose", "above": 0.1}}, "for": "3 s"}, 2000),
        ({"when": {"any": [{"right_elbow_deg": {"below": 10}}, {"posture": "standing"}]}}, 200),
        ({"when": {"all": [{"posture": ["sitting", "standing"]}, {"trunk_tilt_deg": {"below": 20}}]}}, 200),
        ({"when": {"not": {"height": {"of": "right_wrist", "over": "nose", "below": 0}}}}, 2000),
        ({"when": {"distance": {"of": "right_wrist", "to": "nose", "between": [0.3, 0.43]}}}, 2000),
    ],
)
def test_a_condition_is_measured_and_combined_as_written(rule: dict[str, Any], begins_ms: int) -> None:
    up = moved(pose(), right_wrist=(320, 55))
    [begun] = told(timeline((2000, pose()), (5000, up)), rule)

    assert begun.start_ms == begins_ms


def test_what_is_denied_has_its_margin_on_the_other_side() -> None:
    rule = {"when": {"not": {"left_elbow_deg": {"below": 40}}}}

    # Not below 40 begins at 43, is still so at 37, and is over at 30.
    assert told(timeline((3000, arm(37))), rule) == []
    assert lives(told(timeline((3000, ALMOST), (3000, arm(37))), rule)) == [("new", 200, None)]
    assert lives(told(timeline((3000, ALMOST), (3000, BENT)), rule))[-1] == ("end", 200, 3000)


def test_a_speed_needs_a_while_and_is_that_of_the_point_meant() -> None:
    def waving(at_ms: int) -> Pose:
        return moved(pose(), right_wrist=(320 + 80 * (at_ms % 1000) / 1000, 100))

    results = [result(at_ms, waving(at_ms) if at_ms >= 2000 else pose()) for at_ms in range(0, 6000, 50)]
    fast = told(results, {"when": {"speed": {"of": "right_wrist", "above": 0.5}}})

    assert fast
    assert fast[0].start_ms >= 2000
    assert told(results, {"when": {"speed": {"above": 0.1}}}) == []


def test_a_zone_is_that_of_the_person_and_stands_in_the_event() -> None:
    rule = {"when": {"posture": "standing", "zone": "stove"}, "for": "2 s", "severity": "warning"}
    begun, over = told(timeline((3000, ELSEWHERE), (4000, AT_STOVE), (3000, ELSEWHERE)), rule, STOVE)

    assert (begun.zone, begun.severity, begun.start_ms) == ("stove", "warning", 3000)
    assert (over.zone, over.end_ms) == ("stove", 7000)
    assert begun.evidence["zone"] == "stove"


def test_a_zone_nobody_drew_is_unknown_and_not_empty() -> None:
    for when in ({"zone": "stove"}, {"not": {"zone": "stove"}}, {"people": {"zone": "stove", "at_most": 0}}):
        assert told(timeline((5000, AT_STOVE)), {"when": when}) == []


def test_people_are_counted_once_and_not_person_by_person() -> None:
    rule = {"when": {"people": {"at_least": 2, "zone": "stove"}}, "for": "2 s"}
    results = [result(at_ms, AT_STOVE, ELSEWHERE) for at_ms in range(0, 4000, 100)]
    results += [result(at_ms, AT_STOVE, pose(at=(0.95, 0.5))) for at_ms in range(4000, 8000, 100)]
    [begun] = told(results, rule, STOVE)

    assert (begun.person_id, begun.zone) == (None, "stove")
    assert begun.start_ms == pytest.approx(4000, abs=500)
    assert begun.evidence["people_in_stove"] == 2


def test_nobody_for_a_while_is_a_rule_too() -> None:
    rule = {"when": {"people": {"at_most": 0}}, "for": "2 h"}
    begun, over = told(timeline((3000, pose()), (7_300_000, None), (5000, pose()), step_ms=500), rule)

    assert begun.start_ms == pytest.approx(3000, abs=1)
    assert begun.timestamp_ms - begun.start_ms == 7_200_000
    assert over.end_ms == pytest.approx(7_303_000, abs=1500)


def test_with_anybody_one_person_takes_over_from_the_other() -> None:
    rule = {"when": {"zone": "stove"}, "for": "20 s", "clear": "4 s", "who": "anybody"}
    shift = timeline((12_000, AT_STOVE), (3000, None), (16_000, AT_STOVE))
    alone = {**rule, "who": "each"}

    [begun] = told(shift, rule, STOVE)
    assert begun.start_ms == pytest.approx(0, abs=400)
    assert told(timeline((12_000, AT_STOVE), (3000, None), (16_000, AT_STOVE)), alone, STOVE) == []


def test_a_message_of_the_users_own_is_sent() -> None:
    [begun] = told(timeline((4000, BENT)), {**ARM_BENT, "message": "Well done"})

    assert begun.details["message"] == "Well done"


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_the_frame_rate_does_not_move_it(step_ms: int) -> None:
    begun, over = told(timeline((3000, STRAIGHT), (4000, BENT), (4000, STRAIGHT), step_ms=step_ms), ARM_BENT)

    assert 3000 <= begun.start_ms <= 3000 + step_ms
    assert 5000 <= begun.timestamp_ms <= 5000 + 2 * step_ms
    assert 7000 <= (over.end_ms or 0) <= 7000 + step_ms
    assert 8000 <= over.timestamp_ms <= 8000 + 2 * step_ms


stretches = st.lists(
    st.tuples(
        st.sampled_from((300, 700, 1500, 2600, 4000)),
        st.sampled_from((BENT, STRAIGHT, ALMOST, NO_WRIST, None)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(stretches, st.sampled_from((50, 100, 200)), st.integers(-(10**9), 10**12))
def test_adding_a_constant_to_all_times_changes_nothing(
    story: list[tuple[int, Pose | None]], step_ms: int, shift_ms: int
) -> None:
    here = told(timeline(*story, step_ms=step_ms), ARM_BENT)
    there = told(timeline(*story, step_ms=step_ms, start_ms=shift_ms), ARM_BENT)

    assert [(e.stage, e.start_ms + shift_ms, e.timestamp_ms + shift_ms) for e in here] == [
        (e.stage, e.start_ms, e.timestamp_ms) for e in there
    ]
    assert [e.evidence for e in here] == [e.evidence for e in there]


@settings(max_examples=40, deadline=None)
@given(stretches)
def test_a_mirror_swaps_left_and_right_and_nothing_else(story: list[tuple[int, Pose | None]]) -> None:
    mirror = [(span_ms, None if shown is None else flipped(shown)) for span_ms, shown in story]
    other = {"when": {"right_elbow_deg": {"below": 40}}, "for": "2 s"}

    assert lives(told(timeline(*story), ARM_BENT)) == lives(told(timeline(*mirror), other))


@settings(max_examples=40, deadline=None)
@given(stretches, st.sampled_from((0.3, 1.0, 2.0)), st.sampled_from((0.3, 1.0)), st.booleans())
def test_every_life_is_a_beginning_then_an_end(
    story: list[tuple[int, Pose | None]], for_s: float, clear_s: float, denied: bool
) -> None:
    when = {"not": ARM_BENT["when"]} if denied else ARM_BENT["when"]
    events = told(
        timeline(*story, (15_000, None)), {"when": when, "for": for_s, "clear": clear_s, "refractory": 0}
    )

    # Somebody who is lost for long comes back as somebody else, before the first one is given up.
    for number in {event.number for event in events}:
        begun, over = (event for event in events if event.number == number)
        assert (begun.stage, over.stage) == (Stage.NEW, Stage.END)
        assert begun.person_id == over.person_id
        assert begun.start_ms <= begun.timestamp_ms - for_s * 1000
        assert begun.start_ms <= (over.end_ms or 0) <= over.timestamp_ms


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2500), st.sampled_from((BENT, STRAIGHT, None))), max_size=30))
def test_irregular_and_doubled_poses_raise_nothing(story: list[tuple[int, Pose | None]]) -> None:
    at_ms, results = 0, []
    for step_ms, shown in story:
        at_ms += step_ms
        results.append(result(at_ms, *([] if shown is None else [shown, shown])))
    told(results, ARM_BENT)


def test_a_month_of_visits_leaves_nothing_behind() -> None:
    options = RulesOptions.model_validate(
        {"a": ARM_BENT, "b": {"when": {"speed": {"above": 0.1}}}, "c": {"when": {"people": {"at_least": 1}}}}
    )
    rules, engine = Rules(options, iter(range(10**6)), ()), Engine()
    for visit in range(200):
        for one in timeline((3000, BENT), (13_000, None), start_ms=visit * 12_000_000, step_ms=250):
            rules.update(engine.update(one).scene)

    assert [set(rule.cases) for rule in rules._rules] == [set(), set(), {None}]
    assert rules._paths._paths == {}


def test_no_rules_cost_nothing_and_say_nothing() -> None:
    assert Engine()._detectors[-1].update(Engine().update(result(0, BENT)).scene) == ()
    assert sentences(EventsOptions()) == []


def test_one_part_unknown_makes_all_of_them_unknown() -> None:
    both = {"when": {"left_elbow_deg": {"below": 40}, "posture": "standing"}}

    assert told(timeline((4000, NO_WRIST)), both) == []
    assert told(timeline((4000, NO_WRIST)), {"when": {"any": [{"posture": "standing"}, ARM_BENT["when"]]}})


def test_what_is_hidden_for_moments_does_not_count_as_held() -> None:
    winking = [item for _ in range(4) for item in ((400, BENT), (300, NO_WRIST))]

    assert told(timeline(*winking), ARM_BENT) == []


def test_an_interruption_is_taken_off_what_was_held() -> None:
    restless = [item for _ in range(5) for item in ((600, BENT), (300, STRAIGHT))]

    assert told(timeline(*restless), ARM_BENT) == []


def test_explain_says_how_near_a_rule_came() -> None:
    options = EventsOptions.model_validate({"rules": {"mine": ARM_BENT, "arm": {"when": ARM_BENT["when"]}}})
    lived = lived_through(timeline((2000, STRAIGHT), (1500, BENT), (2000, STRAIGHT)), options)
    [near] = [one for one in decisions(lived, options) if one.what == "no_rule_mine"]

    assert near.numbers["left_elbow_deg"] == pytest.approx(30, abs=0.5)
    assert (near.numbers["limit_left_elbow_deg"], near.numbers["held_s"]) == (40, 1.4)
    assert "left_elbow_deg 30 (limit 40)" in near.text.replace("30.0", "30")
    assert [one.what for one in decisions(lived, options)].count("no_rule_arm") == 0
