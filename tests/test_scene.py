"""Zones: what the user says about the picture, and what follows from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pose_edge.config import Config, load
from pose_edge.engine import Engine
from pose_edge.errors import ConfigError
from pose_edge.messages import Device, Messages
from pose_edge.records import Pose, PoseResult, Surroundings
from pose_edge.scene import SceneOptions, zones_of
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
    engine, messages = Engine(surroundings=Surroundings(zones)), Messages(Device("d"), "b", "m", "video")
    for at_ms in range(0, 9000, 100):
        step = engine.update(lies_down(at_ms))
    told, *_ = messages.state(
        step.state, step.scene, timestamp_ms=9000, detection="running", inference_fps=None, frame_age_ms=0
    )

    content = check(told)
    assert (content["zones"], content["persons"][0]["zone"]) == (["bed"], "bed")


def inside(shown: Pose, *zones: dict[str, Any]) -> list[str]:
    """Return the zones somebody is in at once, by their place in one picture."""
    engine = Engine()
    for at_ms in range(0, 500, 100):
        step = engine.update(result(at_ms, shown))
    return [zone.name for zone in zones_of(step.scene.people[0], scene(*zones).all_zones(), step.scene)]


def test_feet_decide_on_the_floor_and_hips_on_a_bed() -> None:
    stands = pose("standing", at=(0.5, 0.5))  # the feet are at 0.85
    floor = {"name": "floor", "polygon": [[0, 0.8], [1, 0.8], [1, 1], [0, 1]]}
    shelf = {"name": "shelf", "polygon": [[0, 0.4], [1, 0.4], [1, 0.6], [0, 0.6]]}

    assert inside(stands, floor, shelf) == ["floor"]
    assert inside(stands, {**floor, "lying_ok": True}, {**shelf, "lying_ok": True}) == ["shelf"]
    assert inside(stands, {**floor, "point": "hips"}, {**shelf, "point": "hips"}) == ["shelf"]
    assert inside(stands, {**floor, "lying_ok": True, "point": "feet"}) == ["floor"]


def test_hips_stand_in_for_feet_that_are_hidden_or_lie() -> None:
    shelf = {"name": "shelf", "polygon": [[0, 0.4], [1, 0.4], [1, 0.6], [0, 0.6]], "point": "feet"}
    left = {"name": "left", "polygon": [[0.4, 0], [0.6, 0], [0.6, 1], [0.4, 1]], "point": "feet"}

    assert inside(pose("standing", legs_visibility=0.1), shelf) == ["shelf"]
    assert inside(pose("standing"), shelf) == []
    assert inside(pose("lying"), left) == ["left"]  # its feet are at 0.24


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        ("[{name: bed, polygon: [[0, 0], [1, 1]]}]", ("scene.zones.0.polygon", "3 to 64")),
        ("[{name: bed, polygon: [[0, 0], [0.5, 0.5], [1, 1]]}]", ("lie on a line",)),
        (
            "[{name: bed, polygon: [[0, 0], [1, 0], [1, 480]]}]",
            ("scene.zones.0.polygon.2: y is 480: shares", "480"),
        ),
        ("[{name: Bed!, polygon: [[0, 0], [1, 0], [1, 1]]}]", ("scene.zones.0.name",)),
        ("[{name: bed, polygon: [[0, 0], [1, 0], [1, 1]], point: head}]", ("scene.zones.0.point", "feet")),
        ("[{name: bed, polygon: [[0, 0], [1, 0], [1, 1]], loiter_s: -1}]", ("scene.zones.0.loiter_s",)),
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


def test_a_fall_names_the_zone_it_happens_in() -> None:
    floor = {"name": "kitchen", "polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}
    engine = Engine(surroundings=Surroundings(scene(DOOR, floor).all_zones()))
    falls = [
        event
        for at_ms in range(0, 120_000, 100)
        for event in engine.update(lies_down(at_ms)).events
        if event.kind == "fall"
    ]

    assert {event.zone for event in falls} == {"kitchen"}
    assert Messages(Device("d"), "b", "m", "video").active_fall(falls[-1]).zone == "kitchen"
