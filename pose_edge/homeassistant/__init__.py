"""What Home Assistant must be told so that the device appears there by itself. Pure: no I/O, no clock.

One retained message describes the device and all its entities. Home Assistant refuses the whole device
for one unknown key at the top, and drops an unknown key of an entity without a word: hence
`make test-homeassistant`, which asks the real program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import orjson

from pose_edge import __version__
from pose_edge.homeassistant.entities import ALERT_TYPES, IDENTITY, Announcement, Component, unique, wanted
from pose_edge.homeassistant.options import EntitiesOptions, HomeAssistantOptions
from pose_edge.records import Delivery, Message

__all__ = [
    "ALERT_TYPES",
    "IDENTITY",
    "Announcement",
    "EntitiesOptions",
    "HomeAssistantOptions",
    "components",
    "config_topic",
    "discovery",
    "gone",
    "recall",
    "removal",
]


def config_topic(options: HomeAssistantOptions, identity: str) -> str:
    """Return the topic of the device's discovery message."""
    return f"{options.discovery_prefix}/device/{unique(identity)}/config"


def discovery(about: Announcement) -> Message:
    """Return the message that makes the device appear, or brings what is there up to date."""
    payload = _payload(about, {**_removed(about), **wanted(about)})
    return _retained(config_topic(about.options, about.identity), payload)


def recall(about: Announcement) -> Message:
    """Return a message that makes Home Assistant know for a moment what is `gone`; `discovery` follows it.

    It removes only what it knows since its own start; of what it was not told since, it keeps an entity that
    is unavailable for ever (and 2026.2, other than 2026.11, keeps what is switched off there in any case).
    Not retained: for whoever listens now, after Home Assistant said `online`.
    """
    known = {**_last_seen(about), **wanted(about)}
    message = _retained(config_topic(about.options, about.identity), _payload(about, known))
    return replace(message, delivery=Delivery.REPLY)


def removal(topic: str) -> Message:
    """Return the message that removes the device announced on `topic` with all its entities."""
    return _retained(topic, b"")


def components(payload: bytes) -> dict[str, str]:
    """Return component -> platform of a discovery message, without those it removes: what to remember.

    Raises:
        ValueError: the payload is none of ours.
    """
    try:
        announced: Mapping[str, Mapping[str, str]] = orjson.loads(payload)["components"]
        return {key: entity["platform"] for key, entity in announced.items() if len(entity) > 1}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no discovery message: {error!r}") from error


def gone(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return what was announced before and is no longer; both as `components` returns them.

    One that is merely left out stays in Home Assistant for ever, unavailable. It has to be named once more,
    while Home Assistant knows it: see `recall`.
    """
    return {key: platform for key, platform in before.items() if key not in now}


def _payload(about: Announcement, entities: Mapping[str, Component]) -> bytes:
    return orjson.dumps(
        {
            "device": _device(about),
            "origin": {"name": "pose-edge", "sw_version": __version__},
            "availability": [{"topic": f"{about.root}/status"}],
            "components": entities,
        }
    )


def _device(about: Announcement) -> dict[str, object]:
    known = {
        "identifiers": [unique(about.identity)],
        "name": about.name,
        "manufacturer": "pose-edge",
        "model": about.model,
        "serial_number": about.serial,
        "sw_version": __version__,
        "suggested_area": about.options.area,
    }
    return {key: value for key, value in known.items() if value}


def _removed(about: Announcement) -> dict[str, Component]:
    return {key: {"platform": platform} for key, platform in about.gone.items()}


def _last_seen(about: Announcement) -> dict[str, Component]:
    """Describe what is gone with what any platform asks for; Home Assistant drops the rest."""
    topics = dict.fromkeys(("state_topic", "command_topic", "image_topic"), f"{about.root}/status")
    return {
        key: {
            "platform": platform,
            "unique_id": f"{unique(about.identity)}_{key}",
            **topics,
            "event_types": ["gone"],
        }
        for key, platform in about.gone.items()
    }


def _retained(topic: str, payload: bytes) -> Message:
    return Message(topic, payload, Delivery.RETAINED, absolute=True)
