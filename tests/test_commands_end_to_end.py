"""What others ask of the daemon over a real broker, and what it remembers when it is killed."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pose_edge.messages import Device, Messages
from pose_edge.sinks.outbox import Outbox
from tests.brokers import Mosquitto, Subscriber, eventually
from tests.daemons import children, daemon, log_of, write_config

ROOT = "pose-edge/test"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def config(mosquitto: Mosquitto, tmp_path: Path, model_path: Path) -> Path:
    return write_config(tmp_path, mosquitto.port, model_path)


@pytest.fixture
def subscriber(mosquitto: Mosquitto) -> Iterator[Subscriber]:
    with Subscriber(mosquitto.port) as listening:
        yield listening


def newest(subscriber: Subscriber, topic: str) -> Any:
    return json.loads(subscriber.wait_for(topic)[-1])


def says(subscriber: Subscriber, topic: str, word: bytes, timeout_s: float = 15) -> bool:
    return eventually(lambda: subscriber.payloads(topic)[-1:] == [word], timeout_s)


def test_a_pause_closes_the_camera_and_survives_a_restart(subscriber: Subscriber, config: Path) -> None:
    with daemon(config) as process:
        subscriber.wait_for("landmarks", 2, timeout_s=30)
        subscriber.publish(f"{ROOT}/detection/set", "OFF")

        assert says(subscriber, "detection/state", b"OFF")
        assert says(subscriber, "pipeline/status", b"offline")
        assert eventually(lambda: newest(subscriber, "state")["detection"] == "paused")
        assert eventually(lambda: children(process.pid) == [])
        assert newest(subscriber, "state")["occupied"] is None
        assert newest(subscriber, "state")["person_count"] is None
        assert says(subscriber, "posture", b"unknown")
        assert subscriber.payloads("occupancy")[-1:] in ([], [b""]), "nobody knows"
        assert eventually(lambda: newest(subscriber, "health")["status"] == "ok")
    with daemon(config) as process:
        seen = len(subscriber.payloads("status"))
        subscriber.wait_for("status", seen + 1, timeout_s=15)
        assert says(subscriber, "detection/state", b"OFF")
        time.sleep(1.5)
        assert children(process.pid) == []

        seen = len(subscriber.payloads("landmarks"))
        subscriber.publish(f"{ROOT}/detection/set", "ON")
        assert says(subscriber, "detection/state", b"ON")
        subscriber.wait_for("landmarks", seen + 2, timeout_s=30)
        assert says(subscriber, "pipeline/status", b"online")


def test_a_fall_stays_latched_through_a_kill_until_somebody_clears_it(
    subscriber: Subscriber, config: Path
) -> None:
    memory = config.parent / "state" / "memory.json"
    memory.parent.mkdir()
    fall = {"event_id": "test-0ld-000007", "start_ms": 1_790_000_000_000, "confirmed_ms": 1_790_000_010_000}
    memory.write_text(json.dumps({"schema_version": 1, "identity": "0123456789ab", "fall": fall}))
    for _ in range(2):
        with daemon(config) as process:
            seen = len(subscriber.payloads("fall/state"))
            assert subscriber.wait_for("fall/state", seen + 1, timeout_s=15)[-1] == b"ON"
            assert newest(subscriber, "fall/attributes")["event_id"] == "test-0ld-000007"
            assert eventually(lambda: newest(subscriber, "state")["fall"] == "confirmed")
            process.kill()
    with daemon(config):
        seen = len(subscriber.payloads("fall/state"))
        subscriber.wait_for("fall/state", seen + 1, timeout_s=15)
        subscriber.publish(f"{ROOT}/fall/clear")

        assert says(subscriber, "fall/state", b"OFF")
        cleared = [one for one in map(json.loads, subscriber.wait_for("events")) if one["kind"] == "fall"]
        assert [(one["event_type"], one["event_id"], one["stage"]) for one in cleared] == [
            ("fall_cleared", "test-0ld-000007", "end")
        ]
        assert cleared[0]["start_time"] == "2026-09-21T14:13:20.000Z"
        assert eventually(lambda: newest(subscriber, "state")["fall"] == "none")
        assert eventually(lambda: json.loads(memory.read_text())["fall"] is None)


def test_a_test_alert_goes_the_whole_way_and_says_that_it_is_one(
    subscriber: Subscriber, config: Path
) -> None:
    with daemon(config):
        subscriber.wait_for("status", timeout_s=15)
        subscriber.publish(f"{ROOT}/test_alert")

        assert eventually(lambda: any(b'"event_type":"test"' in one for one in subscriber.payloads("events")))
        alert = next(one for one in map(json.loads, subscriber.payloads("events")) if one["kind"] == "test")
    assert (alert["severity"], alert["test"], alert["replayed"]) == ("alert", True, False)
    assert subscriber.payloads("fall/state") == [b"OFF"]


def test_requests_are_answered_where_they_want_it(subscriber: Subscriber, config: Path) -> None:
    with daemon(config):
        subscriber.wait_for("status", timeout_s=15)
        subscriber.publish(
            f"{ROOT}/request/get_config",
            '{"transaction": 7}',
            response_topic="somewhere/else",
            correlation=b"\x00\x01",
        )
        assert eventually(lambda: any(one.topic == "somewhere/else" for one in subscriber.messages))
        answer = next(one for one in subscriber.messages if one.topic == "somewhere/else")
        properties: Any = answer.properties
        assert properties.CorrelationData == b"\x00\x01"
        content = json.loads(answer.payload)
        assert (content["status"], content["transaction"]) == ("ok", 7)
        assert content["data"]["device"]["id"] == "test"
        assert "username" not in content["data"]["mqtt"]

        for name in ("self_test", "diagnostics", "republish"):
            subscriber.publish(f"{ROOT}/request/{name}", "")
            subscriber.wait_for(f"response/{name}")
            assert newest(subscriber, f"response/{name}")["status"] == "ok"
        subscriber.publish(f"{ROOT}/request/snapshot", '{"transaction": "a"}')
        subscriber.wait_for("response/snapshot")
        assert "get_config" in newest(subscriber, "response/snapshot")["error"]


def test_what_is_not_understood_is_refused_counted_and_changes_nothing(
    subscriber: Subscriber, config: Path
) -> None:
    with daemon(config):
        subscriber.wait_for("landmarks", timeout_s=30)
        subscriber.publish(f"{ROOT}/detection/set", "off")
        subscriber.publish(f"{ROOT}/detection/set", b"\xff" * 20_000)
        subscriber.publish(f"{ROOT}/detection/set", "OFF", retain=True)  # a command of last week
        subscriber.publish(f"{ROOT}/fall/clear", "[" * 3000)

        assert eventually(lambda: newest(subscriber, "health")["commands_refused_total"] == 4)
        assert subscriber.payloads("detection/state") == [b"ON"]
    assert "found 'off', allowed are ON and OFF" in log_of(config)


def test_a_flood_of_commands_is_answered_by_ignoring_it(subscriber: Subscriber, config: Path) -> None:
    with daemon(config) as process:
        subscriber.wait_for("landmarks", timeout_s=30)
        for _ in range(300):
            subscriber.publish(f"{ROOT}/test_alert")

        seen = len(subscriber.payloads("landmarks"))
        subscriber.wait_for("landmarks", seen + 5, timeout_s=20)
        assert process.poll() is None
        tests = [one for one in subscriber.payloads("events") if b'"event_type":"test"' in one]
        assert 20 <= len(tests) < 60


def test_restart_begins_anew_under_the_same_process_id(subscriber: Subscriber, config: Path) -> None:
    with daemon(config) as process:
        subscriber.wait_for("landmarks", timeout_s=30)
        first = newest(subscriber, "info")["boot_id"]
        subscriber.publish(f"{ROOT}/restart")

        assert eventually(lambda: newest(subscriber, "info")["boot_id"] != first, 20)
        assert says(subscriber, "status", b"online")
        seen = len(subscriber.payloads("landmarks"))
        subscriber.wait_for("landmarks", seen + 1, timeout_s=30)
        assert process.poll() is None
    assert "Traceback" not in log_of(config)


def test_home_assistant_is_told_again_when_it_was_born(subscriber: Subscriber, config: Path) -> None:
    with daemon(config):
        subscriber.wait_for("landmarks", timeout_s=30)
        announced = [one for one in subscriber.messages if one.topic.startswith("homeassistant/device/")]
        assert len(announced) == 1
        described = json.loads(announced[0].payload)
        assert described["components"]["fall"]["state_topic"] == f"{ROOT}/fall/state"
        before = {topic: len(subscriber.payloads(topic)) for topic in ("status", "state", "fall/state")}
        subscriber.publish("homeassistant/status", "online")

        for topic, count in before.items():
            subscriber.wait_for(topic, count + 1)
        again = [one for one in subscriber.messages if one.topic.startswith("homeassistant/device/")]
        assert [one.payload for one in again] == [announced[0].payload] * 2


def test_a_reload_that_does_not_concern_the_broker_is_not_noticed_there(
    subscriber: Subscriber, config: Path
) -> None:
    with daemon(config) as process:
        subscriber.wait_for("landmarks", timeout_s=30)
        config.write_text(config.read_text().replace("health_interval_s: 1", "health_interval_s: 2"))
        first = newest(subscriber, "info")["boot_id"]
        process.send_signal(signal.SIGHUP)

        assert eventually(lambda: newest(subscriber, "info")["boot_id"] != first, 20)
        seen = len(subscriber.payloads("landmarks"))
        subscriber.wait_for("landmarks", seen + 1, timeout_s=30)
        assert b"offline" not in subscriber.payloads("status")
        assert log_of(config).count("connected: MQTT") == 1


def test_a_new_name_takes_back_what_the_old_one_left(mosquitto: Mosquitto, config: Path) -> None:
    with Subscriber(mosquitto.port) as subscriber, daemon(config) as process:
        subscriber.wait_for("landmarks", timeout_s=30)
        config.write_text(config.read_text().replace("id: test", "id: renamed"))
        process.send_signal(signal.SIGHUP)
        assert eventually(
            lambda: any(one.topic == "pose-edge/renamed/landmarks" for one in subscriber.messages), 30
        )
    with Subscriber(mosquitto.port) as late:
        assert eventually(lambda: any(one.topic.endswith("renamed/info") for one in late.messages))
        assert not [one.topic for one in late.messages if one.topic.startswith("pose-edge/test/")]
        discovered = [one for one in late.messages if one.topic.startswith("homeassistant/device/")]
        assert len(discovered) == 1, "the same device under its new name"
        assert b"pose-edge/renamed/state" in discovered[0].payload


def test_without_a_broker_a_file_says_why(tmp_path: Path, model_path: Path) -> None:
    config = write_config(tmp_path, 1, model_path)
    with daemon(config):
        status = tmp_path / "state" / "status.json"
        assert eventually(
            lambda: status.exists() and json.loads(status.read_text())["broker"]["state"] == "unreachable", 15
        )
        broker = json.loads(status.read_text())["broker"]
    assert broker["reason"] == "cannot be reached: connection refused"


def test_alerts_that_wait_leave_although_the_daemon_cannot_start(
    subscriber: Subscriber, config: Path
) -> None:
    state = config.parent / "state"
    with Outbox(state / "outbox.sqlite3") as outbox:
        messages = Messages(Device("test"), "0ld", "lite", "live_stream")
        outbox.put(messages.test_alert(1, 0))
    config.write_text(re.sub(r"path: .*", "path: gone.task", config.read_text()))
    with daemon(config) as process:
        assert process.wait(30) != 0

    [alert] = map(json.loads, subscriber.wait_for("events"))
    assert (alert["event_id"], alert["replayed"]) == ("test-0ld-000001", True)
    told = json.loads((state / "status.json").read_text())
    assert "gone.task" in told["problems"]["ended"]


def test_whoever_stops_properly_leaves_no_status_behind(subscriber: Subscriber, config: Path) -> None:
    status = config.parent / "state" / "status.json"
    with daemon(config) as process:
        subscriber.wait_for("status", timeout_s=15)
        assert eventually(status.exists)
        process.terminate()
        assert process.wait(15) == 0

    assert not status.exists()


def test_a_second_daemon_does_not_take_the_state_of_the_first(subscriber: Subscriber, config: Path) -> None:
    with daemon(config) as first:
        subscriber.wait_for("status", timeout_s=15)
        with daemon(config) as second:
            assert second.wait(20) == 69
        assert first.poll() is None
    assert f"is in use by process {first.pid}" in log_of(config)
