"""Holds messages against the published contract; any test that makes messages may use it."""

from __future__ import annotations

from typing import Any

import jsonschema
import orjson

from pose_edge.payloads import SCHEMAS, TEXTS, EventPayload
from pose_edge.records import Delivery, Message

# Part of the contract: topic -> how it is delivered, QoS, seconds until it expires.
DELIVERIES: dict[str, tuple[Delivery, int, int | None]] = {
    "status": (Delivery.RETAINED, 1, None),
    "pipeline/status": (Delivery.RETAINED, 1, None),
    "detection/state": (Delivery.RETAINED, 1, None),
    "info": (Delivery.RETAINED, 1, None),
    "state": (Delivery.RETAINED, 1, 180),
    "occupancy": (Delivery.RETAINED, 1, 180),
    "posture": (Delivery.RETAINED, 1, 180),
    "events": (Delivery.EVENT, 1, 86400),
    "landmarks": (Delivery.STREAM, 0, 5),
    "health": (Delivery.RETAINED, 0, 300),
}


def check(message: Message) -> Any:
    """Return the payload's content after holding it against schema, delivery, QoS and expiry."""
    assert (message.delivery, message.qos, message.expiry_s) == DELIVERIES[message.topic]
    if message.content_type == "text/plain":
        assert message.payload.decode() in TEXTS[message.topic]
        return message.payload.decode()
    assert message.content_type == "application/json"
    return check_json(message.topic, message.payload)


def check_json(topic: str, payload: bytes) -> Any:
    """Return the JSON after holding it against the topic's schema; no field may be unknown to it."""
    content = orjson.loads(payload)
    model = SCHEMAS[topic]
    jsonschema.validate(content, model.model_json_schema())
    if model is not EventPayload:
        assert content.keys() == model.model_fields.keys()
    return content
