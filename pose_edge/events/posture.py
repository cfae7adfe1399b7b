"""Posture: standing, sitting, bending or lying, one event for each stretch of it.

Begins when a class has outweighed all others over the last `smoothing_s` for `min_hold_s`, each moment
weighing as much as it is certain, and for longer where the moments are less certain. Ends when another
class has won in the same way, or the person is gone. Hidden parts make a moment `unknown`; unknown for
twice as long ends the event and begins none, since not to know something does not say that it changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from pydantic import Field

from pose_edge.events.ending import ended
from pose_edge.options import Options
from pose_edge.records import Event, Posture, PostureClass, Scene, Stage
from pose_edge.signals import GAP_MS

GONE_MS: Final = 2000
GONE_LYING_MS: Final = 60_000
"""The pose of somebody on the floor is often lost; they still lie there."""

UNKNOWN_HOLD: Final = 2.0
"""How many times as long as another class "unknown" must win to end a posture."""

LEAST_CERTAIN: Final = 0.25
"""Less certain moments count as this certain: four times the hold is the longest anybody waits."""


class PostureOptions(Options):
    """Options under ``events.posture``."""

    smoothing_s: float = Field(0.7, ge=0, le=10)
    """Moments of this long vote."""

    min_hold_s: float = Field(0.7, ge=0, le=60)
    """How long a class must win before it is reported if all moments are certain; twice as long where
    they are half certain."""


class _Vote(NamedTuple):
    at_ms: int
    posture_class: PostureClass
    weight: float


class _Person:
    """The vote and the verdict on one person."""

    def __init__(self) -> None:
        self.votes: deque[_Vote] = deque()
        self.weights: dict[PostureClass, float] = {}
        self.current: Event | None = None
        self.told = PostureClass.UNKNOWN
        """The class `current` tells; unknown where there is none."""
        self.leading: PostureClass | None = None
        self.leading_since_ms = 0
        self.seen_ms = 0

    def vote(self, posture: Posture, window_ms: float) -> None:
        """Take in one moment."""
        now_ms = posture.timestamp_ms
        if now_ms - self.seen_ms > GAP_MS:
            self.votes.clear()
            self.weights.clear()
            self.leading = None
        self.seen_ms = now_ms
        self._add(_Vote(now_ms, posture.posture_class, max(LEAST_CERTAIN, posture.confidence)))
        while now_ms - self.votes[0].at_ms > window_ms:
            gone = self.votes.popleft()
            self.weights[gone.posture_class] -= gone.weight
        self._find_leader()

    @property
    def confidence(self) -> float:
        """How certain the leading class is: the mean over the window, other classes being wrong."""
        assert self.leading is not None
        return self.weights[self.leading] / len(self.votes)

    def _add(self, vote: _Vote) -> None:
        self.votes.append(vote)
        self.weights[vote.posture_class] = self.weights.get(vote.posture_class, 0.0) + vote.weight

    def _find_leader(self) -> None:
        leader = max(self.weights, key=self.weights.__getitem__)
        # What is left of a class that has gone is rounding; to overtake takes more than that.
        if leader is self.leading or self.weights[leader] <= self.weights.get(self.leading, 0.0) + 1e-9:  # type: ignore[arg-type]  # None is in no mapping
            return
        self.leading = leader
        # It began where most speaks for it from there on: a stray moment before that is none of it.
        balance = most = 0.0
        for vote in reversed(self.votes):
            balance += vote.weight if vote.posture_class is leader else -vote.weight
            if balance > most:
                most, self.leading_since_ms = balance, vote.at_ms


class PostureDetector:
    """See the module. Each person has events of their own."""

    kind = "posture"

    def __init__(self, options: PostureOptions, numbers: Iterator[int]) -> None:
        self._options = options
        self._numbers = numbers
        self._people: dict[int, _Person] = {}

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        events: list[Event] = []
        for posture in scene.people:
            events += self._see(posture)
        if len(self._people) > len(scene.people):
            events += self._forget(scene)
        return tuple(events)

    def _see(self, posture: Posture) -> tuple[Event, ...]:
        person = self._people.get(posture.person_id)
        if person is None:
            person = self._people[posture.person_id] = _Person()
        for moment in (*posture.earlier, posture):
            person.vote(moment, self._options.smoothing_s * 1000)
        leading = person.leading
        if leading is person.told or posture.posture_class is not leading:
            return ()
        held_ms = posture.timestamp_ms - person.leading_since_ms
        return self._change(person, posture, leading) if held_ms >= self._hold_ms(person) else ()

    def _hold_ms(self, person: _Person) -> float:
        """How long the leading class must have led: the longer, the less certain it is."""
        hold_ms = self._options.min_hold_s * 1000 / person.confidence
        return UNKNOWN_HOLD * hold_ms if person.leading is PostureClass.UNKNOWN else hold_ms

    def _change(self, person: _Person, posture: Posture, winner: PostureClass) -> tuple[Event, ...]:
        previous = person.told
        ended = self._finish(person, posture.timestamp_ms, person.leading_since_ms, "changed")
        if winner is PostureClass.UNKNOWN:
            return ended
        person.told = winner
        person.current = Event(
            kind=self.kind,
            event_type="posture_started",
            stage=Stage.NEW,
            number=next(self._numbers),
            timestamp_ms=posture.timestamp_ms,
            start_ms=person.leading_since_ms,
            person_id=posture.person_id,
            confidence=round(person.confidence, 2),
            reason="held",
            details={"posture": winner.value, "previous_posture": previous.value},
            evidence=self._evidence(posture, person),
        )
        return (*ended, person.current)

    def _finish(self, person: _Person, now_ms: int, end_ms: int, reason: str) -> tuple[Event, ...]:
        begun, person.current, person.told = person.current, None, PostureClass.UNKNOWN
        if begun is None:
            return ()
        held = {"held_s": round((end_ms - begun.start_ms) / 1000, 2)}
        return (ended(begun, "posture_ended", now_ms, end_ms, reason, held),)

    def _forget(self, scene: Scene) -> tuple[Event, ...]:
        """End what is known of people who are gone."""
        events: list[Event] = []
        for person_id, person in list(self._people.items()):
            lying = person.told is PostureClass.LYING
            if scene.timestamp_ms - person.seen_ms > (GONE_LYING_MS if lying else GONE_MS):
                events += self._finish(person, scene.timestamp_ms, person.seen_ms, "gone")
                del self._people[person_id]
        return tuple(events)

    def _evidence(self, posture: Posture, person: _Person) -> dict[str, float | None]:
        body = posture.body
        measured = {
            "torso_tilt_deg": body.torso_tilt_deg,
            "thigh_deg": body.thigh_deg,
            "hip_deg": body.hip_deg,
            "knee_deg": body.knee_deg,
            "hips_above_ankles": posture.hips_above_ankles,
            "head_above_ankles": posture.head_above_ankles,
        }
        return {
            **{name: None if value is None else round(value, 2) for name, value in measured.items()},
            "certainty": round(person.confidence, 2),
            "moments": len(person.votes),
            "smoothing_s": self._options.smoothing_s,
            "min_hold_s": self._options.min_hold_s,
        }
