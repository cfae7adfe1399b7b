"""Who stays who they are while nobody sees them."""

from __future__ import annotations

from collections.abc import Iterable

from pose_edge.records import Pose, PoseResult, Scene
from pose_edge.roster import LEFT_MS, LOST_MS, LYING_MS, MOST, Roster
from pose_edge.tracking import Tracker
from tests.bodies import pose, result, timeline

STANDING, LYING = pose("standing"), pose("lying")


def scenes(results: Iterable[PoseResult]) -> Iterable[Scene]:
    tracker = Tracker()
    for one in results:
        yield Scene(one.timestamp_ms, one.width_px, one.height_px, tracker.update(one).people)


def names(results: Iterable[PoseResult]) -> list[str]:
    """Return who is known in the end: each newcomer is given the next letter."""
    letters = iter("abcdefgh")
    roster: Roster[str] = Roster(lambda: next(letters))
    for scene in scenes(results):
        roster.update(scene)
    return [known.about for known in roster]


def forgotten_after_ms(last: Pose) -> int:
    roster: Roster[str] = Roster(lambda: "a")
    for scene in scenes(timeline((2000, last), (100_000, None))):
        roster.update(scene)
        if roster.gone:
            assert [known.about for known in roster.gone] == ["a"]
            return scene.timestamp_ms - 1900
    raise AssertionError("never forgotten")


def test_somebody_back_under_another_id_where_they_were_lost_is_the_same() -> None:
    assert names(timeline((2000, STANDING), (5000, None), (2000, STANDING))) == ["a"]


def test_somebody_new_elsewhere_is_somebody_else() -> None:
    elsewhere = pose("standing", at=(0.95, 0.5))  # 288 px from there, 2.5 torso lengths are 250

    assert names(timeline((2000, STANDING), (5000, None), (2000, elsewhere))) == ["a", "b"]


def test_of_two_who_are_lost_the_nearer_one_is_back() -> None:
    left, right = pose(at=(0.35, 0.5)), pose(at=(0.65, 0.5))
    both = [result(at_ms, left, right) for at_ms in range(0, 2000, 100)]
    back = timeline((2000, pose(at=(0.6, 0.5))), start_ms=7000)
    roster: Roster[list[int]] = Roster(list)
    for scene in scenes([*both, *timeline((5000, None), start_ms=2000), *back]):
        roster.update(scene)
        for known in roster:
            if known.lost_ms == 0 and scene.timestamp_ms < 2000:
                known.about[:] = [round(known.posture.body.hips_px[0])]

    assert {known.lost_ms == 0: known.about for known in roster} == {True: [416], False: [224]}


def test_who_is_waited_for_how_long_depends_on_how_they_were_seen_last() -> None:
    assert forgotten_after_ms(pose(at=(0.97, 0.5))) == LEFT_MS
    assert forgotten_after_ms(STANDING) == LOST_MS
    assert forgotten_after_ms(LYING) == LYING_MS


def test_a_silence_of_the_camera_is_no_absence() -> None:
    assert names([*timeline((2000, STANDING)), *timeline((2000, None), start_ms=3_600_000)]) == ["a"]


def test_how_long_was_nobody_seen_is_known_at_each_sighting() -> None:
    roster: Roster[str] = Roster(lambda: "a")
    told = []
    for scene in scenes(timeline((1000, STANDING), (500, None), (300, STANDING))):
        roster.update(scene)
        told += [(known.step_ms, known.unseen_ms) for known in roster if known.lost_ms == 0]

    assert told[:2] == [(0, 0), (100, 100)]  # of somebody new nothing is known before
    assert told[-3:] == [(100, 600), (100, 100), (100, 100)]


def test_a_crowd_that_comes_and_goes_is_not_remembered_for_ever() -> None:
    roster: Roster[str] = Roster(lambda: "a", lambda _: float("inf"))
    tracker = Tracker()
    for visit in range(3 * MOST):
        at = (0.05, 0.5) if visit % 2 else (0.95, 0.5)
        for one in timeline((500, pose(at=at)), (2500, None), start_ms=3000 * visit):
            people = tracker.update(one).people
            # Nobody comes back: everybody is twice as far away as the one before, or as near.
            roster.update(Scene(one.timestamp_ms, 640, 480, people))

    assert len(roster) <= MOST
