"""Posture: standing, sitting, bending or lying, one event for each stretch of it.

Begins when most moments of the last `smoothing_s` say so and have done for `min_hold_s`. Ends when
another class has won in the same way, or the person is gone. Hidden parts make a moment `unknown`;
unknown for as long ends the event and begins none.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from pydantic import Field

from pose_edge.options import Options
from pose_edge.records import Event, Posture, PostureClass, Scene, Stage

GAP_MS: Final = 1000
"""A longer silence breaks "held for"."""

GONE_MS: Final = 2000
GONE_LYING_MS: Final = 60_000
"""The pose of somebody on the floor is often lost; they still lie there."""


class PostureOptions(Options):
    """Options under ``events.posture``."""

    smoothing_s: float = Field(0.7, ge=0, le=10)
    """Moments of this long vote."""

    min_hold_s: float = Field(1.0, ge=0, le=60)
    """How long a class must keep winning before it is reported."""


class _Person:
    """The vote and the verdict on one person."""

    def __init__(self) -> None:
        self.votes: deque[Posture] = deque()
        self.current: Event | None = None
        self.leading: PostureClass | None = None
        self.leading_since_ms = 0
        self.seen_ms = 0

    def vote(self, posture: Posture, window_ms: float) -> tuple[PostureClass, float, int]:
        """Return the winner of the window, its share of the votes and its oldest moment."""
        self.votes.append(posture)
        while posture.timestamp_ms - self.votes[0].timestamp_ms > window_ms:
            self.votes.popleft()
        counts = Counter(vote.posture_class for vote in self.votes)
        winner, count = max(counts.items(), key=lambda item: (item[1], item[0] is self.leading))
        first_ms = next(vote.timestamp_ms for vote in self.votes if vote.posture_class is winner)
        return winner, count / len(self.votes), first_ms


class PostureDetector:
    """See the module. Each person has events of their own."""

    kind = "posture"

    def __init__(self, options: PostureOptions, numbers: Iterator[int]) -> None:
        self._options = options
        self._numbers = numbers
        self._people: dict[int, _Person] = {}

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        seen = [event for posture in scene.people for event in self._see(posture)]
        return (*seen, *self._forget(scene))

    def _see(self, posture: Posture) -> tuple[Event, ...]:
        person = self._people.setdefault(posture.person_id, _Person())
        if posture.timestamp_ms - person.seen_ms > GAP_MS:
            person.votes.clear()
            person.leading = None
        person.seen_ms = posture.timestamp_ms
        winner, share, first_ms = person.vote(posture, self._options.smoothing_s * 1000)
        if winner is not person.leading:
            person.leading, person.leading_since_ms = winner, first_ms
        held_ms = posture.timestamp_ms - person.leading_since_ms
        settled = posture.posture_class is winner and held_ms >= self._options.min_hold_s * 1000
        if not settled or winner is _class_of(person.current):
            return ()
        return self._change(person, posture, winner, share)

    def _change(
        self, person: _Person, posture: Posture, winner: PostureClass, share: float
    ) -> tuple[Event, ...]:
        previous = _class_of(person.current)
        ended = self._finish(person, posture.timestamp_ms, person.leading_since_ms, "changed")
        if winner is PostureClass.UNKNOWN:
            return ended
        person.current = Event(
            kind=self.kind,
            event_type="posture_started",
            stage=Stage.NEW,
            number=next(self._numbers),
            timestamp_ms=posture.timestamp_ms,
            start_ms=person.leading_since_ms,
            person_id=posture.person_id,
            confidence=round(share * posture.confidence, 2),
            reason="held",
            details={"posture": winner.value, "previous_posture": previous.value},
            evidence=self._evidence(posture, share),
        )
        return (*ended, person.current)

    def _finish(self, person: _Person, now_ms: int, end_ms: int, reason: str) -> tuple[Event, ...]:
        begun, person.current = person.current, None
        if begun is None:
            return ()
        return (
            Event(
                kind=self.kind,
                event_type="posture_ended",
                stage=Stage.END,
                number=begun.number,
                timestamp_ms=now_ms,
                start_ms=begun.start_ms,
                end_ms=max(end_ms, begun.start_ms),
                person_id=begun.person_id,
                confidence=begun.confidence,
                reason=reason,
                details=begun.details,
                evidence={"held_s": round((end_ms - begun.start_ms) / 1000, 2)},
            ),
        )

    def _forget(self, scene: Scene) -> tuple[Event, ...]:
        """End what is known of people who are gone."""
        events: list[Event] = []
        for person_id, person in list(self._people.items()):
            lying = _class_of(person.current) is PostureClass.LYING
            if scene.timestamp_ms - person.seen_ms > (GONE_LYING_MS if lying else GONE_MS):
                events += self._finish(person, scene.timestamp_ms, person.seen_ms, "gone")
                del self._people[person_id]
        return tuple(events)

    def _evidence(self, posture: Posture, share: float) -> dict[str, float | None]:
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
            "vote_share": round(share, 2),
            "min_hold_s": self._options.min_hold_s,
        }


def _class_of(event: Event | None) -> PostureClass:
    return PostureClass.UNKNOWN if event is None else PostureClass(str(event.details["posture"]))
