"""Gestures: both hands raised, one arm raised, a wave.

Each begins when it has been made for long enough, and ends when the hand has been down or at rest for a
moment, or has not been seen for two seconds. A hidden hand begins nothing. The signs are recognised in
`gestures.py`, which the fall detector asks, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pydantic import Field

from pose_edge.gestures import Raised, RaisedLimits, Sign, WaveLimits, Waving
from pose_edge.options import Options
from pose_edge.records import Event, Scene, Severity, Stage
from pose_edge.signals import GAP_MS

FORGET_MS: Final = 3000
"""The tracker keeps people for 2 s who are not seen; one who lies is kept longer, but makes no gesture."""


class GestureOptions(Options):
    """Options of every gesture."""

    enabled: bool = True
    """Whether it is told."""

    refractory_s: float = Field(3.0, ge=0, le=3600)
    """After its end the same person's next one is told only if it begins so much later. 3: the pause in which
    hands are lowered and raised again is one call, not two (judgement)."""


class HandsRaisedOptions(GestureOptions):
    """Options under ``events.hands_raised``: both hands above the eyes, the trunk up."""

    hold_s: float = Field(1.0, ge=0, le=60)
    """How long. 1.0: the development clip with raised hands holds them for 1.3 s, and hands on the head stay
    below 0.1 s. Longer tells fewer of those who only stretch."""

    above_eyes: float = Field(0.1, ge=0, le=2)
    """How far above the eyes the lower wrist must be, in torso lengths of the person (about 0.46 m). It is
    down again 0.15 lower. Hands on the head reach 0.03."""

    top_edge: float = Field(0.3, ge=0, le=5)
    """None begins with a wrist this near the upper edge of the picture: it may be at a shelf, or outside. Set
    to 0 where people stand close to the camera."""


class OneArmRaisedOptions(GestureOptions):
    """Options under ``events.one_arm_raised``: one hand above the eyes, the other one not."""

    enabled: bool = False
    """Whether it is told. Off: one arm goes up at every cupboard."""

    hold_s: float = Field(3.0, ge=0, le=60)
    """How long. 3.0: reaching into a cupboard takes less."""

    above_eyes: float = Field(0.3, ge=0, le=2)
    """How far above the eyes the wrist must be, in torso lengths. 0.3: a hand at the ear is below 0.2."""

    top_edge: float = Field(0.3, ge=0, le=5)
    """As in ``hands_raised``."""


class WaveOptions(GestureOptions):
    """Options under ``events.wave``: a hand above its shoulder that goes to and fro, the trunk up."""

    swing: float = Field(0.3, gt=0, le=2)
    """Least way from one side to the other, in torso lengths; at most 2.0."""

    turns: int = Field(3, ge=2, le=20)
    """How many turns within 3 s, at 0.5 to 3 waves a second. Fewer take talking hands for a wave."""


class _Person:
    """One gesture of one person: the sign, and the event that tells of it."""

    def __init__(self, sign: Sign) -> None:
        self.sign = sign
        self.begun: Event | None = None
        self.ended_ms: int | None = None
        self.seen_ms = 0


class GestureDetector:
    """See the module. Each person has events of their own."""

    def __init__(
        self,
        kind: str,
        options: GestureOptions,
        numbers: Iterator[int],
        sign: Callable[[], Sign],
        severity: Severity = "info",
    ) -> None:
        self.kind = kind
        self._options = options
        self._numbers = numbers
        self._sign = sign
        self._severity = severity
        self._people: dict[int, _Person] = {}
        self._previous_ms: int | None = None

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        if not self._options.enabled or not (scene.people or self._people):
            return ()
        now_ms, previous_ms = scene.timestamp_ms, self._previous_ms
        self._previous_ms = now_ms
        step_ms = 0 if previous_ms is None else min(now_ms - previous_ms, GAP_MS)
        events: list[Event] = []
        for posture in scene.people:
            person = self._people.get(posture.person_id)
            if person is None:
                person = self._people[posture.person_id] = _Person(self._sign())
            person.seen_ms = now_ms
            person.sign.see(posture, scene.width_px, scene.height_px, step_ms)
            if person.sign.active or person.begun is not None:
                events += self._tell(person, posture.person_id, now_ms)
        if len(self._people) > len(scene.people):
            events += self._miss(now_ms, step_ms)
        return tuple(events)

    def _miss(self, now_ms: int, step_ms: int) -> list[Event]:
        """Let time pass for those who are not seen, and forget them in the end."""
        events: list[Event] = []
        for person_id, person in list(self._people.items()):
            if person.seen_ms == now_ms:
                continue
            person.sign.miss(step_ms)
            events += self._tell(person, person_id, now_ms)
            if now_ms - person.seen_ms > FORGET_MS and person.begun is None:
                del self._people[person_id]
        return events

    def _tell(self, person: _Person, person_id: int, now_ms: int) -> tuple[Event, ...]:
        sign = person.sign
        if person.begun is None and sign.active and self._may_begin(person):
            person.begun = self._event(sign, Stage.NEW, person_id, now_ms, next(self._numbers))
            return (person.begun,)
        if person.begun is not None and not sign.active:
            ended = self._event(sign, Stage.END, person_id, now_ms, person.begun.number)
            person.begun, person.ended_ms = None, sign.ended_ms
            return (ended,)
        return ()

    def _may_begin(self, person: _Person) -> bool:
        """Whether the gesture began late enough after the last one."""
        quiet_ms = 1000 * self._options.refractory_s
        return person.ended_ms is None or person.sign.began_ms - person.ended_ms >= quiet_ms

    def _event(self, sign: Sign, stage: Stage, person_id: int, now_ms: int, number: int) -> Event:
        over = stage is Stage.END
        return Event(
            kind=self.kind,
            event_type="gesture",
            stage=stage,
            number=number,
            timestamp_ms=now_ms,
            start_ms=sign.began_ms,
            end_ms=sign.ended_ms if over else None,
            person_id=person_id,
            severity="info" if over else self._severity,
            confidence=sign.confidence,
            reason="over" if over else "held",
            details={"gesture": self.kind, **sign.details()},
            evidence=sign.measured(),
        )


def hands_raised(options: HandsRaisedOptions, numbers: Iterator[int]) -> GestureDetector:
    """Return the detector of both hands: whoever holds them up may call for help."""
    limits = RaisedLimits(2, options.above_eyes, options.hold_s, options.top_edge)
    return GestureDetector("hands_raised", options, numbers, lambda: Raised(limits), "warning")


def one_arm_raised(options: OneArmRaisedOptions, numbers: Iterator[int]) -> GestureDetector:
    """Return the detector of a single arm."""
    limits = RaisedLimits(1, options.above_eyes, options.hold_s, options.top_edge)
    return GestureDetector("one_arm_raised", options, numbers, lambda: Raised(limits))


def wave(options: WaveOptions, numbers: Iterator[int]) -> GestureDetector:
    """Return the detector of a waving hand: a greeting as a rule, so nobody is called."""
    limits = WaveLimits(swing=options.swing, turns=options.turns)
    return GestureDetector("wave", options, numbers, lambda: Waving(limits))
