"""What the whole thing is for: the real model sees the figure, and sees it where it was drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import pytest

from pose_edge.actor.script import load_script
from pose_edge.geometry import distance
from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.landmarker.blocking import VideoLandmarker
from pose_edge.posture import measure
from pose_edge.records import Body, PointPx
from pose_edge.sources.actor import ActorOptions, ActorSource

RATE_HZ = 6.0

SETTLE_MS = 600
"""MediaPipe smooths over some frames: at this rate its body comes to rest that much after the drawn one."""
TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")

SCRIPT = """
acts:
  - {act: nobody, duration_s: 1.5}
  - {act: walk_in, duration_s: 2.5}
  - {act: stand, duration_s: 1.5}
  - {act: raise_one_hand, duration_s: 2.5}
  - {act: raise_both_hands, duration_s: 2.5}
  - {act: sit, duration_s: 3}
  - {act: slouch, duration_s: 3}
  - {act: stand_up, duration_s: 2.5}
  - {act: bend, duration_s: 3.5}
  - {act: lie_down_slowly, duration_s: 4.5}
  - {act: lie, duration_s: 1.5}
  - {act: get_up, duration_s: 4.5}
  - {act: fall, duration_s: 2}
  - {act: stay_down, duration_s: 1.5}
"""
HELD = (
    *("stand", "raise_one_hand", "raise_both_hands", "sit", "slouch", "stand_up"),
    *("bend", "lie", "get_up", "fall", "stay_down"),
)


@dataclass(frozen=True, slots=True)
class Look:
    """One frame of a held stance: what was drawn there and what the model made of it."""

    act: str
    body: Body | None
    found_px: dict[str, PointPx]
    drawn_px: dict[str, PointPx]


@pytest.fixture(scope="module", params=[("left", 0), ("right", 3)], ids=["left", "right"])
def looks(
    request: pytest.FixtureRequest, model_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Look]:
    """Every frame of the script in which a stance is held, and those of the empty room."""
    side, seed = request.param
    path = tmp_path_factory.mktemp("script") / "all.yaml"
    path.write_text(SCRIPT)
    options = ActorOptions(script=str(path), side=side, seed=seed, rate_hz=RATE_HZ, loop=False)
    return play(options, model_path)


def play(options: ActorOptions, model_path: Path) -> list[Look]:
    script, seen = load_script(options.script), []
    with ActorSource(options) as source, VideoLandmarker(model_path) as landmarker:
        while (at_ms := source.grab()) is not None:
            result, truth = landmarker.detect(source.retrieve()), script.truth(at_ms)
            if truth.transition or script.truth(max(0, at_ms - SETTLE_MS)).transition:
                continue
            body, found_px = None, {}
            if result.poses:
                body = measure(result.poses[0], options.width_px, options.height_px)
                rows = zip(LANDMARK_NAMES, result.poses[0].landmarks.tolist(), strict=True)
                found_px = {
                    name: (row[0] * options.width_px, row[1] * options.height_px) for name, row in rows
                }
            seen.append(Look(truth.act, body, found_px, source.landmarks_px()))
    return seen


def bodies(looks: list[Look], act: str) -> list[Body]:
    """Return the bodies of an act; the act must have been seen in every frame."""
    found = [look.body for look in looks if look.act == act]
    assert found
    assert None not in found
    return [body for body in found if body is not None]


def middle(looks: list[Look], act: str, quantity: Callable[[Body], float | None]) -> float:
    values = [quantity(body) for body in bodies(looks, act)]
    assert None not in values
    return median(value for value in values if value is not None)


def hips_above_ankles(body: Body) -> float | None:
    return None if body.ankles_px is None else (body.ankles_px[1] - body.hips_px[1]) / body.torso_px


def hips_above_knees(body: Body) -> float | None:
    return None if body.knees_px is None else (body.knees_px[1] - body.hips_px[1]) / body.torso_px


@pytest.mark.parametrize("act", HELD)
def test_a_held_stance_is_seen_surely_and_where_it_was_drawn(looks: list[Look], act: str) -> None:
    held = [look for look in looks if look.act == act]
    found = bodies(looks, act)
    torso_px = median(body.torso_px for body in found)

    assert mean(body.visibility for body in found) > 0.9
    for joint in TORSO:
        errors_px = [distance(look.found_px[joint], look.drawn_px[joint]) for look in held]
        assert median(errors_px) / torso_px < 0.25, joint


@pytest.mark.parametrize("act", ["stand", "stand_up", "get_up", "raise_one_hand", "raise_both_hands"])
def test_standing_is_measured_upright_on_straight_legs(looks: list[Look], act: str) -> None:
    assert middle(looks, act, lambda body: body.torso_tilt_deg) < 15
    assert middle(looks, act, hips_above_ankles) > 1.3


@pytest.mark.parametrize("act", ["sit", "slouch"])
def test_sitting_is_measured_with_the_thighs_forward(looks: list[Look], act: str) -> None:
    assert middle(looks, act, lambda body: body.torso_tilt_deg) < 30
    assert middle(looks, act, hips_above_knees) < 0.5
    assert middle(looks, act, hips_above_ankles) < 1.2


def test_bending_is_measured_with_the_trunk_down_and_the_legs_straight(looks: list[Look]) -> None:
    assert middle(looks, "bend", lambda body: body.torso_tilt_deg) > 50
    assert middle(looks, "bend", hips_above_ankles) > 1.1


@pytest.mark.parametrize("act", ["lie", "fall", "stay_down"])
def test_lying_is_measured_flat_and_low(looks: list[Look], act: str) -> None:
    def head_above_ankles(body: Body) -> float | None:
        return None if body.ankles_px is None else (body.ankles_px[1] - body.head_px[1]) / body.torso_px

    assert middle(looks, act, lambda body: body.torso_tilt_deg) > 65
    assert middle(looks, act, head_above_ankles) < 0.5


def test_raised_hands_are_found_above_the_head(looks: list[Look]) -> None:
    def wrists_up(act: str) -> list[int]:
        held = [look.found_px for look in looks if look.act == act]
        return [
            sum(px[f"{side}_wrist"][1] < px[f"{side}_eye"][1] for side in ("left", "right")) for px in held
        ]

    assert median(wrists_up("stand")) == 0
    assert median(wrists_up("raise_one_hand")) == 1
    assert median(wrists_up("raise_both_hands")) == 2


def test_an_empty_room_is_empty(looks: list[Look]) -> None:
    empty = [look for look in looks if look.act == "nobody"]

    assert len(empty) >= 9
    # 0.06 of the height is the least a torso must have to be taken for a person's.
    assert not [look for look in empty if look.body is not None and look.body.torso_px >= 0.06 * 480]
