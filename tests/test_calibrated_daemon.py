"""What the daemon does with a calibration, and says about a camera that cannot see, over a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pose_edge.calibration_file import FILE, keep, made
from pose_edge.records import View
from tests.brokers import Mosquitto, Subscriber, eventually
from tests.daemons import daemon, log_of, write_config

NIGHT = """
acts:
  - {act: nobody, duration_s: 2}
  - {act: lights_out, duration_s: 600}
"""


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


def newest(subscriber: Subscriber, topic: str) -> Any:
    found = subscriber.payloads(topic)
    return json.loads(found[-1]) if found else {}


def test_a_calibration_is_used_for_its_camera_and_a_dark_picture_is_told(
    mosquitto: Mosquitto, model_path: Path, tmp_path: Path
) -> None:
    script = tmp_path / "night.yaml"
    script.write_text(NIGHT)
    config = write_config(
        tmp_path,
        mosquitto.port,
        model_path,
        source={"kind": "actor", "script": str(script), "rate_hz": 10},
        events={"camera": {"hold_s": 1}},
    )
    keep(tmp_path / "state" / FILE, made("actor night", (640, 480), View(640, 480, 8.0, 0.0, 1.0), None))

    with Subscriber(mosquitto.port) as subscriber, daemon(config):
        assert eventually(lambda: newest(subscriber, "info").get("calibrated") is True, 30), log_of(config)
        assert eventually(lambda: newest(subscriber, "events").get("problem") == "dark", 30)
        assert eventually(lambda: "camera_dark" in newest(subscriber, "health")["reasons"], 10)
        health, event = newest(subscriber, "health"), newest(subscriber, "events")

    assert (event["event_type"], event["kind"], event["severity"]) == ("camera_problem", "camera", "warning")
    assert health["status"] == "degraded"
    assert "switch on a light" in health["reason_texts"]["camera_dark"]


def test_another_camera_is_not_calibrated_and_says_why(
    mosquitto: Mosquitto, model_path: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, mosquitto.port, model_path)
    keep(tmp_path / "state" / FILE, made("imx708", (640, 480), View(640, 480, 8.0, 0.0, 1.0), None))

    with Subscriber(mosquitto.port) as subscriber, daemon(config):
        assert eventually(lambda: "calibration" in newest(subscriber, "health").get("reasons", ()), 30)
        info, health = newest(subscriber, "info"), newest(subscriber, "health")

    assert info["calibrated"] is False
    assert (
        "was made with imx708, and this is actor demo: it is not used"
        in health["reason_texts"]["calibration"]
    )
