"""The whole daemon behind the real picamera2: camera, model, events, a real Mosquitto."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import pytest

from pose_edge.sources.actor import ActorOptions, ActorSource
from tests.brokers import Mosquitto, Subscriber, eventually
from tests.daemons import children, daemon, log_of, write_config
from tests.pi.board import switches
from tests.pi.conftest import cameras

FPS: Final = 20
SHOWN: Final = 4
"""So often does libcamera's software camera show each picture of a folder."""

START_S: Final = 40.0


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A camera before which an actor walks in, stands and sits down, over and over."""
    folder = tmp_path_factory.mktemp("frames")
    script = str(Path(__file__).parent / "act.yaml")
    number = 0
    with ActorSource(ActorOptions(script=script, rate_hz=FPS / SHOWN, loop=False)) as actor:
        while actor.grab() is not None:
            picture = cv2.cvtColor(actor.retrieve().image_rgb, cv2.COLOR_RGB2BGR)
            assert cv2.imwrite(str(folder / f"{number}.jpg"), picture)
            number += 1
    with cameras("module3", "module2", "actor", frames=folder):
        yield


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as started:
        yield started


def config_for(broker: Mosquitto, folder: Path, model_path: Path, **source: Any) -> Path:
    return write_config(
        folder,
        broker.port,
        model_path,
        source={"kind": "picamera2", "camera": "imx708_wide", "fps": FPS, "stall_s": 1, **source},
    )


def newest(subscriber: Subscriber, topic: str) -> Any:
    received = subscriber.payloads(topic)
    return json.loads(received[-1]) if received else {}


def results_go_on(subscriber: Subscriber) -> Callable[[], bool]:
    before = len(subscriber.payloads("landmarks"))
    return lambda: len(subscriber.payloads("landmarks")) > before + 3


def test_what_the_camera_sees_arrives_at_a_subscriber(
    played: None,  # noqa: ARG001  # the camera
    broker: Mosquitto,
    tmp_path: Path,
    model_path: Path,
) -> None:
    config = config_for(broker, tmp_path, model_path)
    with Subscriber(broker.port) as subscriber, daemon(config):
        subscriber.wait_for("landmarks", 30, START_S)

        def told() -> set[str]:
            events = [json.loads(event) for event in subscriber.payloads("events")]
            return {f"{event['event_type']} {event.get('posture')}" for event in events}

        wanted = {"posture_started standing", "posture_started sitting"}
        assert eventually(lambda: wanted <= told() and "presence_started None" in told(), 40), told()
        landmarks = [json.loads(each) for each in subscriber.payloads("landmarks")]
        seen = [each for each in landmarks if each["poses"]]
        age_ms = time.time() * 1000 - seen[-1]["timestamp_ms"]
        info, health = newest(subscriber, "info"), newest(subscriber, "health")

    assert len(seen) > len(landmarks) / 3
    assert (seen[0]["image"]["width"], seen[0]["image"]["height"]) == (640, 480)
    offset_ms = 1000 * (time.time() - time.monotonic())
    for each in landmarks:  # of the sensor's clock and of the wall's, of one moment
        assert each["timestamp_ms"] - each["frame_timestamp_ms"] == pytest.approx(offset_ms, abs=50)
    assert 0 < age_ms < 1500
    assert info["camera"] == "camera 2 (imx708_wide)"
    assert "seccomp" in info["capabilities"]
    assert health["frames_captured_total"] > 60
    assert "sensor read at 2304 x 1296 px" in log_of(config)


@pytest.mark.timeout(240)
def test_a_stall_is_mended_without_a_new_process_and_a_dead_camera_is_a_problem(
    played: None,  # noqa: ARG001  # the camera
    broker: Mosquitto,
    tmp_path: Path,
    model_path: Path,
) -> None:
    config = config_for(broker, tmp_path, model_path)
    with Subscriber(broker.port) as subscriber, daemon(config) as process:
        subscriber.wait_for("landmarks", 3, START_S)
        watching = children(process.pid)

        with switches.turned_on("stalled"):
            assert eventually(lambda: "it is opened again" in log_of(config))
        assert eventually(results_go_on(subscriber), 15)
        assert children(process.pid) == watching, "the first stage is to open the camera again"
        assert "is back after" in log_of(config)

        with switches.turned_on("stalled"), switches.turned_on("busy"):
            assert eventually(lambda: "vision_process_down" in _reasons(subscriber), 30)
            text = newest(subscriber, "health")["reason_texts"]["vision_process_down"]
            assert "resource busy; another program is using it" in text
            assert children(process.pid) != watching
            assert eventually(lambda: "reboot_needed" in _reasons(subscriber), 120)
        assert eventually(results_go_on(subscriber), START_S)
        assert eventually(lambda: not _reasons(subscriber) & {"vision_process_down", "reboot_needed"})


def _reasons(subscriber: Subscriber) -> set[str]:
    return set(newest(subscriber, "health").get("reasons", ()))


def test_a_damaged_picture_costs_that_picture_only(
    played: None,  # noqa: ARG001  # the camera
    broker: Mosquitto,
    tmp_path: Path,
    model_path: Path,
) -> None:
    config = config_for(broker, tmp_path, model_path)
    with Subscriber(broker.port) as subscriber, daemon(config) as process:
        subscriber.wait_for("landmarks", 3, START_S)
        watching = children(process.pid)
        with switches.turned_on("short_buffers"):
            assert eventually(lambda: "a picture cannot be read" in log_of(config))
        assert eventually(results_go_on(subscriber))
        assert children(process.pid) == watching

    assert log_of(config).count("a picture cannot be read") == 1, "once is enough"


def test_a_pause_stops_the_sensor_and_an_end_of_it_starts_it(
    played: None,  # noqa: ARG001  # the camera
    broker: Mosquitto,
    tmp_path: Path,
    model_path: Path,
) -> None:
    config = config_for(broker, tmp_path, model_path)
    with Subscriber(broker.port) as subscriber, daemon(config):
        subscriber.wait_for("landmarks", 3, START_S)
        assert switches.running() == {"actor"}
        subscriber.publish("pose-edge/test/detection/set", "OFF")
        assert eventually(lambda: not switches.running())
        assert eventually(lambda: newest(subscriber, "state")["detection"] == "paused")
        subscriber.publish("pose-edge/test/detection/set", "ON")
        assert eventually(results_go_on(subscriber), START_S)
        assert switches.running() == {"actor"}


def test_without_a_camera_the_daemon_lives_and_says_what_to_check(
    broker: Mosquitto, tmp_path: Path, model_path: Path
) -> None:
    config = config_for(broker, tmp_path, model_path)
    with cameras(), Subscriber(broker.port) as subscriber, daemon(config) as process:
        assert eventually(lambda: "vision_process_down" in _reasons(subscriber), START_S)
        text = newest(subscriber, "health")["reason_texts"]["vision_process_down"]
        assert text.startswith("no camera found: check the ribbon cable, reboot")
        assert process.poll() is None
