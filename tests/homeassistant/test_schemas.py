"""Home Assistant's own schemas and templates, not running: what is refused, what is silently dropped."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from pose_edge.homeassistant import ALERT_TYPES, discovery
from pose_edge.payloads import HealthValues
from pose_edge.records import Event, Message, State
from tests.homeassistant import device

CHECK = Path(__file__).with_name("schema_check.py")


def ask(environment: Path, folder: Path, payload: Any, told: list[Message] | None = None) -> Any:
    """Return what the release says about a payload, and what its templates make of messages."""
    topics: dict[str, list[str]] = {}
    for message in told or []:
        topics.setdefault(f"pose-edge/livingroom/{message.topic}", []).append(message.payload.decode())
    (folder / "task.json").write_text(json.dumps({"payload": payload, "messages": topics}))
    shutil.copy(CHECK, folder)
    command = [str(environment / "run"), "python", CHECK.name, "task.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def payload() -> Any:
    return orjson.loads(discovery(device.announcement()).payload)


def test_nothing_is_refused_and_nothing_is_dropped_in_silence(environment: Path, tmp_path: Path) -> None:
    answer = ask(environment, tmp_path, payload())

    assert (answer["refused"], answer["dropped"]) == ({}, [])


@pytest.mark.parametrize("where", ["fall", "posture", "device"])
def test_an_unknown_key_would_be_noticed(environment: Path, tmp_path: Path, where: str) -> None:
    wrong = payload()
    (wrong["device"] if where == "device" else wrong["components"][where])["object_ident"] = "x"

    answer = ask(environment, tmp_path, wrong)

    assert where in answer["refused"] or answer["dropped"] == [f"{where}.object_ident"]


def rendered(environment: Path, folder: Path, told: list[Message]) -> Any:
    return ask(environment, folder, payload(), told)["rendered"]


def test_every_entity_of_a_working_device_gets_a_value(environment: Path, tmp_path: Path) -> None:
    values = rendered(environment, tmp_path, device.everything(device.messages()))
    values.pop("alert")

    assert {key: len(texts) for key, texts in values.items()} == dict.fromkeys(values, 1)
    assert (values["occupancy"], values["posture"], values["person_count"]) == (["ON"], ["sitting"], ["1"])
    assert (values["problem"], values["clock_synced"], values["soc_temperature"]) == (
        ["OFF"],
        ["ON"],
        ["55.2"],
    )


def test_what_nobody_knows_is_none_and_not_a_wrong_word(environment: Path, tmp_path: Path) -> None:
    bare = HealthValues(status="error", reasons=["no_camera"])
    values = rendered(environment, tmp_path, device.everything(device.messages(), bare, State()))

    assert (values["occupancy"], values["posture"], values["problem"]) == (["None"], ["unknown"], ["ON"])
    assert values["soc_temperature"] == values["inference_rate"] == values["latency"] == ["None"]


def test_alerts_are_rendered_and_everyday_events_are_nothing(environment: Path, tmp_path: Path) -> None:
    made = device.messages()
    everyday: list[Event] = [device.event("presence_started"), device.event("posture_changed")]
    alerts = [device.event(kind, confidence=0.9, reason='said "x" <y>') for kind in ALERT_TYPES]
    told = [made.event(one) for one in [*everyday, *alerts]]

    texts = rendered(environment, tmp_path, told)["alert"]

    assert texts[: len(everyday)] == ["", ""]
    for text, message in zip(texts[len(everyday) :], told[len(everyday) :], strict=True):
        assert json.loads(text).items() <= json.loads(message.payload).items()
        assert json.loads(text)["reason"] == 'said "x" <y>'
