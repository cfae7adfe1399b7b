from __future__ import annotations

import pytest

from pose_edge.records import PoseResult
from pose_edge.tracking import Scale, Tracker
from tests.bodies import pose, result, timeline


def ids(results: list[PoseResult]) -> list[tuple[int | None, ...]]:
    tracker = Tracker()
    return [tracker.update(one).person_ids for one in results]


def test_a_person_is_let_in_at_the_third_sighting() -> None:
    assert ids([result(i * 100, pose()) for i in range(4)]) == [(None,), (None,), (1,), (1,)]


def test_at_two_frames_a_second_two_sightings_do() -> None:
    assert ids([result(i * 500, pose()) for i in range(3)]) == [(None,), (1,), (1,)]


def test_a_table_leg_is_not_a_person_however_visible() -> None:
    small = pose(torso_px=0.05 * 480, visibility=1.0)

    assert set(ids([result(i * 100, small) for i in range(50)])) == {(None,)}


def test_a_person_may_shrink_once_they_are_in() -> None:
    falling_to_the_camera = pose(torso_px=25)

    assert ids([*(result(i * 100, pose(torso_px=60)) for i in range(3)), result(300, falling_to_the_camera)])[
        -1
    ] == (1,)


def test_a_pose_that_jumps_across_the_room_is_somebody_else() -> None:
    here, there = pose(at=(0.2, 0.5)), pose(at=(0.8, 0.5))

    seen = ids([*timeline((500, here), (500, there))])

    assert seen[4] == (1,)
    assert seen[5] == (None,)
    assert seen[-1] == (2,)


def test_a_pose_that_jumps_onto_a_thing_is_not_the_person() -> None:
    seen = ids([*timeline((500, pose(torso_px=100)), (500, pose(torso_px=15)))])

    assert seen[5] == (None,)


def test_somebody_lost_for_a_second_comes_back_as_themselves() -> None:
    assert ids([*timeline((500, pose()), (1000, None), (300, pose()))])[-1] == (1,)


def test_somebody_lost_for_longer_is_new() -> None:
    assert ids([*timeline((500, pose()), (3000, None), (500, pose()))])[-1] == (2,)


def test_somebody_lying_is_waited_for_longer() -> None:
    assert ids([*timeline((500, pose("lying")), (5000, None), (300, pose("lying")))])[-1] == (1,)


def test_two_people_keep_their_ids_when_the_model_lists_them_the_other_way() -> None:
    left, right = pose(at=(0.25, 0.5)), pose(at=(0.75, 0.5))
    before = [result(i * 100, left, right) for i in range(3)]

    assert ids([*before, result(300, right, left)])[2:] == [(1, 2), (2, 1)]


def test_nobody_gets_the_id_of_somebody_who_left() -> None:
    seen = ids([*timeline((500, pose()), (5000, None), (500, pose()), (5000, None), (500, pose()))])

    assert {one[0] for one in seen if one} == {None, 1, 2, 3}


def test_the_scale_outlives_a_bend_but_follows_somebody_who_comes_nearer() -> None:
    scale = Scale()
    for i in range(40):
        scale.update(100, i * 100)
    for i in range(40, 60):
        scale.update(40, i * 100)
    assert scale.px == 100

    for i in range(60, 700):
        scale.update(200, i * 100)
    assert scale.px == 200


@pytest.mark.parametrize("step_ms", [10, 33, 100])
def test_the_scale_needs_the_same_work_at_any_frame_rate(step_ms: int) -> None:
    scale = Scale()
    for i in range(100_000 // step_ms):
        scale.update(100, i * step_ms)

    assert len(scale._samples) <= Scale.WINDOW
