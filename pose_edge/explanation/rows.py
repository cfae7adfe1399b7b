"""Rows of states below the panels: postures, presence, falls; zones, rules, gestures, repetitions.

What never was takes no room: no zone drawn, no rule written, no gesture made - no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from pose_edge.events.rules.options import PREFIX
from pose_edge.explanation.marks import CHIPS
from pose_edge.explanation.page import INK, PEOPLE, WHITE, Axis
from pose_edge.explanation.timeline import Sample, Timeline, stretches
from pose_edge.overlay.text import Colour
from pose_edge.records import Event, PostureClass, Scalar, Stage

BANDED: Final = 3
"""People whose postures are shown as bands; beyond that nobody could read them."""
MOST: Final = 8
"""Zones, and rules, that have a row; those in which something happened come first."""
SEVERAL: Final[Colour] = (90, 90, 90)
"""Of several people at once, and of those without a colour."""

WORDS: Final[Mapping[Scalar, tuple[Colour, Colour]]] = {
    PostureClass.STANDING.value: ((0, 158, 115), WHITE),
    PostureClass.SITTING.value: ((86, 180, 233), INK),
    PostureClass.BENDING.value: ((240, 228, 66), INK),
    PostureClass.LYING.value: ((213, 94, 0), WHITE),
    PostureClass.UNKNOWN.value: ((200, 202, 206), INK),
    "present": ((0, 114, 178), WHITE),
    "nobody": ((200, 202, 206), INK),
    "suspected": ((230, 159, 0), INK),
    "confirmed": ((190, 30, 45), WHITE),
    "true": ((186, 212, 232), INK),
    "hidden": ((228, 229, 232), INK),
}
"""Colour of a stretch, and of the word on it; other words leave the ground."""


@dataclass(frozen=True, slots=True)
class Paint:
    """How a stretch is drawn."""

    ground: Colour
    ink: Colour
    words: tuple[str, ...] = ()
    """The first one that fits is written."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of states."""

    label: str
    marked: Sequence[tuple[float, float, Scalar]]
    """From, to, what was so."""
    paint: Callable[[Scalar], Paint | None]
    """None: the ground stays."""


def rows_of(timeline: Timeline, axis: Axis) -> list[Row]:
    """Return the rows of a timeline; what there was nothing of in this part of the time is left out."""
    return [
        *_of_people(timeline),
        *_zones(timeline, axis),
        *_rules(timeline, axis),
        *_gestures(timeline, axis),
        *_repetitions(timeline, axis),
    ]


def _by_word(word: Scalar) -> Paint | None:
    return Paint(*WORDS[word], (str(word),)) if word in WORDS else None


def _row(
    timeline: Timeline,
    label: str,
    word: Callable[[Sample], Scalar],
    paint: Callable[[Scalar], Paint | None] = _by_word,
) -> Row:
    return Row(label, stretches(((s.at_s, word(s)) for s in timeline.samples), timeline.duration_s), paint)


def _of_people(timeline: Timeline) -> Iterator[Row]:
    people = timeline.people()[:BANDED]
    for person_id in people or (0,):
        whose = f", person {person_id}" if len(people) > 1 else ""
        seen, told = ("seen", "told") if whose else ("posture seen", "posture told")
        yield _row(timeline, f"{seen}{whose}", partial(Sample.seen_posture, person_id=person_id))
        yield _row(timeline, f"{told}{whose}", partial(Sample.told_posture, person_id=person_id))
    yield _row(timeline, "person present", _present)
    yield _row(timeline, "fall", _fall)


def _present(sample: Sample) -> Scalar:
    occupied = sample.state.occupied
    return None if occupied is None else "present" if occupied else "nobody"


def _fall(sample: Sample) -> Scalar:
    return sample.state.fall


def _zones(timeline: Timeline, axis: Axis) -> Iterator[Row]:
    """One a zone: who is in it, as `state` tells it."""

    def inside(sample: Sample, zone: str) -> Scalar:
        return _listed(stay.person_id for stay in sample.state.stays if stay.zone == zone)

    named = partial(_person, timeline)
    rows = [_row(timeline, f"in {z.name}", partial(inside, zone=z.name), named) for z in timeline.zones]
    yield from _liveliest(rows, axis)


def _rules(timeline: Timeline, axis: Axis) -> Iterator[Row]:
    """One a rule: when it was so, and from when to when that was an event."""
    spans, rows = _spans(timeline), []
    for name, so in timeline.rules.items():
        kind = f"{PREFIX}{name}"
        events = [span for span in spans if span.event.kind == kind]

        def word(at_s: float, now: bool | None, events: Sequence[_Span] = events) -> Scalar:
            told = next((span.event.severity for span in events if span.told_s <= at_s < span.end_s), None)
            return told or ("true" if now else "hidden" if now is None else None)

        marked = ((s.at_s, word(s.at_s, now)) for s, now in zip(timeline.samples, so, strict=True))
        rows.append(Row(kind.replace("_", " "), stretches(marked, timeline.duration_s), _of_rule))
    yield from _liveliest(rows, axis)


def _of_rule(word: Scalar) -> Paint | None:
    return Paint(CHIPS[str(word)], WHITE, ("event",)) if word in CHIPS else _by_word(word)


def _gestures(timeline: Timeline, axis: Axis) -> Iterator[Row]:
    """One a gesture that was made: who made it, and for how long."""
    spans = [span for span in _spans(timeline) if span.event.event_type == "gesture"]
    for kind in dict.fromkeys(span.event.kind for span in spans):
        made = [span for span in spans if span.event.kind == kind]
        row = _row(timeline, kind.replace("_", " "), partial(_who, made), partial(_person, timeline))
        if _shows(row, axis):
            yield row


def _repetitions(timeline: Timeline, axis: Axis) -> Iterator[Row]:
    """One an exercise that was done: how many times in each series."""
    spans = [span for span in _spans(timeline) if span.event.kind == "repetition"]
    for name in dict.fromkeys(str(span.event.details["exercise"]) for span in spans):
        done = [span for span in spans if span.event.details["exercise"] == name]
        totals = [(span.start_s, span.end_s, f"{span.event.details['count']} times") for span in done]
        row = _row(timeline, name.replace("_", " "), partial(_at_once, totals), _counted)
        if _shows(row, axis):
            yield row


def _counted(word: Scalar) -> Paint | None:
    return None if word is None else Paint((0, 158, 115), WHITE, (str(word), str(word).split()[0]))


@dataclass(frozen=True, slots=True)
class _Span:
    """One event from its beginning to its end."""

    event: Event
    """As it was told last."""
    start_s: float
    told_s: float
    end_s: float


def _spans(timeline: Timeline) -> list[_Span]:
    """Return the events, one each; those that have not ended last until the timeline does."""
    found: dict[int, _Span] = {}
    for event in timeline.events:
        told_s = found[event.number].told_s if event.number in found else event.timestamp_ms / 1000
        over = event.stage is Stage.END and event.end_ms is not None
        end_s = (event.end_ms or 0) / 1000 if over else timeline.duration_s
        last = found[event.number].event if over and event.number in found else event
        found[event.number] = _Span(last, event.start_ms / 1000, told_s, max(end_s, told_s))
    return list(found.values())


def _who(made: Sequence[_Span], sample: Sample) -> Scalar:
    now = (span.event.person_id for span in made if span.start_s <= sample.at_s < span.end_s)
    return _listed(person_id for person_id in now if person_id is not None)


def _at_once(totals: Sequence[tuple[float, float, str]], sample: Sample) -> Scalar:
    return " + ".join(word for start_s, end_s, word in totals if start_s <= sample.at_s < end_s) or None


def _listed(person_ids: Iterable[int]) -> str | None:
    return ", ".join(map(str, sorted(set(person_ids)))) or None


def _person(timeline: Timeline, listed: Scalar) -> Paint | None:
    """Paint who it was, in the colour of their lines."""
    if listed is None:
        return None
    people = timeline.people()[: len(PEOPLE)]
    colours = [PEOPLE[people.index(one)] for one in people if str(one) == listed]
    words = f"person {listed}" if str(listed).isdecimal() else f"persons {listed}"
    return Paint(colours[0] if colours else SEVERAL, WHITE, (words, str(listed)))


def _shows(row: Row, axis: Axis) -> bool:
    return any(
        row.paint(word) and end_s > axis.start_s and start_s < axis.end_s
        for start_s, end_s, word in row.marked
    )


def _liveliest(rows: Sequence[Row], axis: Axis) -> list[Row]:
    """Return as many as there is room for, in their order."""
    by_life = sorted(range(len(rows)), key=lambda index: not _shows(rows[index], axis))
    return [rows[index] for index in sorted(by_life[:MOST])]
