from __future__ import annotations

from collections.abc import Iterable

import pytest

from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.records import Event, PoseResult, Stage
from tests.bodies import pose, timeline

STANDING, SITTING, LYING, BENDING = (pose(stance) for stance in ("standing", "sitting", "lying", "bending"))


def postures(results: Iterable[PoseResult], **options: float) -> list[Event]:
    engine = Engine(EventsOptions.model_validate({"posture": options}))
    return [event for one in results for event in engine.update(one).events if event.kind == "posture"]


def begun(results: Iterable[PoseResult], **options: float) -> list[str]:
    return [str(e.details["posture"]) for e in postures(results, **options) if e.stage is Stage.NEW]


def test_a_day_in_four_postures() -> None:
    day = timeline((4000, STANDING), (4000, SITTING), (4000, BENDING), (4000, LYING))

    assert begun(day) == ["standing", "sitting", "bending", "lying"]


def test_each_stretch_is_one_event_from_beginning_to_end() -> None:
    standing, ended, sitting = postures(timeline((4000, STANDING), (4000, SITTING)))

    assert (standing.stage, ended.stage, sitting.stage) == (Stage.NEW, Stage.END, Stage.NEW)
    assert standing.number == ended.number != sitting.number
    assert sitting.details == {"posture": "sitting", "previous_posture": "standing"}


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_the_frame_rate_does_not_move_the_event(step_ms: int) -> None:
    sitting = postures(timeline((4000, STANDING), (4000, SITTING), step_ms=step_ms))[-1]

    assert 4000 <= sitting.start_ms <= 4000 + step_ms
    assert 4700 <= sitting.timestamp_ms <= 4700 + 2 * step_ms


def test_a_posture_shorter_than_the_hold_is_not_told() -> None:
    assert begun(timeline((4000, STANDING), (600, BENDING), (4000, STANDING))) == ["standing"]


def test_what_is_half_certain_takes_twice_as_long() -> None:
    at_a_table = pose("sitting", legs_visibility=0.1)
    [certain], [doubtful] = (postures(timeline((3000, shown))) for shown in (SITTING, at_a_table))

    assert doubtful.timestamp_ms == pytest.approx(2 * certain.timestamp_ms, abs=100)
    assert [doubtful.confidence, certain.confidence] == pytest.approx([0.5, 0.99], abs=0.01)


def test_moments_of_another_class_lower_the_confidence() -> None:
    flickering = [item for _ in range(10) for item in ((300, STANDING), (100, BENDING))]
    [standing] = postures(timeline(*flickering))

    assert standing.confidence == pytest.approx(0.75, abs=0.08)


def test_a_stray_moment_before_a_posture_is_not_its_beginning() -> None:
    stray = [(2000, STANDING), (100, SITTING), (300, STANDING), (3000, SITTING)]

    assert postures(timeline(*stray))[-1].start_ms == 2400


def test_a_posture_begins_with_the_first_sighting_not_with_the_one_that_let_somebody_in() -> None:
    [standing] = postures(timeline((3000, STANDING), start_ms=1000))

    assert standing.start_ms == 1000


def test_not_to_know_for_a_moment_ends_nothing() -> None:
    leaning_without_legs = pose("bending", legs_visibility=0.1)
    events = postures(timeline((3000, SITTING), (1400, leaning_without_legs), (3000, SITTING)))

    assert [event.stage for event in events] == [Stage.NEW]


def test_flicker_changes_nothing() -> None:
    flicker = [item for _ in range(20) for item in ((300, STANDING), (100, SITTING))]

    assert begun(timeline((3000, STANDING), *flicker)) == ["standing"]


def test_frames_lost_at_random_change_nothing() -> None:
    everything = [*timeline((4000, STANDING), (4000, SITTING))]
    kept = [one for index, one in enumerate(everything) if index % 3]

    assert begun(kept) == begun(everything) == ["standing", "sitting"]


def test_hidden_parts_for_long_end_the_posture_and_begin_none() -> None:
    leaning_without_legs = pose("bending", legs_visibility=0.1)
    events = postures(timeline((3000, STANDING), (3000, leaning_without_legs)))

    assert [(event.stage, event.details["posture"]) for event in events[:2]] == [
        (Stage.NEW, "standing"),
        (Stage.END, "standing"),
    ]


def test_somebody_who_leaves_ends_their_posture_when_they_were_last_seen() -> None:
    *_, ended = postures(timeline((3000, STANDING), (4000, None)))

    assert (ended.stage, ended.reason, ended.end_ms) == (Stage.END, "gone", 2900)


def test_somebody_lying_goes_on_lying_when_the_pose_is_lost() -> None:
    assert postures(timeline((3000, LYING), (30_000, None)))[-1].stage is Stage.NEW


def test_the_evidence_has_the_numbers_and_the_thresholds() -> None:
    [lying] = postures(timeline((3000, LYING)))

    assert lying.evidence["torso_tilt_deg"] == pytest.approx(90, abs=1)
    assert lying.evidence["min_hold_s"] == 0.7
    assert 0.9 < (lying.confidence or 0) <= 1


def test_a_longer_hold_is_an_option() -> None:
    assert begun(timeline((4000, STANDING)), min_hold_s=5.0) == []
