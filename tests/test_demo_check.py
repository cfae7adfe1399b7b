"""The demo's judge: it must find every kind of lie."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pose_edge.actor.script import load_script
from pose_edge.actor.timeline import Script
from pose_edge.demo_check import Received, complaints
from pose_edge.engine import Engine
from pose_edge.messages import Device, Messages
from tests.bodies import pose, result

SCRIPT = """\
acts:
  - {act: nobody, duration_s: 3}
  - {act: walk_in, duration_s: 3}
  - {act: stand, duration_s: 4}
  - {act: sit, duration_s: 6}
  - {act: stand_up, duration_s: 5}
  - {act: walk_out, duration_s: 3}
  - {act: nobody, duration_s: 4}
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    path = tmp_path_factory.mktemp("script") / "visit.yaml"
    path.write_text(SCRIPT)
    return load_script(str(path))


@pytest.fixture
def received(script: Script) -> list[Received]:
    """What a perfect model and the real engine would send about the script."""
    engine, messages = Engine(), Messages(Device("demo"), "boot", "model", "live_stream")
    sent = [messages.status(online=True)]
    for at_ms in range(0, script.duration_ms, 100):
        truth = script.truth(at_ms)
        stance = truth.posture.value if truth.posture else "standing"
        one = result(at_ms, *([pose(stance, at=(0.96, 0.5))] if truth.present else []))
        step = engine.update(one)
        sent += [messages.landmarks(one, step.person_ids), *map(messages.event, step.events)]
    sent.append(messages.status(online=False))
    return [Received(message.topic, message.payload) for message in sent]


def changed(received: list[Received], event_type: str, **fields: Any) -> list[Received]:
    """The messages with fields of one event type changed; None for `fields` leaves it out."""
    kept = []
    for message in received:
        if message.topic == "events" and message.json["event_type"] == event_type:
            if not fields:
                continue
            kept.append(Received("events", orjson.dumps({**message.json, **fields})))
        else:
            kept.append(message)
    return kept


def test_the_truth_is_accepted(script: Script, received: list[Received]) -> None:
    assert complaints(script, received) == []


@pytest.mark.parametrize(
    ("event_type", "words"),
    [
        ("presence_started", "expected somebody to come"),
        ("presence_ended", "expected nobody to be there"),
        ("posture_started", "expected standing"),
    ],
)
def test_silence_is_found(script: Script, received: list[Received], event_type: str, words: str) -> None:
    assert any(words in complaint for complaint in complaints(script, changed(received, event_type)))


def test_a_fall_nobody_told_of_is_found(received: list[Received]) -> None:
    assert any("expected a fall from 30." in one for one in complaints(load_script("demo"), received))


def test_a_fall_nobody_fell_is_found(script: Script, received: list[Received]) -> None:
    event = next(one.json for one in received if one.topic == "events")
    fall = {**event, "kind": "fall", "event_type": "fall_suspected", "frame_timestamp_ms": 12_000}
    told = [*received[:-1], Received("events", orjson.dumps(fall)), received[-1]]

    assert any("a fall was suspected at 12.0 s" in one for one in complaints(script, told))


def test_a_posture_nobody_took_is_found(script: Script, received: list[Received]) -> None:
    lied = complaints(script, changed(received, "posture_started", posture="lying"))

    assert any("lying was reported" in complaint for complaint in lied)


def test_a_report_at_the_wrong_second_is_found(script: Script, received: list[Received]) -> None:
    late = [
        Received(
            "events", orjson.dumps({**m.json, "frame_timestamp_ms": m.json["frame_timestamp_ms"] + 6000})
        )
        if m.topic == "events"
        else m
        for m in received
    ]

    assert complaints(script, late)


def test_a_daemon_that_never_said_goodbye_is_found(script: Script, received: list[Received]) -> None:
    assert any("status" in complaint for complaint in complaints(script, received[:-1]))


def test_landmarks_without_anybody_are_found(script: Script, received: list[Received]) -> None:
    empty = [message for message in received if message.topic != "landmarks"]

    assert any("landmarks" in complaint for complaint in complaints(script, empty))


def test_a_message_against_the_contract_is_found(script: Script, received: list[Received]) -> None:
    broken = changed(received, "presence_started", severity="dreadful")

    assert any("not as published" in complaint for complaint in complaints(script, broken))


def test_what_is_printed_is_readable(received: list[Received]) -> None:
    lines = [line for message in received if (line := message.line())]

    assert "   1.0 s  events    presence_ended    nobody is there" in lines
    assert any("sitting (person 1, confidence" in line for line in lines)


def test_the_shipped_scripts_can_be_judged() -> None:
    for name in ("demo", "day"):
        assert complaints(load_script(name), []) != []
