"""Bed exit and chair exit: somebody who has rested gets up, one event for the time until they rest again.

Begins when a person has lain or sat for `rest_s` and then been out for `out_s`. Out of a bed: the hips
outside the zone, or standing with both feet below its lower edge. Out of a chair: standing. Ends when they
have rested there again for `back_s`; a chair's also when they are gone. Hidden parts are neither, and
somebody lost while resting goes on resting: under a blanket the model sees nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

from pydantic import Field

from pose_edge.geometry import is_inside
from pose_edge.options import Options
from pose_edge.posture import ANKLES, JOINT_VISIBILITY
from pose_edge.records import VISIBILITY, Event, Posture, PostureClass, Scene, Stage, Y, Zone
from pose_edge.roster import Known, Roster, patience_ms
from pose_edge.scene import share_of
from pose_edge.signals import Held

NIGHT_MS: Final = 12 * 3_600_000
"""For so long a bed remembers who is lost in it, and who is out of it."""


class BedExitOptions(Options):
    """Options under ``events.bed_exit``. Beds are the zones of ``scene.zones`` with `lying_ok`."""

    enabled: bool = True
    """Tell when somebody gets out of a bed or up from a sofa, and how long they stay out."""

    rest_s: float = Field(60.0, ge=0, le=86400)
    """Who has lain or sat there for so long has rested (posture_science 4.5)."""

    out_s: float = Field(2.0, ge=0, le=60)
    """How long they must be out of it (posture_science 4.5): turning over takes the hips out for a moment."""

    back_s: float = Field(2.0, ge=0, le=60)
    """How long they must rest there again before they are back."""


class ChairExitOptions(Options):
    """Options under ``events.chair_exit``."""

    enabled: bool = True
    """Tell when somebody who sat for a while stands up, wherever that is outside of `lying_ok` zones."""

    rest_s: float = Field(60.0, ge=0, le=86400)
    """Who has sat for so long has rested (posture_science 4.5)."""

    out_s: float = Field(2.0, ge=0, le=60)
    """How long they must stand (posture_science 4.5)."""

    back_s: float = Field(2.0, ge=0, le=60)
    """How long they must sit again before they are back."""


class Phase(StrEnum):
    """Where somebody is between resting and out."""

    AWAY = "away"
    RESTING = "resting"
    OUT = "out"


@dataclass(slots=True)
class _Rester:
    """One person as one place knows them."""

    phase: Phase = Phase.AWAY
    rest: Held = field(default_factory=Held)
    out: Held = field(default_factory=Held)
    rested_ms: int = 0
    begun: Event | None = None


class Place(Protocol):
    """Something one rests on."""

    zone: str | None
    keeps_ms: int
    """How long it remembers somebody lost who rests there or is out."""

    def is_rest(self, posture: Posture, scene: Scene) -> bool:
        """Whether somebody rests there."""

    def is_out(self, posture: Posture, scene: Scene) -> bool:
        """Whether somebody who rested there certainly does not any more."""


class Bed:
    """A zone with `lying_ok`."""

    keeps_ms: int = NIGHT_MS

    def __init__(self, zone: Zone) -> None:
        self.zone: str | None = zone.name
        self._polygon = zone.polygon
        self._lower_edge = max(down for _, down in zone.polygon)

    def is_rest(self, posture: Posture, scene: Scene) -> bool:
        """See `Place`."""
        rests = posture.posture_class in (PostureClass.LYING, PostureClass.SITTING)
        return rests and self._holds(posture, scene)

    def is_out(self, posture: Posture, scene: Scene) -> bool:
        """See `Place`. Somebody who stands in front of a bed has their hips before it, too."""
        if not self._holds(posture, scene):
            return True
        feet = [posture.body.rows[ankle] for ankle in ANKLES]
        below = all(row[VISIBILITY] >= JOINT_VISIBILITY and row[Y] > self._lower_edge for row in feet)
        return below and posture.posture_class is PostureClass.STANDING

    def _holds(self, posture: Posture, scene: Scene) -> bool:
        return is_inside(share_of(posture.body.hips_px, scene), self._polygon)


class Chairs:
    """Wherever somebody sits, but for beds and sofas."""

    zone: str | None = None
    keeps_ms: int = 0

    def __init__(self, beds: tuple[Bed, ...]) -> None:
        self._beds = beds

    def is_rest(self, posture: Posture, scene: Scene) -> bool:
        """See `Place`."""
        if posture.posture_class is not PostureClass.SITTING:
            return False
        return not any(bed.is_rest(posture, scene) for bed in self._beds)

    def is_out(self, posture: Posture, scene: Scene) -> bool:  # noqa: ARG002  # a bed needs the scene
        """See `Place`."""
        return posture.posture_class is PostureClass.STANDING


class _Watch:
    """One place, and everybody near or far."""

    def __init__(
        self, kind: str, place: Place, options: BedExitOptions | ChairExitOptions, numbers: Iterator[int]
    ) -> None:
        self._kind = kind
        self._place = place
        self._options = options
        self._numbers = numbers
        self.people: Roster[_Rester] = Roster(_Rester, self._keep_ms)

    def update(self, scene: Scene) -> list[Event]:
        """Return what began or ended."""
        self.people.update(scene)
        events: list[Event] = []
        for known in self.people:
            if known.lost_ms == 0:
                events += self._see(known, scene)
            elif known.about.rest.holds:
                self._rest_on(known.about)
        for known in self.people.gone:
            events += self._back(known, scene, "gone", scene.timestamp_ms - known.lost_ms)
        return events

    def _keep_ms(self, known: Known[_Rester]) -> float:
        about = known.about
        rests = about.rest.holds or about.phase is not Phase.AWAY
        return max(self._place.keeps_ms if rests else 0, patience_ms(known.posture))

    def _see(self, known: Known[_Rester], scene: Scene) -> tuple[Event, ...]:
        about, posture = known.about, known.posture
        rests = self._place.is_rest(posture, scene)
        if not rests and about.phase is not Phase.RESTING and about.rest.ms == 0:
            about.rest.holds = False
            return ()
        is_out = not rests and about.phase is Phase.RESTING and self._place.is_out(posture, scene)
        about.rest.run(rests, known.step_ms, known.unseen_ms)
        about.out.run(is_out, known.step_ms, known.unseen_ms)
        if about.phase is Phase.RESTING:
            return self._resting(known, scene, is_out=is_out)
        if not rests or about.rest.ms < 1000 * self._options.back_s:
            return ()
        if about.phase is Phase.OUT:
            return self._back(known, scene, "back", scene.timestamp_ms)
        told = self._instead_of_somebody(known, scene)
        self._maybe_rested(about)
        return told

    def _rest_on(self, about: _Rester) -> None:
        """Go on with somebody lost while resting."""
        about.rest.ms += self.people.step_ms
        about.rested_ms = about.rest.ms
        if about.phase is Phase.AWAY:
            self._maybe_rested(about)

    def _maybe_rested(self, about: _Rester) -> None:
        if about.rest.ms >= 1000 * self._options.rest_s:
            about.phase = Phase.RESTING
            about.out.reset()

    def _resting(self, known: Known[_Rester], scene: Scene, *, is_out: bool) -> tuple[Event, ...]:
        about = known.about
        if not is_out:
            about.rested_ms = max(about.rested_ms, about.rest.ms)
        if not is_out or about.out.ms < 1000 * self._options.out_s:
            return ()
        return self._exit(known, scene)

    def _exit(self, known: Known[_Rester], scene: Scene) -> tuple[Event, ...]:
        about, options = known.about, self._options
        rested_s = round(about.rested_ms / 1000, 2)
        about.begun = Event(
            kind=self._kind,
            event_type=self._kind,
            stage=Stage.NEW,
            number=next(self._numbers),
            timestamp_ms=scene.timestamp_ms,
            start_ms=scene.timestamp_ms - about.out.ms,
            person_id=known.person_id,
            zone=self._place.zone,
            confidence=round(known.posture.confidence, 2),
            reason="got_up",
            details={"rested_s": rested_s},
            evidence={
                "rested_s": rested_s,
                "limit_rested_s": options.rest_s,
                "out_s": about.out.ms / 1000,
                "limit_out_s": options.out_s,
            },
        )
        about.phase, about.rested_ms = Phase.OUT, 0
        about.rest.reset()
        return (about.begun,)

    def _back(self, known: Known[_Rester], scene: Scene, reason: str, end_ms: int) -> tuple[Event, ...]:
        """End the time out; nothing follows where there was none."""
        about, begun = known.about, known.about.begun
        about.phase, about.begun = Phase.AWAY, None
        if begun is None:
            return ()
        end_ms = max(begun.start_ms, end_ms - about.rest.ms)
        out_s = round((end_ms - begun.start_ms) / 1000, 2)
        return (
            replace(
                begun,
                stage=Stage.END,
                timestamp_ms=scene.timestamp_ms,
                end_ms=end_ms,
                person_id=known.person_id,
                reason=reason,
                details={**begun.details, "out_s": out_s},
                evidence={"back_s": about.rest.ms / 1000, "limit_back_s": self._options.back_s},
            ),
        )

    def _instead_of_somebody(self, known: Known[_Rester], scene: Scene) -> tuple[Event, ...]:
        """End the time out of somebody who was lost meanwhile: whoever lies down in their bed is them."""
        lost = next((one for one in self.people if one.lost_ms and one.about.phase is Phase.OUT), None)
        if lost is None or not self._place.keeps_ms:
            return ()
        known.about.begun, lost.about.begun = lost.about.begun, None
        lost.about.phase = Phase.AWAY
        return self._back(known, scene, "back", scene.timestamp_ms)


class BedExit:
    """See the module. Each bed and person have events of their own."""

    kind = "bed_exit"

    def __init__(self, options: BedExitOptions, numbers: Iterator[int], zones: tuple[Zone, ...] = ()) -> None:
        beds = _beds(zones) if options.enabled else ()
        self._watches = tuple(_Watch(self.kind, bed, options, numbers) for bed in beds)

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        if not self._watches:
            return ()
        return tuple([event for watch in self._watches for event in watch.update(scene)])


class ChairExit:
    """See the module. Each person has events of their own."""

    kind = "chair_exit"

    def __init__(
        self, options: ChairExitOptions, numbers: Iterator[int], zones: tuple[Zone, ...] = ()
    ) -> None:
        self._watch = _Watch(self.kind, Chairs(_beds(zones)), options, numbers) if options.enabled else None

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        return () if self._watch is None else tuple(self._watch.update(scene))


def _beds(zones: tuple[Zone, ...]) -> tuple[Bed, ...]:
    return tuple(Bed(zone) for zone in zones if zone.lying_ok)
