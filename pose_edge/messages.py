"""Records -> messages: topic, payload, and the only place with wall time.

No clock is read here. `set_clock` says how far the wall clock is from the clock of the pictures, so a
replay gives the same bytes each time; it begins in 1970 and says `clock_synced: false`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import orjson
from pydantic import JsonValue

from pose_edge import __version__, landmark_encodings, topics
from pose_edge.errors import ConfigError
from pose_edge.landmark_names import LANDMARK_FIELDS, LANDMARK_NAMES
from pose_edge.payloads import (
    SCHEMA_VERSION,
    BoundingBox,
    Detection,
    EventPayload,
    FallAttributesPayload,
    HealthPayload,
    HealthValues,
    InfoPayload,
    InfoValues,
    LandmarkEncoding,
    Payload,
    Person,
    ResponsePayload,
    RunningMode,
    StatePayload,
)
from pose_edge.payloads import Posture as PostureWord
from pose_edge.records import (
    ActiveFall,
    Event,
    Message,
    PersonState,
    Pose,
    PoseResult,
    Posture,
    PostureClass,
    Scalar,
    Scene,
    Stage,
    State,
)
from pose_edge.upright import box_as_seen

WILL_DELAY_S = 10

RULE_VERSION = 2
"""Raise it when the same pictures give other events than before."""

TEST_KIND = "test"
"""Kind and type of an event that only tries the way to whoever is to be told."""

FallWord = Literal["none", "suspected", "confirmed"]

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


def as_replayed(message: Message, age_s: float) -> Message:
    """Return an event as it is sent when it does not happen now, `age_s` after it was made.

    Only `replayed` and what is left of the expiry differ; an expired one gets its last second.
    """
    payload = {**orjson.loads(message.payload), "replayed": True}
    expiry_s = None if message.expiry_s is None else max(1, int(message.expiry_s - age_s))
    return replace(message, payload=orjson.dumps(payload), expiry_s=expiry_s)


class Messages:
    """Makes every message of one run of one device. Times go in on the clock of the pictures."""

    def __init__(
        self,
        device: Device,
        boot_id: str,
        model: str,
        running_mode: RunningMode,
        replayed: bool = False,
        state_expiry_s: int = topics.STATE_EXPIRY_S,
        health_expiry_s: int = topics.HEALTH_EXPIRY_S,
    ) -> None:
        """`replayed` marks events that are not happening now.

        `state_expiry_s` and `health_expiry_s` say when nobody should believe those topics any more.
        """
        self._device = device
        self._boot_id = boot_id
        self._model = model
        self._running_mode = running_mode
        self._replayed = replayed
        self._state_expiry_s = state_expiry_s
        self._health_expiry_s = health_expiry_s
        self._offset_ms = 0
        self._synced = False
        self._sequences: Counter[str] = Counter()

    def set_clock(self, wall_offset_ms: int, synced: bool) -> None:
        """Wall time is `timestamp_ms + wall_offset_ms`; `synced` says whether anybody should believe it."""
        self._offset_ms = wall_offset_ms
        self._synced = synced

    def status(self, online: bool) -> Message:
        """Return whether the daemon is there; the will says the opposite."""
        return _text("status", "online" if online else "offline")

    def pipeline_status(self, online: bool) -> Message:
        """Return whether pictures and poses are fresh."""
        return _text("pipeline/status", "online" if online else "offline")

    def detection(self, on: bool) -> Message:
        """Return whether the user lets the device look."""
        return _text("detection/state", "ON" if on else "OFF")

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
            landmark_binary_layout=landmark_encodings.LAYOUT if values.landmark_encoding == "f16" else None,
            state_expiry_s=self._state_expiry_s,
            health_expiry_s=self._health_expiry_s,
            **dict(values),
        )
        return topics.message("info", _json(payload))

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
        return topics.message("health", _json(payload), expiry_s=self._health_expiry_s)

    def state(
        self,
        state: State,
        scene: Scene | None,
        *,
        timestamp_ms: int,
        detection: Detection,
        inference_fps: float | None,
        frame_age_ms: int | None,
        fall: FallWord | None = None,
    ) -> tuple[Message, ...]:
        """Return what holds at `timestamp_ms`: `state`, then `occupancy` and `posture` as plain text.

        `scene` adds what was measured on each person and may be None. `occupancy` is left out before the
        first decision, because neither of its words would be true. `fall` stands in for `state.fall`: a
        latched fall outlives what this run has seen.
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
            person_count=None if state.occupied is None else state.person_count,
            occupied=state.occupied,
            posture=posture,
            posture_since=self._time(main.since_ms) if main else None,
            confidence=round(main.confidence, 3) if main else None,
            fall=fall or state.fall,
            zones=list(state.zones),
            slouching=state.slouching,
            sedentary=state.sedentary,
            persons=self._persons(state, scene),
            inference_fps=None if inference_fps is None else round(inference_fps, 2),
            frame_age_ms=frame_age_ms,
        )
        expiry_s = self._state_expiry_s
        message = topics.message("state", _json(payload), expiry_s=expiry_s)
        return (message, *_occupancy(state, expiry_s), _text("posture", posture, expiry_s))

    def nobody_looks(self) -> tuple[Message, ...]:
        """Return `occupancy` and `posture` while nothing is seen: they cannot say that they are old."""
        return topics.message("occupancy", b""), _text("posture", "unknown", self._state_expiry_s)

    def event(self, event: Event) -> Message:
        """Return one stage of an event, with `event.details` at the top level.

        Raises:
            ValueError: a detail has the name of a field every event has.
        """
        return self._event(event, self._event_id(event))

    def test_alert(self, number: int, timestamp_ms: int) -> Message:
        """Return an alert that says it is none. `number` is the next of this run's events."""
        return self.event(
            Event(
                kind=TEST_KIND,
                event_type=TEST_KIND,
                stage=Stage.NEW,
                number=number,
                timestamp_ms=timestamp_ms,
                start_ms=timestamp_ms,
                end_ms=timestamp_ms,
                severity="alert",
                reason="requested",
            )
        )

    def active_fall(self, event: Event) -> ActiveFall:
        """Return what to keep of an event that confirms a fall, until something ends it."""
        return ActiveFall(
            event_id=self._event_id(event),
            start_ms=self._wall_ms(event.start_ms),
            confirmed_ms=self._wall_ms(event.timestamp_ms),
            person_id=event.person_id,
            zone=event.zone,
            confidence=None if event.confidence is None else round(event.confidence, 3),
            reason=event.reason,
        )

    def fall(self, active: ActiveFall | None) -> tuple[Message, Message]:
        """Return `fall/state` and `fall/attributes` of the latched fall, or of none."""
        payload = FallAttributesPayload(
            schema_version=SCHEMA_VERSION,
            event_id=active.event_id if active else None,
            stage="confirmed" if active else "none",
            since=rfc3339(active.start_ms) if active else None,
            confirmed_at=rfc3339(active.confirmed_ms) if active else None,
            person_id=active.person_id if active else None,
            zone=active.zone if active else None,
            confidence=active.confidence if active else None,
            reason=active.reason if active else None,
            boot_id=self._boot_id,
            clock_synced=self._synced,
        )
        return _text("fall/state", "ON" if active else "OFF"), topics.message(
            "fall/attributes", _json(payload)
        )

    def fall_cleared(self, active: ActiveFall, reason: str, timestamp_ms: int) -> Message:
        """Return the end of a latched fall, under the id of the event that confirmed it.

        It rings nowhere (`severity` info), and is kept like an alert: whoever was alarmed must hear it.
        """
        event = Event(
            kind="fall",
            event_type="fall_cleared",
            stage=Stage.END,
            number=0,
            timestamp_ms=timestamp_ms,
            start_ms=active.start_ms - self._offset_ms,
            end_ms=timestamp_ms,
            person_id=active.person_id,
            zone=active.zone,
            confidence=active.confidence,
            reason=reason,
        )
        return self._event(event, active.event_id)

    def response(
        self,
        name: str,
        transaction: Scalar,
        data: JsonValue = None,
        error: str | None = None,
        reply_to: str | None = None,
        correlation: bytes | None = None,
    ) -> Message:
        """Return the answer to `request/<name>`, `error` making it a refusal.

        `reply_to` is the whole topic the requester named, `correlation` the data to send back with it.
        """
        payload = ResponsePayload(
            schema_version=SCHEMA_VERSION,
            status="ok" if error is None else "error",
            data=data,
            error=error,
            transaction=transaction,
        )
        made = topics.message("response/{name}", _json(payload))
        topic = reply_to or f"response/{name}"
        return replace(made, topic=topic, absolute=bool(reply_to), correlation=correlation)

    def _event(self, event: Event, event_id: str) -> Message:
        fields = self._event_fields(event, event_id)
        if clash := fields.keys() & event.details.keys():
            raise ValueError(f"event {event.event_type}: details may not be named {', '.join(sorted(clash))}")
        payload = EventPayload.model_validate({**fields, **event.details})
        critical = _is_critical(event)
        made = topics.message("events", _json(payload))
        return replace(
            made, expiry_s=None if critical else made.expiry_s, event_id=event_id, critical=critical
        )

    def landmarks(
        self,
        result: PoseResult,
        person_ids: Sequence[int | None] | None = None,
        encoding: LandmarkEncoding = "arrays",
    ) -> Message:
        """Return the poses of one picture; `person_ids` has one entry per pose, None: nobody known.

        Raises:
            ValueError: there are more or fewer ids than poses.
        """
        poses = landmark_encodings.tellable(result.poses, person_ids)
        if encoding == "f16":
            return topics.message("landmarks/f16", self._binary(result, poses))
        tell = landmark_encodings.as_arrays if encoding == "arrays" else landmark_encodings.as_objects
        # Built for each picture, hence a dict straight for orjson: 15 times faster than through the model.
        payload = {
            "schema_version": SCHEMA_VERSION,
            "timestamp": self._time(result.timestamp_ms),
            "timestamp_ms": self._wall_ms(result.timestamp_ms),
            "frame_timestamp_ms": result.timestamp_ms,
            "sequence": self._next("landmarks"),
            "image": {"width": result.width_px, "height": result.height_px, "rotation_degrees": 0},
            "model": self._model,
            "running_mode": self._running_mode,
            "poses": tell(poses),
        }
        return topics.message("landmarks", orjson.dumps(payload, option=orjson.OPT_SERIALIZE_NUMPY))

    def _binary(self, result: PoseResult, poses: tuple[tuple[int | None, Pose], ...]) -> bytes:
        return landmark_encodings.encode(
            landmark_encodings.Landmarks(
                sequence=self._next("landmarks"),
                frame_timestamp_ms=result.timestamp_ms,
                timestamp_ms=self._wall_ms(result.timestamp_ms),
                clock_synced=self._synced,
                width_px=result.width_px,
                height_px=result.height_px,
                poses=poses,
            )
        )

    def _event_id(self, event: Event) -> str:
        return f"{self._device.device_id}-{self._boot_id}-{event.number:06d}"

    def _event_fields(self, event: Event, event_id: str) -> Mapping[str, object]:
        return {
            "schema_version": SCHEMA_VERSION,
            "event_id": event_id,
            "event_type": event.event_type,
            "kind": event.kind,
            "stage": event.stage,
            "severity": event.severity,
            "timestamp": self._time(event.timestamp_ms),
            "start_time": self._time(event.start_ms),
            "end_time": None if event.end_ms is None else self._time(event.end_ms),
            "frame_timestamp_ms": event.timestamp_ms,
            "clock_synced": self._synced,
            "sequence": self._next("events"),
            "boot_id": self._boot_id,
            "person_id": event.person_id,
            "zone": event.zone,
            "confidence": None if event.confidence is None else round(event.confidence, 3),
            "reason": event.reason,
            "evidence": dict(event.evidence),
            "test": event.kind == TEST_KIND,
            "replayed": self._replayed,
            "media": None,
            "rule": event.kind,
            "rule_version": RULE_VERSION,
        }

    def _persons(self, state: State, scene: Scene | None) -> list[Person]:
        seen = {posture.person_id: posture for posture in scene.people} if scene else {}
        return [
            self._person(person, seen.get(person.person_id), scene, state.zone_of(person.person_id))
            for person in state.present
        ]

    def _person(
        self, person: PersonState, seen: Posture | None, scene: Scene | None, zone: str | None
    ) -> Person:
        height = seen.head_above_ankles if seen else None
        return Person(
            id=person.person_id,
            posture=person.posture.value,
            since=self._time(person.since_ms),
            confidence=round(person.confidence, 3),
            zone=zone,
            bbox=_bounding_box(seen, scene) if seen and scene else None,
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
        lies = state.main_person.posture is PostureClass.LYING
        return "fallen" if lies and state.fall == "confirmed" else state.main_person.posture.value
    return "absent" if state.occupied is False else "unknown"


def _is_critical(event: Event) -> bool:
    return event.severity == "alert" or (event.kind == "fall" and event.stage is Stage.END)


def _occupancy(state: State, expiry_s: int) -> tuple[Message, ...]:
    if state.occupied is None:
        return ()
    return (_text("occupancy", "ON" if state.occupied else "OFF", expiry_s),)


def _bounding_box(seen: Posture, scene: Scene) -> BoundingBox:
    box = box_as_seen(seen.body, scene)
    return BoundingBox(
        x=round(box.x, 4), y=round(box.y, 4), width=round(box.width, 4), height=round(box.height, 4)
    )


def _text(topic: str, text: str, expiry_s: int | None = None) -> Message:
    return topics.message(topic, text.encode(), expiry_s=expiry_s)


def _json(payload: Payload) -> bytes:
    return payload.model_dump_json().encode()
