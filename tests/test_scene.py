"""Zones: what the user says about the picture, and what follows from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pose_edge.config import Config, load
from pose_edge.engine import Engine
from pose_edge.errors import ConfigError
from pose_edge.messages import Device, Messages
from pose_edge.records import PoseResult, Surroundings
from pose_edge.scene import SceneOptions, zones_at
from tests.bodies import pose, result
from tests.contract import check

BED = {"name": "bed", "polygon": [[0.2, 0.55], [0.8, 0.55], [0.8, 1.0], [0.2, 1.0]], "lying_ok": True}
DOOR = {"name": "door", "polygon": [[0.0, 0.0], [0.15, 0.0], [0.15, 1.0], [0.0, 1.0]]}


def scene(*zones: dict[str, Any]) -> SceneOptions:
    return SceneOptions.model_validate({"zones": zones})


def lies_down(at_ms: int) -> PoseResult:
    """Somebody who stands for 5 s and then lies in the lower half of the picture."""
    stance, height = ("standing", 0.45) if at_ms < 5000 else ("lying", 0.75)
    return result(at_ms, pose(stance, at=(0.5, height)))


@pytest.mark.parametrize(("zones", "falls"), [((), True), ((BED,), False), ((DOOR,), True)])
def test_whoever_lies_in_bed_has_not_fallen(zones: tuple[dict[str, Any], ...], falls: bool) -> None:
    engine = Engine(surroundings=Surroundings(scene(*zones).all_zones()))
    kinds = {
        event.event_type
        for at_ms in range(0, 120_000, 100)
        for event in engine.update(lies_down(at_ms)).events
    }

    assert ("fall_confirmed" in kinds) is falls


def test_state_says_who_is_in_which_zone() -> None:
    zones = scene(BED, DOOR).all_zones()
    engine, messages = (
        Engine(surroundings=Surroundings(zones)),
        Messages(Device("d"), "b", "m", "video", zones=zones),
    )
    for at_ms in range(0, 9000, 100):
        step = engine.update(lies_down(at_ms))
    told, *_ = messages.state(
        step.state, step.scene, timestamp_ms=9000, detection="running", inference_fps=None, frame_age_ms=0
    )

    content = check(told)
    assert (content["zones"], content["persons"][0]["zone"]) == (["bed"], "bed")


def test_points_are_in_zones_by_their_share_of_the_picture() -> None:
    zones = scene(BED, DOOR).all_zones()

    assert zones_at((320, 400), 640, 480, zones) == ("bed",)
    assert zones_at((30, 400), 640, 480, zones) == ("door",)
    assert zones_at((320, 100), 640, 480, zones) == ()


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        ("[{name: bed, polygon: [[0, 0], [1, 1]]}]", ("scene.zones.0.polygon", "at least 3")),
        ("[{name: bed, polygon: [[0, 0], [0.5, 0.5], [1, 1]]}]", ("lie on a line",)),
        ("[{name: bed, polygon: [[0, 0], [1, 0], [1, 480]]}]", ("scene.zones.0.polygon.2.1", "480")),
        ("[{name: Bed!, polygon: [[0, 0], [1, 0], [1, 1]]}]", ("scene.zones.0.name",)),
        ("[{name: bed, poligon: [[0, 0], [1, 0], [1, 1]]}]", ("did you mean 'polygon'",)),
        (
            "[{name: a, polygon: [[0, 0], [1, 0], [1, 1]]}, {name: a, polygon: [[0, 0], [1, 0], [1, 1]]}]",
            ("more than once",),
        ),
    ],
)
def test_a_wrong_zone_is_named(zones: str, words: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"scene:\n  zones: {zones}\n")

    with pytest.raises(ConfigError) as raised:
        load(path)

    for word in words:
        assert word in str(raised.value)


def test_a_good_one_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("scene: {zones: [{name: sofa, polygon: [[0, 0], [1, 0], [1, 1]], lying_ok: true}]}\n")

    [zone] = load(path).scene.all_zones()
    assert (zone.name, zone.lying_ok, zone.polygon[2]) == ("sofa", True, (1.0, 1.0))
    assert Config().scene.all_zones() == ()
