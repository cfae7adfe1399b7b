"""What the daemon has loaded after a life with poses, events and discovery: all of it stays in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, Subscriber
from tests.daemons import log_of, write_config

RUN_AND_TELL = """
import atexit, json, sys

atexit.register(lambda: open({told!r}, "w").write(json.dumps(sorted(sys.modules))))
sys.argv = ["pose-edge", "run", "--config", {config!r}]
from pose_edge.__main__ import main
main()
"""

OTHERS_NEED = {
    # Only the vision process sees pixels.
    "cv2",
    "mediapipe",
    "pose_edge.landmarker.blocking",
    "pose_edge.landmarker.live",
    "pose_edge.pump",
    "pose_edge.sandbox",
    "pose_edge.vision",
    # It plays the actor, too; here his options are only read.
    "pose_edge.actor.script",
    "pose_edge.actor.stage",
    "pose_edge.actor.timeline",
    # For people at a terminal.
    "click",
    "pose_edge.cli",
    "rich",
    "typer",
    # To fetch models, and to put them together.
    "pose_edge.models.bundle",
    "pose_edge.models.fetcher",
    "pose_edge.models.flatbuffer",
    # For the nearest known name: nothing is misspelt here.
    "difflib",
    # For one percentile: see `signals.py`.
    "statistics",
    # For tests and development.
    "asyncio",
    "hypothesis",
    "matplotlib",
    "pytest",
    "unittest",
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, model_path: Path) -> set[str]:
    folder = tmp_path_factory.mktemp("daemon")
    told = folder / "modules.json"
    with Mosquitto(folder) as mosquitto:
        config = write_config(folder, mosquitto.port, model_path)
        code = RUN_AND_TELL.format(told=str(told), config=str(config))
        with (
            Subscriber(mosquitto.port, "pose-edge/test/#") as subscriber,
            (folder / "log").open("ab") as log,
            subprocess.Popen([sys.executable, "-c", code], stdout=log, stderr=log) as process,
        ):
            try:
                subscriber.wait_for("events", 1, timeout_s=30)
                subscriber.wait_for("health", 1, timeout_s=30)
                process.terminate()
                assert process.wait(10) == 0, log_of(config)
            finally:
                process.kill()
    return set(json.loads(told.read_text()))


def test_the_daemon_did_its_work(loaded: set[str]) -> None:
    assert {"pose_edge.daemon", "pose_edge.homeassistant", "paho.mqtt.client", "sqlite3"} <= loaded


def test_the_daemon_holds_nothing_that_only_others_need(loaded: set[str]) -> None:
    assert loaded & OTHERS_NEED == set()


@pytest.mark.parametrize("package", ["benchmark", "cli", "doctor", "evaluation", "explanation", "overlay"])
def test_the_daemon_holds_no_command_of_ours(loaded: set[str], package: str) -> None:
    assert [name for name in loaded if name.startswith(f"pose_edge.{package}")] == []
