from __future__ import annotations

import pytest

from pose_edge.replay import Replay, Told
from tests.bodies import pose, timeline


def told(*, landmarks: bool, states: bool) -> list[Told]:
    replay = Replay("lite.task", "video", landmarks=landmarks, states=states)
    shown = timeline((3000, pose("standing")), (3000, pose("sitting")), (4000, None))
    return [*map(replay.take, shown), replay.close()]


@pytest.mark.parametrize("landmarks", [True, False])
@pytest.mark.parametrize("states", [True, False])
def test_what_nobody_wants_is_not_made(landmarks: bool, states: bool) -> None:
    made = told(landmarks=landmarks, states=states)

    assert any(one.landmarks for one in made) is landmarks
    assert any(one.states for one in made) is states


def test_events_are_the_same_whether_or_not_anybody_wants_more() -> None:
    silent, all_of_it = told(landmarks=False, states=False), told(landmarks=True, states=True)

    assert [one.events for one in silent] == [one.events for one in all_of_it]
    assert any(one.events for one in silent)


def test_landmarks_are_told_of_every_picture_and_states_when_they_change() -> None:
    *pictures, over = told(landmarks=True, states=True)

    assert all(len(one.landmarks) == 1 for one in pictures)
    assert 2 <= sum(bool(one.states) for one in pictures) <= sum(bool(one.events) for one in pictures)
    assert over.landmarks == over.states == ()
