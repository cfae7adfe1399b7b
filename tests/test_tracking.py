from __future__ import annotations

import numpy as np
import pytest

from pose_edge.records import Pose, PoseResult
from pose_edge.signals import Scale
from pose_edge.tracking import Tracker
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

    assert len(scale._upright) <= Scale.RECENT


def test_somebody_who_walks_away_does_not_stay_large_for_a_minute() -> None:
    scale = Scale()
    for i in range(100):
        scale.update(200, i * 100)
    for i in range(100, 300):
        scale.update(100, i * 100)

    assert scale.px == pytest.approx(100, abs=1)


def test_the_scale_changes_by_no_more_than_a_tenth_a_second() -> None:
    scale = Scale()
    for i in range(20):
        scale.update(100, i * 100)
    sizes = []
    for i in range(20, 60):
        scale.update(140, i * 100)
        sizes.append(scale.px)

    assert sizes[0] <= 100 * 1.1**0.3
    assert sizes[25] <= 100 * 1.1**2.8
    assert sizes[-1] == pytest.approx(140)


def test_a_scale_that_a_second_upright_contradicts_was_wrong() -> None:
    scale = Scale()
    for i in range(20):
        scale.update(40, i * 100)
    for i in range(20, 25):
        scale.update(200, i * 100)

    assert scale.px < 60, "half a second may be a wrong pose"

    for i in range(25, 35):
        scale.update(200, i * 100)

    assert scale.px == pytest.approx(200)


def test_a_trunk_that_leans_does_not_shrink_the_scale() -> None:
    scale = Scale()
    for i in range(20):
        scale.update(100, i * 100)
    for i in range(20, 600):
        scale.update(40, i * 100, upright=False)

    assert scale.px == 100


def test_a_fall_inside_a_gap_is_the_same_person() -> None:
    seen = ids(
        [*timeline((500, pose(at=(0.5, 0.45)))), *timeline((500, pose("lying", at=(0.6, 0.8))), start_ms=900)]
    )

    assert seen[-1] == (1,)


def test_of_two_tracks_the_one_seen_lately_goes_on() -> None:
    left, right = pose(at=(0.3, 0.5)), pose(at=(0.55, 0.5))
    both = [result(i * 100, left, right) for i in range(5)]
    only_right = [result(500 + i * 100, right) for i in range(12)]

    assert ids([*both, *only_right, result(1700, pose(at=(0.43, 0.5)))])[-1] == (2,)


@pytest.mark.parametrize("step_ms", [50, 100, 150])
def test_two_people_who_cross_keep_their_ids(step_ms: int) -> None:
    def at(share: float) -> tuple[float, float]:
        return 0.2 + 0.6 * share, 0.5

    count = 3000 // step_ms
    crossing = [
        result(
            i * step_ms,
            pose(at=at(i / count), torso_px=100),
            pose(at=at(1 - i / count), torso_px=90),
        )
        for i in range(count)
    ]

    assert ids(crossing)[-1] == (1, 2)


def test_who_fell_is_never_taken_for_somebody_who_stands_there() -> None:
    lying = [*timeline((1000, pose("lying", at=(0.5, 0.6))))]
    helper = result(1100, pose("standing", at=(0.5, 0.6)))

    tracker = Tracker()
    for one in lying:
        assert tracker.update(one, {1}).person_ids in {(None,), (1,)}
    assert tracker.update(helper, {1}).person_ids == (None,)

    tracker = Tracker()
    for one in lying:
        tracker.update(one)
    assert tracker.update(helper).person_ids == (1,)  # nobody fell: it is the same person


def test_who_fell_may_get_up() -> None:
    tracker = Tracker()
    for one in timeline((1000, pose("lying", at=(0.5, 0.6))), (1000, pose("sitting", at=(0.5, 0.6)))):
        tracker.update(one, {1})

    assert tracker.update(result(2000, pose("standing", at=(0.5, 0.5))), {1}).person_ids == (1,)


def test_several_poses_are_smoothed_and_a_single_one_is_left_as_it_is() -> None:
    rng = np.random.default_rng(1)

    def shaken(shown: Pose) -> Pose:
        landmarks = shown.landmarks.copy()
        landmarks[:, :2] += rng.normal(0, 0.01, (33, 2)).astype(np.float32)
        return Pose(landmarks, shown.world_landmarks)

    def spread_px(people: int) -> float:
        tracker, heads = Tracker(), []
        for i in range(60):
            shown = [shaken(pose(at=(0.3 + 0.4 * k, 0.5))) for k in range(people)]
            tracked = tracker.update(result(i * 66, *shown))
            heads += [who.body.head_px[1] for who in tracked.people[:1]]
        return float(np.std(heads))

    assert spread_px(2) < 0.7 * spread_px(1)


def test_tracks_that_were_never_let_in_are_forgotten() -> None:
    tracker = Tracker()
    for i in range(500):
        tracker.update(result(i * 100, pose(at=(0.2 if i % 2 else 0.8, 0.2 + 0.01 * (i % 60)))))

    assert len(tracker._tracks) <= 12


def test_of_two_tracks_far_from_a_pose_the_one_seen_lately_goes_on() -> None:
    left, right = pose(at=(0.3, 0.4)), pose(at=(0.7, 0.4))
    both = [result(i * 100, left, right) for i in range(5)]
    only_right = [result(500 + i * 100, right) for i in range(12)]

    assert ids([*both, *only_right, result(1700, pose("lying", at=(0.49, 0.55)))])[-1] == (2,)


def test_a_body_seen_upside_down_says_nothing_about_its_size() -> None:
    def scale_px(*shown: Pose) -> float:
        tracker = Tracker()
        for i, one in enumerate(shown):
            tracked = tracker.update(result(i * 250, one))
        return tracked.people[0].scale_px

    lying = pose("lying", torso_px=80)
    flipped = pose(torso_px=160)
    landmarks = flipped.landmarks.copy()
    landmarks[:, 1] = 1 - landmarks[:, 1]
    upside_down = Pose(landmarks, flipped.world_landmarks)

    assert scale_px(*[lying] * 4, *[upside_down] * 8, lying) == pytest.approx(80, abs=1)


def test_a_thing_that_somebody_uncovers_by_leaving_is_not_them() -> None:
    def after_a_gap(torso_px: float) -> tuple[int | None, ...]:
        person = [*timeline((1000, pose(at=(0.6, 0.5), torso_px=100)))]
        return ids([*person, result(1700, pose(at=(0.31, 0.5), torso_px=torso_px))])[-1]

    assert after_a_gap(100) == (1,)
    assert after_a_gap(40) == (None,)


def test_a_body_smaller_than_half_a_trunk_is_none() -> None:
    person = [*timeline((1000, pose(torso_px=100)))]
    shrinking = [result(1000 + i * 100, pose(torso_px=size)) for i, size in enumerate((50, 25, 12))]

    assert ids([*person, *shrinking])[-3:] == [(1,), (1,), (None,)]


def test_one_body_found_twice_is_one_person() -> None:
    """With more than one pose asked for the model does that; it made two people, two falls and two alerts."""
    tracker, ids = Tracker(), set()
    for index in range(60):
        one = pose("standing", at=(0.4 + 0.003 * index, 0.55))
        shifted = one.landmarks.copy()
        shifted[:, :2] += 0.01 * (index % 3 - 1)
        twin = Pose(shifted, one.world_landmarks)
        tracked = tracker.update(result(index * 67, *((one, twin) if index % 2 else (twin, one))))
        ids |= {person_id for person_id in tracked.person_ids if person_id is not None}
        assert len(tracked.people) <= 1

    assert ids == {1}


def test_two_people_side_by_side_are_two() -> None:
    tracker = Tracker()
    for index in range(20):
        left, right = pose("standing", at=(0.4, 0.55)), pose("standing", at=(0.52, 0.55))
        tracked = tracker.update(result(index * 67, left, right))

    assert len(tracked.people) == 2
