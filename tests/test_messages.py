from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import pose_edge.messages
from pose_edge.errors import ConfigError
from pose_edge.landmark_encodings import LAYOUT, Landmarks
from pose_edge.messages import Device, Messages, as_replayed, rfc3339, will
from pose_edge.payloads import POSTURES, HealthValues, InfoValues
from pose_edge.records import (
    ActiveFall,
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


ACTIVE = ActiveFall(
    "livingroom-0ld-000041", NOON_MS - 9000, NOON_MS - 4000, person_id=2, confidence=0.9, reason="impact"
)
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
            State(True, 1, people=(STANDING,)),
            scene(),
            timestamp_ms=1000,
            detection="running",
            inference_fps=None,
            frame_age_ms=None,
        ),
        *made.fall(ACTIVE),
        made.event(fallen()),
        made.landmarks(result(pose(), pose()), [3, None]),
        made.landmarks(result(pose()), [3], "f16"),
        made.response("get_config", 7, {"events": {}}),
    ]


def test_every_topic_is_delivered_as_the_contract_says() -> None:
    made = every_message()

    told = {message.topic.replace("get_config", "{name}") for message in made}
    assert told == DELIVERIES.keys() - {"heartbeat"}  # that one is the sink's own
    for message in made:
        check(message)


def test_only_events_landmarks_and_answers_are_not_retained() -> None:
    kept = {message.topic for message in every_message() if message.delivery is not Delivery.RETAINED}

    assert kept == {"events", "landmarks", "landmarks/f16", "response/get_config"}


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


def test_boot_and_sequence_name_one_message_whatever_its_event() -> None:
    made = messages()
    told = [made.event(fallen()), made.event(replace(fallen(), stage=Stage.END)), made.test_alert(8, 1600)]

    assert [check(message)["sequence"] for message in told] == [1, 2, 3]
    assert [message.event_id for message in told] == [check(message)["event_id"] for message in told]
    assert told[0].event_id == told[1].event_id != told[2].event_id


@pytest.mark.parametrize(("severity", "critical"), [("info", False), ("warning", False), ("alert", True)])
def test_only_alerts_are_critical_and_never_expire(
    severity: Literal["info", "warning", "alert"], critical: bool
) -> None:
    made = messages().event(replace(fallen(), severity=severity))

    assert made.critical is critical
    assert made.expiry_s == (None if critical else 86400)


def test_a_test_alert_goes_the_way_of_an_alert_and_says_that_it_is_none() -> None:
    made = messages().test_alert(12, 1500)
    content = check(made)

    assert made.critical
    assert (content["test"], content["severity"], content["kind"]) == (True, "alert", "test")
    assert content["event_id"] == "livingroom-b00t-000012"
    assert content["timestamp"] == content["end_time"] == "2026-11-22T12:00:00.500Z"
    assert check(messages().event(fallen()))["test"] is False


def test_what_is_sent_late_says_so_and_is_the_same_otherwise() -> None:
    first = messages().event(fallen())
    again = as_replayed(first, age_s=3600.7)

    assert again.payload == first.payload.replace(b'"replayed":false', b'"replayed":true')
    assert again == replace(first, payload=again.payload, expiry_s=86400 - 3601)
    assert as_replayed(again, 0) == again


@pytest.mark.parametrize(("age_s", "left_s"), [(0, 86400), (86398.5, 1), (86400, 1), (1e9, 1)])
def test_what_is_too_late_gets_its_last_second(age_s: float, left_s: int) -> None:
    assert as_replayed(messages().event(fallen()), age_s).expiry_s == left_s


def test_an_alert_sent_late_still_never_expires() -> None:
    assert as_replayed(messages().test_alert(1, 0), 1e9).expiry_s is None


def confirmed() -> Event:
    return replace(fallen(), kind="fall", event_type="fall_confirmed", severity="alert", details={})


def test_a_fall_is_kept_with_wall_times_under_the_id_of_its_event() -> None:
    made = messages()
    active = made.active_fall(confirmed())

    assert active.event_id == made.event(confirmed()).event_id
    assert (active.start_ms, active.confirmed_ms) == (NOON_MS, NOON_MS + 500)
    assert (active.person_id, active.confidence, active.reason) == (3, 0.912, "held")


def test_a_latched_fall_is_on_and_its_attributes_say_since_when() -> None:
    on, attributes = messages().fall(ACTIVE)
    content = check(attributes)

    assert (check(on), content["stage"]) == ("ON", "confirmed")
    assert content["event_id"] == "livingroom-0ld-000041"
    assert (content["since"], content["confirmed_at"]) == (
        "2026-11-22T11:59:51.000Z",
        "2026-11-22T11:59:56.000Z",
    )
    assert (content["person_id"], content["reason"], content["boot_id"]) == (2, "impact", "b00t")


def test_without_a_fall_it_is_off_and_everything_about_it_is_null() -> None:
    off, attributes = messages().fall(None)
    content = check(attributes)

    assert (check(off), content.pop("stage")) == ("OFF", "none")
    known = {name for name, value in content.items() if value is not None}
    assert known == {"schema_version", "boot_id", "clock_synced"}


def test_the_end_of_a_fall_has_its_id_and_beginning_rings_nowhere_and_is_kept_like_an_alert() -> None:
    made = messages().fall_cleared(ACTIVE, "command", 1500)
    content = check(made)

    assert (made.event_id, made.critical, made.expiry_s) == (ACTIVE.event_id, True, None)
    assert (content["event_id"], content["event_type"]) == (ACTIVE.event_id, "fall_cleared")
    assert (content["kind"], content["stage"], content["severity"]) == ("fall", "end", "info")
    assert content["start_time"] == "2026-11-22T11:59:51.000Z"
    assert content["timestamp"] == content["end_time"] == "2026-11-22T12:00:00.500Z"
    assert (content["person_id"], content["reason"]) == (2, "command")


def test_a_fall_the_engine_sees_end_is_kept_like_an_alert_too() -> None:
    assert messages().event(replace(confirmed(), severity="info", stage=Stage.END)).critical


def test_state_tells_of_a_fall_and_a_latched_one_goes_before_what_this_run_saw() -> None:
    def told(state: State, **more: Any) -> Any:
        made = messages().state(
            state,
            None,
            timestamp_ms=0,
            detection="running",
            inference_fps=None,
            frame_age_ms=None,
            **more,
        )
        return check(made[0])["fall"]

    assert told(State(fall="suspected")) == "suspected"
    assert told(State(fall="none"), fall="confirmed") == "confirmed"


def test_an_answer_goes_where_it_is_waited_for() -> None:
    usual = messages().response("get_config", "a1", {"n": 1})
    named = messages().response("x", 7, error="no", reply_to="flow/7/answer", correlation=b"\x00\xff")

    assert (usual.topic, usual.absolute, usual.correlation) == ("response/get_config", False, None)
    assert (named.topic, named.absolute, named.correlation) == ("flow/7/answer", True, b"\x00\xff")
    assert check(usual) == {
        "schema_version": 1,
        "status": "ok",
        "data": {"n": 1},
        "error": None,
        "transaction": "a1",
    }
    assert (check(named)["status"], check(named)["error"], check(named)["data"]) == ("error", "no", None)


def test_how_long_words_are_worth_anything_follows_from_how_often_they_come() -> None:
    made = Messages(Device("a"), "b", "m", "video", state_expiry_s=30, health_expiry_s=900)
    kept = made.state(
        State(True), None, timestamp_ms=0, detection="running", inference_fps=None, frame_age_ms=None
    )
    info = check(made.info(InfoValues()))

    assert [message.expiry_s for message in kept] == [30, 30, 30]
    assert made.health(HealthValues(status="ok"), 0).expiry_s == 900
    assert (info["state_expiry_s"], info["health_expiry_s"]) == (30, 900)
    assert made.status(True).expiry_s is None


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


def test_named_landmarks_are_the_flat_ones_with_names() -> None:
    numbers = np.linspace(-1, 1, 165, dtype=np.float32).reshape(33, 5).round(4)
    made = messages()
    [flat] = check(made.landmarks(result(Pose(numbers, numbers * 2)), [9]))["poses"]
    [named] = check(made.landmarks(result(Pose(numbers, numbers * 2)), [9], "objects"))["poses"]

    for part in ("landmarks", "world_landmarks"):
        assert [number for point in named[part] for number in point.values()] == flat[part]
        assert {tuple(point) for point in named[part]} == {("x", "y", "z", "visibility", "presence")}
    assert named["person_id"] == 9


def test_binary_landmarks_say_the_same_on_a_topic_of_their_own() -> None:
    made = messages().landmarks(result(pose(0.25), at_ms=1250), [9], "f16")
    content = check(made)

    assert isinstance(content, Landmarks)
    assert (content.frame_timestamp_ms, content.timestamp_ms) == (1250, NOON_MS + 250)
    assert (content.sequence, content.clock_synced, content.width_px) == (1, True, 640)
    assert [(who, float(one.landmarks.sum())) for who, one in content.poses] == [(9, 0.25 * 165)]
    assert len(made.payload) == 32 + 664


def test_all_encodings_count_on_together() -> None:
    made = messages()
    flat, binary, named = (
        check(made.landmarks(result(), [], "arrays")),
        check(made.landmarks(result(), [], "f16")),
        check(made.landmarks(result(), [], "objects")),
    )

    assert (flat["sequence"], binary.sequence, named["sequence"]) == (1, 2, 3)


@pytest.mark.parametrize("encoding", ["arrays", "objects", "f16"])
def test_a_pose_without_numbers_is_left_out_and_no_nan_is_ever_sent(
    encoding: Literal["arrays", "objects", "f16"],
) -> None:
    made = messages().landmarks(result(pose(float("nan")), pose(), pose(float("inf"))), [1, 2, 3], encoding)
    content = check(made)

    told = (
        [who for who, _ in content.poses] if encoding == "f16" else [p["person_id"] for p in content["poses"]]
    )
    assert told == [2]
    assert b"null" not in made.payload


def test_numbers_that_are_none_are_null_where_null_is_allowed() -> None:
    health = messages().health(HealthValues(status="ok", cpu_percent=float("nan")), 0)
    event = messages().event(replace(fallen(), evidence={"torso_tilt_deg": float("inf")}))

    assert check(health)["cpu_percent"] is None
    assert check(event)["evidence"] == {"torso_tilt_deg": None}


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
    made = state_messages(State(True, 2, people=(STANDING, SITTING)), scene())
    state = made["state"]

    assert isinstance(state, dict)
    assert (state["posture"], state["posture_since"]) == ("standing", "2026-11-22T11:59:59.500Z")
    assert (state["person_count"], state["occupied"], state["confidence"]) == (2, True, 0.877)
    assert [person["id"] for person in state["persons"]] == [3, 4]
    assert (made["occupancy"], made["posture"]) == ("ON", "standing")


def test_state_says_what_was_measured_on_those_who_were_seen_and_null_for_the_others() -> None:
    state = state_messages(State(True, 2, people=(STANDING, SITTING)), scene(person_id=3))["state"]

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
    made = state_messages(State(True, 1, people=(PersonState(1, posture, 0, 1.0),)))

    assert made["posture"] == posture
    assert posture.value in POSTURES


def test_info_names_the_landmarks_once() -> None:
    made = check(messages().info(InfoValues()))

    assert (len(made["landmark_names"]), made["landmark_names"][23]) == (33, "left_hip")
    assert made["landmark_fields"] == ["x", "y", "z", "visibility", "presence"]
    assert (made["device"], made["name"]) == ("livingroom", "Living room")


def test_info_says_how_to_read_binary_landmarks_where_they_are_sent() -> None:
    binary = check(messages().info(InfoValues(landmark_encoding="f16")))

    assert (binary["landmark_encoding"], binary["landmark_binary_layout"]) == ("f16", LAYOUT)
    assert check(messages().info(InfoValues()))["landmark_binary_layout"] is None


def test_health_is_flat_but_for_the_sentences() -> None:
    texts = {"throttled": "The board slows down: cool it."}
    values = HealthValues(status="degraded", reasons=["throttled"], reason_texts=texts)
    made = check(messages().health(values, 1000))

    assert {name for name, value in made.items() if isinstance(value, dict)} == {"reason_texts"}
    assert made["reasons"] == ["throttled"]


@pytest.mark.parametrize("device_id", ["", "Living room", "a/b", "a+b", "#", "ü", "x" * 33, "ok\n"])
def test_a_device_id_that_is_no_topic_level_is_refused(device_id: str) -> None:
    with pytest.raises(ConfigError, match="allowed are"):
        Device(device_id)


def test_the_will_is_offline_on_the_topic_of_status() -> None:
    last = will("pose-edge/livingroom")

    assert (last.topic, last.payload) == ("pose-edge/livingroom/status", b"offline")
    assert last.delay_s == 10
