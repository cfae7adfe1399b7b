"""What one clip's events are worth, held against its labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pose_edge.evaluation.manifest import CLASS_OF_LABEL, Clip, FallLabel
from pose_edge.evaluation.measures import Confusion
from pose_edge.evaluation.playing import Moment, Played, posture_at, reported_postures
from pose_edge.evaluation.words import meaning
from pose_edge.records import Event, PostureClass, Stage

LATE_S: Final = 4.0
"""How long after the body is at rest a suspicion counts; a confirmation has `confirm_s` more."""

CHANGE_S: Final = 0.3
"""Moments this near a change of label are left out: the labels are good to 0.2 s."""

SUSPECTED: Final = "fall_suspected"
CONFIRMED: Final = "fall_confirmed"


@dataclass(frozen=True, slots=True)
class FallVerdict:
    """What became of one labelled fall. Seconds from the first frame; None: it never was."""

    label: FallLabel
    suspected_s: float | None
    """When it was suspected, with the last frame held."""
    confirmed_s: float | None
    as_is: bool
    """Whether it was suspected within the clip as it is."""
    reason: str = ""
    """Of the event that suspected it."""

    @property
    def floor(self) -> bool:
        """Whether it is no matter of taste that this is a fall."""
        return not self.label.ambiguous


Decision = Literal["fall", "late", "false_alarm", "meets", "violates", "right", "wrong", "unjudged"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One event and what it was worth."""

    event: Event
    in_hold: bool
    decision: Decision
    about: str = ""
    """What it was held against: `falls[0]`, a word of the manifest, a label."""


@dataclass(frozen=True, slots=True)
class WordVerdict:
    """One word of `expect` or `never`."""

    word: str
    said_s: float | None
    """When it was said first; None: it never was."""
    judged: bool
    """False: nobody knows what the word means."""


@dataclass(frozen=True, slots=True)
class PostureVerdict:
    """The moments of a clip against its posture labels."""

    reported: Confusion
    """What the events say of each moment: from when a posture began, not from when that was certain."""
    at_the_time: Confusion
    """What `state` said when the moment was now: the delay of the decision counts as wrong."""
    memoryless: Confusion
    """What the picture alone says."""


@dataclass(frozen=True, slots=True)
class ClipResult:
    """One clip, judged."""

    clip: Clip
    played: Played
    falls: tuple[FallVerdict, ...]
    events: tuple[Judged, ...]
    expect: tuple[WordVerdict, ...]
    never: tuple[WordVerdict, ...]
    posture: PostureVerdict
    from_cache: bool = False
    sha256_matches: bool | None = None
    """Whether this is the file the labels were made on; None: the manifest does not say."""

    @property
    def is_fall_clip(self) -> bool:
        """Whether it holds a labelled fall."""
        return bool(self.clip.falls)

    def false_alarms(self, event_type: str) -> tuple[Event, ...]:
        """Return the events of that type that no labelled fall explains, hold included."""
        return tuple(
            judged.event
            for judged in self.events
            if judged.decision == "false_alarm" and judged.event.event_type == event_type
        )

    def presence_wrong_s(self) -> tuple[float, float]:
        """Return for how long of the clip presence was told wrongly, and of how long that is labelled.

        `nobody` is labelled, or somebody who does something; moments without a label, and `partial` ones,
        are left out. Not to have decided yet is wrong where somebody is there.
        """
        wrong_s = labelled_s = 0.0
        for moment, lasts_s in self._lasting():
            words = {s.label for s in self.clip.posture if s.t0 <= moment.at_s < s.t1}
            if not words or "partial" in words:
                continue
            labelled_s += lasts_s
            wrong_s += lasts_s * (bool(moment.occupied) is (words == {"nobody"}))
        return wrong_s, labelled_s

    def present_s(self) -> float:
        """Return for how long of the clip somebody counted as present."""
        return sum(lasts_s for moment, lasts_s in self._lasting() if moment.occupied)

    def _lasting(self) -> Iterator[tuple[Moment, float]]:
        """Yield each moment and the seconds until the next one."""
        moments = self.played.moments
        ends_s = (*(moment.at_s for moment in moments[1:]), self.played.duration_s)
        yield from ((moment, end_s - moment.at_s) for moment, end_s in zip(moments, ends_s, strict=True))


def judge(
    clip: Clip,
    played: Played,
    confirm_s: float,
    from_cache: bool = False,
    sha256_matches: bool | None = None,
) -> ClipResult:
    """Return what `played` is worth; `confirm_s` is how long a suspicion takes to be confirmed."""
    falls, explained = _falls(clip, played, confirm_s)
    expect = tuple(_word(word, played) for word in clip.expect)
    never = tuple(_word(word, played) for word in clip.never)
    return ClipResult(
        clip=clip,
        played=played,
        falls=falls,
        events=tuple(_judge_event(event, clip, played, explained) for event in played.events),
        expect=expect,
        never=never,
        posture=posture_verdict(clip, played),
        from_cache=from_cache,
        sha256_matches=sha256_matches,
    )


def truth_at(clip: Clip, at_s: float) -> PostureClass | None:
    """Return the labelled class of a moment; None: none of the four, near a change, or disputed."""
    here = {CLASS_OF_LABEL.get(s.label) for s in clip.posture if s.t0 <= at_s < s.t1}
    if len(here) != 1:
        return None
    [posture] = here
    return None if posture is None or _near_change(clip, at_s, posture) else posture


def _near_change(clip: Clip, at_s: float, posture: PostureClass) -> bool:
    """Return whether another class, or a gap, begins or ends within `CHANGE_S`.

    Beginning and end of the clip change nothing: nothing is labelled before 0, and moments end with it.
    """
    first_s, last_s = 0.0, max(stretch.t1 for stretch in clip.posture)
    for edge_s in (at_s - CHANGE_S, at_s + CHANGE_S):
        if not first_s <= edge_s < last_s:
            continue
        there = {CLASS_OF_LABEL.get(s.label) for s in clip.posture if s.t0 <= edge_s < s.t1}
        if there != {posture}:
            return True
    return False


def posture_verdict(clip: Clip, played: Played) -> PostureVerdict:
    """Return how each labelled moment of the clip as it is was told."""
    verdict = PostureVerdict(Confusion(), Confusion(), Confusion())
    stretches = reported_postures(played.own_events, played.duration_s)
    for moment in played.moments:
        truth = truth_at(clip, moment.at_s)
        if truth is None:
            continue
        verdict.reported.add(truth, posture_at(stretches, moment.at_s))
        verdict.at_the_time.add(truth, moment.told)
        verdict.memoryless.add(truth, moment.seen)
    return verdict


def _falls(
    clip: Clip, played: Played, confirm_s: float
) -> tuple[tuple[FallVerdict, ...], dict[int, tuple[str, bool]]]:
    """Return what became of each labelled fall, and which events (by number) they explain, how late.

    What is told under one number tells of the fall that began last before it was first told.
    """
    labels = sorted(clip.falls, key=lambda fall: fall.start)
    explained: dict[int, tuple[str, bool]] = {}
    verdicts = []
    for index, label in enumerate(labels):
        next_s = labels[index + 1].start if index + 1 < len(labels) else math.inf
        until_s = label.on_ground + confirm_s + LATE_S
        first_s: dict[int, float] = {}
        for event in _fall_events(played):
            first_s.setdefault(event.number, event.timestamp_ms / 1000)
        numbers = {n for n, at_s in first_s.items() if label.start <= at_s < next_s and at_s <= until_s}
        ours = [event for event in _fall_events(played) if event.number in numbers]
        # A confirmation without a suspicion before it (a call for help) tells of the fall as well.
        suspected = _first(ours, {SUSPECTED, CONFIRMED}, label.on_ground + LATE_S)
        confirmed = _first(ours, {CONFIRMED}, until_s)
        late = suspected is None and confirmed is None
        explained |= dict.fromkeys(numbers, (f"falls[{index}]", late))
        verdicts.append(
            FallVerdict(
                label,
                suspected_s=suspected.timestamp_ms / 1000 if suspected else None,
                confirmed_s=confirmed.timestamp_ms / 1000 if confirmed else None,
                as_is=suspected is not None and not played.in_hold(suspected),
                reason=suspected.reason if suspected else "",
            )
        )
    return tuple(verdicts), explained


def _fall_events(played: Played) -> Iterator[Event]:
    return (event for event in played.events if event.event_type in (SUSPECTED, CONFIRMED))


def _first(events: list[Event], types: set[str], until_s: float) -> Event | None:
    return next((e for e in events if e.event_type in types and e.timestamp_ms / 1000 <= until_s), None)


def _word(word: str, played: Played) -> WordVerdict:
    known = meaning(word)
    if known is None:
        return WordVerdict(word, None, judged=False)
    events = played.events if known.with_hold else played.own_events
    said = next((event for event in events if known.said_by(event)), None)
    return WordVerdict(word, None if said is None else said.timestamp_ms / 1000, judged=True)


def _judge_event(event: Event, clip: Clip, played: Played, explained: dict[int, tuple[str, bool]]) -> Judged:
    in_hold = played.in_hold(event)
    if event.event_type in (SUSPECTED, CONFIRMED):
        about, late = explained.get(event.number, ("", False))
        return Judged(event, in_hold, ("late" if late else "fall") if about else "false_alarm", about)
    for words, decision in ((clip.never, "violates"), (clip.expect, "meets")):
        for word in words:
            known = meaning(word)
            if known is not None and known.said_by(event) and (known.with_hold or not in_hold):
                return Judged(event, in_hold, "violates" if decision == "violates" else "meets", word)
    return _judge_posture(event, clip, played, in_hold)


def _judge_posture(event: Event, clip: Clip, played: Played, in_hold: bool) -> Judged:
    """Hold a posture that begins against the label of the moment at which it was decided."""
    if event.kind != "posture" or event.stage is not Stage.NEW or in_hold:
        return Judged(event, in_hold, "unjudged")
    truth = truth_at(clip, min(event.timestamp_ms / 1000, played.moments[-1].at_s))
    if truth is None:
        return Judged(event, in_hold, "unjudged")
    return Judged(event, in_hold, "right" if event.details.get("posture") == truth else "wrong", truth.value)
