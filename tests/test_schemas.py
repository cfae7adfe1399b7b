"""What is published about the contract: one JSON Schema a topic, and the AsyncAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
import yaml

from pose_edge import commands, topics
from pose_edge.asyncapi import as_text, as_yaml, asyncapi, schema, schemas
from pose_edge.messages import Device, Messages
from pose_edge.payloads import COMMAND_SCHEMAS, COMMAND_TEXTS, SCHEMAS, TEXTS
from pose_edge.records import Event, Stage
from pose_edge.topics import COMMANDS, TOPICS
from tests.cli.command import refused, run
from tests.contract import check_published

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "pose_edge" / "schemas"
DOCUMENT = asyncapi()

# The contract once more, on purpose: what a change of the table would do to subscribers is seen here.
DELIVERED = """
status           retained 1 -
pipeline/status  retained 1 -
info             retained 1 -
state            retained 1 180
occupancy        retained 1 180
posture          retained 1 180
fall/state       retained 1 -
fall/attributes  retained 1 -
events           event    1 86400
landmarks        stream   0 5
landmarks/f16    stream   0 5
health           retained 0 300
detection/state  retained 1 -
response/{name}  reply    1 -
heartbeat        reply    1 5
"""


def test_each_topic_is_delivered_as_subscribers_were_promised() -> None:
    told = [f"{row.name} {row.delivery} {row.qos} {row.expiry_s or '-'}".split() for row in TOPICS]

    assert told == [line.split() for line in DELIVERED.strip().splitlines()]


def test_what_is_published_is_in_the_table_and_has_a_schema_or_words() -> None:
    binary = {row.name for row in TOPICS if row.content_type == "application/octet-stream"}
    texts = {row.name for row in TOPICS if row.content_type == "text/plain"}
    json_ = {row.name for row in TOPICS if row.content_type == "application/json"}

    assert (json_, texts, binary) == (set(SCHEMAS), set(TEXTS), {"landmarks/f16"})


def test_the_commands_told_of_are_those_listened_to() -> None:
    assert {row.name.replace("{name}", "+") for row in COMMANDS} == set(commands.SUBSCRIPTIONS)
    assert COMMAND_TEXTS.keys() | COMMAND_SCHEMAS.keys() == {row.name for row in COMMANDS}


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_every_word_and_every_schema_told_of_is_understood(row: topics.Command) -> None:
    examples: dict[str, list[bytes]] = {
        "events/receipt": [b"livingroom-b00t-000001", b'{"event_id":"livingroom-b00t-000001"}'],
        "request/{name}": [b"", b"{}", b'{"transaction":7,"data":{"quick":true}}'],
    }
    words = [word.encode() for word in COMMAND_TEXTS.get(row.name, ())]
    for name in commands.REQUESTS:
        for payload in words or examples[row.name]:
            incoming = commands.Incoming(row.name.format(name=name), payload)
            assert not isinstance(commands.parse(incoming, "pose-edge/x"), commands.Refused), payload
            if payload.startswith(b"{"):
                COMMAND_SCHEMAS[row.name].model_validate_json(payload)


def test_the_files_in_the_package_are_those_of_the_models() -> None:
    shipped = {path.name: path.read_text(encoding="utf-8") for path in SHIPPED.iterdir()}

    assert shipped == {name: as_text(made) for name, made in schemas().items()}, (
        "write them again: pose-edge config schema --write pose_edge/schemas"
    )


def test_the_document_in_docs_is_that_of_the_models() -> None:
    shipped = (ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")

    assert shipped == as_yaml(), "write it again: pose-edge config asyncapi > docs/asyncapi.yaml"
    assert yaml.safe_load(shipped) == DOCUMENT


@pytest.mark.parametrize("name", schemas())
def test_every_schema_is_a_valid_json_schema_with_an_identity(name: str) -> None:
    made = schemas()[name]

    jsonschema.Draft202012Validator.check_schema(made)
    assert made["$id"] == f"urn:pose-edge:1:{name.removesuffix('.schema.json')}"


def test_one_answer_is_like_another() -> None:
    assert schema("response") == schema("response/{name}") == schema("response/get_config") is not None
    assert schema("request/get_config") == schema("request") is not None
    assert schema("status") is None
    assert schema("state/nothing") is None


EVENT = Messages(Device("x"), "b", "m", "video").event(Event("fall", "fall_confirmed", Stage.NEW, 1, 0, 0))


@pytest.mark.parametrize(
    ("topic", "payload", "retain", "qos", "complaint"),
    [
        ("events", EVENT.payload, True, 1, "retained, and must never be"),
        ("events", EVENT.payload, False, 0, "QoS 0, not 1"),
        ("events", EVENT.payload.replace(b'"boot_id"', b'"bootid"'), False, 1, "boot_id.* is a required"),
        ("events", EVENT.payload.replace(b"null", b"NaN", 1), False, 1, "unexpected character"),
        ("status", b"Online", True, 1, "none of"),
        ("heartbeat", b"x", False, 1, "none of"),
        ("landmarks/f16", b"PE", False, 0, "no binary landmarks"),
        ("debug", b"", False, 0, "no such topic in the contract"),
        ("response/get_config", b'{"status":"ok"}', False, 1, "is a required"),
    ],
)
def test_what_a_subscriber_receives_against_the_contract_is_complained_about(
    topic: str, payload: bytes, retain: bool, qos: int, complaint: str
) -> None:
    with pytest.raises((AssertionError, ValueError, jsonschema.ValidationError), match=complaint):
        check_published(f"pose-edge/x/{topic}", payload, retain, qos)


@pytest.mark.parametrize(
    "topic", ["pose-edge/x/detection/set", "pose-edge/x/request/nothing", "homeassistant/status", "flow/7"]
)
def test_what_others_publish_is_not_the_devices_to_answer_for(topic: str) -> None:
    check_published(topic, b"whatever", retain=True, qos=0)
    check_published("pose-edge/x/events", EVENT.payload, retain=False, qos=1)


def parts(value: object) -> Iterator[dict[str, Any]]:
    """Every object inside."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    assert reference.startswith("#/"), reference
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return resolved(found["$ref"]) if "$ref" in found else found


def test_every_reference_of_the_document_leads_somewhere() -> None:
    references = [part["$ref"] for part in parts(DOCUMENT) if "$ref" in part]

    assert len(references) > 60
    for reference in references:
        assert isinstance(resolved(reference), dict), reference


def test_every_topic_and_command_is_a_channel_with_an_operation() -> None:
    operations = list(DOCUMENT["operations"].values())
    told = {(one["action"], resolved(one["channel"]["$ref"])["address"]) for one in operations}
    ours = {("send", f"pose-edge/{{device}}/{row.name}") for row in TOPICS}
    ours |= {("receive", f"pose-edge/{{device}}/{row.name}") for row in COMMANDS}

    assert told == ours | {
        ("send", "homeassistant/device/{object_id}/config"),
        ("receive", "homeassistant/status"),
    }
    assert len(operations) == len(told) == len(DOCUMENT["channels"])


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.name)
def test_the_document_says_how_each_topic_is_delivered_and_what_is_in_it(row: topics.Topic) -> None:
    key = row.name.removesuffix("/{name}").replace("/", "_")
    operation = DOCUMENT["operations"][f"send_{key}"]
    binding = operation["bindings"]["mqtt"]
    [message] = [resolved(one["$ref"]) for one in operation["messages"]]

    assert (binding["qos"], binding["retain"]) == (row.qos, row.retain)
    assert binding.get("messageExpiryInterval") == row.expiry_s
    assert message["contentType"] == row.content_type
    if row.name in TEXTS:
        assert message["payload"]["enum"] == list(TEXTS[row.name])
    elif row.name in SCHEMAS:
        assert message["payload"]["$ref"].endswith(f"/{SCHEMAS[row.name].__name__}")


def test_parameters_of_an_address_are_explained() -> None:
    for channel in DOCUMENT["channels"].values():
        named = {part.partition("}")[0] for part in channel["address"].split("{")[1:]}
        assert named == channel.get("parameters", {}).keys()


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_the_schemas_of_the_document_are_valid_too(name: str) -> None:
    # AsyncAPI 3.0 reads them as draft 07.
    jsonschema.Draft7Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_the_command_prints_and_writes_what_is_shipped(tmp_path: Path) -> None:
    written = run("config", "schema", "--write", tmp_path / "new")
    printed = run("config", "schema", "fall/attributes")

    assert {path.name for path in (tmp_path / "new").iterdir()} == schemas().keys()
    assert len(written.stdout.splitlines()) == len(schemas())
    assert json.loads(printed.stdout) == orjson.loads((SHIPPED / "fall.attributes.schema.json").read_bytes())
    assert run("config", "asyncapi").stdout == as_yaml()
    assert "mqtt" in json.loads(run("config", "schema").stdout)["properties"]


def test_a_topic_without_a_schema_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    refused(run("config", "schema", "stat"), 2, "'stat'", "state, fall/attributes")
    (tmp_path / "file").touch()
    refused(run("config", "schema", "--write", tmp_path / "file"), 2, "file exists")
