"""Holds messages against the published contract; any test that makes or receives messages may use it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import jsonschema
import orjson
from paho.mqtt.client import MQTTMessage

from pose_edge import asyncapi, landmark_encodings, topics
from pose_edge.payloads import SCHEMAS, TEXTS, EventPayload
from pose_edge.records import Delivery, Message
from pose_edge.topics import COMMANDS, TOPICS, Topic

# Topic -> delivery, QoS, seconds until it expires.
DELIVERIES: dict[str, tuple[Delivery, int, int | None]] = {
    row.name: (row.delivery, row.qos, row.expiry_s) for row in TOPICS
}

_TAKEN = tuple(row.name.removesuffix("{name}") for row in COMMANDS)


def check(message: Message) -> Any:
    """Return the payload's content after holding it against schema, delivery, QoS and expiry."""
    row = _row("response/{name}" if message.absolute else message.topic)
    assert (message.delivery, message.qos, message.content_type) == (row.delivery, row.qos, row.content_type)
    assert message.expiry_s == (None if message.critical else row.expiry_s)
    return check_payload(row.name, message.payload)


def check_payload(topic: str, payload: bytes) -> Any:
    """Return the content after holding it against what the contract says of this topic."""
    row = _row(topic)
    if row.retain and not payload:
        return ""  # nothing holds: the broker forgets the topic
    if row.content_type == "text/plain":
        assert payload.decode() in TEXTS[row.name], f"{topic}: {payload!r} is none of {TEXTS[row.name]}"
        return payload.decode()
    if row.content_type == "application/octet-stream":
        return landmark_encodings.decode(payload)
    return check_json(topic, payload)


def check_json(topic: str, payload: bytes) -> Any:
    """Return the JSON after holding it against the topic's schema; no field may be unknown to it."""
    content = orjson.loads(payload)
    row = _row(topic)
    _validator(row.name).validate(content)
    model = SCHEMAS[row.name]
    if model is not EventPayload:
        assert content.keys() == model.model_fields.keys()
    return content


def check_published(topic: str, payload: bytes, retain: bool, qos: int) -> None:
    """Hold what a subscriber with QoS 1 received against the contract.

    `topic` is the whole one. What is not below a device, and commands to it, say nothing about the device.
    """
    prefix, _, rest = topic.partition("/")
    below = rest.partition("/")[2]
    if prefix != "pose-edge" or below.startswith(_TAKEN):
        return
    row = _row(below)
    # Not equal: amqtt hands everything on with the QoS of the subscription.
    assert qos >= row.qos, f"{topic}: QoS {qos}, not {row.qos}"
    assert row.retain or not retain, f"{topic}: retained, and must never be"
    check_payload(below, payload)


def check_received(messages: Iterable[MQTTMessage]) -> None:
    """`check_published` for all a subscriber kept."""
    for message in messages:
        check_published(message.topic, bytes(message.payload), message.retain, message.qos)


def _row(topic: str) -> Topic:
    row = topics.row(topic)
    assert row is not None, f"{topic}: no such topic in the contract"
    return row


@functools.cache
def _validator(topic: str) -> jsonschema.Draft202012Validator:
    schema = asyncapi.schema(topic)
    assert schema is not None, f"{topic}: no schema"
    return jsonschema.Draft202012Validator(schema)
