"""Runs in Home Assistant's own Python: holds a discovery payload against its schemas, renders its templates.

Reads {"payload": ..., "messages": {topic: [payload, ...]}} from the file named first and prints
{"refused": {component: why}, "dropped": [path, ...], "rendered": {component: [text, ...]}}.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MQTT = "homeassistant.components.mqtt"


def module(name: str) -> Any:
    # Not installed where this file is type-checked.
    return importlib.import_module(name)


def dropped(before: object, after: object, path: str = "") -> Iterator[str]:
    """Yield the keys of `before` that are not in `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from dropped(value, after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    if isinstance(before, list) and isinstance(after, list):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from dropped(one, other, f"{path}[{number}]")


async def check(payload: Any, messages: dict[str, list[str]]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        hass = module("homeassistant.core").HomeAssistant(folder)  # templates look for it, by thread
        answer = judge(hass, payload, messages)
        await hass.async_stop(force=True)
    return answer


def judge(hass: Any, payload: Any, messages: dict[str, list[str]]) -> dict[str, object]:
    discovery = module(f"{MQTT}.discovery")
    try:
        device = module(f"{MQTT}.schemas").DEVICE_DISCOVERY_SCHEMA(json.loads(json.dumps(payload)))
    except Exception as error:  # noqa: BLE001  # which library's, depends on the release
        return {"refused": {"device": repr(error)}, "dropped": [], "rendered": {}}
    refused, lost, rendered = {}, list(dropped(payload, device)), {}
    for key, component in payload["components"].items():
        config = discovery.MQTTDiscoveryPayload(component)
        platform = config.pop("platform")
        discovery._merge_common_device_options(config, payload)
        try:
            taken = module(f"{MQTT}.{platform}").DISCOVERY_SCHEMA(dict(config))
        except Exception as error:  # noqa: BLE001  # as above
            refused[key] = repr(error)
            continue
        lost += dropped(dict(config), taken, key)
        if "value_template" in taken:
            rendered[key] = render(hass, taken["value_template"], messages.get(component["state_topic"], []))
    return {"refused": refused, "dropped": lost, "rendered": rendered}


def render(hass: Any, template: Any, payloads: list[str]) -> list[str]:
    template.hass = hass
    value = module(f"{MQTT}.models").MqttValueTemplate(template)
    return [value.async_render_with_possible_json_value(payload) for payload in payloads]


if __name__ == "__main__":
    task = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(asyncio.run(check(task["payload"], task["messages"]))))  # noqa: T201  # its result
