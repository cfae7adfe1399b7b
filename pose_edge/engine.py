"""Poses in, events and state out: the same for live, replayed and recorded poses. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypeAlias

from pose_edge.events import REMINDER, Detector, EventsOptions, detectors
from pose_edge.events.fall import FallDetector
from pose_edge.options import Options
from pose_edge.records import (
    Event,
    FallState,
    PersonState,
    PoseResult,
    PostureClass,
    Scene,
    SeatState,
    Stage,
    State,
    Stay,
    Surroundings,
)
from pose_edge.tracking import Tracker
from pose_edge.upright import correction_deg, turned, turned_zones

FallWord: TypeAlias = Literal["none", "suspected", "confirmed"]

MOST_FALLS: Final = 16
"""In the state at a time; the daemon's latch keeps more."""

MOST_STAYS: Final = 64
"""The same of people in zones."""
MOST_OPEN: Final = 256
"""Events that may be open at a time; beyond it the oldest are forgotten. Five people cannot fill it."""

LATCHED: Final = ("fall",)
"""Kinds that only somebody who has seen to them, or gets up, may end."""

Closing: TypeAlias = Literal["stopped", "paused", "reloaded"]
"""Why nobody is looked at any more."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one result led to."""

    scene: Scene
    person_ids: tuple[int | None, ...]
    """One per pose of the result; None: not taken for a person."""
    events: tuple[Event, ...]
    state: State


class Engine:
    """Tracks people through results and asks every detector about each moment."""

    def __init__(
        self,
        options: Options | None = None,
        numbers: Iterator[int] | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        """`numbers` counts the events; whoever makes some of their own shares it."""
        around = surroundings or Surroundings()
        view = around.calibration.view
        self._roll_deg = correction_deg(view)
        self._tracker = Tracker(leg_share=view.leg_share if view else 1.0)
        if view is not None:
            around = replace(around, zones=turned_zones(around.zones, view))
        self._make = partial(detectors, options or EventsOptions(), numbers or itertools.count(1), around)
        self._detectors = self._make()
        self._state = State()
        self._open: dict[int, Event] = {}
        self._last_ms = 0

    def update(self, result: PoseResult) -> Step:
        """Return what `result` led to. Results must come in the order of their timestamps."""
        fallen = {fall.person_id for fall in self._state.falls}
        tracked = self._tracker.update(turned(result, self._roll_deg), fallen)
        scene = Scene(
            result.timestamp_ms,
            result.width_px,
            result.height_px,
            tracked.people,
            self._roll_deg,
            result.picture,
        )
        events: list[Event] = []
        for detector in self._detectors:
            events += detector.update(scene)
        self._last_ms = result.timestamp_ms
        if events:
            self._state = project(self._state, events)
            self._follow(events)
        return Step(scene, tracked.person_ids, tuple(events), self._state)

    def close(self, reason: Closing) -> tuple[tuple[Event, ...], State]:
        """Return the ends of everything that goes on, and the state: from now on nobody is looked at.

        Who listens would wait for these ends for ever. Falls stay as they are. Results may come later again;
        they find everything undecided, but people keep their ids if they come soon.
        """
        ends = tuple(_end(event, reason, self._last_ms) for event in self._open.values())
        self._open.clear()
        self._detectors = tuple(map(_latched_or_new, self._detectors, self._make()))
        self._state = _with_falls(State(), self._state.falls)
        return ends, self._state

    def _follow(self, events: Iterable[Event]) -> None:
        """Keep what was begun and has not ended."""
        for event in events:
            self._open.pop(event.number, None)
            if event.stage is not Stage.END and event.kind not in LATCHED:
                self._open[event.number] = event
        while len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]

    def clear_falls(self) -> State:
        """Learn that somebody has seen to every fall so far; return the state without them.

        None of them is told of again, not even its end: whoever cleared them tells it.
        """
        for detector in self._detectors:
            if isinstance(detector, FallDetector):
                detector.clear()
        self._state = _with_falls(self._state, ())
        return self._state


def _latched_or_new(old: Detector, new: Detector) -> Detector:
    return old if old.kind in LATCHED else new


def _end(event: Event, reason: str, now_ms: int) -> Event:
    """Return the end of an event that nobody will see end."""
    count = {"person_count": 0} if "person_count" in event.details else {}
    return replace(
        event,
        event_type=_end_type(event),
        stage=Stage.END,
        timestamp_ms=now_ms,
        end_ms=max(now_ms, event.start_ms),
        reason=reason,
        details={**event.details, **count},
    )


def _end_type(event: Event) -> str:
    """Return the type its own detector would end it with; a stay or a reminder would else be told again."""
    what, _, verb = event.event_type.rpartition("_")
    if event.kind == "zones" and what == "zone":
        return "zone_left"
    if event.event_type == REMINDER:
        return f"{event.kind}_ended"
    return f"{what}_ended" if verb in ("started", "changed") else event.event_type


def project(state: State, events: Iterable[Event]) -> State:
    """Return the state after `events`: everything `state` says follows from what was told before."""
    for event in events:
        if event.kind == "presence":
            state = _presence(state, event)
        elif event.kind == "posture":
            state = _posture(state, event)
        elif event.kind == "fall":
            state = _fall(state, event)
        elif event.kind == "zones":
            state = _stay(state, event)
        elif event.kind in ("desk", "slouch"):
            state = _seat(state, event)
        elif event.kind == "sedentary":
            state = replace(state, sedentary=event.stage is not Stage.END)
    return state


def _presence(state: State, event: Event) -> State:
    count = event.details["person_count"]
    assert isinstance(count, int)
    if event.stage is Stage.END:
        return replace(state, occupied=False, person_count=0)
    return replace(state, occupied=True, person_count=count)


def _posture(state: State, event: Event) -> State:
    others = tuple(person for person in state.people if person.person_id != event.person_id)
    if event.stage is Stage.END or event.person_id is None:
        return replace(state, people=others)
    person = PersonState(
        person_id=event.person_id,
        posture=PostureClass(str(event.details["posture"])),
        since_ms=event.start_ms,
        confidence=event.confidence or 0.0,
    )
    return replace(state, people=tuple(sorted((*others, person), key=lambda who: who.person_id)))


def _fall(state: State, event: Event) -> State:
    others = tuple(fall for fall in state.falls if fall.number != event.number)
    if event.stage is Stage.END:
        return _with_falls(state, others)
    fall = FallState(event.number, event.person_id, confirmed=event.event_type == "fall_confirmed")
    return _with_falls(state, tuple(sorted((*others, fall), key=lambda one: one.number))[-MOST_FALLS:])


def _stay(state: State, event: Event) -> State:
    if event.event_type not in ("zone_entered", "zone_changed", "zone_left"):
        return state
    others = tuple(stay for stay in state.stays if stay.number != event.number)
    if event.stage is Stage.END or event.person_id is None or event.zone is None:
        return replace(state, stays=others)
    stay = Stay(event.number, event.person_id, event.zone)
    return replace(state, stays=tuple(sorted((*others, stay), key=lambda one: one.number))[-MOST_STAYS:])


def _seat(state: State, event: Event) -> State:
    """Return the state after somebody sat down, began or ended to slouch, or left the seat."""
    if event.person_id is None:
        return state
    others = tuple(seat for seat in state.seats if seat.person_id != event.person_id)
    seat = next((one for one in state.seats if one.person_id == event.person_id), None)
    if event.kind == "slouch":
        seat = replace(seat or SeatState(event.person_id, True), slouching=event.stage is not Stage.END)
    elif event.stage is Stage.END:
        return replace(state, seats=others)
    else:
        slouching = seat is not None and seat.slouching
        seat = SeatState(event.person_id, event.details["measured"] is True, slouching)
    return replace(state, seats=tuple(sorted((*others, seat), key=lambda one: one.person_id)))


def _with_falls(state: State, falls: tuple[FallState, ...]) -> State:
    word: FallWord = "none"
    if falls:
        word = "confirmed" if any(fall.confirmed for fall in falls) else "suspected"
    return replace(state, fall=word, falls=falls)
