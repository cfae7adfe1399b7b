from __future__ import annotations

import importlib
import re
from typing import Any

import jsonschema
import pytest

from pose_edge.landmark_names import LANDMARK_FIELDS, LANDMARK_NAMES
from pose_edge.payloads import (
    SCHEMA_VERSION,
    SCHEMAS,
    BoundingBox,
    EventPayload,
    ImageSize,
    LandmarkPoint,
    LandmarksPayload,
    Payload,
    Person,
    PoseLandmarks,
    Record,
)
from pose_edge.records import PRESENCE, VISIBILITY, X, Y, Z

# The contract, field by field. Whoever takes one out breaks subscribers and raises SCHEMA_VERSION.
FIELDS = {
    "info": "schema_version device name boot_id version software board system camera model model_sha256 "
    "running_mode mqtt_protocol capabilities options landmark_names landmark_fields landmark_encoding "
    "landmark_binary_layout state_expiry_s health_expiry_s calibrated",
    "state": "schema_version timestamp timestamp_ms clock_synced sequence boot_id detection person_count "
    "occupied posture posture_since confidence fall zones slouching sedentary persons inference_fps "
    "frame_age_ms",
    "events": "schema_version event_id event_type kind stage severity timestamp start_time end_time "
    "frame_timestamp_ms clock_synced sequence boot_id person_id zone confidence reason evidence test "
    "replayed media rule rule_version",
    "fall/attributes": "schema_version event_id stage since confirmed_at person_id zone confidence reason "
    "boot_id clock_synced",
    "response/{name}": "schema_version status data error transaction",
    "landmarks": "schema_version timestamp timestamp_ms frame_timestamp_ms sequence image model running_mode "
    "poses",
    "health": "schema_version timestamp timestamp_ms clock_synced boot_id status reasons reason_texts paused "
    "uptime_s frames_captured_total frames_submitted_total frames_dropped_total frames_in_flight "
    "rate_pace rate_limit_fps "
    "results_total results_empty_total timestamp_errors_total callback_errors_total "
    "camera_restarts_total mqtt_reconnects_total mqtt_queue mqtt_dropped_total inference_fps "
    "inference_ms_p50 inference_ms_p95 end_to_end_ms_p95 last_frame_age_s last_result_age_s rss_mb "
    "cpu_percent soc_temperature_c throttled_now throttled_ever undervoltage_ever disk_free_mb "
    "wifi_rssi_dbm model version mqtt_state mqtt_state_reason mqtt_parked mqtt_stream_dropped_total "
    "mqtt_last_ack_age_s events_refused_total commands_total commands_refused_total "
    "reminders_withheld_total",
}
INNER_FIELDS: dict[type[Record], str] = {
    Person: "id posture since confidence zone bbox visibility_mean torso_angle_deg height_ratio",
    BoundingBox: "x y width height",
    ImageSize: "width height rotation_degrees",
    LandmarkPoint: "x y z visibility presence",
    PoseLandmarks: "person_id landmarks world_landmarks",
}


@pytest.mark.parametrize("topic", SCHEMAS)
def test_no_field_is_lost_or_renamed_within_a_schema_version(topic: str) -> None:
    assert SCHEMA_VERSION == 1
    assert set(FIELDS[topic].split()) == SCHEMAS[topic].model_fields.keys()


@pytest.mark.parametrize("model", INNER_FIELDS)
def test_no_field_inside_a_payload_is_lost_or_renamed_either(model: type[Record]) -> None:
    assert set(INNER_FIELDS[model].split()) == model.model_fields.keys()


@pytest.mark.parametrize("model", SCHEMAS.values())
def test_every_schema_is_a_valid_json_schema(model: type[Payload]) -> None:
    jsonschema.Draft202012Validator.check_schema(model.model_json_schema())


@pytest.mark.parametrize("model", SCHEMAS.values())
def test_every_schema_demands_its_version(model: type[Payload]) -> None:
    schema = model.model_json_schema()

    assert "schema_version" in schema["required"]
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION


@pytest.mark.parametrize("model", [model for model in SCHEMAS.values() if model is not EventPayload])
def test_subscribers_may_meet_fields_of_later_versions(model: type[Payload]) -> None:
    assert model.model_json_schema().get("additionalProperties", True) is True


def test_docstrings_of_fields_are_the_descriptions_of_the_schema() -> None:
    properties = LandmarksPayload.model_json_schema()["properties"]

    assert "MediaPipe" in properties["frame_timestamp_ms"]["description"]


def test_an_event_may_add_scalars_but_nothing_nested() -> None:
    schema = EventPayload.model_json_schema()
    kinds = {choice["type"] for choice in schema["additionalProperties"]["anyOf"]}

    assert kinds == {"string", "integer", "number", "boolean", "null"}


@pytest.mark.parametrize("numbers", [0, 164, 166])
def test_a_pose_has_33_times_5_numbers(numbers: int) -> None:
    pose = {"person_id": None, "landmarks": [0.5] * numbers, "world_landmarks": [0.5] * 165}
    schema = LandmarksPayload.model_json_schema()
    only_pose: dict[str, Any] = {"$defs": schema["$defs"], "$ref": "#/$defs/PoseLandmarks"}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(pose, only_pose)


def test_timestamps_are_utc_with_milliseconds() -> None:
    pattern = LandmarksPayload.model_json_schema()["properties"]["timestamp"]["pattern"]

    assert re.search(pattern, "2026-11-22T13:45:07.250Z")
    assert not re.search(pattern, "2026-11-22T13:45:07.250+00:00")
    assert not re.search(pattern, "2026-11-22 13:45:07.250Z")


def test_landmark_names_are_those_of_mediapipe_in_its_order() -> None:
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    module = importlib.import_module("mediapipe.tasks.python.vision.pose_landmarker")

    assert [member.name.lower() for member in sorted(module.PoseLandmark)] == list(LANDMARK_NAMES)


def test_landmark_fields_are_the_columns_of_the_records() -> None:
    columns = dict(zip(LANDMARK_FIELDS, range(5), strict=True))

    assert columns == {"x": X, "y": Y, "z": Z, "visibility": VISIBILITY, "presence": PRESENCE}
