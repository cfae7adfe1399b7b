"""The whole daemon as a process of its own, against a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, Subscriber, eventually
from tests.daemons import children, daemon, log_of, write_config


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


def test_from_the_camera_end_to_a_subscriber(mosquitto: Mosquitto, tmp_path: Path, model_path: Path) -> None:
    source = {"kind": "actor", "script": "demo", "rate_hz": 10, "loop": False}
    config = write_config(tmp_path, mosquitto.port, model_path, source=source)
    with Subscriber(mosquitto.port, "pose-edge/test/#") as subscriber, daemon(config) as process:
        subscriber.wait_for("events", 3, timeout_s=30)
        process.terminate()
        assert process.wait(10) == 0
        assert eventually(lambda: subscriber.payloads("status")[-1:] == [b"offline"])

    assert subscriber.payloads("status")[0] == b"online"
    assert subscriber.payloads("pipeline/status") == [b"offline", b"online", b"offline"]
    types = [json.loads(payload)["event_type"] for payload in subscriber.payloads("events")]
    assert types[:3] == ["presence_ended", "presence_started", "posture_started"]
    assert sum(bool(json.loads(one)["poses"]) for one in subscriber.payloads("landmarks")) > 3


def test_wall_times_are_those_of_now(mosquitto: Mosquitto, tmp_path: Path, model_path: Path) -> None:
    config = write_config(tmp_path, mosquitto.port, model_path)
    with Subscriber(mosquitto.port, "pose-edge/test/#") as subscriber, daemon(config):
        subscriber.wait_for("landmarks", 5, timeout_s=30)
        newest = json.loads(subscriber.payloads("landmarks")[-1])

    assert abs(time.time() * 1000 - newest["timestamp_ms"]) < 2000


def test_counts_in_health_add_up(mosquitto: Mosquitto, tmp_path: Path, model_path: Path) -> None:
    config = write_config(tmp_path, mosquitto.port, model_path)
    with Subscriber(mosquitto.port, "pose-edge/test/#") as subscriber, daemon(config):
        healths = [json.loads(one) for one in subscriber.wait_for("health", 4, timeout_s=30)]

    for health in healths:
        pending = health["frames_submitted_total"] - health["results_total"] - health["frames_dropped_total"]
        assert 0 <= pending <= 2
    assert healths[-1]["status"] == "ok"
    assert healths[-1]["rss_mb"] > 50


def test_a_killed_vision_process_does_not_take_the_broker_connection_with_it(
    mosquitto: Mosquitto, tmp_path: Path, model_path: Path
) -> None:
    config = write_config(tmp_path, mosquitto.port, model_path)
    with Subscriber(mosquitto.port, "pose-edge/test/#") as subscriber, daemon(config) as process:
        subscriber.wait_for("landmarks", 5, timeout_s=30)
        [vision] = children(process.pid)
        os.kill(vision, signal.SIGKILL)
        seen = len(subscriber.payloads("landmarks"))
        subscriber.wait_for("landmarks", seen + 10, timeout_s=20)

        assert subscriber.payloads("status") == [b"online"]
        assert eventually(lambda: json.loads(subscriber.payloads("health")[-1])["camera_restarts_total"] == 1)
    assert "died: signal SIGKILL" in log_of(config)


def test_a_broker_that_comes_later_gets_everything_retained(tmp_path: Path, model_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    config = write_config(tmp_path, broker.port, model_path)
    with daemon(config) as process:
        time.sleep(3)
        assert process.poll() is None
        with broker, Subscriber(broker.port, "pose-edge/test/#") as subscriber:
            for topic in ("status", "info", "state", "pipeline/status", "detection/state", "landmarks"):
                subscriber.wait_for(topic, 1, timeout_s=20)


def test_kill_9_is_told_by_the_broker(mosquitto: Mosquitto, tmp_path: Path, model_path: Path) -> None:
    config = write_config(
        tmp_path,
        mosquitto.port,
        model_path,
        mqtt={"host": "127.0.0.1", "port": mosquitto.port, "will_delay_s": 0},
    )
    with Subscriber(mosquitto.port, "pose-edge/test/#") as subscriber, daemon(config) as process:
        subscriber.wait_for("landmarks", 2, timeout_s=30)
        [vision] = children(process.pid)
        process.kill()

        assert eventually(lambda: subscriber.payloads("status")[-1] == b"offline")
        assert eventually(lambda: not Path(f"/proc/{vision}").exists())


def test_ctrl_c_leaves_nothing_behind(mosquitto: Mosquitto, tmp_path: Path, model_path: Path) -> None:
    config = write_config(tmp_path, mosquitto.port, model_path)
    with Subscriber(mosquitto.port, "pose-edge/test/#") as subscriber, daemon(config) as process:
        subscriber.wait_for("landmarks", 2, timeout_s=30)
        [vision] = children(process.pid)
        process.send_signal(signal.SIGINT)

        assert process.wait(10) == 0
        assert not Path(f"/proc/{vision}").exists()
        assert eventually(lambda: subscriber.payloads("status")[-1] == b"offline")
    assert "Traceback" not in log_of(config)


def test_hangup_reads_the_file_again_and_a_broken_one_changes_nothing(
    mosquitto: Mosquitto, tmp_path: Path, model_path: Path
) -> None:
    config = write_config(tmp_path, mosquitto.port, model_path)
    with Subscriber(mosquitto.port, "pose-edge/#") as subscriber, daemon(config) as process:
        subscriber.wait_for("landmarks", 2, timeout_s=30)
        vision = children(process.pid)
        good = config.read_text()
        config.write_text("mqtt: {prot: 1}\n")
        process.send_signal(signal.SIGHUP)
        assert eventually(lambda: "did you mean 'protocol'" in log_of(config))
        seen = len(subscriber.payloads("landmarks"))
        subscriber.wait_for("landmarks", seen + 5, timeout_s=20)
        assert children(process.pid) == vision, "a broken file does not even restart anything"
        assert subscriber.payloads("test/status") in ([], [b"online"])

        config.write_text(good.replace("id: test", "id: renamed"))
        process.send_signal(signal.SIGHUP)
        assert eventually(
            lambda: any(message.topic == "pose-edge/renamed/landmarks" for message in subscriber.messages), 20
        )
        assert process.poll() is None


def test_a_wrong_configuration_is_exit_78_and_one_line_a_mistake(tmp_path: Path, model_path: Path) -> None:
    config = write_config(tmp_path, 1, model_path, mqtt={"prot": 5}, evnts={})
    command = [sys.executable, "-m", "pose_edge", "run", "--config", str(config)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 2
    assert "did you mean 'protocol'" in done.stderr
    assert "did you mean 'events'" in done.stderr


def test_a_wrong_model_ends_the_daemon_with_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(b"no model")
    config = write_config(tmp_path, 1, wrong)
    command = [sys.executable, "-m", "pose_edge", "run", "--config", str(config)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 78
    assert f"{config}: model.path: " in done.stderr
    assert "wrong.task" in done.stderr
    assert "Traceback" not in done.stderr
