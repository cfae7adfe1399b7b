"""Records -> messages: topic, payload, and the only place with wall time.

No clock is read here. `set_clock` says how far the wall clock is from the clock of the pictures, so a
replay gives the same bytes each time; it begins in 1970 and says `clock_synced: false`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from pose_edge import __version__
from pose_edge.errors import ConfigError
from pose_edge.landmark_names import LANDMARK_FIELDS, LANDMARK_NAMES
from pose_edge.payloads import (
    SCHEMA_VERSION,
    BoundingBox,
    Detection,
    EventPayload,
    HealthPayload,
    HealthValues,
    InfoPayload,
    InfoValues,
    Payload,
    Person,
    RunningMode,
    StatePayload,
)
from pose_edge.payloads import Posture as PostureWord
from pose_edge.records import Delivery, Event, Message, PersonState, PoseResult, Posture, Scene, State

STATE_EXPIRY_S = 180  # three heartbeats: after that nobody knows
EVENT_EXPIRY_S = 24 * 3600
LANDMARKS_EXPIRY_S = 5
HEALTH_EXPIRY_S = 300
WILL_DELAY_S = 10

RULE_VERSION = 1
"""Raise it when the same pictures give other events than before."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEVICE_ID = re.compile(r"[a-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class Device:
    """Whose messages these are."""

    device_id: str
    """Level of every topic and prefix of every event id: 1-32 of a-z, 0-9, - and _."""

    name: str = ""
    """For people; the id where it is empty."""

    def __post_init__(self) -> None:
        if not _DEVICE_ID.fullmatch(self.device_id):
            raise ConfigError(f"device id {self.device_id!r}: allowed are 1 to 32 of a-z, 0-9, - and _")


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says when the device is gone without a word. Always QoS 1 and retained."""

    topic: str
    payload: bytes
    delay_s: int
    """A short gap in the network turns nothing grey (MQTT 5 only)."""


def will(root: str, delay_s: int = WILL_DELAY_S) -> Will:
    """Return the will of the device whose topics are below `root`."""
    return Will(f"{root}/status", b"offline", delay_s)


def rfc3339(wall_ms: int) -> str:
    """Return milliseconds since 1970 as `2026-11-22T13:45:07.250Z`."""
    moment = _EPOCH + timedelta(milliseconds=wall_ms)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class Messages:
    """Makes every message of one run of one device. Times go in on the clock of the pictures."""

    def __init__(
        self,
        device: Device,
        boot_id: str,
        model: str,
        running_mode: RunningMode,
        replayed: bool = False,
    ) -> None:
        """`replayed` marks events that are not happening now."""
        self._device = device
        self._boot_id = boot_id
        self._model = model
        self._running_mode = running_mode
        self._replayed = replayed
        self._offset_ms = 0
        self._synced = False
        self._sequences: Counter[str] = Counter()

    def set_clock(self, wall_offset_ms: int, synced: bool) -> None:
        """Wall time is `timestamp_ms + wall_offset_ms`; `synced` says whether anybody should believe it."""
        self._offset_ms = wall_offset_ms
        self._synced = synced

    def status(self, online: bool) -> Message:
        """Return whether the daemon is there; the will says the opposite."""
        return _retained_text("status", "online" if online else "offline")

    def pipeline_status(self, online: bool) -> Message:
        """Return whether pictures and poses are fresh."""
        return _retained_text("pipeline/status", "online" if online else "offline")

    def detection(self, on: bool) -> Message:
        """Return whether the user lets the device look."""
        return _retained_text("detection/state", "ON" if on else "OFF")

    def info(self, values: InfoValues) -> Message:
        """Return what the device is. `values.options` must hold no secret."""
        payload = InfoPayload(
            schema_version=SCHEMA_VERSION,
            device=self._device.device_id,
            name=self._device.name or self._device.device_id,
            boot_id=self._boot_id,
            version=__version__,
            model=self._model,
            running_mode=self._running_mode,
            landmark_names=list(LANDMARK_NAMES),
            landmark_fields=list(LANDMARK_FIELDS),
            landmark_encoding="arrays",
            **dict(values),
        )
        return Message("info", _json(payload), Delivery.RETAINED)

    def health(self, values: HealthValues, timestamp_ms: int) -> Message:
        """Return how the device is at `timestamp_ms`."""
        payload = HealthPayload(
            schema_version=SCHEMA_VERSION,
            timestamp=self._time(timestamp_ms),
            timestamp_ms=self._wall_ms(timestamp_ms),
            clock_synced=self._synced,
            boot_id=self._boot_id,
            model=self._model,
            version=__version__,
            **dict(values),
        )
        return Message("health", _json(payload), Delivery.RETAINED, qos=0, expiry_s=HEALTH_EXPIRY_S)

    def state(
        self,
        state: State,
        scene: Scene | None,
        *,
        timestamp_ms: int,
        detection: Detection,
        inference_fps: float | None,
        frame_age_ms: int | None,
    ) -> tuple[Message, ...]:
        """Return what holds at `timestamp_ms`: `state`, then `occupancy` and `posture` as plain text.

        `scene` adds what was measured on each person and may be None. `occupancy` is left out before the
        first decision, because neither of its words would be true.
        """
        posture, main = _posture_word(state), state.main_person
        payload = StatePayload(
            schema_version=SCHEMA_VERSION,
            timestamp=self._time(timestamp_ms),
            timestamp_ms=self._wall_ms(timestamp_ms),
            clock_synced=self._synced,
            sequence=self._next("state"),
            boot_id=self._boot_id,
            detection=detection,
            person_count=state.person_count,
            occupied=state.occupied,
            posture=posture,
            posture_since=self._time(main.since_ms) if main else None,
            confidence=round(main.confidence, 3) if main else None,
            fall="none",
            zones=[],
            persons=self._persons(state, scene),
            inference_fps=None if inference_fps is None else round(inference_fps, 2),
            frame_age_ms=frame_age_ms,
        )
        message = Message("state", _json(payload), Delivery.RETAINED, expiry_s=STATE_EXPIRY_S)
        return (message, *_occupancy(state), _retained_text("posture", posture, STATE_EXPIRY_S))

    def event(self, event: Event) -> Message:
        """Return one stage of an event, with `event.details` at the top level.

        Raises:
            ValueError: a detail has the name of a field every event has.
        """
        fields = self._event_fields(event)
        if clash := fields.keys() & event.details.keys():
            raise ValueError(f"event {event.event_type}: details may not be named {', '.join(sorted(clash))}")
        payload = EventPayload.model_validate({**fields, **event.details})
        return Message("events", _json(payload), Delivery.EVENT, expiry_s=EVENT_EXPIRY_S)

    def landmarks(self, result: PoseResult, person_ids: Sequence[int | None] | None = None) -> Message:
        """Return the poses of one picture; `person_ids` has one entry per pose, None: nobody known.

        Raises:
            ValueError: there are more or fewer ids than poses.
        """
        # Built for each picture, hence a dict straight for orjson: 15 times faster than through the model.
        ids = person_ids if person_ids is not None else [None] * len(result.poses)
        payload = {
            "schema_version": SCHEMA_VERSION,
            "timestamp": self._time(result.timestamp_ms),
            "timestamp_ms": self._wall_ms(result.timestamp_ms),
            "frame_timestamp_ms": result.timestamp_ms,
            "sequence": self._next("landmarks"),
            "image": {"width": result.width_px, "height": result.height_px, "rotation_degrees": 0},
            "model": self._model,
            "running_mode": self._running_mode,
            "poses": [
                {
                    "person_id": person_id,
                    "landmarks": pose.landmarks.ravel(),
                    "world_landmarks": pose.world_landmarks.ravel(),
                }
                for pose, person_id in zip(result.poses, ids, strict=True)
            ],
        }
        data = orjson.dumps(payload, option=orjson.OPT_SERIALIZE_NUMPY)
        return Message("landmarks", data, Delivery.STREAM, qos=0, expiry_s=LANDMARKS_EXPIRY_S)

    def _event_fields(self, event: Event) -> Mapping[str, object]:
        return {
            "schema_version": SCHEMA_VERSION,
            "event_id": f"{self._device.device_id}-{self._boot_id}-{event.number:06d}",
            "event_type": event.event_type,
            "kind": event.kind,
            "stage": event.stage,
            "severity": event.severity,
            "timestamp": self._time(event.timestamp_ms),
            "start_time": self._time(event.start_ms),
            "end_time": None if event.end_ms is None else self._time(event.end_ms),
            "frame_timestamp_ms": event.timestamp_ms,
            "clock_synced": self._synced,
            "boot_id": self._boot_id,
            "person_id": event.person_id,
            "zone": None,
            "confidence": None if event.confidence is None else round(event.confidence, 3),
            "reason": event.reason,
            "evidence": dict(event.evidence),
            "test": False,
            "replayed": self._replayed,
            "media": None,
            "rule": event.kind,
            "rule_version": RULE_VERSION,
        }

    def _persons(self, state: State, scene: Scene | None) -> list[Person]:
        seen = {posture.person_id: posture for posture in scene.people} if scene else {}
        return [self._person(person, seen.get(person.person_id)) for person in state.present]

    def _person(self, person: PersonState, seen: Posture | None) -> Person:
        height = seen.head_above_ankles if seen else None
        return Person(
            id=person.person_id,
            posture=person.posture.value,
            since=self._time(person.since_ms),
            confidence=round(person.confidence, 3),
            zone=None,
            bbox=_bounding_box(seen) if seen else None,
            visibility_mean=round(seen.body.visibility, 3) if seen else None,
            torso_angle_deg=round(seen.body.torso_tilt_deg, 1) if seen else None,
            height_ratio=None if height is None else round(height, 2),
        )

    def _wall_ms(self, timestamp_ms: int) -> int:
        return timestamp_ms + self._offset_ms

    def _time(self, timestamp_ms: int) -> str:
        return rfc3339(timestamp_ms + self._offset_ms)

    def _next(self, topic: str) -> int:
        self._sequences[topic] += 1
        return self._sequences[topic]


def _posture_word(state: State) -> PostureWord:
    """Return the word of topic `posture`: somebody who is there but not seen is `unknown`."""
    if state.main_person is not None:
        return state.main_person.posture.value
    return "absent" if state.occupied is False else "unknown"


def _occupancy(state: State) -> tuple[Message, ...]:
    if state.occupied is None:
        return ()
    return (_retained_text("occupancy", "ON" if state.occupied else "OFF", STATE_EXPIRY_S),)


def _bounding_box(seen: Posture) -> BoundingBox:
    box = seen.body.box
    return BoundingBox(
        x=round(box.x, 4), y=round(box.y, 4), width=round(box.width, 4), height=round(box.height, 4)
    )


def _retained_text(topic: str, text: str, expiry_s: int | None = None) -> Message:
    return Message(topic, text.encode(), Delivery.RETAINED, expiry_s=expiry_s, content_type="text/plain")


def _json(payload: Payload) -> bytes:
    return payload.model_dump_json().encode()
