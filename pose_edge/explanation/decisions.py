"""A line for each decision, and for what was nearly decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pose_edge.events.rules import misses
from pose_edge.explanation.timeline import Timeline, limits_in_force, peak, stretches
from pose_edge.options import Options
from pose_edge.records import Event, PostureClass, Scalar, Stage
from pose_edge.tracking import MIN_TORSO_SHARE

WORTH_TELLING_S: Final = 0.3
"""A posture that was seen for less is not missed by anybody."""


LIMIT: Final = "limit_"
"""Begins the name of a threshold in evidence."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that was decided, or was not and why."""

    at_s: float
    what: str
    """`fall_suspected`, `not_told` ..."""
    reason: str
    numbers: Mapping[str, Scalar] = field(default_factory=dict)
    event: Event | None = None
    """None: nothing came of it."""

    @property
    def rank(self) -> int:
        """How much it matters where there is no room for all: 0 most."""
        if self.event is None:
            return 3
        if self.event.severity != "info" or self.event.kind not in ("presence", "posture"):
            return 0
        return 2 if self.event.stage is Stage.END else 1

    @property
    def text(self) -> str:
        """One line for people."""
        numbers = ", ".join(_told(self.numbers))
        return f"{self.at_s:.2f} s  {self.what}: {self.reason}" + (f"; {numbers}" if numbers else "")


def _told(numbers: Mapping[str, Scalar]) -> Iterator[str]:
    """Yield each number, its limit beside it; limits of nothing that was measured come last."""
    measured = {name for name in numbers if not name.startswith(LIMIT)}
    for name, value in numbers.items():
        if value is None or name.removeprefix(LIMIT) in measured - {name}:
            continue
        limit = numbers.get(f"{LIMIT}{name}")
        yield f"{name} {_plain(value)}" + ("" if limit is None else f" (limit {_plain(limit)})")


def decisions(timeline: Timeline, options: Options) -> tuple[Decision, ...]:
    """Return all of them in the order of time; `options` is an `EventsOptions`."""
    found = [
        *(_decided(event) for event in timeline.events),
        *_nobody(timeline),
        *_untold_postures(timeline, options),
        *_no_fall(timeline, options),
        *_no_rule(timeline, options),
    ]
    return tuple(sorted(found, key=lambda decision: decision.at_s))


def _decided(event: Event) -> Decision:
    details = ", ".join(f"{name} {_plain(value)}" for name, value in event.details.items())
    who = f", person {event.person_id}" if event.person_id is not None else ""
    until = "" if event.end_ms is None else f" to {event.end_ms / 1000:.2f}"
    reason = (
        f"{details + ', ' if details else ''}{event.reason}{who}, from {event.start_ms / 1000:.2f}{until} s"
    )
    numbers = {} if event.confidence is None else {"confidence": round(event.confidence, 2)}
    return Decision(event.timestamp_ms / 1000, event.event_type, reason, {**numbers, **event.evidence}, event)


def _plain(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _nobody(timeline: Timeline) -> Iterator[Decision]:
    """Say why poses were not taken for people, where none ever was."""
    if timeline.people():
        return
    shares = [share for sample in timeline.samples if (share := sample.largest_torso_share()) is not None]
    pictures = f"{len(shares)} of {len(timeline.samples)} pictures have a body"
    if not shares:
        yield Decision(timeline.duration_s, "nobody", pictures)
        return
    large = sum(share >= MIN_TORSO_SHARE for share in shares)
    reason = "too small to be a person" if large == 0 else f"large enough in {large}, not often enough"
    yield Decision(
        timeline.duration_s,
        "nobody",
        f"{pictures}, {reason}",
        {"torso_share": round(max(shares), 3), "limit_torso_share": MIN_TORSO_SHARE},
    )


def _untold_postures(timeline: Timeline, options: Options) -> Iterator[Decision]:
    """Say which postures were seen for a while and never told."""
    hold_s = limits_in_force(timeline.events, options).get("min_hold_s")
    for person_id in timeline.people():
        told = [
            (event.start_ms / 1000, event.details.get("posture"))
            for event in timeline.events
            if event.kind == "posture" and event.person_id == person_id
        ]
        seen = ((sample.at_s, sample.seen_posture(person_id)) for sample in timeline.samples)
        for start_s, end_s, posture in stretches(seen, timeline.duration_s):
            if posture in (None, PostureClass.UNKNOWN) or end_s - start_s < WORTH_TELLING_S:
                continue
            if any(start_s - 1 <= at_s <= end_s and word == posture for at_s, word in told):
                continue
            if timeline.sample_at((start_s + end_s) / 2).told_posture(person_id) == posture:
                continue
            yield Decision(
                end_s,
                "not_told",
                f"{posture} was seen from {start_s:.2f} s, too short or too uncertain, person {person_id}",
                {"min_hold_s": round(end_s - start_s, 2), "limit_min_hold_s": hold_s},
            )


def _no_fall(timeline: Timeline, options: Options) -> Iterator[Decision]:
    """Say how far each person was from being suspected of a fall."""
    if not hasattr(options, "fall"):
        return
    limits = limits_in_force(timeline.events, options)
    suspected = {event.person_id for event in timeline.events if event.kind == "fall"}
    for person_id in timeline.people():
        if person_id in suspected:
            continue
        drop = peak(timeline.series(person_id, "head_drop"))
        speed = peak(timeline.series(person_id, "descent_speed"))
        tilt = peak(timeline.series(person_id, "torso_tilt"))
        if drop is None or speed is None or tilt is None:
            continue
        yield Decision(
            drop[0],
            "no_fall",
            f"largest drop of the head, person {person_id}; fastest at {speed[0]:.2f} s,"
            f" most tilted at {tilt[0]:.2f} s",
            {
                "drop": round(drop[1], 2),
                "limit_drop": limits.get("drop"),
                "drop_speed": round(speed[1], 2),
                "limit_drop_speed": limits.get("drop_speed"),
                "torso_angle_deg": round(tilt[1], 1),
                "limit_torso_angle_deg": limits.get("torso_angle_deg"),
            },
        )


def _no_rule(timeline: Timeline, options: Options) -> Iterator[Decision]:
    """Say how near each rule of the user's own came to an event it never led to."""
    told = {(event.kind, event.person_id) for event in timeline.events}
    first_ms = timeline.samples[0].scene.timestamp_ms
    for miss in misses(options, (sample.scene for sample in timeline.samples), timeline.zones):
        if (miss.kind, miss.person_id) in told:
            continue
        who = "" if miss.person_id is None else f", person {miss.person_id}"
        at_s = (miss.at_ms - first_ms) / 1000 if miss.held_ms else timeline.duration_s
        reason = f"{'not so for long enough' if miss.held_ms else 'never so'}{who}"
        yield Decision(at_s, f"no_{miss.kind}", reason, miss.numbers)
