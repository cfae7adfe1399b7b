"""Feeds people to their cases, takes the table's transitions, and tells what follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from pose_edge.events.fall import features
from pose_edge.events.fall.case import Case
from pose_edge.events.fall.options import FallOptions, limits
from pose_edge.events.fall.states import ROWS, TOLD, Phase, Transition
from pose_edge.records import Calibration, Event, Posture, Scalar, Scene, Severity, Stage, Zone
from pose_edge.signals import GAP_MS

MOST_CASES: Final = 16
"""People watched at a time. Beyond it the oldest falls are kept by the daemon's latch alone."""

UNCALIBRATED: Final = 0.9
MOST_LOST: Final = 0.6
MOST: Final = 0.95
"""Confidence is for display: it did not separate falls from false alarms (posture_science 4.1)."""

FLOOR_SCORE: Final = 0.6
"""Of a suspicion without a descent: that somebody lies there is certain, that they fell is not."""


class _Watched:
    """A case, the phase it is in, and the event it is telling."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.phase = Phase.IDLE
        self.begun: Event | None = None

    @property
    def told(self) -> bool:
        """Whether somebody has been told that this person may have fallen."""
        return self.phase in TOLD


class FallDetector:
    """See the package."""

    kind = "fall"

    def __init__(
        self,
        options: FallOptions,
        numbers: Iterator[int],
        zones: tuple[Zone, ...] = (),
        calibration: Calibration | None = None,
    ) -> None:
        """In `zones` with `lying_ok` people may lie as long as they like."""
        self._trust = UNCALIBRATED if calibration is None or calibration.view is None else 1.0
        self._options = options
        self._limits = limits(options)
        self._numbers = numbers
        self._zones = zones
        self._watched: dict[int, _Watched] = {}
        self._previous_ms: int | None = None

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        step_ms = self._step_ms(scene.timestamp_ms)
        seen = {posture.person_id: posture for posture in scene.people}
        for new in scene.people:
            if new.person_id not in self._watched:
                self._welcome(new, seen)
        standing = {who.person_id for who in scene.people if features.is_standing(who)}
        events: list[Event] = []
        for person_id, watched in list(self._watched.items()):
            case, posture = watched.case, seen.get(person_id)
            case.others_stand = len(standing) > (person_id in standing)
            if posture is None:
                case.miss(scene, step_ms)
            else:
                case.see(posture, scene, step_ms)
            events += self._advance(watched)
            if watched.phase is Phase.IDLE and case.gone():
                del self._watched[person_id]
        return tuple(events)

    def clear(self) -> None:
        """Learn that somebody has seen to everybody who fell: nothing more is told of these falls.

        No event follows, because whoever cleared them tells it. Who still lies there is watched in silence
        until they are up again.
        """
        for watched in self._watched.values():
            if watched.told:
                watched.phase, watched.begun = Phase.SEEN_TO, None
                watched.case.enter(told=False)

    def _step_ms(self, now_ms: int) -> int:
        """How much time counts as passed; a longer silence of the camera proves nothing."""
        previous_ms, self._previous_ms = self._previous_ms, now_ms
        return 0 if previous_ms is None else min(now_ms - previous_ms, GAP_MS)

    def _welcome(self, posture: Posture, seen: dict[int, Posture]) -> None:
        """Watch somebody new, who may be somebody lost while down."""
        for person_id, watched in self._watched.items():
            down = watched.told or watched.phase is Phase.SEEN_TO
            if down and person_id not in seen and watched.case.is_near(posture):
                self._watched[posture.person_id] = self._watched.pop(person_id)
                watched.case.person_id = posture.person_id
                return
        if len(self._watched) >= MOST_CASES:
            del self._watched[next(iter(self._watched))]
        case = Case(self._options, self._limits, self._zones, posture.person_id)
        self._watched[posture.person_id] = _Watched(case)

    def _advance(self, watched: _Watched) -> tuple[Event, ...]:
        """Take the first row of the table whose condition holds."""
        case = watched.case
        for row in ROWS[watched.phase]:
            if row.condition(case):
                return self._take(watched, row)
        return ()

    def _take(self, watched: _Watched, row: Transition) -> tuple[Event, ...]:
        case, was_told = watched.case, watched.told
        if row.target is Phase.DESCENT:
            case.open()
        watched.phase = row.target
        event = self._tell(watched, row, was_told)
        if row.source is row.target:
            case.repeats += 1
            return event
        case.enter(told=watched.told)
        if row.source is Phase.CONFIRMED:
            case.quiet_until_ms = case.now_ms + round(1000 * self._limits.cooldown_s)
        if row.target is Phase.IDLE and row.source is not Phase.LOW_WATCH:
            case.close()
        return event

    def _tell(self, watched: _Watched, row: Transition, was_told: bool) -> tuple[Event, ...]:
        if not watched.told and not was_told:
            return ()
        case, begun = watched.case, watched.begun
        now_ms = case.now_ms
        reason = row.reason or (begun.reason if begun else "")
        if not watched.told:
            event_type, stage, severity = "fall_cleared", Stage.END, _INFO
        elif watched.phase is Phase.CONFIRMED:
            alone = case.confirm_s() == self._limits.confirm_s
            event_type, stage, severity = "fall_confirmed", Stage.UPDATE, _ALERT if alone else _WARNING
        else:
            event_type, stage, severity = "fall_suspected", Stage.NEW, _INFO
        event = Event(
            kind=self.kind,
            event_type=event_type,
            stage=stage,
            number=begun.number if begun else next(self._numbers),
            timestamp_ms=now_ms,
            start_ms=begun.start_ms if begun else self._start_ms(case, now_ms),
            end_ms=now_ms if stage is Stage.END else None,
            person_id=case.person_id,
            zone=begun.zone if begun else case.zone(),
            severity=severity,
            confidence=self._confidence(case, reason, begun),
            reason=reason,
            evidence=self._evidence(case),
        )
        watched.begun = None if stage is Stage.END else event
        return (event,)

    def _start_ms(self, case: Case, now_ms: int) -> int:
        if case.before is not None:
            return case.before.start_ms
        return now_ms - round(max(case.lying.ms, case.floor.ms))

    def _confidence(self, case: Case, reason: str, begun: Event | None) -> float | None:
        """How sure: of the suspicion, from then on."""
        if begun is not None:
            return begun.confidence
        found = case.signs(lost=reason == "lost")
        score = FLOOR_SCORE if found is None or reason == "floor" else found.score
        certain = score * (0.5 + 0.5 * case.good / max(1, case.total)) * self._trust
        return round(min(certain, MOST_LOST if reason == "lost" else MOST), 3)

    def _evidence(self, case: Case) -> dict[str, Scalar]:
        """The numbers that decided it and the thresholds in force."""
        found = case.signs(lost=not case.seen)
        measured: dict[str, Scalar] = {}
        if found is not None:
            measured = {
                "drop": round(found.drop, 2),
                "hips_drop": round(found.hips_drop, 2),
                "speed": round(found.speed, 2),
                "torso_tilt_deg": round(found.tilt_deg, 1),
                "aspect_ratio": round(found.aspect, 2),
                "height_ratio": round(found.shrink, 2),
                "score": round(found.score, 3),
            }
        return {
            **measured,
            "low_s": case.low.ms / 1000,
            "lying_s": case.lying.ms / 1000,
            "lost_s": case.lost_ms / 1000,
            "down_s": case.down_ms / 1000,
            "up_s": case.up.ms / 1000,
            "seen_share": round(case.good / max(1, case.total), 2),
            **{f"limit_{name}": value for name, value in asdict(self._limits).items()},
        }


_INFO: Final[Severity] = "info"
_WARNING: Final[Severity] = "warning"
_ALERT: Final[Severity] = "alert"
