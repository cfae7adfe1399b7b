from __future__ import annotations

import numpy as np
import pytest

from pose_edge.errors import SourceError
from pose_edge.events import EventsOptions
from pose_edge.explanation.decisions import Decision, decisions
from pose_edge.explanation.page import LEFT_PX, PAPER, WIDTH_PX, fitted, wrapped
from pose_edge.explanation.picture import draw
from pose_edge.explanation.timeline import Timeline, limits_in_force, peak, stretches, timeline
from pose_edge.overlay.text import text_sprite
from pose_edge.records import Pose
from tests.bodies import HEIGHT_PX, pose
from tests.bodies import timeline as poses
from tests.evaluation.material import event

STANDING, SITTING, LYING, BENDING = (pose(s) for s in ("standing", "sitting", "lying", "bending"))
OPTIONS = EventsOptions()


def lived(*stretches: tuple[int, Pose | None], step_ms: int = 100, start_ms: int = 0) -> Timeline:
    return timeline(poses(*stretches, step_ms=step_ms, start_ms=start_ms), OPTIONS)


def told(line: Timeline) -> list[Decision]:
    return [*decisions(line, OPTIONS)]


def test_every_event_is_a_decision_with_its_numbers() -> None:
    standing = next(d for d in told(lived((3000, STANDING))) if d.what == "posture_started")

    assert standing.at_s == pytest.approx(0.8, abs=0.11)
    assert standing.text.startswith(f"{standing.at_s:.2f} s  posture_started: posture standing")
    assert "certainty 0.99" in standing.text
    assert "held, person 1, from 0.00 s" in standing.text


def test_seconds_count_from_the_first_picture() -> None:
    early = [d.text for d in told(lived((3000, STANDING)))]

    assert [d.text for d in told(lived((3000, STANDING), start_ms=999_000))] == early


def test_a_posture_that_was_too_short_is_said_to_be() -> None:
    line = lived((3000, STANDING), (600, BENDING), (3000, STANDING))
    found = [d for d in told(line) if d.what == "not_told"]

    assert [(d.what, d.numbers["min_hold_s"]) for d in found] == [("not_told", 0.6)]
    assert found[0].text == (
        "3.60 s  not_told: bending was seen from 3.00 s, too short or too uncertain, person 1;"
        " min_hold_s 0.6 (limit 0.7)"
    )


def test_a_posture_that_was_told_is_not_said_to_be_missing() -> None:
    for bent_ms in (1400, 4000):
        line = lived((3000, STANDING), (bent_ms, BENDING), (3000, STANDING))
        assert [d for d in told(line) if d.what == "not_told"] == []


def test_bodies_too_small_to_be_people_are_explained() -> None:
    [nobody] = [d for d in told(lived((3000, pose(torso_px=20)))) if d.what == "nobody"]

    assert nobody.text.endswith("too small to be a person; torso_share 0.042 (limit 0.06)")
    assert nobody.numbers["torso_share"] == pytest.approx(20 / HEIGHT_PX, abs=1e-3)


def test_an_empty_picture_is_explained() -> None:
    assert "0 of 30 pictures have a body" in told(lived((3000, None)))[-1].text


def test_evidence_knows_the_limits_better_than_the_options() -> None:
    found = limits_in_force(
        [event("fall_suspected", 3, evidence={"limit_min_hold_s": 2.5, "height_now": 1.7})], OPTIONS
    )

    assert found["min_hold_s"] == 2.5
    assert found["smoothing_s"] == 0.7
    assert "height_now" not in found


def test_the_head_of_somebody_who_goes_down_drops_and_was_fast() -> None:
    line = lived((3000, STANDING), (3000, LYING))
    drop, speed = (peak(line.series(1, name)) for name in ("head_drop", "descent_speed"))

    assert drop is not None
    assert speed is not None
    assert drop[0] == pytest.approx(3.1, abs=0.2)
    assert drop[1] == pytest.approx(1.45, abs=0.1)
    assert 1.45 / 0.8 < speed[1] < 1.45 / 0.2
    assert dict(line.series(1, "head_drop"))[5.9] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_quantities_do_not_depend_on_the_frame_rate(step_ms: int) -> None:
    line = lived((3000, STANDING), (3000, LYING), step_ms=step_ms)
    drop, speed = (peak(line.series(1, name)) for name in ("head_drop", "descent_speed"))

    assert drop is not None
    assert speed is not None
    assert drop[1] == pytest.approx(1.45, abs=0.1)
    assert 3.5 < speed[1] < 6


def test_what_is_not_seen_has_no_value() -> None:
    line = lived((2000, STANDING), (500, None), (2000, STANDING))
    tilt = dict(line.series(1, "torso_tilt"))

    assert tilt[2.2] is None
    assert tilt[2.6] == pytest.approx(0, abs=1)


def test_stretches_join_equal_neighbours() -> None:
    assert stretches([(0, "a"), (1, "a"), (2, "b"), (3, None)], 4) == [(0, 2, "a"), (2, 3, "b"), (3, 4, None)]


def test_nothing_cannot_be_explained() -> None:
    with pytest.raises(SourceError, match="not a single picture"):
        timeline([], OPTIONS)


def test_the_picture_is_as_high_as_what_is_in_it() -> None:
    line = lived((3000, None), (4000, STANDING), (4000, SITTING), (3000, LYING))
    image = draw(line, told(line), limits_in_force(line.events, OPTIONS), "a title")

    assert image.shape[1] == WIDTH_PX
    inked = np.flatnonzero((image != np.array(PAPER, np.uint8)).any(axis=(1, 2)))
    assert image.shape[0] - 40 < inked[-1] < image.shape[0] - 8
    edges = image[:, [0, 1, 2, WIDTH_PX - 3, WIDTH_PX - 2, WIDTH_PX - 1]]
    assert (edges == np.array(PAPER, np.uint8)).all()


def test_a_decision_is_marked_over_its_moment() -> None:
    line = lived((4000, STANDING), (4000, SITTING))
    sitting = next(d for d in told(line) if "posture sitting" in d.text)
    with_mark, without = (draw(line, found, {}, "t") for found in ([sitting], []))
    height_px = without.shape[0] - 120
    # Lanes and the list make the page higher; the band of the posture is compared where both have it.
    x_px = LEFT_PX + round(sitting.at_s / line.duration_s * (WIDTH_PX - 24 - LEFT_PX))

    columns = np.flatnonzero(
        (with_mark[26 : height_px + 26] != without[:height_px]).any(axis=2)[300:].sum(0) > 200
    )

    assert columns.tolist() == [x_px]


def test_a_part_of_the_time_can_be_shown() -> None:
    line = lived((4000, STANDING), (4000, SITTING))
    limits = limits_in_force(line.events, OPTIONS)

    whole, part = draw(line, told(line), limits, "t"), draw(line, told(line), limits, "t", (3.0, 6.0))

    assert part.shape[0] < whole.shape[0]


def test_hundreds_of_decisions_still_make_a_picture_of_bounded_height() -> None:
    line = lived((4000, STANDING))
    many = [Decision(index / 100, "not_told", "for the test", {}) for index in range(390)]
    fall = Decision(3.5, "fall_confirmed", "posture", {}, event("fall_confirmed", 3.5))

    assert draw(line, [*many, fall], {}, "t").shape[0] < 2200
    assert fall.rank < many[0].rank


def test_text_never_becomes_wider_than_its_place() -> None:
    words = "some words that are much too long for a line " * 12
    lines = wrapped(words, 600, 20)

    assert len(lines) == 3
    assert lines[-1].endswith("...")
    assert all(text_sprite(line, 20, (0, 0, 0)).width_px <= 600 for line in lines)
    assert wrapped("short", 600, 20) == ["short"]
    assert fitted("short", 600, 20) == "short"
    assert " ".join(wrapped(words[:100], 600, 20)) == words[:100]
