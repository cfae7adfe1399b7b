"""`pose-edge discovery`: shows what Home Assistant is told, and takes it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from pose_edge.homeassistant import components
from pose_edge.memory import Memory
from pose_edge.records import Delivery, Message
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.state_directory import StateDirectory
from tests.brokers import Mosquitto, Subscriber, eventually, free_port
from tests.cli.command import lines, refused, run

IDENTITY = "a1b2c3d4e5f6"
TOPIC = f"homeassistant/device/pose_edge_{IDENTITY}/config"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("device: {id: hall, name: Hall}\n")
    return path


def test_show_prints_topic_and_payload_and_needs_no_broker(config: Path) -> None:
    done = run("discovery", "show", "--config", config, "--identity", IDENTITY)

    assert done.returncode == 0, done.stderr
    [shown] = lines(done)
    assert shown["topic"] == TOPIC
    assert shown["payload"]["device"]["name"] == "Hall"
    assert shown["payload"]["components"]["fall"]["state_topic"] == "pose-edge/hall/fall/state"


def test_the_users_rules_are_announced_as_alerts(config: Path) -> None:
    config.write_text("events: {rules: {nobody_here: {when: {people: {at_most: 0}}, for: 2 h}}}\n")
    [shown] = lines(run("discovery", "show", "--config", config, "--identity", IDENTITY))

    assert shown["payload"]["components"]["alert"]["event_types"][-1] == "rule_nobody_here"


def test_without_an_identity_it_is_the_one_of_the_daemon_here(config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    config.write_text(f"device: {{id: hall}}\nservice: {{state_dir: {state}}}\n")
    with StateDirectory(state) as directory:
        identity = Memory(directory).facts.identity
        [shown] = lines(run("discovery", "show", "--config", config))

    assert shown["topic"] == f"homeassistant/device/pose_edge_{identity}/config"


def test_show_follows_the_configuration(config: Path) -> None:
    config.write_text(
        "device: {id: hall}\n"
        "mqtt: {base_topic: poses}\n"
        "publish: {state_heartbeat_s: 20}\n"
        "homeassistant: {discovery_prefix: ha, entities: {restart: false}}\n"
    )

    [shown] = lines(run("discovery", "show", "--config", config, "--identity", IDENTITY))

    assert shown["topic"] == f"ha/device/pose_edge_{IDENTITY}/config"
    occupancy = shown["payload"]["components"]["occupancy"]
    assert (occupancy["state_topic"], occupancy["expire_after"]) == ("poses/hall/state", 60)
    assert "restart" not in shown["payload"]["components"]


def test_clear_leaves_nothing_at_the_broker_and_does_not_disturb_the_daemon(
    config: Path, broker: Mosquitto
) -> None:
    options = MqttOptions(host="127.0.0.1", port=broker.port)
    with MqttSink(options, "hall") as daemon, Subscriber(broker.port) as heard:
        daemon.wait_connected(5)
        daemon.send(Message("status", b"online", Delivery.RETAINED, content_type="text/plain"))
        daemon.send(Message(TOPIC, b'{"components": {}}', Delivery.RETAINED, absolute=True))
        assert daemon.drain(5)

        done = run(
            "discovery", "clear", "-c", config, "--broker", f"127.0.0.1:{broker.port}", "--identity", IDENTITY
        )

        assert done.returncode == 0, done.stderr
        assert lines(done) == [{"topic": TOPIC, "broker": f"127.0.0.1:{broker.port}", "cleared": True}]
        assert eventually(lambda: [m.payload for m in heard.messages if m.topic == TOPIC][-1:] == [b""])
        daemon.poll()
        assert daemon.connected  # not thrown out by a client of the same name
        assert heard.payloads("status") == [b"online"]
    with Subscriber(broker.port, TOPIC) as late:
        assert not eventually(lambda: bool(late.messages), 0.3)


def test_clear_warns_of_a_daemon_that_would_announce_it_again(config: Path, broker: Mosquitto) -> None:
    command = ("discovery", "clear", "-c", config, "--broker", f"127.0.0.1:{broker.port}")

    enabled = run(*command, "--identity", IDENTITY)
    config.write_text("device: {id: hall}\nhomeassistant: {enabled: false}\n")
    disabled = run(*command, "--identity", IDENTITY)

    assert "homeassistant.enabled is true" in enabled.stderr
    assert "announces" not in disabled.stderr


def test_clear_without_a_broker_says_so(config: Path) -> None:
    address = f"127.0.0.1:{free_port()}"

    done = run("discovery", "clear", "-c", config, "--broker", address, "--identity", IDENTITY)

    refused(done, 69, address)


def test_clear_that_the_broker_denies_says_so(config: Path, tmp_path: Path) -> None:
    access = tmp_path / "acl"
    access.write_text("topic readwrite pose-edge/#\n")
    with Mosquitto(tmp_path, f"acl_file {access}") as broker:
        address = f"127.0.0.1:{broker.port}"
        done = run("discovery", "clear", "-c", config, "--broker", address, "--identity", IDENTITY)

    refused(done, 69, address, TOPIC, "not authorized")


@pytest.mark.parametrize("broker", [":1883", "here:99999", "here:x"])
def test_an_address_that_is_none_is_a_usage_error(config: Path, broker: str) -> None:
    done = run("discovery", "clear", "-c", config, "--broker", broker, "--identity", IDENTITY)

    refused(done, 2, "--broker")


@pytest.mark.parametrize("identity", ["a/b", "+", ""])
def test_an_identity_that_fits_no_topic_is_a_usage_error(config: Path, identity: str) -> None:
    refused(run("discovery", "show", "-c", config, "--identity", identity), 2, "--identity")


def test_what_is_shown_can_be_remembered(config: Path) -> None:
    [shown] = lines(run("discovery", "show", "-c", config, "--identity", IDENTITY))

    assert components(orjson.dumps(shown["payload"]))["alert"] == "event"
