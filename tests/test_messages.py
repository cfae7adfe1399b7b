from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import pose_edge.messages
from pose_edge.errors import ConfigError
from pose_edge.messages import Device, Messages, rfc3339, will
from pose_edge.payloads import POSTURES, HealthValues, InfoValues
from pose_edge.records import (
    Body,
    Box,
    Delivery,
    Event,
    Message,
    PersonState,
    Pose,
    PoseResult,
    Posture,
    PostureClass,
    Scene,
    Stage,
    State,
)
from tests.contract import DELIVERIES, check

NOON_MS = 1_795_348_800_000  # 2026-11-22T12:00:00Z


def messages(synced: bool = True) -> Messages:
    made = Messages(Device("livingroom", "Living room"), "b00t", "pose_landmarker_lite", "live_stream")
    if synced:
        made.set_clock(NOON_MS - 1000, synced=True)
    return made


def pose(value: float = 0.25) -> Pose:
    numbers = np.full((33, 5), value, dtype=np.float32)
    return Pose(numbers, numbers)


def result(*poses: Pose, at_ms: int = 1000) -> PoseResult:
    return PoseResult(at_ms, 640, 480, poses)


def fallen() -> Event:
    return Event(
        kind="posture",
        event_type="posture_started",
        stage=Stage.NEW,
        number=7,
        timestamp_ms=1500,
        start_ms=1000,
        person_id=3,
        confidence=0.91234,
        reason="held",
        details={"posture": "lying", "previous_posture": "standing"},
        evidence={"torso_tilt_deg": 81.5, "enter_deg": 65.0},
    )


def body() -> Body:
    return Body(
        head_px=(320, 100),
        shoulders_px=(320, 140),
        hips_px=(320, 240),
        knees_px=None,
        ankles_px=None,
        torso_px=100.0,
        torso_tilt_deg=12.3456,
        knee_deg=None,
        thigh_deg=None,
        hip_deg=None,
        legs_visibility=0.1,
        visibility=0.98765,
        box=Box(0.123456, -0.05, 0.5, 1.1),
    )


def scene(person_id: int = 3) -> Scene:
    posture = Posture(1000, person_id, body(), 100.0, 2.456, None, None, PostureClass.STANDING, 0.9)
    return Scene(1000, 640, 480, (posture,))


def state_messages(state: State, seen: Scene | None = None) -> dict[str, object]:
    made = messages().state(
        state, seen, timestamp_ms=1000, detection="running", inference_fps=14.987, frame_age_ms=40
    )
    return {message.topic: check(message) for message in made}


STANDING = PersonState(3, PostureClass.STANDING, 500, 0.87654)
SITTING = PersonState(4, PostureClass.SITTING, 900, 0.5)


def every_message() -> list[Message]:
    made = messages()
    return [
        made.status(True),
        made.pipeline_status(False),
        made.detection(True),
        made.info(InfoValues(software={"python": "3.11.7"}, options={"model": {"num_poses": 1}})),
        made.health(HealthValues(status="ok"), 2000),
        *made.state(
            State(True, 1, (STANDING,)),
            scene(),
            timestamp_ms=1000,
            detection="running",
            inference_fps=None,
            frame_age_ms=None,
        ),
        made.event(fallen()),
        made.landmarks(result(pose(), pose()), [3, None]),
    ]


def test_every_topic_is_delivered_as_the_contract_says() -> None:
    made = every_message()

    assert {message.topic for message in made} == DELIVERIES.keys()
    for message in made:
        check(message)


def test_only_events_and_landmarks_are_not_retained() -> None:
    kept = {message.topic for message in every_message() if message.delivery is not Delivery.RETAINED}

    assert kept == {"events", "landmarks"}


def test_wall_time_is_the_source_clock_plus_the_offset_in_utc_with_milliseconds() -> None:
    made = check(messages().landmarks(result(at_ms=1250)))

    assert made["timestamp"] == "2026-11-22T12:00:00.250Z"
    assert made["timestamp_ms"] == NOON_MS + 250
    assert made["frame_timestamp_ms"] == 1250


@pytest.mark.parametrize(
    ("wall_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (999, "1970-01-01T00:00:00.999Z"),
        (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
        (1_795_348_800_123, "2026-11-22T12:00:00.123Z"),
    ],
)
def test_milliseconds_are_exact(wall_ms: int, text: str) -> None:
    assert rfc3339(wall_ms) == text


def test_without_a_clock_messages_begin_in_1970_and_say_so() -> None:
    made = check(messages(synced=False).event(fallen()))

    assert made["timestamp"] == "1970-01-01T00:00:01.500Z"
    assert made["clock_synced"] is False


def test_replays_give_the_same_bytes() -> None:
    once, again = messages(synced=False), messages(synced=False)

    assert once.event(fallen()) == again.event(fallen())
    assert once.landmarks(result(pose())) == again.landmarks(result(pose()))


def test_nothing_that_could_tell_the_time_or_leave_the_process_is_imported() -> None:
    tree = ast.parse(Path(pose_edge.messages.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert not {name.split(".")[0] for name in imported} & {"time", "threading", "paho", "mediapipe", "cv2"}
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {
        "now",
        "utcnow",
        "today",
    }


def test_an_event_has_a_sortable_id_and_the_moments_of_beginning_and_decision() -> None:
    made = check(messages().event(fallen()))

    assert made["event_id"] == "livingroom-b00t-000007"
    assert made["start_time"] == "2026-11-22T12:00:00.000Z"
    assert made["timestamp"] == "2026-11-22T12:00:00.500Z"
    assert made["frame_timestamp_ms"] == 1500
    assert made["end_time"] is None
    assert made["stage"] == "new"
    assert made["confidence"] == 0.912


def test_what_a_kind_adds_stands_at_the_top_and_what_decided_it_in_evidence() -> None:
    made = check(messages().event(fallen()))

    assert (made["posture"], made["previous_posture"]) == ("lying", "standing")
    assert made["evidence"] == {"torso_tilt_deg": 81.5, "enter_deg": 65.0}


def test_a_kind_cannot_overwrite_a_field_every_event_has() -> None:
    event = Event("x", "x_started", Stage.NEW, 1, 0, 0, details={"confidence": 1.0, "fine": 2})

    with pytest.raises(ValueError, match="details may not be named confidence"):
        messages().event(event)


def test_landmarks_are_flat_in_the_order_info_names() -> None:
    numbers = np.linspace(0, 164 / 16, 165, dtype=np.float32).reshape(33, 5)
    world = np.linspace(1000, 1164, 165, dtype=np.float32).reshape(33, 5)
    made = check(messages().landmarks(result(Pose(numbers, world)), [9]))
    [person] = made["poses"]

    assert person["person_id"] == 9
    assert person["landmarks"] == [n / 16 for n in range(165)]
    assert person["world_landmarks"] == [n + 1000 for n in range(165)]
    assert made["image"] == {"width": 640, "height": 480, "rotation_degrees": 0}


def test_landmarks_have_four_decimals() -> None:
    value = np.round(np.float32(0.123449), 4)
    made = messages().landmarks(result(pose(float(value))))

    assert b"[0.1234,0.1234," in made.payload


def test_landmarks_in_another_memory_order_come_out_the_same() -> None:
    numbers = np.asfortranarray(np.arange(165, dtype=np.float32).reshape(33, 5))
    [person] = check(messages().landmarks(result(Pose(numbers, numbers))))["poses"]

    assert person["landmarks"] == list(range(165))
    assert person["person_id"] is None


def test_nobody_in_the_picture_is_a_message_too() -> None:
    assert check(messages().landmarks(result()))["poses"] == []


def test_one_id_too_many_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        messages().landmarks(result(pose()), [1, 2])


def test_sequences_count_each_topic_on_its_own() -> None:
    made = messages()
    stream = [check(made.landmarks(result()))["sequence"] for _ in range(3)]
    state = made.state(
        State(), None, timestamp_ms=0, detection="paused", inference_fps=None, frame_age_ms=None
    )

    assert stream == [1, 2, 3]
    assert check(state[0])["sequence"] == 1


def test_state_speaks_of_the_person_who_was_there_first() -> None:
    made = state_messages(State(True, 2, (STANDING, SITTING)), scene())
    state = made["state"]

    assert isinstance(state, dict)
    assert (state["posture"], state["posture_since"]) == ("standing", "2026-11-22T11:59:59.500Z")
    assert (state["person_count"], state["occupied"], state["confidence"]) == (2, True, 0.877)
    assert [person["id"] for person in state["persons"]] == [3, 4]
    assert (made["occupancy"], made["posture"]) == ("ON", "standing")


def test_state_says_what_was_measured_on_those_who_were_seen_and_null_for_the_others() -> None:
    state = state_messages(State(True, 2, (STANDING, SITTING)), scene(person_id=3))["state"]

    assert isinstance(state, dict)
    seen, hidden = state["persons"]
    assert seen["bbox"] == {"x": 0.1235, "y": -0.05, "width": 0.5, "height": 1.1}
    assert (seen["torso_angle_deg"], seen["visibility_mean"], seen["height_ratio"]) == (12.3, 0.988, 2.46)
    assert (hidden["bbox"], hidden["torso_angle_deg"], hidden["visibility_mean"]) == (None, None, None)


def test_nobody_is_absent_and_somebody_unseen_is_unknown() -> None:
    assert state_messages(State(False, 0))["posture"] == "absent"
    assert state_messages(State(True, 1))["posture"] == "unknown"


def test_before_the_first_decision_occupancy_is_not_claimed() -> None:
    made = state_messages(State())

    assert "occupancy" not in made
    assert made["posture"] == "unknown"


@pytest.mark.parametrize("posture", PostureClass)
def test_every_posture_has_a_word_consumers_know(posture: PostureClass) -> None:
    made = state_messages(State(True, 1, (PersonState(1, posture, 0, 1.0),)))

    assert made["posture"] == posture
    assert posture.value in POSTURES


def test_info_names_the_landmarks_once() -> None:
    made = check(messages().info(InfoValues()))

    assert (len(made["landmark_names"]), made["landmark_names"][23]) == (33, "left_hip")
    assert made["landmark_fields"] == ["x", "y", "z", "visibility", "presence"]
    assert (made["device"], made["name"]) == ("livingroom", "Living room")


def test_health_is_flat() -> None:
    made = check(messages().health(HealthValues(status="degraded", reasons=["throttled"]), 1000))

    assert not any(isinstance(value, dict) for value in made.values())
    assert made["reasons"] == ["throttled"]


@pytest.mark.parametrize("device_id", ["", "Living room", "a/b", "a+b", "#", "ü", "x" * 33, "ok\n"])
def test_a_device_id_that_is_no_topic_level_is_refused(device_id: str) -> None:
    with pytest.raises(ConfigError, match="allowed are"):
        Device(device_id)


def test_the_will_is_offline_on_the_topic_of_status() -> None:
    last = will("pose-edge/livingroom")

    assert (last.topic, last.payload) == ("pose-edge/livingroom/status", b"offline")
    assert last.delay_s == 10
