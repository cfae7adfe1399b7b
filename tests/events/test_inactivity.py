"""Somebody who has not moved for long."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.events.inactivity import LEAST_JITTER, MOST_JITTER, TIMES_JITTER, InactivityDetector
from pose_edge.records import Event, Pose, PoseResult, Stage, Surroundings, Zone
from tests.bodies import pose, result, timeline

SITTING = pose("sitting")
EVERYWHERE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def inactivity(results: Iterable[PoseResult], *zones: Zone, **options: float | bool) -> list[Event]:
    given = EventsOptions.model_validate({"inactivity": {"after_min": 1.0, "resting_min": 2.0, **options}})
    engine = Engine(given, surroundings=Surroundings(zones))
    return [event for one in results for event in engine.update(one).events if event.kind == "inactivity"]


def shows(
    shown: Callable[[float], Pose], from_s: float, until_s: float, step_ms: int
) -> Iterable[PoseResult]:
    """Yield what is seen at each second."""
    for at_ms in range(round(from_s * 1000), round(until_s * 1000), step_ms):
        yield result(at_ms, shown(at_ms / 1000))


def shifts(at_s: float) -> Pose:
    """Somebody who shifts on their chair by half a torso length, once in 10 s, within 0.7 s."""
    phase = min(1.0, (at_s % 10) / 0.7)
    side = 0.5 if int(at_s / 10) % 2 else -0.5
    return pose("sitting", at=(0.5 + side * math.cos(math.pi * phase) * 25 / 640, 0.5))


def trembles(px: float) -> Callable[[float], Pose]:
    """Return somebody who keeps still, as a model sees them that is so many pixels off."""
    chance = random.Random(3)

    def shown(_: float) -> Pose:
        landmarks = SITTING.landmarks.copy()
        noise = [[chance.gauss(0, px / 640), chance.gauss(0, px / 480)] for _ in range(33)]
        landmarks[:, :2] += np.array(noise, np.float32)
        return Pose(landmarks, SITTING.world_landmarks)

    return shown


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_a_minute_without_a_movement_is_told_and_ends_with_one(step_ms: int) -> None:
    keeps_still = shows(trembles(1.0), 0, 70, step_ms)
    begun, over = inactivity([*keeps_still, *shows(lambda s: shifts(s - 70), 70, 73, step_ms)])

    assert (begun.event_type, begun.stage, begun.severity) == ("inactivity", Stage.NEW, "warning")
    assert begun.start_ms <= 600
    assert 60_000 <= begun.timestamp_ms <= 62_500
    assert (over.stage, over.number, over.reason) == (Stage.END, begun.number, "moved")
    assert 70_000 <= over.timestamp_ms <= 72_000
    assert over.details["still_min"] == pytest.approx(70 / 60, abs=0.03)


@pytest.mark.parametrize("step_ms", [33, 66, 125, 200])
def test_who_shifts_on_the_chair_is_not_inactive(step_ms: int) -> None:
    assert inactivity(shows(shifts, 0, 90, step_ms)) == []


def test_a_pose_that_jumps_for_one_picture_is_no_movement() -> None:
    def jumps(at_s: float) -> Pose:
        return pose("sitting", at=(0.55 if round(at_s * 10) % 70 == 35 else 0.5, 0.5))

    [begun] = inactivity(shows(jumps, 0, 80, 100))
    assert begun.stage is Stage.NEW


def test_where_lying_is_fine_one_may_keep_still_for_longer() -> None:
    story = [*timeline((150_000, SITTING), step_ms=200)]

    def told_ms(*zones: Zone) -> list[tuple[str | None, int]]:
        return [(event.zone, round(event.timestamp_ms, -4)) for event in inactivity(story, *zones)]

    assert told_ms() == [(None, 60_000)]
    assert told_ms(Zone("sofa", EVERYWHERE, lying_ok=True)) == [("sofa", 120_000)]
    assert told_ms(Zone("desk", EVERYWHERE)) == [("desk", 60_000)]
    assert told_ms(Zone("desk", EVERYWHERE, still_min=0.5)) == [("desk", 30_000)]
    assert told_ms(Zone("desk", EVERYWHERE, still_min=0)) == []
    # Of several zones the most patient.
    assert told_ms(Zone("room", EVERYWHERE), Zone("sofa", EVERYWHERE, lying_ok=True)) == [("room", 120_000)]


def test_while_nobody_is_seen_no_time_passes() -> None:
    blinking = [item for _ in range(20) for item in ((1500, SITTING), (3000, None))]  # 30 s seen of 90

    assert inactivity(timeline(*blinking)) == []
    assert [
        event.stage for event in inactivity(timeline((40_000, SITTING), (5000, None), (25_000, SITTING)))
    ] == [Stage.NEW]


def test_who_is_gone_is_not_inactive_any_more() -> None:
    *_, over = inactivity(timeline((70_000, SITTING), (15_000, None)))

    assert (over.stage, over.reason, over.end_ms) == (Stage.END, "gone", 69_900)


def test_no_clock_runs_while_the_camera_is_silent() -> None:
    assert inactivity([*timeline((30_000, SITTING)), *timeline((20_000, SITTING), start_ms=600_000)]) == []


def test_it_can_be_switched_off() -> None:
    assert inactivity(timeline((70_000, SITTING), step_ms=200), enabled=False) == []


@pytest.mark.parametrize(
    ("px", "least", "most"), [(0.1, LEAST_JITTER, LEAST_JITTER), (2.5, 0.03, MOST_JITTER)]
)
def test_the_jitter_of_the_camera_is_learnt_within_bounds(px: float, least: float, most: float) -> None:
    engine = Engine()
    for one in shows(trembles(px), 0, 700, 250):
        engine.update(one)
    [detector] = [one for one in engine._detectors if isinstance(one, InactivityDetector)]

    assert least <= detector._jitter.share <= most


def test_the_evidence_has_the_numbers_and_the_limits() -> None:
    [begun] = inactivity(timeline((70_000, SITTING), step_ms=200))

    assert begun.evidence["limit_still_min"] == 1.0
    assert begun.evidence["movement"] == 0.0
    assert begun.evidence["limit_movement"] == pytest.approx(TIMES_JITTER * 0.03)
    assert 0.9 < (begun.confidence or 0) <= 1


def test_however_long_somebody_moved_they_are_still_as_soon_as_they_stop() -> None:
    def walks_about(at_s: float) -> Pose:
        return pose(at=(0.5 + 0.2 * math.sin(at_s), 0.5))

    moves = shows(walks_about, 0, 44, 100)  # 14 pi: back in the middle
    [begun] = inactivity([*moves, *timeline((70_000, pose()), start_ms=44_000)])

    assert 44_000 <= begun.start_ms <= 46_000
    assert 104_000 <= begun.timestamp_ms <= 107_000
