"""What is on the wire, topic by topic: the contract with every subscriber.

`SCHEMAS` holds one model per JSON topic, `TEXTS` the words of the plain ones; topics are below
`pose-edge/<device>/`. `Model.model_json_schema()` is the published JSON Schema, and the docstrings of the
fields are its descriptions.

`schema_version` is raised when a field is removed, renamed or changes its meaning, never when one is
added: subscribers ignore what they do not know.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from pose_edge.described import Described
from pose_edge.records import Scalar, Severity, Stage

SCHEMA_VERSION = 1

POSTURES = ("standing", "sitting", "bending", "lying", "fallen", "absent", "unknown")
"""Every word that may stand in `posture`; consumers with fixed lists rely on it."""

Posture = Literal["standing", "sitting", "bending", "lying", "fallen", "absent", "unknown"]
Detection = Literal["running", "paused", "stalled"]
RunningMode = Literal["live_stream", "video", "image"]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Timestamp = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"),
]
"""RFC 3339 in UTC with milliseconds: `2026-11-22T13:45:07.250Z`."""
FiniteFloat = Annotated[float, Field(allow_inf_nan=False)]
FlatPose = Annotated[list[FiniteFloat], Field(min_length=165, max_length=165)]
"""33 landmarks of 5 numbers one after the other; `info` names both. Never null: a pose for which the
model gave no number is left out."""
LandmarkEncoding = Literal["arrays", "objects", "f16"]


class Record(Described, BaseModel):  # BaseModel is one already; said again for the linter, which knows it
    """Something inside a payload."""

    model_config = ConfigDict(frozen=True)


class Payload(Record):
    """A whole payload."""

    schema_version: Literal[1]
    """Raised when a field is removed, renamed or changes its meaning; new fields do not raise it."""


class BoundingBox(Record):
    """Where a body is, as shares of the picture; may reach outside it."""

    x: float
    """Left edge."""
    y: float
    """Upper edge."""
    width: float
    height: float


class Person(Record):
    """One person in `state`."""

    id: int
    """Stays the same while the person is followed; new after each start of the device."""
    posture: Posture
    since: Timestamp
    """When this posture began."""
    confidence: Share
    """Of the posture."""
    zone: str | None
    """The zone they entered last of those they are in; null in none."""
    bbox: BoundingBox | None
    """Null, like the three below, when the person was not seen in the newest picture."""
    visibility_mean: Share | None
    """Mean of shoulders and hips, as the model reports it."""
    torso_angle_deg: float | None
    """How far shoulders and hips lean from upright: 0 standing, 90 lying, above 90 head down."""
    height_ratio: float | None
    """Height of the head above the ankles in torso lengths; null without ankles."""


class StatePayload(Payload):
    """Topic `state`, retained: what holds now."""

    timestamp: Timestamp
    timestamp_ms: int
    """The same in milliseconds since 1970."""
    clock_synced: bool
    """False: the wall clock was never set, or a recording is replayed; use differences only."""
    sequence: Count
    """Counts the messages of this topic since the device started."""
    boot_id: str
    """Different after each start of pose-edge."""
    detection: Detection
    """`stalled`: the camera or the model does not deliver, so the rest is old."""
    person_count: Count | None
    """Null, like `occupied`, while nobody can know."""
    occupied: bool | None
    """Null until the first decision after a start."""
    posture: Posture
    """Of the person who has been there longest; `absent` when nobody is."""
    posture_since: Timestamp | None
    confidence: Share | None
    fall: Literal["none", "suspected", "confirmed"]
    zones: list[str]
    """Names of the zones in which somebody is."""
    slouching: bool | None
    """Somebody sits badly now, measured against how they usually sit. Null while nobody sits in a way that
    can be measured: from the side or from the front, for 10 s."""
    sedentary: bool
    """Somebody has been sitting too long without a break."""
    persons: list[Person]
    inference_fps: float | None
    """Poses a second, lately."""
    frame_age_ms: int | None
    """How old the newest picture is."""


class EventPayload(Payload):
    """Topic `events`, never retained: something began, changed or ended.

    Each message is the whole truth about its event. Further fields at the top level belong to the kind
    (`posture`, `previous_posture`, `person_count` ...) and are scalars.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Scalar] = Field(init=False)

    event_id: str
    """`<device>-<boot_id>-<number>`: the same from `new` to `end`, and in every repetition of a message.
    A fall keeps it over a restart of the device, so its boot may be an earlier one."""
    event_type: str
    """`presence_started`, `presence_ended`, `posture_changed`, `fall_confirmed` ..."""
    kind: str
    """What decided it: `presence`, `posture` ..."""
    stage: Stage
    severity: Severity
    """`alert` is to be told to somebody at once. That a fall is over is `info`, but no more lost than one."""
    timestamp: Timestamp
    """When it was decided."""
    start_time: Timestamp
    """When it began, which is earlier than when that was certain."""
    end_time: Timestamp | None
    frame_timestamp_ms: int
    """When it was decided, on the clock of the pictures: compare with `landmarks`."""
    clock_synced: bool
    sequence: Count
    """Counts the messages of this topic since the device started. `boot_id` and `sequence` together name
    one message: whoever has seen both before has seen it before."""
    boot_id: str
    person_id: int | None
    zone: str | None
    confidence: Share | None
    reason: str
    """A machine's word for why."""
    evidence: dict[str, Scalar]
    """The numbers that decided it and the thresholds in force."""
    test: bool
    """Asked for by somebody who tries the alarm."""
    replayed: bool
    """Sent again, or from a recording: not happening now."""
    media: str | None
    rule: str
    rule_version: int
    """Raised when the same pictures would give other events."""


class FallAttributesPayload(Payload):
    """Topic `fall/attributes`, retained: the fall of which `fall/state` is `ON`, all null without one."""

    event_id: str | None
    """Of the event that confirmed it; `events` ends it with the same."""
    stage: Literal["none", "confirmed"]
    since: Timestamp | None
    """When it began."""
    confirmed_at: Timestamp | None
    person_id: int | None
    zone: str | None
    confidence: Share | None
    reason: str | None
    """A machine's word for what decided it."""
    boot_id: str
    """Of the device now; the fall may be older."""
    clock_synced: bool


class ResponsePayload(Payload):
    """Topic `response/{name}`, never retained: the answer to one request."""

    status: Literal["ok", "error"]
    data: JsonValue
    """What was asked for; null when there is nothing to say."""
    error: str | None
    """What went wrong and what is allowed, in a sentence; null when `ok`."""
    transaction: Scalar
    """As in the request; null where it had none."""


class RequestPayload(Record):
    """Topic `request/{name}`; an empty payload asks as well."""

    transaction: Scalar = None
    """Comes back in the answer."""
    data: JsonValue = None
    """Arguments, where the request takes any."""


class ReceiptPayload(Record):
    """Topic `events/receipt`; the bare id will do as well."""

    event_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,96}$")]


class ImageSize(Record):
    """The picture the landmarks refer to."""

    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    rotation_degrees: Literal[0]
    """Landmarks are those of the upright picture."""


class LandmarkPoint(Record):
    """One point of a pose, named; encoding `objects` only."""

    x: FiniteFloat
    y: FiniteFloat
    z: FiniteFloat
    visibility: FiniteFloat
    presence: FiniteFloat


NamedPose = Annotated[list[LandmarkPoint], Field(min_length=33, max_length=33)]
"""33 landmarks in the order `info` names."""


class PoseLandmarks(Record):
    """One body. Numbers, or objects with encoding `objects`; `info.landmark_encoding` says which."""

    person_id: int | None
    """As in `state`; null while not yet followed."""
    landmarks: FlatPose | NamedPose
    """33 x (x, y, z, visibility, presence); x and y as shares of the picture, may leave 0-1."""
    world_landmarks: FlatPose | NamedPose
    """33 x (x, y, z, visibility, presence); metres from between the hips."""


class LandmarksPayload(Payload):
    """Topic `landmarks`, never retained, and a line of a recording: the poses of one picture."""

    timestamp: Timestamp
    timestamp_ms: int
    """The same in milliseconds since 1970."""
    frame_timestamp_ms: int
    """The stamp given to MediaPipe: milliseconds of the camera's own clock, strictly increasing."""
    sequence: Count
    image: ImageSize
    model: str
    running_mode: RunningMode
    poses: list[PoseLandmarks]
    """Empty when the model saw nobody."""


class InfoValues(Record):
    """What the parts of the device know about themselves."""

    software: dict[str, str] = {}
    """Versions: `python`, `mediapipe`, `opencv` ..."""
    board: str | None = None
    system: str | None = None
    camera: str | None = None
    model_sha256: str | None = None
    mqtt_protocol: str | None = None
    """`5`, or `3.1.1` where the broker knows no better; messages do not expire then."""
    landmark_encoding: LandmarkEncoding = "arrays"
    """`f16` is sent on `landmarks/f16`, the others on `landmarks`."""
    capabilities: list[str] = []
    calibrated: bool = False
    """Whether what `pose-edge calibrate` measured about this camera is in use."""
    options: dict[str, JsonValue] = {}
    """In force, without secrets."""


class InfoPayload(InfoValues, Payload):
    """Topic `info`, retained: what this device is and how to read what it sends."""

    device: str
    name: str
    boot_id: str
    version: str
    """Of pose-edge."""
    model: str
    running_mode: RunningMode
    landmark_names: list[str]
    """Order of the points in `landmarks`."""
    landmark_fields: list[str]
    """Order of the numbers of each point."""
    landmark_binary_layout: str | None
    """How to read `landmarks/f16`; null with the other encodings."""
    state_expiry_s: int
    """`state`, `occupancy` and `posture` are worth nothing after so long; MQTT 5 brokers drop them."""
    health_expiry_s: int
    """The same for `health`."""


class HealthValues(Record):
    """What is counted and measured; null where it cannot be known."""

    status: Literal["ok", "degraded", "error"]
    reasons: list[str] = []
    """Machine words; empty when `ok`."""
    reason_texts: dict[str, str] = {}
    """One sentence for people for each of `reasons`, with what to do. The only field that is not flat:
    collectors of numbers leave it out."""
    paused: bool = False
    """The user turned detection off."""
    uptime_s: float = 0
    frames_captured_total: Count = 0
    frames_submitted_total: Count = 0
    frames_dropped_total: Count = 0
    """Given to the model and not answered: submitted = results + dropped + in flight."""
    frames_in_flight: Count = 0
    rate_pace: Literal["full", "idle", "hot"] = "full"
    """Why fewer pictures are looked at than come: nobody is in view, or the board is hot."""
    rate_limit_fps: float | None = None
    """At most so many a second then; null: as many as the model can take."""
    results_total: Count = 0
    results_empty_total: Count = 0
    timestamp_errors_total: Count = 0
    callback_errors_total: Count = 0
    camera_restarts_total: Count = 0
    mqtt_state: str = "connecting"
    """Word for the connection: `connected`, `connecting`, `auth_failed`, `not_authorized`, `tls_expired`,
    `tls_clock_not_set`, `unknown_host`, `unreachable`, `silent` ...; more may come. Whoever reads this over
    MQTT reads `connected`; the others are for those who ask the device."""
    mqtt_state_reason: str | None = None
    """What the broker or the network said."""
    mqtt_reconnects_total: Count = 0
    mqtt_queue: Count = 0
    """Events that wait for the broker."""
    mqtt_parked: Count = 0
    """Of those, set aside because the broker keeps refusing them."""
    mqtt_dropped_total: Count = 0
    """Events given up because there was no room."""
    mqtt_stream_dropped_total: Count = 0
    """Landmarks not sent because the broker could not take them at once."""
    mqtt_last_ack_age_s: float | None = None
    """How long ago the broker acknowledged anything."""
    events_refused_total: Count = 0
    """Answers of the broker that it will not have an event; one event may be refused many times."""
    reminders_withheld_total: Count = 0
    """Reminders that fell into `events.desk.quiet_hours`, and were not sent."""
    commands_total: Count = 0
    """Commands received, refused ones included."""
    commands_refused_total: Count = 0
    """Malformed, too long, retained or unknown ones."""
    inference_fps: float | None = None
    inference_ms_p50: float | None = None
    inference_ms_p95: float | None = None
    end_to_end_ms_p95: float | None = None
    last_frame_age_s: float | None = None
    last_result_age_s: float | None = None
    rss_mb: float | None = None
    cpu_percent: float | None = None
    soc_temperature_c: float | None = None
    throttled_now: bool | None = None
    throttled_ever: bool | None = None
    undervoltage_ever: bool | None = None
    disk_free_mb: float | None = None
    wifi_rssi_dbm: float | None = None


class HealthPayload(HealthValues, Payload):
    """Topic `health`, retained: flat, so that time-series collectors need no rules."""

    timestamp: Timestamp
    timestamp_ms: int
    clock_synced: bool
    boot_id: str
    model: str
    version: str


SCHEMAS: dict[str, type[Payload]] = {
    "info": InfoPayload,
    "state": StatePayload,
    "fall/attributes": FallAttributesPayload,
    "events": EventPayload,
    "landmarks": LandmarksPayload,
    "health": HealthPayload,
    "response/{name}": ResponsePayload,
}
"""Topic -> what is published there."""

TEXTS: dict[str, tuple[str, ...]] = {
    "status": ("online", "offline"),
    "pipeline/status": ("online", "offline"),
    "occupancy": ("ON", "OFF"),
    "posture": POSTURES,
    "fall/state": ("ON", "OFF"),
    "detection/state": ("ON", "OFF"),
    "heartbeat": ("",),
}
"""Topic -> the words published there."""

COMMAND_TEXTS: dict[str, tuple[str, ...]] = {
    "detection/set": ("ON", "OFF"),
    "fall/clear": ("PRESS",),
    "test_alert": ("PRESS",),
    "restart": ("PRESS",),
}
"""Topic -> the words the device takes there."""

COMMAND_SCHEMAS: dict[str, type[Record]] = {
    "events/receipt": ReceiptPayload,
    "request/{name}": RequestPayload,
}
"""Topic -> what the device takes there."""
