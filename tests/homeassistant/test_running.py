"""A real Home Assistant, a real broker, the product's own messages: what it shows, what it complains of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from pose_edge.discovery import clear
from pose_edge.homeassistant import discovery, recall
from pose_edge.payloads import HealthValues
from pose_edge.records import ActiveFall, Stage, State
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions
from tests.brokers import Mosquitto, Subscriber, eventually
from tests.homeassistant import device
from tests.homeassistant.hass import HomeAssistant

FALL = ActiveFall("livingroom-b00t-000001", 1_790_000_000_000, 1_790_000_001_000, person_id=1, confidence=0.9)
DETAILS = {
    "sedentary",
    "slouching",
    "inference_time",
    "latency",
    "dropped_frames",
    "waiting_events",
    "last_result_age",
    "memory",
    "disk_free",
    "clock_synced",
}
DASHBOARD = Path(__file__).parent.parent.parent / "deploy" / "homeassistant" / "dashboard.yaml"
TOPIC = discovery(device.announcement()).topic


@pytest.fixture
def sink(broker: Mosquitto) -> Iterator[MqttSink]:
    """A device that is announced and well."""
    with device.sink(broker.port) as running:
        running.wait_connected(5)
        running.send(discovery(device.announcement()))
        for message in device.everything(device.messages()):
            running.send(message)
        assert running.drain(5)
        yield running


def settled(hass: HomeAssistant) -> None:
    """Wait until the device is there and well."""
    hass.wait_for("occupancy", "on")
    hass.wait_for("problem", "off")
    hass.wait_for("detection", "on")


def ids(hass: HomeAssistant) -> set[str]:
    return {entry["entity_id"] for entry in hass.command("config/entity_registry/list")}


def send(sink: MqttSink, *messages: Any) -> None:
    for message in messages:
        sink.send(message)
    assert sink.drain(5)


@pytest.mark.usefixtures("sink")
def test_it_appears_with_all_its_entities_and_no_complaint(hass: HomeAssistant) -> None:
    settled(hass)

    [found] = hass.devices()
    entities = hass.registry()
    assert (found["name"], found["manufacturer"]) == ("Living room", "pose-edge")
    assert (found["serial_number"], found["area_id"]) == ("10000000a1b2c3d4", "living_room")
    wanted = device.announcement().options.entities.model_dump().keys() - {"zones"} | {"zone_bed"}
    assert entities.keys() == {f"pose_edge_{device.IDENTITY}_{key}" for key in wanted}
    assert {entity["device_id"] for entity in entities.values()} == {found["id"]}
    assert hass.complaints() == []


@pytest.mark.usefixtures("sink")
def test_it_shows_what_the_device_says(hass: HomeAssistant) -> None:
    settled(hass)
    states = {name: state["state"] for name, state in hass.shown().items()}

    assert states["posture"] == "sitting"
    assert states["person_count"] == "1"
    assert states["fall"] == "off"
    assert states["connection"] == "on"
    assert float(states["inference_rate"]) == 12.5
    assert float(states["soc_temperature"]) == 55.2
    assert states["clear_fall"] == "unknown"  # never pressed
    assert "unavailable" not in states.values()


@pytest.mark.usefixtures("sink")
def test_details_are_off_until_somebody_enables_them(hass: HomeAssistant) -> None:
    settled(hass)
    off = {one["unique_id"].split("_", 3)[-1] for one in hass.registry().values() if one["disabled_by"]}

    assert off == DETAILS
    assert not off & hass.shown().keys()


def test_nothing_known_is_shown_as_unknown_without_a_complaint(hass: HomeAssistant, sink: MqttSink) -> None:
    settled(hass)
    bare = HealthValues(status="error", reasons=["no_camera"], reason_texts={"no_camera": "Look."})

    send(sink, *device.everything(device.messages(), bare, State()))

    problem = hass.wait_for("problem", "on")
    assert problem["attributes"]["reasons"] == ["no_camera"]
    hass.wait_for("posture", "unknown")
    hass.wait_for("inference_rate", "unknown")
    hass.wait_for("soc_temperature", "unknown")
    hass.wait_for("occupancy", "unknown")
    assert hass.complaints() == []


def test_a_fall_stays_while_the_camera_is_gone(hass: HomeAssistant, sink: MqttSink) -> None:
    settled(hass)
    made = device.messages()

    send(sink, *made.fall(FALL), made.pipeline_status(False))

    hass.wait_for("occupancy", "unavailable")
    fall = hass.wait_for("fall", "on")
    assert fall["attributes"]["event_id"] == FALL.event_id
    send(sink, *made.fall(None), made.pipeline_status(True))
    hass.wait_for("fall", "off")
    hass.wait_for("occupancy", "on")


def test_alerts_arrive_one_by_one_and_everyday_events_do_not(hass: HomeAssistant, sink: MqttSink) -> None:
    settled(hass)
    made = device.messages()

    send(sink, made.event(device.event("fall_confirmed", 7, severity="alert", confidence=0.93)))

    def attributes() -> Any:
        return hass.shown()["alert"]["attributes"]

    assert eventually(lambda: attributes()["event_type"] == "fall_confirmed")
    assert attributes()["event_id"] == "livingroom-b00t-000007"
    assert (attributes()["test"], attributes()["severity"], attributes()["confidence"]) == (
        False,
        "alert",
        0.93,
    )
    send(sink, made.event(device.event("presence_ended", 8, Stage.END)), made.test_alert(9, 0))
    assert eventually(lambda: attributes()["event_type"] == "test")
    assert attributes()["test"] is True
    assert hass.complaints() == []


@pytest.mark.usefixtures("sink")
def test_switch_and_buttons_reach_the_device(hass: HomeAssistant, broker: Mosquitto) -> None:
    settled(hass)
    with Subscriber(broker.port, "pose-edge/livingroom/+/+") as nested, Subscriber(broker.port) as heard:
        hass.act("switch", "turn_off", entity_id=hass.names()["detection"])
        for button in ("clear_fall", "test_alert", "restart"):
            hass.act("button", "press", entity_id=hass.names()[button])
        assert nested.wait_for("detection/set") == [b"OFF"]
        assert (
            heard.wait_for("fall/clear")
            == heard.wait_for("test_alert")
            == heard.wait_for("restart")
            == [b"PRESS"]
        )
        commands = [
            one for one in heard.messages if one.topic.endswith(("/set", "/clear", "_alert", "/restart"))
        ]
        assert {(one.qos, one.retain) for one in commands} == {(1, False)}


def test_a_killed_device_is_unavailable_but_connection_says_off(hass: HomeAssistant, sink: MqttSink) -> None:
    settled(hass)

    send(sink, device.messages().status(False))

    hass.wait_for("connection", "off")
    hass.wait_for("fall", "unavailable")
    hass.wait_for("test_alert", "unavailable")


def test_what_is_gone_disappears_and_the_rest_stays(hass: HomeAssistant, sink: MqttSink) -> None:
    settled(hass)
    options: dict[str, Any] = {"entities": {"person_count": False, "alert": False}}

    send(sink, discovery(device.announcement({"person_count": "sensor", "alert": "event"}, **options)))

    assert eventually(lambda: "alert" not in hass.shown())
    assert (
        not {f"pose_edge_{device.IDENTITY}_{key}" for key in ("person_count", "alert")}
        & hass.registry().keys()
    )
    hass.wait_for("posture", "sitting")
    send(sink, discovery(device.announcement({"person_count": "sensor", "alert": "event"}, **options)))
    send(sink, discovery(device.announcement()))
    assert eventually(lambda: "alert" in hass.shown())
    assert hass.complaints() == []


def test_what_went_while_home_assistant_was_away_disappears_after_a_recall(
    hass: HomeAssistant, sink: MqttSink
) -> None:
    settled(hass)
    # Only 2026.11 removes those that are switched off as well.
    gone = {"person_count": "sensor", "alert": "event", "restart": "button"}
    about = device.announcement(gone, entities=dict.fromkeys(gone, False))
    hass.stop()
    send(sink, discovery(about))
    hass.start()
    settled(hass)
    assert gone.keys() <= hass.names().keys()  # being named as gone is not enough: it had not known them

    send(sink, recall(about))
    send(sink, discovery(about))

    assert eventually(lambda: not gone.keys() & hass.names().keys()), gone.keys() & hass.names().keys()
    hass.wait_for("posture", "sitting")
    assert hass.complaints() == []


def test_it_is_back_after_a_broker_that_forgot_everything(
    hass: HomeAssistant, sink: MqttSink, broker: Mosquitto
) -> None:
    settled(hass)
    broker.terminate()
    assert not eventually(lambda: False, 0.5)
    hass.wait_for("fall", "unavailable", 30)

    broker.start()

    assert eventually(lambda: bool(sink.poll()) or sink.connected, 10)
    assert eventually(lambda: sink.drain(1) and hass.shown()["fall"]["state"] == "off", 30), hass.complaints()
    settled(hass)


def test_a_restarted_home_assistant_knows_all_again(hass: HomeAssistant, sink: MqttSink) -> None:
    settled(hass)
    assert sink.connected
    hass.stop()

    hass.start()

    hass.wait_for("posture", "sitting", 20)
    settled(hass)
    assert "unavailable" not in {state["state"] for state in hass.shown().values()}


@pytest.mark.usefixtures("sink")
def test_clear_takes_it_all_away_and_says_nothing_about_the_device(
    hass: HomeAssistant, broker: Mosquitto
) -> None:
    settled(hass)
    with Subscriber(broker.port, "pose-edge/#") as heard:
        before = len(heard.messages)
        clear(MqttOptions(host="127.0.0.1", port=broker.port), "pose-edge-tool", TOPIC)

        assert eventually(lambda: not hass.registry())
        assert eventually(lambda: not hass.devices())
        # The device that runs beside it was not called offline.
        assert b"offline" not in heard.payloads("status")
        assert len(heard.messages) >= before
    assert hass.complaints() == []


def test_all_entities_of_the_dashboard_exist(hass: HomeAssistant, sink: MqttSink) -> None:
    # Another device: Home Assistant remembers the ids of one it has known.
    send(sink, discovery(device.announcement(identity="other", name="Living room pose", area="")))
    dashboard = yaml.safe_load(DASHBOARD.read_text())
    used = set(re.findall(r"\b[a-z_]+\.living_room_pose\w*", DASHBOARD.read_text()))
    assert len(used) > 10

    assert eventually(lambda: used <= ids(hass)), used - ids(hass)
    hass.command("lovelace/config/save", config=dashboard)
    assert hass.command("lovelace/config", force=False) == dashboard


def test_a_wrong_payload_would_be_complained_of(hass: HomeAssistant, sink: MqttSink) -> None:
    # Last: from here on the log has a complaint, and so the tests above had looked in the right place.
    wrong = orjson.loads(discovery(device.announcement()).payload)
    wrong["components"]["posture"]["options"] = ["standing"]
    del wrong["components"]["fall"]["device_class"]
    wrong["components"]["fall"]["unit"] = "x"

    send(sink, replace(discovery(device.announcement()), payload=orjson.dumps(wrong)))
    send(sink, *device.everything(device.messages()))

    assert eventually(lambda: any("invalid option" in line for line in hass.complaints()))
