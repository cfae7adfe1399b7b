"""What the demo's subscriber received, in words, and whether it is what the actor did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import ValidationError

from pose_edge.payloads import SCHEMAS

if TYPE_CHECKING:
    from pose_edge.actor.timeline import Script

STEP_MS: Final = 100
LONG_ENOUGH_MS: Final = 2500
"""Shorter stretches of a posture need not be reported: the vote and the hold take 1.4 s."""
EARLY_MS: Final = 1500
LATE_MS: Final = 2500
"""How far a report's beginning may be off the script's: people take time to enter, sit and lie down."""


@dataclass(frozen=True)
class Received:
    """One message as a subscriber gets it."""

    topic: str
    """Below the device's root."""
    payload: bytes

    @cached_property
    def json(self) -> dict[str, Any]:
        """The payload of a JSON topic."""
        fields: dict[str, Any] = orjson.loads(self.payload)
        return fields

    def line(self) -> str | None:
        """Return what to print; None for what comes too often, or says the same again."""
        if self.topic == "events":
            at_s = self.json["frame_timestamp_ms"] / 1000
            return f"{at_s:6.1f} s  {self.topic:9} {self.json['event_type']:17} {self._what()}"
        if self.topic == "info" and b'"camera":null' not in self.payload:
            return (
                f"          {self.topic:9} {self.json['name']}: {self.json['camera']}, {self.json['model']}"
            )
        if self.topic == "status":
            return f"          {self.topic:9} {self.payload.decode()}"
        return None

    def _what(self) -> str:
        event = self.json
        if event["kind"] == "presence":
            people = event["person_count"]
            return (
                "nobody is there"
                if people == 0
                else f"{people} {'person is' if people == 1 else 'people are'} there"
            )
        posture = f"{event.get('posture', event['reason'])} (person {event['person_id']}"
        return (
            f"{posture}, confidence {event['confidence']:.2f})" if event["stage"] == "new" else f"{posture})"
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something that held for a while, in the clock of the script."""

    what: str
    start_ms: int
    end_ms: int


def facts(received: Sequence[Received]) -> Iterator[str]:
    """Yield lines that sum up what came."""
    counts = Counter(message.topic for message in received)
    yield "received: " + ", ".join(f"{counts[topic]} {topic}" for topic in sorted(counts))
    healths = [message.json for message in received if message.topic == "health"]
    if healths:
        last = healths[-1]
        yield (
            f"frames: {last['frames_submitted_total']} from the actor, "
            f"{last['results_total']} through the model in {last['inference_ms_p50']} ms each (median), "
            f"{last['frames_dropped_total']} dropped"
        )


def complaints(script: Script, received: Sequence[Received]) -> list[str]:
    """Return how what was received differs from what the actor did; empty when it does not."""
    events = [message.json for message in received if message.topic == "events"]
    return [
        *_wrong_status(received),
        *_wrong_schema(received),
        *_missing_presence(script, events),
        *_missing_postures(script, events),
        *_invented_postures(script, events),
        *_wrong_falls(script, events),
    ]


def _wrong_status(received: Sequence[Received]) -> Iterator[str]:
    words = [message.payload for message in received if message.topic == "status"]
    if not words or words[0] != b"online" or words[-1] != b"offline":
        yield f"status: expected online at first and offline at last, received {words}"
    if not any(message.topic == "landmarks" and message.json["poses"] for message in received):
        yield "landmarks: expected some with a pose, received none"


def _wrong_schema(received: Sequence[Received]) -> Iterator[str]:
    for message in received:
        if message.topic in SCHEMAS:
            try:
                SCHEMAS[message.topic].model_validate_json(message.payload)
            except ValidationError as error:
                yield f"{message.topic}: not as published: {error.errors()[0]}"


def _missing_presence(script: Script, events: Sequence[dict[str, Any]]) -> Iterator[str]:
    for stay in _stretches(script, presence=True):
        came = [event for event in events if event["event_type"] == "presence_started"]
        if not any(_near(_start_ms(event), stay.start_ms) for event in came):
            yield f"expected somebody to come at {_at(stay.start_ms)}; {_told(came)}"
        went = [event for event in events if event["event_type"] == "presence_ended"]
        if stay.end_ms < script.duration_ms - LATE_MS and not any(
            _near(_end_ms(e), stay.end_ms) for e in went
        ):
            yield f"expected nobody to be there from {_at(stay.end_ms)}; {_told(went)}"


def _missing_postures(script: Script, events: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Each posture held long enough must have been told by the time it ends."""
    for stretch in _stretches(script, presence=False):
        if stretch.end_ms - stretch.start_ms < LONG_ENOUGH_MS:
            continue
        told = _told_posture(events, stretch.end_ms)
        if told != stretch.what:
            span = f"from {_at(stretch.start_ms)} to {_at(stretch.end_ms)}"
            yield f"expected {stretch.what} {span}; received {told or 'nothing'} by then"


def _told_posture(events: Sequence[dict[str, Any]], at_ms: int) -> str | None:
    """Return the posture that a subscriber knows of at a moment."""
    told: str | None = None
    for event in events:
        if event["kind"] == "posture" and event["frame_timestamp_ms"] <= at_ms:
            told = event["posture"] if event["stage"] == "new" else None
    return told


def _invented_postures(script: Script, events: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A posture that was reported must have been there, or nearly, in the time it was decided in."""
    for event in events:
        if event["event_type"] != "posture_started":
            continue
        moments = range(_start_ms(event) - EARLY_MS, event["frame_timestamp_ms"] + EARLY_MS, STEP_MS)
        truths = {_posture(script, at_ms) for at_ms in moments if at_ms >= 0}
        if event["posture"] not in truths and truths != {None}:
            at = _at(event["frame_timestamp_ms"])
            yield f"{event['posture']} was reported at {at}; the actor did no such thing"


def _wrong_falls(script: Script, events: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Each fall long enough must have been suspected while the actor lay there, and no other."""
    suspected = [event for event in events if event["event_type"] == "fall_suspected"]
    falls = list(_down(script))
    for fall in falls:
        found = any(fall.start_ms <= event["frame_timestamp_ms"] <= fall.end_ms for event in suspected)
        if fall.end_ms - fall.start_ms >= LONG_ENOUGH_MS and not found:
            yield f"expected a fall from {_at(fall.start_ms)} to be suspected; {_told(suspected)}"
    for event in suspected:
        if not any(_near(_start_ms(event), fall.start_ms) for fall in falls):
            yield f"a fall was suspected at {_at(event['frame_timestamp_ms'])}; the actor did not fall"


def _down(script: Script) -> Iterator[Stretch]:
    """Yield from when to when the actor fell and lay there."""
    moments = {at_ms for at_ms in range(0, script.duration_ms, STEP_MS) if _is_down(script, at_ms)}
    begins = sorted(at_ms for at_ms in moments if at_ms - STEP_MS not in moments)
    ends = sorted(at_ms for at_ms in moments if at_ms + STEP_MS not in moments)
    return (Stretch("fall", begin, end) for begin, end in zip(begins, ends, strict=True))


def _is_down(script: Script, at_ms: int) -> bool:
    truth = script.truth(at_ms)
    return truth.falling or truth.fallen


def _stretches(script: Script, presence: bool) -> Iterator[Stretch]:
    """Yield when the actor was in the picture, or held a posture; moments in between prolong the same one."""
    current: Stretch | None = None
    for at_ms in range(0, script.duration_ms, STEP_MS):
        what = _presence(script, at_ms) if presence else _posture(script, at_ms)
        if current is not None and (what == current.what or (what is None and not presence)):
            current = replace(current, end_ms=at_ms if what is not None else current.end_ms)
            continue
        if current is not None:
            yield current
        current = None if what is None else Stretch(what, at_ms, at_ms)
    if current is not None:
        yield current


def _presence(script: Script, at_ms: int) -> str | None:
    return "somebody" if script.truth(at_ms).present else None


def _posture(script: Script, at_ms: int) -> str | None:
    truth = script.truth(min(at_ms, script.duration_ms - 1))
    return truth.posture.value if truth.present and truth.posture is not None else None


def _near(reported_ms: int, true_ms: int) -> bool:
    return true_ms - EARLY_MS <= reported_ms <= true_ms + LATE_MS


def _start_ms(event: dict[str, Any]) -> int:
    return _on_script_clock(event, "start_time")


def _end_ms(event: dict[str, Any]) -> int:
    return _on_script_clock(event, "end_time" if event["end_time"] else "timestamp")


def _on_script_clock(event: dict[str, Any], field: str) -> int:
    """Wall times of an event, on the clock of the frames it was decided by."""
    earlier = datetime.fromisoformat(event["timestamp"]) - datetime.fromisoformat(event[field])
    return int(event["frame_timestamp_ms"] - earlier.total_seconds() * 1000)


def _at(at_ms: int) -> str:
    return f"{at_ms / 1000:.1f} s"


def _told(events: Sequence[dict[str, Any]]) -> str:
    if not events:
        return "received nothing of the kind"
    return "received it from " + ", ".join(_at(_start_ms(event)) for event in events)
