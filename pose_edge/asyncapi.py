"""The contract as documents for other programs: a JSON Schema for each topic, and AsyncAPI 3.0.

Both follow from `payloads.py`, `topics.py` and `commands.py`; `pose-edge config schema --write` and
`pose-edge config asyncapi` write them. The copies in `schemas/` and `docs/` are held equal by a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson
import yaml
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from pose_edge import __version__, commands, landmark_encodings
from pose_edge.payloads import COMMAND_SCHEMAS, COMMAND_TEXTS, SCHEMA_VERSION, SCHEMAS, TEXTS, Record
from pose_edge.topics import COMMANDS, TOPICS, Command, Topic

Json: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

DISCOVERY_DOCS: Final = "https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload"
BIRTH_DOCS: Final = "https://www.home-assistant.io/integrations/mqtt/#birth-and-last-will-messages"

_ABOUT: Final = (
    "A camera that knows what a body is doing.\n\n"
    "Subscribers ignore fields they do not know. `schema_version` is raised when a field is removed, renamed "
    "or changes its meaning. Message expiry, content type and user properties (`schema_version`, "
    "`boot_id`) need MQTT 5; with 3.1.1 nothing expires. `pose-edge` at the front of every topic is "
    "`mqtt.base_topic`.\n\n"
    "Only the device publishes on its topics, and only to commands does it listen. The broker publishes "
    "`offline` on `status` when the device is gone without a word."
)
_PARAMETERS: Final[Json] = {
    "device": {"description": "`device.id`: 1 to 32 of a-z, 0-9, - and _.", "examples": ["livingroom"]},
    "name": {"description": "What is asked for.", "enum": list(commands.REQUESTS)},
}


def schemas() -> dict[str, Json]:
    """Return file name -> JSON Schema of everything that is JSON, published or taken."""
    made = {_file_name(topic): _schema(topic, model, "serialization") for topic, model in SCHEMAS.items()}
    return made | {
        _file_name(topic): _schema(topic, model, "validation") for topic, model in COMMAND_SCHEMAS.items()
    }


def schema(topic: str) -> Json | None:
    """Return the JSON Schema of a topic below the device's root; None where there is none.

    `response/get_config`, `response/{name}` and `response` are the same.
    """
    family = f"{topic.partition('/')[0]}/{{name}}"
    known = SCHEMAS.keys() | COMMAND_SCHEMAS.keys()
    name = next((name for name in (topic, family) if name in known), None)
    return None if name is None else schemas()[_file_name(name)]


def asyncapi() -> Json:
    """Return the AsyncAPI 3.0 document, from the outside: the device sends and receives."""
    channels = {_key(row.name): _channel(row.name, row.when) for row in TOPICS}
    channels |= {_key(row.name): _channel(row.name, row.meaning) for row in COMMANDS}
    operations = {f"send_{_key(row.name)}": _sends(row) for row in TOPICS}
    operations |= {f"receive_{_key(row.name)}": _receives(row) for row in COMMANDS}
    messages = {_key(row.name): _published(row) for row in TOPICS}
    messages |= {_key(row.name): _taken(row) for row in COMMANDS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "pose-edge",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": channels | _home_assistant_channels(),
        "operations": operations | _home_assistant_operations(),
        "components": {"parameters": _PARAMETERS, "messages": messages, "schemas": _definitions()},
    }


def as_text(schema: Json) -> str:
    """Return a JSON Schema as it stands in its file."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def as_yaml() -> str:
    """Return the AsyncAPI document as it stands in its file."""
    written: str = yaml.dump(asyncapi(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by `pose-edge config asyncapi`.\n{written}"


class _Dumper(yaml.SafeDumper):
    """Writes what is long as a block and nothing as a reference to itself."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # yaml's signature
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _file_name(topic: str) -> str:
    return f"{topic.removesuffix('/{name}').replace('/', '.')}.schema.json"


def _schema(topic: str, model: type[Record], mode: JsonSchemaMode) -> Json:
    identity = f"urn:pose-edge:{SCHEMA_VERSION}:{_file_name(topic).removesuffix('.schema.json')}"
    return {"$schema": DIALECT, "$id": identity, **model.model_json_schema(mode=mode)}


def _key(topic: str) -> str:
    """Return a name that is one in AsyncAPI: `fall_state` for `fall/state`."""
    return topic.removesuffix("/{name}").replace("/", "_")


def _servers() -> Json:
    common = {
        "host": "{host}",
        "protocolVersion": "5.0",
        "variables": {"host": {"description": "`mqtt.host` and `mqtt.port`.", "default": "localhost"}},
    }
    plain = {**common, "protocol": "mqtt", "description": "Any broker; 3.1.1 will do where 5 is unknown."}
    return {"broker": plain, "brokerTls": {**common, "protocol": "secure-mqtt"}}


def _channel(topic: str, description: str) -> Json:
    names = ("device", "name") if topic.endswith("/{name}") else ("device",)
    return {
        "address": f"pose-edge/{{device}}/{topic}",
        "description": description,
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in names},
        "messages": {_key(topic): {"$ref": f"#/components/messages/{_key(topic)}"}},
    }


def _sends(row: Topic) -> Json:
    binding: Json = {"qos": row.qos, "retain": row.retain}
    if row.expiry_s is not None:
        binding["messageExpiryInterval"] = row.expiry_s
    life = f" Expires after {row.life}." if row.life else ""
    return _operation("send", row.name, f"{row.when}{life}", binding)


def _receives(row: Command) -> Json:
    meaning = f"{row.meaning} A retained copy is ignored."
    operation = _operation("receive", row.name, meaning, {"qos": 1, "retain": False})
    if row.name == "request/{name}":
        operation["reply"] = {
            "channel": {"$ref": "#/channels/response"},
            "messages": [{"$ref": "#/channels/response/messages/response"}],
        }
    return operation


def _operation(action: str, topic: str, summary: str, binding: Json) -> Json:
    channel = f"#/channels/{_key(topic)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": summary,
        "bindings": {"mqtt": {**binding, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"{channel}/messages/{_key(topic)}"}],
    }


def _published(row: Topic) -> Json:
    if row.content_type == "application/octet-stream":
        return _message(row.name, row.content_type, {"type": "string", "format": "binary"}) | {
            "description": landmark_encodings.LAYOUT
        }
    if row.content_type == "text/plain":
        return _message(row.name, row.content_type, _words(TEXTS[row.name]))
    return _message(row.name, row.content_type, _reference(SCHEMAS[row.name]))


def _taken(row: Command) -> Json:
    if row.name in COMMAND_TEXTS:
        return _message(row.name, "text/plain", _words(COMMAND_TEXTS[row.name]))
    return _message(row.name, "application/json", _reference(COMMAND_SCHEMAS[row.name]))


def _message(topic: str, content_type: str, payload: Json) -> Json:
    is_text = content_type != "application/octet-stream"
    return {
        "name": _key(topic),
        "contentType": content_type,
        "payload": payload,
        "bindings": {"mqtt": {"payloadFormatIndicator": int(is_text), "bindingVersion": "0.2.0"}},
    }


def _words(words: Sequence[str]) -> Json:
    return {"type": "string", "enum": list(words)}


def _reference(model: type[Record]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _definitions() -> Mapping[str, Any]:
    """Return the schemas of all models and of what is inside them, each once."""
    wanted: list[tuple[type[Record], JsonSchemaMode]] = [
        *((model, "serialization") for model in SCHEMAS.values()),
        *((model, "validation") for model in COMMAND_SCHEMAS.values()),
    ]
    _, made = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    definitions: Mapping[str, Any] = made["$defs"]
    return definitions


def _home_assistant_channels() -> Json:
    """Return its topics, whose payloads are its own contract."""
    payload = {"type": "object", "description": "See the documentation of Home Assistant."}
    discovery = {
        "name": "homeAssistantDiscovery",
        "contentType": "application/json",
        "payload": payload,
        "externalDocs": {"url": DISCOVERY_DOCS},
    }
    status = {
        "name": "homeAssistantStatus",
        "contentType": "text/plain",
        "payload": _words(("online", "offline")),
        "externalDocs": {"url": BIRTH_DOCS},
    }
    return {
        "homeassistant_discovery": {
            "address": "homeassistant/device/{object_id}/config",
            "description": "Makes the device appear in Home Assistant; empty: removes it.",
            "parameters": {"object_id": {"description": "Follows from the board, not from `device.id`."}},
            "messages": {"homeassistant_discovery": discovery},
        },
        "homeassistant_status": {
            "address": "homeassistant/status",
            "description": "`homeassistant.status_topic`. At `online` the device announces itself again.",
            "messages": {"homeassistant_status": status},
        },
    }


def _home_assistant_operations() -> Json:
    channel = "#/channels/homeassistant"
    mqtt = {"qos": 1, "bindingVersion": "0.2.0"}
    return {
        "send_homeassistant_discovery": {
            "action": "send",
            "channel": {"$ref": f"{channel}_discovery"},
            "summary": "On every connect, when Home Assistant comes back, and when it changes.",
            "bindings": {"mqtt": {**mqtt, "retain": True}},
        },
        "receive_homeassistant_status": {
            "action": "receive",
            "channel": {"$ref": f"{channel}_status"},
            "summary": "Home Assistant's birth and last will.",
            "bindings": {"mqtt": {**mqtt, "retain": False}},
        },
    }
