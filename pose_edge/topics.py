"""Every topic of a device: how it is delivered, when, and for how long it is worth something.

The one table behind `messages.py`, the AsyncAPI document and the tests. What is in a payload stands in
`payloads.py`. Topics are below `pose-edge/<device>/`; `{name}` stands for one level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pose_edge.records import Delivery, Message

ContentType: TypeAlias = Literal["application/json", "text/plain", "application/octet-stream"]

STATE_EXPIRY_S: Final = 180
HEALTH_EXPIRY_S: Final = 300
EVENT_EXPIRY_S: Final = 24 * 3600
LANDMARKS_EXPIRY_S: Final = 5
HEARTBEAT_EXPIRY_S: Final = 5

STATE_LIFE: Final = "three times `publish.state_heartbeat_s`: after that nobody knows"
HEALTH_LIFE: Final = "three times `publish.health_interval_s`, at least 300 s"


@dataclass(frozen=True, slots=True)
class Topic:
    """What the device publishes on one topic."""

    name: str
    delivery: Delivery
    qos: Literal[0, 1]
    when: str
    content_type: ContentType = "application/json"
    expiry_s: int | None = None
    """MQTT 5 Message Expiry Interval with the options as they come; None: it never expires."""
    life: str = ""
    """What the expiry follows from, where it is not fixed."""

    @property
    def retain(self) -> bool:
        """Whether the broker keeps the newest for later subscribers."""
        return self.delivery is Delivery.RETAINED


@dataclass(frozen=True, slots=True)
class Command:
    """What the device listens to on one topic. QoS 1; a retained copy is ignored."""

    name: str
    meaning: str


TOPICS: tuple[Topic, ...] = (
    Topic(
        "status",
        Delivery.RETAINED,
        1,
        "On every connect and before a proper goodbye; the broker says `offline` for a device that is gone.",
        "text/plain",
    ),
    Topic(
        "pipeline/status",
        Delivery.RETAINED,
        1,
        "Whether pictures and poses are fresh; `offline` while paused.",
        "text/plain",
    ),
    Topic("info", Delivery.RETAINED, 1, "On every connect and when it changes."),
    Topic(
        "state",
        Delivery.RETAINED,
        1,
        "On change and every `publish.state_heartbeat_s`.",
        expiry_s=STATE_EXPIRY_S,
        life=STATE_LIFE,
    ),
    Topic(
        "occupancy",
        Delivery.RETAINED,
        1,
        "With `state`, for clients without JSON; not before the first decision.",
        "text/plain",
        expiry_s=STATE_EXPIRY_S,
        life=STATE_LIFE,
    ),
    Topic(
        "posture",
        Delivery.RETAINED,
        1,
        "With `state`, for clients without JSON.",
        "text/plain",
        expiry_s=STATE_EXPIRY_S,
        life=STATE_LIFE,
    ),
    Topic(
        "fall/state",
        Delivery.RETAINED,
        1,
        "When a confirmed fall begins or is cleared, and on every connect; survives restarts of the device.",
        "text/plain",
    ),
    Topic("fall/attributes", Delivery.RETAINED, 1, "With `fall/state`."),
    Topic(
        "events",
        Delivery.EVENT,
        1,
        "Each stage of each event; again until the broker has acknowledged it.",
        expiry_s=EVENT_EXPIRY_S,
        life="24 h; an alert, and the message that ends a fall, never expire",
    ),
    Topic(
        "landmarks",
        Delivery.STREAM,
        0,
        "At most `publish.landmarks.max_hz` a second, with encoding `arrays` or `objects`.",
        expiry_s=LANDMARKS_EXPIRY_S,
    ),
    Topic(
        "landmarks/f16",
        Delivery.STREAM,
        0,
        "Instead of `landmarks`, with encoding `f16`.",
        "application/octet-stream",
        expiry_s=LANDMARKS_EXPIRY_S,
    ),
    Topic(
        "health",
        Delivery.RETAINED,
        0,
        "Every `publish.health_interval_s` and when `status` or `reasons` change.",
        expiry_s=HEALTH_EXPIRY_S,
        life=HEALTH_LIFE,
    ),
    Topic("detection/state", Delivery.RETAINED, 1, "On change and on every connect.", "text/plain"),
    Topic(
        "response/{name}",
        Delivery.REPLY,
        1,
        "Once for each `request/{name}`, or on the response topic it names.",
    ),
    Topic(
        "heartbeat",
        Delivery.REPLY,
        1,
        "Empty, several times within `mqtt.keepalive_s`: its acknowledgement shows that the broker still "
        "takes something.",
        "text/plain",
        expiry_s=HEARTBEAT_EXPIRY_S,
    ),
)

COMMANDS: tuple[Command, ...] = (
    Command("detection/set", "Look, or stop looking; remembered over restarts."),
    Command("fall/clear", "Somebody has taken care of the fall: end it."),
    Command("test_alert", "Send an event of kind `test`, to try the way to whoever is to be told."),
    Command("restart", "Start the daemon anew."),
    Command(
        "events/receipt",
        "A consumer has this event: its id, or a JSON object with `event_id`. With receipts wanted, alerts "
        "come again until then.",
    ),
    Command("request/{name}", "Ask for something; the answer comes on `response/{name}`."),
)

_BY_NAME: Final = {row.name: row for row in TOPICS}


def row(topic: str) -> Topic | None:
    """Return the row of a topic below the device's root, `response/get_config` included."""
    return _BY_NAME.get(topic) or _BY_NAME.get(f"{topic.partition('/')[0]}/{{name}}")


def message(topic: str, payload: bytes, *, expiry_s: int | None = None) -> Message:
    """Return a message as the table says; `expiry_s` stands in for the table's where options decide it."""
    found = _BY_NAME[topic]
    return Message(
        topic,
        payload,
        found.delivery,
        found.qos,
        found.expiry_s if expiry_s is None else expiry_s,
        found.content_type,
    )
