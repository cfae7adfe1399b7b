"""Inactivity: somebody is there and has not moved for long.

Begins when a person outside of `lying_ok` zones has not moved for `after_min`, inside for `resting_min`. Ends
when they move for `MOVED_MS`, or are gone. What is moving is measured against the jitter of this camera,
which is learnt. While a person is not seen, or too little of them, nothing is known and no time passes for
them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import Field

from pose_edge.movement import Movement
from pose_edge.options import Options
from pose_edge.records import Event, Scene, Stage, Zone
from pose_edge.roster import Known, Roster
from pose_edge.scene import zones_of
from pose_edge.signals import GAP_MS, Held

MOVED_MS: Final = 600
"""A pose that jumps for one picture moves for less; turning the head or shifting on a chair shows for a
second."""

TIMES_JITTER: Final = 3.0
"""Moving is this much more than the jitter (posture_science 4.6)."""

JITTER: Final = 0.03
"""Torso lengths a second before anything is learnt. On the development clips the quietest tenth of a person
who stands still has 0.014, of one who reads 0.03, of one who eats 0.045, at 15, 8 and 5 fps alike; whoever
moves on purpose has 0.2 to 1."""

LEAST_JITTER, MOST_JITTER = 0.015, 0.06
"""What is learnt stays between these: somebody very still must not make breathing a movement, nor a busy hour
make walking none."""

LEARN_MS: Final = 10_000
LEARNT: Final = 360
ENOUGH: Final = 60
"""One sample every 10 s, an hour of them, and 10 minutes before they count (posture_science 4.6: the tenth
percentile over an hour)."""


class InactivityOptions(Options):
    """Options under ``events.inactivity``."""

    enabled: bool = True
    """Tell when somebody does not move for long."""

    after_min: float = Field(60.0, ge=0.01, le=10080)
    """Minutes without a movement that are inactivity. Telecare units are set to 1 h of the waking day
    (Tunstall Caresse manual, mode 3: 40 min to 1 h; least 15 min)."""

    resting_min: float = Field(240.0, ge=0.01, le=10080)
    """The same in a zone with `lying_ok`. Sleepers of 65 to 80 years turn over 2.1 times an hour (De Koninck
    1992); if that comes by chance, 4 h without happen once in 4000 times. `still_min` of a zone wins."""


class _Jitter:
    """How much somebody who keeps still seems to move: the quietest tenth of what was measured lately."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=LEARNT)
        self._waited_ms = 0
        self.share = JITTER
        """In torso lengths a second."""

    def learn(self, energy: float, step_ms: int) -> None:
        """Take in one measurement, `step_ms` after the one before."""
        self._waited_ms += step_ms
        if self._waited_ms < LEARN_MS:
            return
        self._waited_ms = 0
        self._samples.append(energy)
        if len(self._samples) >= ENOUGH:
            quiet = sorted(self._samples)[len(self._samples) // 10]
            self.share = min(MOST_JITTER, max(LEAST_JITTER, quiet))


@dataclass(slots=True)
class _Person:
    movement: Movement = field(default_factory=Movement)
    moving: Held = field(default_factory=Held)
    waited_ms: int = 0
    """Of time seen since the last measurement."""
    still_ms: int = 0
    since_ms: int | None = None
    """When they moved last, or were first seen."""
    begun: Event | None = None


class InactivityDetector:
    """See the module. Each person has events of their own."""

    kind = "inactivity"

    def __init__(
        self, options: InactivityOptions, numbers: Iterator[int], zones: tuple[Zone, ...] = ()
    ) -> None:
        self._options = options
        self._numbers = numbers
        self._zones = zones
        self._people: Roster[_Person] = Roster(_Person)
        self._jitter = _Jitter()
        of_zones = (zone.still_min for zone in zones if zone.still_min)
        self._least_ms = 60_000 * min(options.after_min, options.resting_min, *of_zones)

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        if not self._options.enabled:
            return ()
        self._people.update(scene)
        events: list[Event] = []
        for known in self._people:
            if known.lost_ms == 0:
                events += self._see(known, scene)
        for known in self._people.gone:
            events += self._finish(known, scene, "gone", scene.timestamp_ms - known.lost_ms)
        return tuple(events)

    def _see(self, known: Known[_Person], scene: Scene) -> tuple[Event, ...]:
        about = known.about
        if about.since_ms is None:
            about.since_ms = scene.timestamp_ms
        about.waited_ms += min(known.unseen_ms, GAP_MS)
        energy = about.movement.update(known.posture, scene)
        if energy is None:
            return ()
        step_ms, about.waited_ms = about.waited_ms, 0
        self._jitter.learn(energy, step_ms)
        about.moving.run(energy > TIMES_JITTER * self._jitter.share, step_ms, step_ms)
        if about.moving.ms >= MOVED_MS:
            return self._moved(known, scene)
        about.still_ms += step_ms
        if about.begun is not None or about.still_ms < self._least_ms:
            return ()
        return self._maybe_begin(known, scene, energy)

    def _moved(self, known: Known[_Person], scene: Scene) -> tuple[Event, ...]:
        about = known.about
        ended = self._finish(known, scene, "moved", scene.timestamp_ms - about.moving.ms)
        about.moving.ms = MOVED_MS  # however long they moved, they are still as soon as they stop
        about.still_ms, about.since_ms = 0, scene.timestamp_ms
        return ended

    def _maybe_begin(self, known: Known[_Person], scene: Scene, energy: float) -> tuple[Event, ...]:
        about, posture = known.about, known.posture
        inside = zones_of(posture, self._zones, scene)
        limit_min = max(map(self._limit_min, inside), default=self._options.after_min)
        if about.still_ms < 60_000 * limit_min:
            return ()
        assert about.since_ms is not None
        seen_share = about.still_ms / max(about.still_ms, scene.timestamp_ms - about.since_ms)
        about.begun = Event(
            kind=self.kind,
            event_type=self.kind,
            stage=Stage.NEW,
            number=next(self._numbers),
            timestamp_ms=scene.timestamp_ms,
            start_ms=about.since_ms,
            person_id=posture.person_id,
            zone=inside[0].name if inside else None,
            severity="warning",
            confidence=round(posture.body.visibility * seen_share, 2),
            reason="no_movement",
            details={"still_min": round(about.still_ms / 60_000, 2)},
            evidence={
                "still_min": round(about.still_ms / 60_000, 2),
                "limit_still_min": limit_min,
                "movement": round(energy, 3),
                "limit_movement": round(TIMES_JITTER * self._jitter.share, 3),
            },
        )
        return (about.begun,)

    def _limit_min(self, zone: Zone) -> float:
        """Return how long somebody may keep still in a zone."""
        if zone.still_min is not None:
            return zone.still_min or float("inf")
        return self._options.resting_min if zone.lying_ok else self._options.after_min

    def _finish(self, known: Known[_Person], scene: Scene, reason: str, end_ms: int) -> tuple[Event, ...]:
        begun, known.about.begun = known.about.begun, None
        if begun is None:
            return ()
        end_ms = max(begun.start_ms, end_ms)
        still_min = round((end_ms - begun.start_ms) / 60_000, 2)
        return (
            replace(
                begun,
                stage=Stage.END,
                timestamp_ms=scene.timestamp_ms,
                end_ms=end_ms,
                person_id=known.person_id,
                severity="info",
                reason=reason,
                details={"still_min": still_min},
                evidence={"moved_s": known.about.moving.ms / 1000, "limit_moved_s": MOVED_MS / 1000},
            ),
        )
