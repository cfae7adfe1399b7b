"""Rules on what the real model sees of the drawn figure, held against the figure's script."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pose_edge.actor.script import load_script
from pose_edge.actor.timeline import Script
from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.landmarker.blocking import VideoLandmarker
from pose_edge.records import Event, PoseResult, Stage
from pose_edge.sources.actor import ActorOptions, ActorSource
from tests.test_quantities import flipped

SCRIPT = """
acts:
  - {act: stand, duration_s: 1.2}
  - {act: bend_left_arm, duration_s: 2.7}
  - {act: raise_one_hand, duration_s: 2.7}
  - {act: sit, duration_s: 3.3}
"""
ACTS = {"arm_bent": "bend_left_arm", "hand_up": "raise_one_hand", "seated": "sit"}
RULES: dict[str, Any] = {
    "arm_bent": {"when": {"left_elbow_deg": {"below": 40}}, "for": "1.5 s", "clear": 0.5},
    "hand_up": {"when": {"height": {"of": "right_wrist", "over": "nose", "above": 0.1}}, "for": "1.5 s"},
    "seated": {"when": {"posture": "sitting", "left_knee_deg": {"below": 120}}, "for": "1.5 s"},
    "never": {"when": {"any": [{"posture": "lying"}, {"right_elbow_deg": {"below": 90}}]}, "for": 1},
}
MIRRORED: dict[str, Any] = {
    "arm_bent": {**RULES["arm_bent"], "when": {"right_elbow_deg": {"below": 40}}},
    "hand_up": {
        **RULES["hand_up"],
        "when": {"height": {"of": "left_wrist", "over": "nose", "above": 0.1}},
    },
    "seated": {**RULES["seated"], "when": {"posture": "sitting", "right_knee_deg": {"below": 120}}},
    "never": {**RULES["never"], "when": {"any": [{"posture": "lying"}, {"left_elbow_deg": {"below": 90}}]}},
}
TOLERANCE_MS = 500
"""The arm is bent below 40 degrees, and the hand above the nose, before the movement ends; and MediaPipe
smooths over some frames."""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    path = tmp_path_factory.mktemp("script") / "rules.yaml"
    path.write_text(SCRIPT)
    return load_script(str(path))


@pytest.fixture(scope="module")
def recorded(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[PoseResult]:
    """What the model sees of every act, 30 times a second."""
    path = tmp_path_factory.mktemp("actor") / "rules.yaml"
    path.write_text(SCRIPT)
    options = ActorOptions(script=str(path), rate_hz=30, loop=False)
    with ActorSource(options) as source, VideoLandmarker(model_path) as landmarker:
        results = []
        while source.grab() is not None:
            results.append(landmarker.detect(source.retrieve()))
    return results


def thinned(results: list[PoseResult], rate_hz: int) -> list[PoseResult]:
    first_ms = results[0].timestamp_ms
    kept: dict[int, PoseResult] = {}
    for one in results:
        kept.setdefault((one.timestamp_ms - first_ms) * rate_hz // 1000, one)
    return list(kept.values())


def told(results: Iterable[PoseResult], rules: dict[str, Any]) -> list[Event]:
    engine = Engine(EventsOptions.model_validate({"rules": rules}))
    return [event for one in results for event in engine.update(one).events if event.kind[:5] == "rule_"]


def hold(events: list[Event], script: Script, step_ms: int) -> None:
    """Hold that each rule came true once, when the script did it."""
    begun = {event.kind.removeprefix("rule_"): event for event in events if event.stage is Stage.NEW}
    assert set(begun) == set(ACTS)
    assert sum(event.stage is Stage.NEW for event in events) == len(ACTS)
    for name, act in ACTS.items():
        step = next(step for step in script.steps if step.name == act)
        event = begun[name]
        assert abs(event.start_ms - step.still_ms) <= TOLERANCE_MS + step_ms, name
        assert 1500 <= event.timestamp_ms - event.start_ms <= 1500 + 2 * step_ms + 100, name
        over = [one for one in events if one.number == event.number and one.stage is Stage.END]
        if act != script.steps[-1].name:
            assert abs((over[0].end_ms or 0) - step.end_ms) <= 2 * TOLERANCE_MS, name


@pytest.mark.parametrize("rate_hz", [5, 8, 15, 30])
def test_each_rule_comes_true_when_the_figure_does_it(
    recorded: list[PoseResult], script: Script, rate_hz: int
) -> None:
    hold(told(thinned(recorded, rate_hz), RULES), script, 1000 // rate_hz)


@pytest.mark.parametrize("rate_hz", [5, 15])
def test_in_a_mirror_it_is_the_other_side(recorded: list[PoseResult], script: Script, rate_hz: int) -> None:
    mirror = [replace(one, poses=tuple(map(flipped, one.poses))) for one in thinned(recorded, rate_hz)]

    hold(told(mirror, MIRRORED), script, 1000 // rate_hz)


@pytest.mark.parametrize("seed", range(4))
def test_frames_dropped_at_random_move_nothing(recorded: list[PoseResult], script: Script, seed: int) -> None:
    dice = random.Random(seed)
    kept = [one for one in thinned(recorded, 15) if dice.random() > 0.4]

    hold(told(kept, RULES), script, 200)
