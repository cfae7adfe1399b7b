from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_edge.errors import CalibrationError
from pose_edge.evaluation.stress import Change, changed
from pose_edge.records import PoseResult
from pose_edge.survey import Measured, Survey, leg_share, robust_line
from tests.bodies import pose, result, timeline


def walk(duration_s: float = 8.0, *, step_ms: int = 100, lean: float = 0.0) -> list[PoseResult]:
    """Somebody who crosses the picture and comes nearer; `lean` jitters the sightings, in shares."""
    chance, found = random.Random(1), []
    for at_ms in range(0, round(1000 * duration_s), step_ms):
        share = at_ms / (1000 * duration_s)
        at = (0.25 + 0.5 * share + lean * chance.uniform(-1, 1), 0.45 + 0.1 * share)
        found.append(result(at_ms, pose("standing", at=at, torso_px=80 + 40 * share)))
    return found


def measured(results: Iterable[PoseResult], roll_deg: float = 0.0) -> Measured:
    survey = Survey()
    for one in changed(list(results), Change("rotate", roll_deg) if roll_deg else None, "seed"):
        survey.see(one)
    return survey.measure()


@settings(max_examples=15, deadline=None)
@given(st.floats(-24, 24))
def test_the_roll_follows_the_camera(roll_deg: float) -> None:
    assert measured(walk(4.0), roll_deg).view.roll_deg == pytest.approx(roll_deg, abs=0.3)


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_the_frame_rate_changes_nothing(step_ms: int) -> None:
    found = measured(walk(step_ms=step_ms), 7.0)

    assert found.view.roll_deg == pytest.approx(7.0, abs=0.3)
    assert found.standing_s == pytest.approx(7.5, abs=0.6)  # the first moments let somebody in


def test_a_mirror_turns_the_roll_round() -> None:
    story = changed(walk(), Change("rotate", 9.0), "seed")

    assert measured(changed(story, Change("mirror"), "seed")).view.roll_deg == pytest.approx(-9.0, abs=0.3)


def test_a_third_of_nonsense_moves_little() -> None:
    story = walk(12.0)
    bent = [result(one.timestamp_ms, pose("lying")) for one in story[::3]]
    story[::3] = bent

    assert measured(story, 8.0).view.roll_deg == pytest.approx(8.0, abs=1.0)


def test_floor_and_size_are_lines_through_the_feet() -> None:
    view = measured(walk()).view

    assert view.floor is not None
    assert view.size is not None
    # The feet are 0.84 m below the hips, at 160 to 240 px a metre of 480.
    assert view.floor.at(0.25) == pytest.approx(0.45 + 0.84 * 160 / 480, abs=0.01)
    assert view.floor.at(0.75) == pytest.approx(0.55 + 0.84 * 240 / 480, abs=0.02)
    assert view.size.at(0.73) == pytest.approx(80 / 480, rel=0.12)
    assert view.size.slope > 0


def test_a_long_stay_at_one_place_weighs_no_more_than_a_step() -> None:
    along = [0.1] * 500 + [0.2, 0.4, 0.6, 0.8]
    values = [0.31] * 500 + [0.5, 0.6, 0.7, 0.8]

    line = robust_line(along, values, 0.15)

    assert line is not None
    assert line.slope == pytest.approx(0.5, abs=0.06)
    assert robust_line([0.5, 0.52, 0.6], [1, 1, 1], 0.15) is None


def test_a_camera_that_looks_down_shortens_legs_and_one_at_eye_level_never_does() -> None:
    assert leg_share(0.75) == leg_share(0.63) == leg_share(0.9) == 1.0
    assert leg_share(0.54) == pytest.approx(0.72)
    assert leg_share(0.1) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("story", "reason"),
    [
        ([*timeline((5000, None))], r"nobody was seen in 50 pictures: walk about"),
        (
            [*timeline((5000, pose("sitting")))],
            r"nobody stood in full view: \d+ sightings, none",
        ),
        ([*timeline((5000, pose("standing", legs_visibility=0.1)))], r"none with straight and visible legs"),
        (walk(2.0), r"for 1\.\d s, 3 s are needed"),
        ([*timeline((9000, pose("standing")))], r"too few places: the feet moved by 0\.000 of the picture"),
    ],
)
def test_what_does_not_suffice_is_refused_with_the_reason(story: list[PoseResult], reason: str) -> None:
    with pytest.raises(CalibrationError, match=reason):
        measured(story)


def test_a_camera_on_its_side_is_to_be_turned_not_corrected() -> None:
    with pytest.raises(CalibrationError, match=r"lean by \+30 degrees, up to 25 can be set right"):
        measured(walk(), 30.0)


def test_pictures_of_two_sizes_are_of_two_cameras() -> None:
    survey = Survey()
    survey.see(result(0, pose("standing")))

    with pytest.raises(CalibrationError, match="320 x 240 px after pictures of 640 x 480 px"):
        survey.see(PoseResult(100, 320, 240, ()))


def test_short_is_fair_and_long_is_good() -> None:
    assert (measured(walk(6.0)).sure, measured(walk(25.0)).sure) == ("fair", "good")


def test_several_clips_of_one_camera_count_together() -> None:
    survey = Survey()
    for _ in range(3):
        for one in walk(2.5):  # each clock begins anew
            survey.see(one)

    assert survey.measure().standing_s == pytest.approx(6.5, abs=0.6)
