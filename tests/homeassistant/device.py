"""A device for Home Assistant to show: the product's own messages, sent by the product's own sink."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pose_edge.homeassistant import Announcement, HomeAssistantOptions
from pose_edge.messages import Device, Messages
from pose_edge.payloads import HealthValues
from pose_edge.records import Event, Message, PersonState, PostureClass, Stage, State
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions

IDENTITY = "a1b2c3d4e5f6"
HEALTHY = HealthValues(
    status="ok", inference_fps=12.5, soc_temperature_c=55.2, rss_mb=300.5, disk_free_mb=9000
)
SITTING = State(occupied=True, person_count=1, people=(PersonState(1, PostureClass.SITTING, 0, 0.9),))


def announcement(
    gone: Mapping[str, str] | None = None,
    *,
    identity: str = IDENTITY,
    name: str = "Living room",
    **options: Any,
) -> Announcement:
    return Announcement(
        identity=identity,
        name=name,
        root="pose-edge/livingroom",
        options=HomeAssistantOptions.model_validate({"area": "Living room", **options}),
        state_heartbeat_s=60,
        health_interval_s=30,
        model="Raspberry Pi 5 Model B Rev 1.0",
        serial="10000000a1b2c3d4",
        zones=("bed",),
        gone=gone or {},
    )


def messages() -> Messages:
    made = Messages(Device("livingroom", "Living room"), "b00t", "lite", "live_stream")
    made.set_clock(time.time_ns() // 1_000_000, True)
    return made


def state(made: Messages, now: State) -> tuple[Message, ...]:
    return made.state(now, None, timestamp_ms=0, detection="running", inference_fps=12.5, frame_age_ms=80)


def everything(made: Messages, health: HealthValues = HEALTHY, now: State = SITTING) -> list[Message]:
    """All retained topics of a device that works."""
    texts = [made.status(True), made.pipeline_status(True), made.detection(True), *made.fall(None)]
    return [*texts, *state(made, now), made.health(health, 0)]


def event(event_type: str, number: int = 1, stage: Stage = Stage.NEW, **more: Any) -> Event:
    kind = event_type.partition("_")[0]
    return Event(kind, event_type, stage, number, timestamp_ms=0, start_ms=-2000, person_id=1, **more)


def sink(port: int) -> MqttSink:
    return MqttSink(MqttOptions(host="127.0.0.1", port=port), "livingroom", boot_id="b00t")
