"""What Home Assistant is told, as far as one can judge without it; tests/homeassistant asks the real one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jinja2
import orjson
import pytest
from pydantic import ValidationError

from pose_edge.homeassistant import (
    ALERT_TYPES,
    Announcement,
    EntitiesOptions,
    HomeAssistantOptions,
    components,
    config_topic,
    discovery,
    gone,
    recall,
    removal,
)
from pose_edge.homeassistant.entities import ALERT_FIELDS
from pose_edge.payloads import COMMAND_TEXTS, POSTURES, SCHEMAS, TEXTS
from pose_edge.records import Delivery

ROOT = "pose-edge/livingroom"
IDENTITY = "a1b2c3d4e5f6"

PLATFORMS = {
    "occupancy": "binary_sensor",
    "posture": "sensor",
    "person_count": "sensor",
    "slouching": "binary_sensor",
    "sedentary": "binary_sensor",
    "fall": "binary_sensor",
    "alert": "event",
    "detection": "switch",
    "clear_fall": "button",
    "test_alert": "button",
    "restart": "button",
    "connection": "binary_sensor",
    "problem": "binary_sensor",
    "inference_rate": "sensor",
    "soc_temperature": "sensor",
    "inference_time": "sensor",
    "latency": "sensor",
    "dropped_frames": "sensor",
    "waiting_events": "sensor",
    "last_result_age": "sensor",
    "memory": "sensor",
    "disk_free": "sensor",
    "clock_synced": "binary_sensor",
}
"""For ever: automations and Home Assistant's registry hold on to keys, and a key keeps its platform."""


def announcement(**changes: Any) -> Announcement:
    fields: dict[str, Any] = {
        "identity": IDENTITY,
        "name": "Living room",
        "root": ROOT,
        "options": HomeAssistantOptions(),
        "state_heartbeat_s": 60.0,
        "health_interval_s": 30.0,
    }
    return Announcement(**{**fields, **changes})


def payload(**changes: Any) -> Any:
    return orjson.loads(discovery(announcement(**changes)).payload)


def topics(entity: dict[str, Any]) -> Iterator[str]:
    yield from (value for key, value in entity.items() if key.endswith("_topic"))
    yield from (one["topic"] for one in entity.get("availability", []))


def test_the_message_is_retained_on_the_topic_of_the_device() -> None:
    message = discovery(announcement())

    assert message.topic == f"homeassistant/device/pose_edge_{IDENTITY}/config"
    assert message.topic == config_topic(HomeAssistantOptions(), IDENTITY)
    assert (message.delivery, message.qos, message.absolute) == (Delivery.RETAINED, 1, True)
    assert message.expiry_s is None


def test_keys_and_platforms_stay_what_they_are() -> None:
    assert components(discovery(announcement()).payload) == PLATFORMS


def test_every_entity_has_an_option_and_every_option_an_entity() -> None:
    assert set(EntitiesOptions.model_fields) == {*PLATFORMS, "zones"}


@pytest.mark.parametrize("key", PLATFORMS)
def test_an_entity_can_be_left_out_alone(key: str) -> None:
    options = HomeAssistantOptions(entities=EntitiesOptions.model_validate({key: False}))

    assert payload(options=options)["components"].keys() == PLATFORMS.keys() - {key}


def test_ids_come_from_the_identity_and_not_from_the_name() -> None:
    before, after = payload(), payload(name="Bedroom", root="pose-edge/bedroom")

    assert before["device"]["identifiers"] == after["device"]["identifiers"] == [f"pose_edge_{IDENTITY}"]
    for key, entity in before["components"].items():
        assert entity["unique_id"] == after["components"][key]["unique_id"] == f"pose_edge_{IDENTITY}_{key}"


def test_every_topic_is_one_the_device_has() -> None:
    known = SCHEMAS.keys() | TEXTS.keys() | COMMAND_TEXTS.keys()

    for entity in payload()["components"].values():
        for topic in topics(entity):
            assert topic.startswith(f"{ROOT}/")
            assert topic.removeprefix(f"{ROOT}/") in known


def test_every_field_of_a_template_is_in_the_schema_of_its_topic() -> None:
    for entity in payload()["components"].values():
        if "value_template" in entity:
            fields = SCHEMAS[entity["state_topic"].removeprefix(f"{ROOT}/")].model_fields
            assert set(re.findall(r"value_json\.(\w+)", entity["value_template"])) <= fields.keys()


def test_a_fall_neither_expires_nor_needs_the_camera() -> None:
    fall = payload()["components"]["fall"]

    assert not {"expire_after", "off_delay", "availability"} & fall.keys()
    assert payload()["availability"] == [{"topic": f"{ROOT}/status"}]


@pytest.mark.parametrize("key", ["occupancy", "posture", "person_count", "zone_bed"])
def test_what_is_seen_needs_both_the_daemon_and_fresh_pictures(key: str) -> None:
    entity = payload(state_heartbeat_s=20.5, zones=("bed",))["components"][key]

    assert entity["availability_mode"] == "all"
    assert {one["topic"] for one in entity["availability"]} == {f"{ROOT}/status", f"{ROOT}/pipeline/status"}
    assert entity["expire_after"] == 62


def test_entities_of_health_expire_after_three_missed_intervals() -> None:
    entities = payload(health_interval_s=10)["components"].values()

    assert {one["expire_after"] for one in entities if one.get("state_topic") == f"{ROOT}/health"} == {30}


def test_connection_says_off_instead_of_unavailable() -> None:
    connection = payload()["components"]["connection"]

    assert connection["availability"] == []
    assert (connection["payload_on"], connection["payload_off"]) == TEXTS["status"]


def test_posture_lists_every_word_that_may_come() -> None:
    assert payload()["components"]["posture"]["options"] == list(POSTURES)


def test_the_alert_entity_lists_what_its_template_lets_through() -> None:
    alert = payload()["components"]["alert"]

    assert alert["event_types"] == list(ALERT_TYPES)
    listed, _, fields = alert["value_template"].partition("] %}")
    assert re.findall(r"'(\w+)'", listed) == list(ALERT_TYPES)
    assert dict(re.findall(r"'(\w+)': value_json\.(\w+)", fields)) == {name: name for name in ALERT_FIELDS}
    assert set(ALERT_FIELDS) <= SCHEMAS["events"].model_fields.keys()


def test_events_of_the_users_rules_reach_the_alert_entity_and_no_others() -> None:
    alert = payload(rule_types=("rule_arm_bent",))["components"]["alert"]
    template = jinja2.Environment().from_string(alert["value_template"])
    said = dict.fromkeys(ALERT_FIELDS, "x")

    assert alert["event_types"] == [*ALERT_TYPES, "rule_arm_bent"]
    told = template.render(value_json={**said, "event_type": "rule_arm_bent"})
    assert orjson.loads(told)["event_type"] == "rule_arm_bent"
    assert template.render(value_json={**said, "event_type": "rule_other"}) == ""


@pytest.mark.parametrize("key", PLATFORMS)
def test_quality_of_service_stands_in_each_entity(key: str) -> None:
    # A shared one is not inherited by every release, and then an alert could be lost on its last metres.
    assert payload()["components"][key]["qos"] == 1
    assert "qos" not in payload()


def test_what_is_gone_is_named_once_with_its_platform_alone() -> None:
    before = {**PLATFORMS, "skeleton": "image"}
    old = gone(before, components(discovery(announcement()).payload))

    announced = discovery(announcement(gone=old)).payload

    assert old == {"skeleton": "image"}
    assert orjson.loads(announced)["components"]["skeleton"] == {"platform": "image"}
    assert components(announced) == PLATFORMS


def test_an_entity_that_is_wanted_again_is_not_removed() -> None:
    assert payload(gone={"fall": "binary_sensor"})["components"]["fall"]["name"] == "Fall"


def in_zone(occupied: bool | None, zones: list[str], zone: str = "bed") -> str:
    """Return what Home Assistant makes of `state` for one zone."""
    entity = payload(zones=("bed", "sofa-bed"))["components"][f"zone_{zone}"]
    template = jinja2.Environment(autoescape=False).from_string(entity["value_template"])
    return template.render(value_json={"occupied": occupied, "zones": zones})


def test_each_zone_is_occupied_or_not() -> None:
    assert in_zone(True, ["bed"]) == "ON"
    assert in_zone(True, ["sofa-bed"]) == "OFF"
    assert in_zone(True, ["sofa-bed"], zone="sofa-bed") == "ON"
    assert in_zone(False, []) == "OFF"
    assert in_zone(None, []) == "None"  # unknown


def test_a_zone_is_an_entity_of_its_own_that_goes_with_the_zone() -> None:
    with_zones = discovery(announcement(zones=("bed",))).payload
    without = HomeAssistantOptions(entities=EntitiesOptions(zones=False))

    assert components(with_zones) == {**PLATFORMS, "zone_bed": "binary_sensor"}
    assert components(discovery(announcement(zones=("bed",), options=without)).payload) == PLATFORMS
    assert gone(components(with_zones), components(discovery(announcement()).payload)) == {
        "zone_bed": "binary_sensor"
    }


def test_a_recall_names_what_is_gone_in_full_and_stays_nowhere() -> None:
    message = recall(announcement(gone={"skeleton": "image"}))

    assert components(message.payload) == {**PLATFORMS, "skeleton": "image"}
    assert message.topic == config_topic(HomeAssistantOptions(), IDENTITY)
    assert (message.delivery, message.absolute) == (Delivery.REPLY, True)


def test_removal_is_an_empty_retained_message() -> None:
    message = removal("homeassistant/device/pose_edge_x/config")

    assert (message.payload, message.delivery, message.absolute) == (b"", Delivery.RETAINED, True)
    assert (message.topic, message.qos) == ("homeassistant/device/pose_edge_x/config", 1)


@pytest.mark.parametrize("other", [b"", b"[]", b"{}", b'{"components": {"a": 1}}', b'{"components": [1]}'])
def test_a_payload_of_somebody_else_is_refused(other: bytes) -> None:
    with pytest.raises(ValueError, match="no discovery message"):
        components(other)


def test_the_device_says_what_is_known_and_no_more() -> None:
    bare, full = payload()["device"], payload(model="Pi 5", serial="1000", options=in_room("Hall"))["device"]

    assert not {"model", "serial_number", "suggested_area"} & bare.keys()
    assert (full["model"], full["serial_number"], full["suggested_area"]) == ("Pi 5", "1000", "Hall")


def in_room(area: str) -> HomeAssistantOptions:
    return HomeAssistantOptions(area=area)


@pytest.mark.parametrize("identity", ["", "a/b", "ä", "a b", "x" * 65])
def test_an_identity_that_fits_no_discovery_topic_is_refused(identity: str) -> None:
    with pytest.raises(ValueError, match="identity"):
        announcement(identity=identity)


@pytest.mark.parametrize("key", ["discovery_prefix", "status_topic"])
@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "/a", "a//b", "a/"])
def test_topics_with_wildcards_or_empty_levels_are_refused(key: str, topic: str) -> None:
    with pytest.raises(ValidationError, match="neither"):
        HomeAssistantOptions.model_validate({key: topic})
