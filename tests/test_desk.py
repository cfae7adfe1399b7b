"""What is measured of somebody on a chair, and the baseline made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from pose_edge.desk import (
    NotMeasurableError,
    from_front,
    from_side,
    measure_baseline,
    shoulder_width,
    view_of,
)
from pose_edge.records import PoseResult, Posture, Scene
from pose_edge.tracking import Tracker
from tests.bodies import pose, timeline
from tests.seats import AWAY_DEG, FRONT_DEG, OBLIQUE_DEG, SIDE_DEG, seat


def sightings(results: Iterable[PoseResult]) -> Iterator[tuple[Posture, Scene]]:
    tracker = Tracker()
    for one in results:
        scene = Scene(one.timestamp_ms, one.width_px, one.height_px, tracker.update(one).people)
        yield from ((posture, scene) for posture in scene.people)


def seen(**how: Any) -> tuple[Posture, Scene]:
    return list(sightings(timeline((2000, seat(**how)))))[-1]


@pytest.mark.parametrize(
    ("turn_deg", "view"),
    [
        (SIDE_DEG, "side"),
        (-SIDE_DEG, "side"),
        (FRONT_DEG, "front"),
        (OBLIQUE_DEG, "oblique"),
        (AWAY_DEG, "away"),
    ],
)
def test_the_view_follows_from_the_shoulders(turn_deg: float, view: str) -> None:
    width = shoulder_width(*seen(turn_deg=turn_deg))

    assert width is not None
    assert view_of(width) == view


@pytest.mark.parametrize("side", [1, -1])
def test_the_side_view_measures_what_was_drawn(side: int) -> None:
    shown = from_side(*seen(turn_deg=side * SIDE_DEG, neck_deg=33.0, trunk_deg=-9.0), side)

    assert shown.neck_deg == pytest.approx(33, abs=0.5)
    assert shown.trunk_deg == pytest.approx(-9, abs=0.5)
    assert shown.flexion_deg == pytest.approx(42, abs=1)


def test_the_front_view_measures_what_was_drawn() -> None:
    shown = from_front(*seen(turn_deg=FRONT_DEG, neck_deg=0.0, head_tilt_deg=12.0, shoulder_tilt_deg=-7.0))

    assert shown.gap == pytest.approx(0.22 / 0.36, abs=0.02)
    assert shown.head_tilt_deg == pytest.approx(12, abs=1)
    assert shown.shoulder_tilt_deg == pytest.approx(-7, abs=1)


def test_a_baseline_is_the_median_of_sitting_well() -> None:
    wild = [item for _ in range(12) for item in ((900, seat(neck_deg=14.0)), (100, seat(neck_deg=70.0)))]
    found = measure_baseline(sightings(timeline(*wild)))

    assert found.view == "side"
    assert found.neck_deg == pytest.approx(14, abs=0.5)
    assert found.trunk_deg == pytest.approx(0, abs=0.5)
    assert found.torso == pytest.approx(100 / 480, abs=0.01)
    assert found.hips_down == pytest.approx(0.6, abs=0.01)


def test_a_baseline_from_the_front() -> None:
    found = measure_baseline(sightings(timeline((12_000, seat(FRONT_DEG, neck_deg=0.0, head_tilt_deg=4.0)))))

    assert (found.view, found.neck_deg) == ("front", None)
    assert found.gap == pytest.approx(0.61, abs=0.02)
    assert found.head_tilt_deg == pytest.approx(4, abs=1)
    assert found.shoulder_tilt_deg == pytest.approx(0, abs=0.5)


EARS = (7, 8)


@pytest.mark.parametrize(
    ("results", "complaint"),
    [
        (timeline((8000, seat())), "somebody sits for 7.7 s, at least 10 s"),
        (timeline((20_000, pose("standing"))), "somebody sits for 0.0 s"),
        (timeline((20_000, seat(OBLIQUE_DEG))), "view is oblique .* allowed are side .* and front"),
        (timeline((20_000, seat(AWAY_DEG))), "view is away"),
        (timeline((10_000, seat()), (10_000, seat(FRONT_DEG))), "the view changes"),
        (timeline((20_000, seat(hidden=EARS))), "ears show for 0.0 s"),
    ],
    ids=["short", "standing", "oblique", "away", "turning", "hidden"],
)
def test_what_cannot_be_measured_is_said_with_its_reason(
    results: Iterable[PoseResult], complaint: str
) -> None:
    with pytest.raises(NotMeasurableError, match=complaint):
        measure_baseline(sightings(results))


def test_a_silence_adds_no_time() -> None:
    parts = [*timeline((6000, seat())), *timeline((3000, seat()), start_ms=60_000)]

    with pytest.raises(NotMeasurableError, match=r"8\.[3-5] s"):
        measure_baseline(sightings(parts))
