"""Gestures and exercises of the drawn figure, seen by the real model, against its script."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from pose_edge.actor.script import load_script
from pose_edge.actor.timeline import Script
from pose_edge.engine import Engine
from pose_edge.landmarker.blocking import VideoLandmarker
from pose_edge.records import Event, PoseResult, Stage
from pose_edge.sources.actor import ActorOptions, ActorSource
from pose_edge.sources.thinning import Thinning
from tests.limbs import mirrored

STANDING_MOVES = """
acts:
  - {act: stand, duration_s: 1}
  - {act: wave, duration_s: 4.2}
  - {act: stand, duration_s: 1.6}
  - {act: raise_both_hands, duration_s: 2.6}
  - {act: stand, duration_s: 1.4}
  - {act: squats, duration_s: 5.6}
"""
PUSH_UPS = """
acts:
  - {act: stand, duration_s: 0.5}
  - {act: push_ups, duration_s: 9}
"""
RATES = [5.0, 8.0, 15.0, 30.0]
WITHIN_MS = 400
"""The model smooths: a movement is seen up to 300 ms late; and hands pass the eyes on their way."""


def record(script: str, rate_hz: float, model: Path, folder: Path) -> tuple[Script, list[PoseResult]]:
    path = folder / "moves.yaml"
    path.write_text(script)
    options = ActorOptions(script=str(path), rate_hz=rate_hz, loop=False)
    results = []
    with ActorSource(options) as source, VideoLandmarker(model) as landmarker:
        while source.grab() is not None:
            results.append(landmarker.detect(source.retrieve()))
    return load_script(str(path)), results


@pytest.fixture(scope="session")
def moves(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Script, list[PoseResult]]:
    return record(STANDING_MOVES, 30, model_path, tmp_path_factory.mktemp("moves"))


@pytest.fixture(scope="session")
def push_ups(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Script, list[PoseResult]]:
    return record(PUSH_UPS, 10, model_path, tmp_path_factory.mktemp("push_ups"))


def thinned(results: list[PoseResult], rate_hz: float) -> list[PoseResult]:
    thinning = Thinning(rate_hz)
    return [one for one in results if thinning.wants(one.timestamp_ms)]


def moved(results: list[PoseResult]) -> list[Event]:
    engine = Engine()
    kinds = ("hands_raised", "one_arm_raised", "wave", "repetition", "fall")
    return [event for one in results for event in engine.update(one).events if event.kind in kinds]


def check(script: Script, events: list[Event]) -> None:
    """Hold the events against the script: each once, when it was played, and nothing else."""
    waved, raised, squats = (
        next((p.start_ms, p.end_ms) for p in script.periods if getattr(p.truth, word))
        for word in ("waving", "hands_raised", "exercise")
    )
    began = {event.kind: event for event in events if event.stage is Stage.NEW}
    ended = {event.kind: event for event in events if event.stage is Stage.END}
    assert [event.kind for event in events if event.stage is Stage.NEW] == [
        "wave",
        "hands_raised",
        "repetition",
    ]

    assert waved[0] <= began["wave"].start_ms <= waved[0] + 400 + WITHIN_MS  # the end of the first way
    assert waved[0] < began["wave"].timestamp_ms <= waved[0] + 2400
    assert abs((ended["wave"].end_ms or 0) - waved[1]) <= 400 + WITHIN_MS
    assert abs(began["hands_raised"].start_ms - raised[0]) <= WITHIN_MS
    assert began["hands_raised"].timestamp_ms <= began["hands_raised"].start_ms + 1000 + 400
    assert raised[1] <= (ended["hands_raised"].end_ms or 0) <= raised[1] + 1100  # while they come down
    assert began["repetition"].details == {"exercise": "squat", "count": 3}
    assert squats[0] + 2 * 1800 + 900 <= began["repetition"].timestamp_ms <= squats[1] + 200


@pytest.mark.parametrize("rate_hz", RATES)
def test_every_move_is_told_at_its_time(moves: tuple[Script, list[PoseResult]], rate_hz: float) -> None:
    script, results = moves

    check(script, moved(thinned(results, rate_hz)))


@pytest.mark.parametrize("rate_hz", RATES)
def test_in_a_mirror_the_other_arm_waves(moves: tuple[Script, list[PoseResult]], rate_hz: float) -> None:
    script, results = moves
    plain = thinned(results, rate_hz)
    events = moved([replace(one, poses=tuple(map(mirrored, one.poses))) for one in plain])

    check(script, events)
    assert [event.details["arm"] for event in events if event.kind == "wave"] == ["left", "left"]
    assert [event.details["arm"] for event in moved(plain) if event.kind == "wave"] == ["right", "right"]


@pytest.mark.parametrize("seed", range(4))
def test_dropped_frames_lose_nothing(moves: tuple[Script, list[PoseResult]], seed: int) -> None:
    script, results = moves
    rng = random.Random(seed)

    check(script, moved([one for one in thinned(results, 15) if rng.random() > 0.3]))


@pytest.mark.parametrize("rate_hz", [5.0, 10.0])
def test_push_ups_are_counted_and_are_no_fall(
    push_ups: tuple[Script, list[PoseResult]], rate_hz: float
) -> None:
    script, results = push_ups
    [period] = [period for period in script.periods if period.truth.exercise]
    [began] = moved(thinned(results, rate_hz))

    assert began.details == {"exercise": "push_up", "count": 3}
    assert period.start_ms + 2 * 1400 + 700 <= began.timestamp_ms <= period.end_ms
