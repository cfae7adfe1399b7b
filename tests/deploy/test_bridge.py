"""deploy/bridge: a broker on the device, bridged to the central one of deploy/mosquitto."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from pose_edge.topics import TOPICS
from tests.brokers import eventually, free_port
from tests.deploy.recipes import COMMAND_TOPICS, DEPLOY, RECEIPT, Broker, Site, User, shipped

CONFIG = DEPLOY / "bridge/mosquitto.conf"
OWN = "pose-edge/livingroom"
LOCAL_ONLY = {"heartbeat"}  # asks whether the broker it is connected to still takes messages


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class Edge:
    """The broker on the device."""

    def __init__(self, site: Site) -> None:
        self.port = free_port()
        folder = site.folder / "edge"
        folder.mkdir()
        places: dict[str, object] = {
            "listener 1883": f"listener {self.port}",
            "/var/lib/mosquitto": folder,
            "broker.lan:8883": f"localhost:{site.port}",
            "/etc/mosquitto/ca_certificates/pose-edge-ca.crt": site.ca,
            "CHANGE-ME": site.password("livingroom"),
            "restart_timeout 1 30": "restart_timeout 1 1",
        }
        self.broker = Broker(folder / "mosquitto.conf", shipped(CONFIG, places), self.port)

    def device(self, reads: str | None = None) -> User:
        """Return somebody on the device itself: pose-edge, or another local program."""
        return User(self.port, reads=reads)


def linked(collector: User) -> None:
    collector.wait_for(f"{OWN}/bridge", lambda message: message.payload == b"1")


def rows(direction: str) -> dict[str, str]:
    return dict(re.findall(rf"^topic {OWN}/(\S+) {direction} (\d)$", CONFIG.read_text(), re.MULTILINE))


def test_every_topic_of_the_contract_crosses_in_its_direction_and_at_its_qos() -> None:
    out = {row.name.replace("{name}", "+"): str(row.qos) for row in TOPICS if row.name not in LOCAL_ONLY}

    assert {name: qos for name, qos in rows("out").items() if name in out} == out
    assert {*rows("out")} - {*out} == {"skeleton", "preview", "log"}
    assert rows("in") == {
        name.replace("get_config", "+"): "1" if name == RECEIPT else "0" for name in COMMAND_TOPICS
    }


def test_events_and_landmarks_go_out_and_commands_come_in(site: Site) -> None:
    edge = Edge(site)
    expires = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    expires.MessageExpiryInterval = 180
    with (
        site.broker(),
        edge.broker,
        site.user("collector", reads="pose-edge/#") as collector,
        site.user("homeassistant") as home_assistant,
        edge.device(reads=f"{OWN}/#") as device,
    ):
        linked(collector)
        device.publish(f"{OWN}/events", "fall")
        device.publish(f"{OWN}/state", "sitting", retain=True, properties=expires)
        device.publish(f"{OWN}/landmarks", "pose", qos=0)
        for topic in COMMAND_TOPICS:
            home_assistant.publish(f"{OWN}/{topic}")

        assert collector.wait_for(f"{OWN}/events").qos == 1
        assert collector.wait_for(f"{OWN}/landmarks").qos == 0
        state = collector.wait_for(f"{OWN}/state")
        assert 0 < getattr(state.properties, "MessageExpiryInterval", 0) <= 180
        assert eventually(lambda: {f"{OWN}/{topic}" for topic in COMMAND_TOPICS} <= {*device.topics()})
        with site.user("homeassistant", reads=f"{OWN}/state") as late:
            assert late.wait_for(f"{OWN}/state").retain


def test_an_alert_waits_for_the_central_broker_and_landmarks_do_not(site: Site) -> None:
    edge = Edge(site)
    with edge.broker, edge.device() as device:
        device.publish(f"{OWN}/status", "online", retain=True)
        device.publish(f"{OWN}/landmarks", "old", qos=0)
        device.publish(f"{OWN}/events", "fall")
        with site.broker(), site.user("collector", reads="pose-edge/#") as collector:
            collector.wait_for(f"{OWN}/events", lambda message: message.payload == b"fall")
            assert collector.wait_for(f"{OWN}/status").payload == b"online"

    assert f"{OWN}/landmarks" not in collector.topics()


def test_a_command_given_while_the_device_was_away_does_not_act_later(site: Site) -> None:
    edge = Edge(site)
    with (
        site.broker(),
        site.user("collector", reads=f"{OWN}/bridge") as collector,
        site.user("homeassistant") as home_assistant,
    ):
        with edge.broker:
            linked(collector)
        collector.wait_for(f"{OWN}/bridge", lambda message: message.payload == b"0")
        home_assistant.publish(f"{OWN}/restart", "hours ago")
        home_assistant.publish(f"{OWN}/events/receipt", "late but true")
        collector.messages.clear()

        with edge.broker, edge.device(reads=f"{OWN}/#") as device:
            linked(collector)
            home_assistant.publish(f"{OWN}/test_alert", "now")
            device.wait_for(f"{OWN}/test_alert")

    assert f"{OWN}/restart" not in device.topics()


def test_alerts_that_wait_survive_a_power_cut_of_the_device(site: Site) -> None:
    edge = Edge(site)
    with edge.broker, edge.device() as device:
        for number in range(20):
            device.publish(f"{OWN}/events", f"fall {number}")
        device.publish(f"{OWN}/state", "later", retain=True)
        assert eventually(lambda: b"later" in (site.folder / "edge/mosquitto.db").read_bytes())
        edge.broker.stop(signal.SIGKILL)

    with site.broker(), site.user("collector", reads=f"{OWN}/events") as collector, edge.broker:
        assert eventually(lambda: len(collector.messages) >= 20)
        assert {message.payload for message in collector.messages} == {
            f"fall {number}".encode() for number in range(20)
        }


def test_a_device_that_lost_its_network_is_seen_to_be_gone(site: Site) -> None:
    edge = Edge(site)
    with site.broker(), site.user("collector", reads="pose-edge/#") as collector, edge.broker:
        linked(collector)
        edge.broker.stop(signal.SIGKILL)

        assert collector.wait_for(f"{OWN}/bridge", lambda message: message.payload == b"0")
