"""Zones in `evaluate` and `explain`: of a configuration, of a clip, and under a changed picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pose_edge.errors import ConfigError
from pose_edge.evaluation.manifest import load_manifest
from pose_edge.evaluation.stress import CHANGES, Change, changed, changed_zones
from pose_edge.geometry import is_inside
from pose_edge.records import Zone
from tests.bodies import pose, timeline
from tests.cli.command import lines, run
from tests.evaluation.material import write_manifest, write_recording

EVERYWHERE = [[0, 0], [1, 0], [1, 1], [0, 1]]
CONFIG = f"scene: {{zones: [{{name: room, polygon: {EVERYWHERE}}}]}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_recording(tmp_path / "stands.jsonl", timeline((3000, pose("standing"))))
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def evaluated(folder: Path, *arguments: str | Path, **clip: Any) -> dict[str, Any]:
    """Return the report on one clip of somebody who stands there."""
    manifest = write_manifest(folder / "m.yaml", {"file": "stands.jsonl", **clip})
    done = run("evaluate", manifest, "--report", folder / "r.json", *arguments)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads((folder / "r.json").read_text())
    return report


def entered(report: dict[str, Any]) -> int:
    return sum(event["event_type"] == "zone_entered" for event in report["clips"][0]["events"])


def test_the_zones_of_the_configuration_hold_for_every_clip(folder: Path) -> None:
    assert entered(evaluated(folder)) == 0
    assert entered(evaluated(folder, "--config", folder / "config.yaml")) == 1


def test_a_clip_may_have_its_own(folder: Path) -> None:
    zones = [{"name": "here", "polygon": EVERYWHERE}, {"name": "there", "polygon": EVERYWHERE}]

    assert entered(evaluated(folder, "--config", folder / "config.yaml", zones=zones)) == 2
    assert entered(evaluated(folder, "--config", folder / "config.yaml", zones=[])) == 0


def test_entering_and_leaving_are_words(folder: Path) -> None:
    zones = [{"name": "here", "polygon": EVERYWHERE}]
    summary = evaluated(folder, zones=zones, expect=["zone_entered"], never=["zone_left"])["summary"]

    assert (summary["expect_met"], summary["expect_total"], summary["never_violated"]) == (1, 1, 0)


def test_explain_knows_the_zones_of_the_configuration(folder: Path) -> None:
    told = lines(run("explain", folder / "stands.jsonl", "--config", folder / "config.yaml"))

    assert "zone_entered" in {line["decision"] for line in told}
    assert "zone_entered" not in {line["decision"] for line in lines(run("explain", folder / "stands.jsonl"))}


def test_a_wrong_zone_of_a_clip_is_named_with_its_line(folder: Path) -> None:
    path = folder / "m.yaml"
    path.write_text(
        "clips:\n- file: stands.jsonl\n  zones:\n  - {name: Bed!, polygon: [[0, 0], [1, 0], [1, 1]]}\n"
        "  - {name: bed, poligon: 1}\n"
    )

    with pytest.raises(ConfigError) as raised:
        load_manifest(path)

    name, unknown, missing = str(raised.value).splitlines()
    assert "line 4: clips[0].zones[0].name: 'Bed!' found" in name
    assert "line 5: clips[0].zones[1].poligon: unknown; allowed are name, polygon" in unknown
    assert "line 5: clips[0].zones[1].polygon: missing" in missing


def test_two_zones_of_one_name_are_refused(folder: Path) -> None:
    twice = [{"name": "bed", "polygon": EVERYWHERE}] * 2

    with pytest.raises(ConfigError, match=r"bed is there more than once"):
        load_manifest(write_manifest(folder / "m.yaml", {"file": "stands.jsonl", "zones": twice}))


@pytest.mark.parametrize("kind", sorted(CHANGES))
@pytest.mark.parametrize("at", [(0.2, 0.3), (0.55, 0.7)])
def test_zones_go_where_the_picture_goes(kind: str, at: tuple[float, float]) -> None:
    change = Change(kind, 10.0 if kind == "rotate" else 0.3 if kind.startswith("drop") else 0.0)
    around = Zone(
        "z", tuple((at[0] + x, at[1] + y) for x, y in ((-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1)))
    )
    [zone] = changed_zones((around,), change, 640, 480)
    [first, *_] = changed([*timeline((500, pose("standing", at=at)))], change, "seed")
    left, right = first.poses[0].landmarks[23], first.poses[0].landmarks[24]

    assert is_inside((float(left[0] + right[0]) / 2, float(left[1] + right[1]) / 2), zone.polygon)
    still = kind in ("drop", "drop_bursts", "scramble_visibility")
    assert (zone == around) is still
