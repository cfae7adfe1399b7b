from __future__ import annotations

from typing import Any

import pytest

from pose_edge.evaluation.judging import ClipResult, judge, truth_at
from pose_edge.evaluation.manifest import Clip
from pose_edge.evaluation.report import clip_report, intervals, levels, summary
from pose_edge.records import Event, PostureClass, Stage
from tests.evaluation.material import event, played, posture_event

FALL: dict[str, Any] = {"start": 2.0, "on_ground": 3.0, "surface": "floor"}
CONFIRM_S = 10.0


def clip(**labels: Any) -> Clip:
    return Clip.model_validate({"file": "a.mp4", **labels})


def judged(labels: Clip, *events: Event, **how: Any) -> ClipResult:
    return judge(labels, played(*events, **how), CONFIRM_S)


def suspected(at_s: float, number: int = 1) -> Event:
    return event("fall_suspected", at_s, number=number)


def confirmed(at_s: float, number: int = 1) -> Event:
    return event("fall_confirmed", at_s, stage=Stage.UPDATE, number=number)


@pytest.mark.parametrize(
    ("at_s", "as_is", "held"),
    [(1.9, 0, 0), (2.0, 1, 1), (3.5, 1, 1), (7.0, 1, 1), (7.1, 0, 0)],
    ids=["before balance is lost", "at once", "in time", "4 s after", "too late"],
)
def test_a_fall_is_suspected_from_onset_until_four_seconds_after_the_ground(
    at_s: float, as_is: int, held: int
) -> None:
    figures = summary([judged(clip(falls=[FALL]), suspected(at_s))])

    assert (figures["falls_suspected"], figures["falls_suspected_held"]) == (as_is, held)


def test_what_is_suspected_only_in_the_hold_is_held() -> None:
    figures = summary([judged(clip(falls=[FALL]), suspected(4.2), duration_s=4.0)])

    assert (figures["falls_suspected"], figures["falls_suspected_held"]) == (0, 1)
    assert (figures["floor_falls_suspected"], figures["floor_falls_suspected_held"]) == (0, 1)


@pytest.mark.parametrize(("at_s", "count"), [(14.0, 1), (17.0, 1), (17.1, 0)])
def test_a_fall_is_confirmed_within_confirm_s_and_four_seconds(at_s: float, count: int) -> None:
    figures = summary([judged(clip(falls=[FALL]), suspected(4.0), confirmed(at_s))])

    assert figures["falls_confirmed_held"] == count


def test_falls_onto_furniture_are_counted_apart() -> None:
    results = [
        judged(clip(falls=[FALL | {"ambiguous": True}]), suspected(4.0), confirmed(14.0)),
        judged(clip(falls=[FALL])),
    ]

    figures = summary(results)

    assert (figures["falls_total"], figures["floor_falls_total"]) == (2, 1)
    assert (figures["falls_suspected"], figures["floor_falls_suspected"]) == (1, 0)


def test_two_falls_need_two_events() -> None:
    both = clip(falls=[FALL, {"start": 5.0, "on_ground": 6.0}])

    assert summary([judged(both, suspected(4.0))])["falls_suspected"] == 1
    assert summary([judged(both, suspected(4.0), suspected(7.0, number=2))])["falls_suspected"] == 2


def test_what_tells_of_the_second_fall_does_not_tell_of_the_first() -> None:
    both = clip(falls=[FALL, {"start": 5.0, "on_ground": 6.0}])
    first, second = judged(both, suspected(6.5), confirmed(16.5)).falls

    assert (first.suspected_s, first.confirmed_s) == (None, None)
    assert (second.suspected_s, second.confirmed_s) == (6.5, 16.5)


def test_suspected_cleared_and_confirmed_the_second_time_is_one_fall() -> None:
    again = [suspected(4.0), suspected(6.0, number=2), confirmed(16.0, number=2)]
    result = judged(clip(falls=[FALL]), *again)

    assert summary([result])["falls_confirmed_held"] == 1
    assert [judged.decision for judged in result.events] == ["fall", "fall", "fall"]


def test_what_is_told_long_after_a_fall_is_another_matter() -> None:
    late, too_late = judged(clip(falls=[FALL]), suspected(7.5)), judged(clip(falls=[FALL]), suspected(17.5))

    assert [judged.decision for judged in (*late.events, *too_late.events)] == ["late", "false_alarm"]


def test_false_alarms_are_clips_without_falls_and_the_hold_counts() -> None:
    results = [
        judged(clip(), suspected(3.0), confirmed(13.0)),
        judged(clip(), suspected(3.0), suspected(6.0, number=2)),
        judged(clip()),
        judged(clip(falls=[FALL]), suspected(0.5)),
    ]

    figures = summary(results)

    assert (
        figures["others_total"],
        figures["others_false_suspected"],
        figures["others_false_confirmed"],
    ) == (3, 2, 1)
    assert levels(results)["L1_clips"]["false_alarms_in_fall_clips"] == {"suspected": 1, "confirmed": 0}
    assert intervals(figures)["others_false_confirmed"] == [0.061, 0.792]
    assert intervals(figures)["expect_met"] is None


def test_every_event_has_its_decision() -> None:
    labels = clip(falls=[FALL], expect=["person_present", "lying"], never=["standing"])
    result = judged(
        labels,
        event("presence_started", 0.5, kind="presence", number=1),
        suspected(1.0, number=2),
        posture_event("standing", 0.0, 1.2, number=3),
        suspected(4.0, number=4),
        event(
            "posture_ended", 4.5, kind="posture", stage=Stage.END, number=3, details={"posture": "standing"}
        ),
        posture_event("lying", 3.2, 5.0, number=5),
        confirmed(14.0, number=4),
    )

    told = [(e["event_type"], e["decision"], e["about"], e["in_hold"]) for e in clip_report(result)["events"]]

    assert told == [
        ("presence_started", "meets", "person_present", False),
        ("fall_suspected", "false_alarm", "", False),
        ("posture_started", "violates", "standing", False),
        ("fall_suspected", "fall", "falls[0]", False),
        ("posture_ended", "unjudged", "", False),
        ("posture_started", "meets", "lying", False),
        ("fall_confirmed", "fall", "falls[0]", True),
    ]


def test_latency_counts_from_the_onset() -> None:
    results = [judged(clip(falls=[FALL]), suspected(at_s), confirmed(at_s + 10)) for at_s in (3.0, 3.6, 5.0)]
    latency = levels(results)["L3_latency_s"]

    assert summary(results)["onset_to_suspected_s_median"] == pytest.approx(1.6)
    assert latency["onset_to_suspected"] == {"n": 3, "median": 1.6, "p95": 2.86, "max": 3.0}
    assert latency["on_ground_to_confirmed"]["median"] == pytest.approx(10.6)


def test_expected_words_are_judged_as_the_clip_is_and_falls_with_the_hold() -> None:
    labels = clip(falls=[FALL], expect=["fall", "lying", "hands_raised"], never=["sitting"])
    late = [suspected(8.4, number=1), posture_event("lying", 7, 8.5, 2), posture_event("sitting", 7, 9.0, 3)]

    result = judged(labels, *late)

    assert [word["met"] for word in clip_report(result)["expect"]] == [True, False, False]
    assert summary([result])["expect_met"] == 1
    assert summary([result])["expect_total"] == 3
    assert summary([result])["never_violated"] == 0


def test_a_word_nobody_knows_is_not_silently_respected() -> None:
    result = judged(clip(expect=["juggling"], never=["levitating", "fall"]), suspected(3.0))

    assert (summary([result])["expect_total"], summary([result])["never_violated"]) == (0, 1)
    assert clip_report(result)["never"][0] == {
        "word": "levitating",
        "judged": False,
        "violated": None,
        "said_s": None,
    }


def test_hands_raised_are_said_by_events_of_that_name() -> None:
    labels = clip(expect=["hands_raised"])
    for told in (
        event("hands_raised", 2, kind="gesture"),
        event("hands_raised_started", 2, kind="hands_raised"),
    ):
        assert summary([judged(labels, told)])["expect_met"] == 1
    assert summary([judged(labels, event("hand_waved", 2, kind="gesture"))])["expect_met"] == 0


POSTURE = [
    {"t0": 0, "t1": 2, "label": "walking"},
    {"t0": 2, "t1": 4, "label": "standing"},
    {"t0": 4.5, "t1": 6, "label": "lying"},
    {"t0": 6, "t1": 8, "label": "kneeling"},
]


@pytest.mark.parametrize(
    ("at_s", "truth"),
    [
        (0.0, "standing"),
        (2.0, "standing"),
        (3.6, "standing"),
        (3.8, None),
        (4.2, None),
        (4.7, None),
        (4.9, "lying"),
        (5.8, None),
        (7.0, None),
    ],
)
def test_moments_near_a_change_of_class_are_left_out(at_s: float, truth: str | None) -> None:
    assert truth_at(clip(posture=POSTURE), at_s) == truth


def test_moments_until_the_end_of_the_clip_count() -> None:
    assert truth_at(clip(posture=[{"t0": 0, "t1": 4, "label": "sitting"}]), 3.95) is PostureClass.SITTING


def test_moments_of_two_opinions_are_left_out() -> None:
    two = [{"t0": 0, "t1": 4, "label": "sitting"}, {"t0": 1, "t1": 3, "label": "lying"}]

    assert truth_at(clip(posture=two), 2.0) is None


def test_presence_is_wrong_where_nobody_is_labelled_and_somebody_told() -> None:
    labels = clip(
        posture=[
            {"t0": 0, "t1": 3, "label": "nobody"},
            {"t0": 3, "t1": 4, "label": "partial"},
            {"t0": 4, "t1": 6, "label": "kneeling"},
        ]
    )
    always, never = judged(labels), judged(labels, occupied=False)

    assert always.presence_wrong_s() == pytest.approx((3, 5))
    assert never.presence_wrong_s() == pytest.approx((2, 5))
    assert always.present_s() == pytest.approx(8)
    assert never.present_s() == 0


def test_posture_counts_from_when_it_began_not_from_when_that_was_certain() -> None:
    labels = clip(posture=[{"t0": 0, "t1": 8, "label": "standing"}])
    result = judged(labels, posture_event("standing", 2.0, 3.0), seen=None)

    assert result.posture.reported.moments == 80
    assert result.posture.reported.recall(PostureClass.STANDING) == 0.75
    assert result.posture.at_the_time.recall(PostureClass.STANDING) == 0
    assert summary([result])["posture_macro_f1"] == pytest.approx(2 * 60 / 140, abs=1e-4)


def test_posture_decided_in_the_hold_does_not_count() -> None:
    labels = clip(posture=[{"t0": 0, "t1": 8, "label": "standing"}])

    assert judged(labels, posture_event("standing", 2.0, 8.5)).posture.reported.answered == 0


def test_false_alarms_by_the_hour_are_counted_on_continuous_footage_only() -> None:
    cut = judged(clip(), suspected(3.0))
    assert levels([cut])["L2_continuous"] is None

    hour = judged(
        clip(continuous=True), suspected(30.0), suspected(90.0, number=2), duration_s=3600, step_s=10.0
    )
    empty = judged(clip(continuous=True), duration_s=3600, step_s=10.0, occupied=False)
    rates = levels([cut, hour, empty])["L2_continuous"]

    assert (rates["hours"], rates["person_present_hours"]) == (2.0, 1.0)
    assert rates["suspected"]["per_present_hour"] == 2.0
    assert rates["suspected"]["per_camera_day"] == 24.0
    assert rates["confirmed"]["per_present_hour_below_95"] == pytest.approx(3.0, abs=0.01)
