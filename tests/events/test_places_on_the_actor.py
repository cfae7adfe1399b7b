"""The real model on a figure that sits, gets up, lies down and gets up again: everything at its second."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.engine import Engine
from pose_edge.evaluation.stress import Change, changed, changed_zones
from pose_edge.events import EventsOptions
from pose_edge.geometry import is_inside, midpoint
from pose_edge.landmarker.blocking import VideoLandmarker
from pose_edge.records import Event, PointPx, Pose, PoseResult, Stage, Surroundings, Zone
from pose_edge.sources.actor import ActorOptions, ActorSource

RATE_HZ = 15.0
SCRIPT = """
acts:
  - {act: walk_in, duration_s: 2.5}
  - {act: sit, duration_s: 5.5}
  - {act: stand_up, duration_s: 3.5}
  - {act: lie_down_slowly, duration_s: 6.2}
  - {act: get_up, duration_s: 5.1}
"""
CHAIR = Zone("chair", ((0.24, 0.58), (0.45, 0.58), (0.45, 0.78), (0.24, 0.78)), point="hips", loiter_s=2.0)
MAT = Zone("mat", ((0.3, 0.72), (0.9, 0.72), (0.9, 0.98), (0.3, 0.98)), lying_ok=True)
WAY = Zone("way", ((0.0, 0.6), (0.44, 0.6), (0.44, 1.0), (0.0, 1.0)))
ZONES = (CHAIR, MAT, WAY)
OPTIONS = EventsOptions.model_validate(
    {
        "bed_exit": {"rest_s": 2.0, "out_s": 1.0},
        "chair_exit": {"rest_s": 2.0, "out_s": 1.0},
        "inactivity": {"after_min": 0.03},
    }
)
LAG_MS = 500
"""The model smooths: its body comes to rest that much after the drawn one, and leaves that much later."""

Drawn: TypeAlias = list[tuple[int, dict[str, PointPx]]]
"""Moment and joints, as shares of the picture."""


@pytest.fixture(scope="module")
def recording(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[PoseResult], Drawn]:
    """What the model saw of the script, and what was drawn."""
    path = tmp_path_factory.mktemp("script") / "places.yaml"
    path.write_text(SCRIPT)
    options = ActorOptions(script=str(path), rate_hz=RATE_HZ, loop=False, seed=1)
    results, drawn = [], []
    with ActorSource(options) as source, VideoLandmarker(model_path) as landmarker:
        while (at_ms := source.grab()) is not None:
            results.append(landmarker.detect(source.retrieve()))
            places = source.landmarks_px()
            shares = {name: (x / options.width_px, y / options.height_px) for name, (x, y) in places.items()}
            drawn.append((at_ms, shares))
    return results, drawn


def drawn_inside(drawn: Drawn, zone: Zone, joint: str) -> list[tuple[int, int]]:
    """Return from when to when the middle of a pair of joints was drawn inside a zone."""
    found: list[tuple[int, int]] = []
    for at_ms, places in drawn:
        if not places or not is_inside(
            midpoint(places[f"left_{joint}"], places[f"right_{joint}"]), zone.polygon
        ):
            continue
        if found and at_ms - found[-1][1] < 100:
            found[-1] = (found[-1][0], at_ms)
        else:
            found.append((at_ms, at_ms))
    return found


def play(results: Iterable[PoseResult], zones: Sequence[Zone] = ZONES) -> list[Event]:
    engine = Engine(OPTIONS, surroundings=Surroundings(tuple(zones)))
    return [event for one in results for event in engine.update(one).events]


def thinned(results: Sequence[PoseResult], rate_hz: float) -> list[PoseResult]:
    kept: list[PoseResult] = []
    for one in results:
        if not kept or one.timestamp_ms - kept[-1].timestamp_ms >= 1000 / rate_hz - 5:
            kept.append(one)
    return kept


def doubled(results: Sequence[PoseResult]) -> list[PoseResult]:
    """Put a pose half way between each two: inference is too slow to look at 30 pictures a second here."""
    found: list[PoseResult] = []
    for one, other in itertools.pairwise(results):
        both = zip(one.poses, other.poses, strict=False)
        poses = tuple(
            Pose(_half(a.landmarks, b.landmarks), _half(a.world_landmarks, b.world_landmarks))
            for a, b in both
        )
        half_ms = (one.timestamp_ms + other.timestamp_ms) // 2
        found += [one, PoseResult(half_ms, one.width_px, one.height_px, poses)]
    return found


def _half(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray((one + other) / 2, np.float32)


WAYS = ["30 fps", "15 fps", "8 fps", "5 fps", "mirror", "drop", "drop_bursts", "half_size"]


def seen(results: Sequence[PoseResult], way: str) -> tuple[list[PoseResult], tuple[Zone, ...]]:
    """Return the recording as it looks that way, and the zones."""
    if way == "30 fps":
        return doubled(results), ZONES
    if way.endswith("fps"):
        return thinned(results, float(way.split(maxsplit=1)[0])), ZONES
    change = Change(way, 0.3)
    return [*changed(results, change, way)], changed_zones(ZONES, change, 640, 480)


def near(found_ms: int | None, truth_ms: int, slack_ms: int = LAG_MS) -> None:
    assert found_ms is not None
    assert abs(found_ms - truth_ms) <= slack_ms, f"{found_ms} ms found, {truth_ms} ms drawn"


@pytest.mark.parametrize("way", WAYS)
def test_everything_is_found_at_its_second(recording: tuple[list[PoseResult], Drawn], way: str) -> None:
    results, drawn = recording
    events = play(*seen(results, way))
    frame_ms = 200 if way in ("5 fps", "drop", "drop_bursts") else 125

    for zone, joint in ((CHAIR, "hip"), (MAT, "hip"), (WAY, "ankle")):
        truth = [(a, b) for a, b in drawn_inside(drawn, zone, joint) if b - a >= 700]
        entered = [e for e in events if e.event_type == "zone_entered" and e.zone == zone.name]
        left = [e for e in events if e.event_type == "zone_left" and e.zone == zone.name]
        assert len(entered) == len(truth) == 1, zone.name
        near(entered[0].start_ms, truth[0][0], LAG_MS + frame_ms)
        near(left[0].end_ms, truth[0][1], LAG_MS + frame_ms)

    [loitering] = [e for e in events if e.event_type == "loitering" and e.stage is Stage.NEW]
    assert loitering.zone == "chair"
    near(loitering.timestamp_ms, drawn_inside(drawn, CHAIR, "hip")[0][0] + 2000, LAG_MS + frame_ms)


@pytest.mark.parametrize("way", WAYS)
def test_getting_up_and_keeping_still_are_found_at_their_second(
    recording: tuple[list[PoseResult], Drawn], way: str
) -> None:
    results, drawn = recording
    events = play(*seen(results, way))
    frame_ms = 200 if way in ("5 fps", "drop", "drop_bursts") else 125

    [chair] = [e for e in events if e.event_type == "chair_exit" and e.stage is Stage.NEW]
    near(chair.start_ms, 8750, 750 + frame_ms)  # gets up from 8.0 to 9.5 s
    [bed] = [e for e in events if e.event_type == "bed_exit" and e.stage is Stage.NEW]
    near(bed.start_ms, drawn_inside(drawn, MAT, "hip")[-1][1], LAG_MS + frame_ms)
    assert bed.zone == "mat"

    still = [e for e in events if e.event_type == "inactivity" and e.stage is Stage.NEW]
    moved = [e for e in events if e.event_type == "inactivity" and e.stage is Stage.END]
    near(still[0].timestamp_ms, 4000 + 1000 + 1800, 900 + frame_ms)  # seated from 4.0 s, in a window of 1 s
    near(moved[0].timestamp_ms, 8000 + 600, LAG_MS + 300 + frame_ms)  # gets up from 8.0 s


def test_lying_down_where_that_is_fine_is_no_fall(recording: tuple[list[PoseResult], Drawn]) -> None:
    assert not [event for event in play(recording[0]) if event.kind == "fall"]
