"""Rules: what the user's own conditions say of each person, or of everybody together.

Begins when a rule's condition has been so for its `for`, ends when it has not been for its `clear`, or
when the person is gone. A hidden part makes the condition unknown: nothing begins, nothing ends, until
that has lasted longer than it had to hold (`life.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pose_edge.events.rules.checks import Check, Ground, Leaf, named
from pose_edge.events.rules.life import Change, Life, Spans
from pose_edge.events.rules.options import PREFIX, RuleBase, RulesOptions, points_that_move
from pose_edge.events.rules.paths import Paths
from pose_edge.events.rules.words import when_in_words
from pose_edge.records import Event, Posture, Scalar, Scene, Stage, Zone
from pose_edge.tracking import KEEP_LYING_MS

GONE_MS: Final = KEEP_LYING_MS
"""The tracker gives nobody their id back after longer than this."""

REASONS: Final = {Change.OVER: "over", Change.UNKNOWN: "unknown"}


@dataclass(slots=True)
class _Case:
    """A rule on one person, or on everybody."""

    life: Life
    seen_ms: int = 0
    begun: Event | None = None


class _Rule:
    """One rule and whom it is about."""

    def __init__(self, name: str, rule: RuleBase, ground: Ground, numbers: Iterator[int]) -> None:
        self.kind = f"{PREFIX}{name}"
        self._rule = rule
        self._numbers = numbers
        self._check: Check = ground.check(rule.when)
        self._leaves: tuple[tuple[str, Leaf], ...] = named(self._check.leaves())
        self._spans = Spans(rule.for_s * 1000, rule.clear * 1000, rule.refractory * 1000)
        self._each = rule.who == "each" and any(leaf.of_person for _, leaf in self._leaves)
        self._of_scene = not any(leaf.of_person for _, leaf in self._leaves)
        self._message = rule.message or when_in_words(rule.when)
        self._quiet_until_ms = -math.inf
        self.cases: dict[int | None, _Case] = {}

    def update(self, scene: Scene) -> list[Event]:
        """Return what begins and ends at this moment."""
        if not self._each:
            return self._together(scene)
        events: list[Event] = []
        now_ms, cases = scene.timestamp_ms, self.cases
        seen = 0
        for who in scene.people:
            case = cases.get(who.person_id)
            so = self._check.holds(who, scene, case is not None and case.life.active)
            if case is None:
                if not so:
                    continue
                case = self._case(who.person_id)
            seen += 1
            case.seen_ms = now_ms
            change = case.life.update(so, now_ms)
            if change is not None:
                events.append(self._told(case, change, who, scene))
        return events if seen == len(cases) else events + self._unseen(scene)

    def _together(self, scene: Scene) -> list[Event]:
        """Ask whether it is so of the scene, or of anybody in it."""
        case = self.cases.get(None) or self._case(None)
        so, who = self._anybody(scene, case)
        change = case.life.update(so, scene.timestamp_ms)
        return [] if change is None else [self._told(case, change, who, scene)]

    def _anybody(self, scene: Scene, case: _Case) -> tuple[bool | None, Posture | None]:
        if self._of_scene:
            return self._check.holds(None, scene, case.life.active), None
        unknown = False
        for who in scene.people:
            so = self._check.holds(who, scene, case.life.active)
            if so:
                return True, who
            unknown = unknown or so is None
        return (None if unknown else False), None

    def _case(self, key: int | None) -> _Case:
        case = _Case(Life(self._spans, self._quiet_until_ms))
        self.cases[key] = case
        return case

    def _unseen(self, scene: Scene) -> list[Event]:
        """Wait for people who are not in sight, and give them up after a while."""
        events: list[Event] = []
        now_ms = scene.timestamp_ms
        for key, case in list(self.cases.items()):
            if case.seen_ms == now_ms:
                continue
            case.life.before = None
            if now_ms - case.seen_ms > GONE_MS:
                del self.cases[key]
                # Whoever comes back gets another id; that must not ring at once.
                change = case.life.end(Change.UNKNOWN, now_ms, case.life.known_ms or 0)
                self._quiet_until_ms = max(self._quiet_until_ms, case.life.quiet_until_ms)
                if change is not None:
                    events.append(self._over(case, None, scene, "gone"))
        return events

    def _told(self, case: _Case, change: Change, who: Posture | None, scene: Scene) -> Event:
        if change is not Change.BEGUN:
            return self._over(case, who, scene, REASONS[change])
        begun_ms = case.life.begun_ms
        case.begun = Event(
            kind=self.kind,
            event_type=self.kind,
            stage=Stage.NEW,
            number=next(self._numbers),
            timestamp_ms=scene.timestamp_ms,
            start_ms=begun_ms,
            person_id=None if who is None else who.person_id,
            zone=self._zone(who, scene),
            severity=self._rule.severity,
            confidence=self._confidence(case.life, who, scene.timestamp_ms),
            reason="held",
            details={"message": self._message},
            evidence={
                **self._evidence(who, scene, active=False),
                "held_s": round(case.life.held.ms / 1000, 2),
                "limit_held_s": self._rule.for_s,
            },
        )
        return case.begun

    def _over(self, case: _Case, who: Posture | None, scene: Scene, reason: str) -> Event:
        begun, case.begun = case.begun, None
        assert begun is not None
        return Event(
            kind=self.kind,
            event_type=self.kind,
            stage=Stage.END,
            number=begun.number,
            timestamp_ms=scene.timestamp_ms,
            start_ms=begun.start_ms,
            end_ms=case.life.ended_ms,
            person_id=begun.person_id,
            zone=begun.zone,
            confidence=begun.confidence,
            reason=reason,
            details=begun.details,
            evidence={
                **self._evidence(who, scene, active=True),
                "held_s": round((case.life.ended_ms - begun.start_ms) / 1000, 2),
                "limit_clear_s": self._rule.clear,
            },
        )

    def _evidence(self, who: Posture | None, scene: Scene, active: bool) -> dict[str, Scalar]:
        found: dict[str, Scalar] = {}
        for name, leaf in self._leaves:
            found[name] = _plain(leaf.read(who, scene)) if who or not leaf.of_person else None
            found[f"limit_{name}"] = leaf.limit(active)
        return found

    def _zone(self, who: Posture | None, scene: Scene) -> str | None:
        """Return the zone the rule speaks of, where the person is in it."""
        for name, leaf in self._leaves:
            if name == "zone" and who is not None:
                return leaf.read(who, scene) or None
            if name.startswith("people_in_") and len(leaf.zones) == 1:
                return leaf.zones[0]
        return None

    def _confidence(self, life: Life, who: Posture | None, now_ms: int) -> float:
        """How much of the time it was certainly so, times how well the person was seen."""
        share = min(1.0, life.held.ms / max(1, now_ms - life.begun_ms))
        return round(share * (1.0 if who is None else min(1.0, who.body.visibility)), 2)


class Rules:
    """See the module. One rule after the other, in the order of the file."""

    kind = "rules"

    def __init__(self, options: RulesOptions, numbers: Iterator[int], zones: tuple[Zone, ...]) -> None:
        rules = options.rules()
        self._paths = Paths(point for rule in rules.values() for point in points_that_move(rule))
        ground = Ground(zones, self._paths)
        self._rules = [_Rule(name, rule, ground, numbers) for name, rule in rules.items()]

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        if not self._rules:
            return ()
        self._paths.update(scene)
        return tuple([event for rule in self._rules for event in rule.update(scene)])


def _plain(value: object) -> Scalar:
    if isinstance(value, str):
        return str(value)
    return round(value, 3) if isinstance(value, float) else value  # type: ignore[return-value]  # a count or None
