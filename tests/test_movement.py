"""How much somebody moves, at any frame rate."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from pose_edge.movement import Movement
from pose_edge.records import Pose, Scene
from pose_edge.tracking import Tracker
from tests.bodies import pose, result

Shown = Callable[[float], Pose]
"""What is seen at a second."""


def movement(shown: Shown, step_ms: int = 67, until_s: float = 10.0) -> list[float]:
    tracker, measured, found = Tracker(), Movement(), []
    for at_ms in range(0, round(until_s * 1000), step_ms):
        people = tracker.update(result(at_ms, shown(at_ms / 1000))).people
        for posture in people:
            energy = measured.update(posture, Scene(at_ms, 640, 480, people))
            found += [] if energy is None else [energy]
    return found


def walks(torso_lengths_per_s: float, torso_px: float = 100.0) -> Shown:
    def shown(at_s: float) -> Pose:
        return pose(at=(0.2 + at_s * torso_lengths_per_s * torso_px / 640, 0.5), torso_px=torso_px)

    return shown


def swings(period_s: float, torso_lengths: float) -> Shown:
    return lambda at_s: pose(
        at=(0.5 + torso_lengths * 100 / 640 * math.sin(2 * math.pi * at_s / period_s), 0.5)
    )


def jitters(joints: slice, px: float) -> Shown:
    chance = random.Random(7)

    def shown(_: float) -> Pose:
        seen = pose()
        landmarks = seen.landmarks.copy()
        noise = np.array([[chance.gauss(0, px / 640), chance.gauss(0, px / 480)] for _ in range(33)])
        landmarks[joints, :2] += noise[joints].astype(np.float32)
        return Pose(landmarks, seen.world_landmarks)

    return shown


@pytest.mark.parametrize("step_ms", [33, 67, 125, 200])
def test_a_walk_is_measured_in_torso_lengths_a_second(step_ms: int) -> None:
    assert np.median(movement(walks(0.4), step_ms)) == pytest.approx(0.4, abs=0.02)


def test_distance_from_the_camera_does_not_matter() -> None:
    near, far = movement(walks(0.4)), movement(walks(0.4, torso_px=50.0))

    assert near == pytest.approx(far, abs=0.01)


@pytest.mark.parametrize("step_ms", [33, 67, 125, 200])
def test_jitter_does_not_grow_with_the_frame_rate(step_ms: int) -> None:
    found = movement(jitters(slice(None), 1.0), step_ms, until_s=30)

    assert 0.01 < np.median(found) < 0.03


def test_one_arm_that_jumps_is_not_heard() -> None:
    assert max(movement(jitters(slice(13, 23, 2), 60.0))) < 0.01


@pytest.mark.parametrize("period_s", [0.8, 1.0, 1.25, 2.0])
def test_whoever_goes_up_and_down_once_a_second_is_not_still(period_s: float) -> None:
    assert np.median(movement(swings(period_s, 0.3))) > 0.1


def test_somebody_who_is_back_elsewhere_has_moved() -> None:
    tracker, measured, last = Tracker(), Movement(), 0.0
    for at_ms in [*range(0, 3000, 100), *range(4500, 5100, 100)]:
        shown = pose(at=(0.5 if at_ms < 3000 else 0.6, 0.5))
        people = tracker.update(result(at_ms, shown)).people
        energies = [measured.update(posture, Scene(at_ms, 640, 480, people)) for posture in people]
        last = max([last, *(energy for energy in energies if energy is not None)])

    assert last == pytest.approx(0.64, abs=0.01)


def test_too_few_joints_say_nothing() -> None:
    seen = pose()
    hidden = seen.landmarks.copy()
    hidden[:, 3] = 0.0
    hidden[[11, 23], 3] = 0.99  # one shoulder and one hip: a body, but no measure of movement

    assert movement(lambda _: Pose(hidden, seen.world_landmarks)) == []
