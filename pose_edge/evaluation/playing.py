"""One clip through the engine: what it said, and what it said about each moment."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pose_edge.engine import Engine
from pose_edge.options import Options
from pose_edge.records import Event, PoseResult, PostureClass, Stage, Surroundings


@dataclass(frozen=True, slots=True)
class Moment:
    """One picture of the clip."""

    at_s: float
    """From the first one."""
    poses: int
    people: int
    """Poses taken for people."""
    occupied: bool | None
    told: PostureClass | None
    """The main person's posture as it stood in `state` at that time; None: nobody's."""
    seen: PostureClass | None
    """The main person's posture by this picture alone."""


@dataclass(frozen=True, slots=True)
class Played:
    """What the engine made of one clip, with its last frame held."""

    moments: tuple[Moment, ...]
    """Of the clip itself."""
    events: tuple[Event, ...]
    """Of clip and hold. Times in ms from the first frame."""
    duration_s: float
    """From the first frame to the end of the last one; what was decided later was in the hold."""
    held_s: float

    @property
    def own_events(self) -> tuple[Event, ...]:
        """Those of the clip as it is."""
        return tuple(event for event in self.events if not self.in_hold(event))

    def in_hold(self, event: Event) -> bool:
        """Return whether an event was decided after the clip."""
        return event.timestamp_ms > self.moments[-1].at_s * 1000 + 0.5


def play(
    results: Sequence[PoseResult], options: Options, hold_s: float, surroundings: Surroundings | None = None
) -> Played:
    """Return what an engine of its own says to a clip and to its last frame held for `hold_s`.

    The engine knows no future, so the clip as it is and the held one are one run.
    """
    engine = Engine(options, surroundings=surroundings)
    first_ms, period_ms = results[0].timestamp_ms, typical_period_ms(results)
    moments: list[Moment] = []
    events: list[Event] = []
    for index, result in enumerate([*results, *held(results[-1], period_ms, hold_s)]):
        step = engine.update(result)
        events += (_from_first(event, first_ms) for event in step.events)
        if index >= len(results):
            continue
        main, people = step.state.main_person, step.scene.people
        moments.append(
            Moment(
                at_s=(result.timestamp_ms - first_ms) / 1000,
                poses=len(result.poses),
                people=len(people),
                occupied=step.state.occupied,
                told=main.posture if main else None,
                seen=people[0].posture_class if people else None,
            )
        )
    duration_s = (results[-1].timestamp_ms - first_ms + period_ms) / 1000
    return Played(tuple(moments), tuple(events), duration_s, hold_s)


def held(last: PoseResult, period_ms: float, hold_s: float) -> list[PoseResult]:
    """Return the last frame again and again, at the clip's own rate."""
    count = int(hold_s * 1000 / period_ms)
    return [
        replace(last, timestamp_ms=last.timestamp_ms + round(index * period_ms))
        for index in range(1, count + 1)
    ]


def typical_period_ms(results: Sequence[PoseResult]) -> float:
    """Return the usual time between two frames; 100 where there is only one."""
    gaps = sorted(later.timestamp_ms - earlier.timestamp_ms for earlier, later in itertools.pairwise(results))
    return gaps[len(gaps) // 2] if gaps else 100.0


@dataclass(frozen=True, slots=True)
class Reported:
    """A stretch of posture as its events put it: from when it began, not from when that was certain."""

    start_s: float
    end_s: float
    posture: PostureClass
    person_id: int


def reported_postures(events: Sequence[Event], until_s: float) -> list[Reported]:
    """Return the stretches of posture events; one that did not end lasts `until_s`."""
    begun: dict[int, Event] = {}
    found: list[Reported] = []
    for event in events:
        if event.kind != "posture" or event.person_id is None:
            continue
        if event.stage is Stage.NEW:
            begun[event.number] = event
        elif event.stage is Stage.END and event.number in begun:
            del begun[event.number]
            found.append(_stretch(event, (event.end_ms or event.timestamp_ms) / 1000))
    found += [_stretch(event, until_s) for event in begun.values()]
    return sorted(found, key=lambda stretch: (stretch.person_id, stretch.start_s))


def posture_at(stretches: Sequence[Reported], at_s: float) -> PostureClass | None:
    """Return the posture reported of a moment, of whoever was there first; None: none was."""
    return next((s.posture for s in stretches if s.start_s <= at_s < s.end_s), None)


def _stretch(event: Event, end_s: float) -> Reported:
    assert event.person_id is not None
    return Reported(
        event.start_ms / 1000, end_s, PostureClass(str(event.details["posture"])), event.person_id
    )


def _from_first(event: Event, first_ms: int) -> Event:
    return replace(
        event,
        timestamp_ms=event.timestamp_ms - first_ms,
        start_ms=event.start_ms - first_ms,
        end_ms=None if event.end_ms is None else event.end_ms - first_ms,
    )
