"""Zones: who is in which part of the picture, one event for each stay; and who stays too long.

Begins when a person has been inside for `enter_s`: by their feet, or their hips, as `scene.zones` says. Ends
when they have been outside for `leave_s`, or nobody has seen them for as long as presence would wait:
somebody lost inside has not left. Feet that are hidden are stood in for by the hips; no hips, no person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pydantic import Field

from pose_edge.options import Options
from pose_edge.records import Event, Posture, Scene, Stage, Zone
from pose_edge.roster import Known, Roster
from pose_edge.scene import are_in, decides, deciding_px, share_of
from pose_edge.signals import Held


class ZonesOptions(Options):
    """Options under ``events.zones``. The zones themselves are in ``scene.zones``."""

    enter_s: float = Field(0.5, ge=0, le=60)
    """How long somebody must be inside before they have entered (posture_science 4.5)."""

    leave_s: float = Field(1.0, ge=0, le=3600)
    """How long they must be outside before they have left; twice as long, so that the border does not
    chatter."""

    loiter_s: float = Field(60.0, ge=0, le=86400)
    """How long they may be inside before that is `loitering`; 0: for ever. `loiter_s` of a zone wins."""


@dataclass(slots=True)
class _Stay:
    """One person in one zone, or nearly."""

    inside: Held = field(default_factory=Held)
    outside: Held = field(default_factory=Held)
    stayed_ms: int = 0
    entered: Event | None = None
    loitering: Event | None = None
    loitered: bool = False


_Stays = dict[str, _Stay]
"""Of one person, by the names of the zones."""


class ZonesDetector:
    """See the module. Each person and zone have events of their own."""

    kind = "zones"

    def __init__(self, options: ZonesOptions, numbers: Iterator[int], zones: tuple[Zone, ...] = ()) -> None:
        self._options = options
        self._numbers = numbers
        self._zones = zones
        self._people: Roster[_Stays] = Roster(dict)

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        if not self._zones:
            return ()
        self._people.update(scene)
        events: list[Event] = []
        for known in self._people:
            if known.lost_ms == 0:
                events += self._see(known, scene)
            else:
                for stay in known.about.values():
                    stay.stayed_ms += self._people.step_ms
        for known in self._people.gone:
            for stay in known.about.values():
                events += self._finish(stay, scene, scene.timestamp_ms - known.lost_ms, "lost")
        return tuple(events)

    def _see(self, known: Known[_Stays], scene: Scene) -> list[Event]:
        events: list[Event] = []
        for zone, inside in zip(self._zones, are_in(known.posture, self._zones, scene), strict=True):
            stay = known.about.get(zone.name)
            if stay is None and not inside:
                continue
            if stay is None:
                stay = known.about[zone.name] = _Stay()
            if stay.entered is None:
                events += self._maybe_enter(stay, zone, known, scene, inside=inside)
            else:
                events += self._stay_on(stay, zone, known, scene, inside=inside)
            if stay.entered is None and stay.inside.ms == 0 and not inside:
                del known.about[zone.name]
        return events

    def _maybe_enter(
        self, stay: _Stay, zone: Zone, known: Known[_Stays], scene: Scene, *, inside: bool
    ) -> tuple[Event, ...]:
        stay.inside.run(inside, known.step_ms, known.unseen_ms)
        if not inside or stay.inside.ms < 1000 * self._options.enter_s:
            return ()
        posture = known.posture
        across, down = share_of(deciding_px(posture, zone), scene)
        stay.stayed_ms = stay.inside.ms
        stay.outside.reset()
        stay.entered = Event(
            kind=self.kind,
            event_type="zone_entered",
            stage=Stage.NEW,
            number=next(self._numbers),
            timestamp_ms=scene.timestamp_ms,
            start_ms=scene.timestamp_ms - stay.inside.ms,
            person_id=posture.person_id,
            zone=zone.name,
            confidence=round(posture.body.visibility, 2),
            reason=decides(posture, zone),
            evidence={
                "inside_s": stay.inside.ms / 1000,
                "limit_inside_s": self._options.enter_s,
                "x": round(across, 3),
                "y": round(down, 3),
            },
        )
        return (stay.entered,)

    def _stay_on(
        self, stay: _Stay, zone: Zone, known: Known[_Stays], scene: Scene, *, inside: bool
    ) -> list[Event]:
        """Go on with somebody who has entered."""
        assert stay.entered is not None
        stay.stayed_ms += known.step_ms
        stay.outside.run(not inside, known.step_ms, known.unseen_ms)
        if not inside and stay.outside.ms >= 1000 * self._options.leave_s:
            return self._finish(stay, scene, scene.timestamp_ms - stay.outside.ms, "left")
        events: list[Event] = []
        if stay.entered.person_id != known.person_id:
            events.append(self._rename(stay, known.posture, scene))
        limit_ms = 1000 * self._loiter_s(zone)
        if inside and not stay.loitered and 0 < limit_ms <= stay.stayed_ms:
            events.append(self._loiter(stay, known.posture, scene, limit_ms))
        return events

    def _rename(self, stay: _Stay, posture: Posture, scene: Scene) -> Event:
        """Tell that whoever is in the zone has another id now."""
        assert stay.entered is not None
        stay.entered = replace(
            stay.entered,
            event_type="zone_changed",
            stage=Stage.UPDATE,
            timestamp_ms=scene.timestamp_ms,
            person_id=posture.person_id,
            reason="recognised",
        )
        return stay.entered

    def _loiter(self, stay: _Stay, posture: Posture, scene: Scene, limit_ms: float) -> Event:
        assert stay.entered is not None
        stay.loitered = True
        stay.loitering = Event(
            kind=self.kind,
            event_type="loitering",
            stage=Stage.NEW,
            number=next(self._numbers),
            timestamp_ms=scene.timestamp_ms,
            start_ms=stay.entered.start_ms,
            person_id=posture.person_id,
            zone=stay.entered.zone,
            severity="warning",
            confidence=stay.entered.confidence,
            reason="stayed",
            details={"stayed_s": stay.stayed_ms / 1000},
            evidence={"stayed_s": stay.stayed_ms / 1000, "limit_stayed_s": limit_ms / 1000},
        )
        return stay.loitering

    def _finish(self, stay: _Stay, scene: Scene, end_ms: int, reason: str) -> list[Event]:
        """End a stay, and the loitering in it; nothing follows where nobody had entered."""
        entered, loitering = stay.entered, stay.loitering
        stay.entered = stay.loitering = None
        stay.loitered = False
        stay.inside.reset()
        if entered is None:
            return []
        over = replace(
            entered,
            event_type="zone_left",
            stage=Stage.END,
            timestamp_ms=scene.timestamp_ms,
            end_ms=max(end_ms, entered.start_ms),
            reason=reason,
            details={"stayed_s": round(max(0, end_ms - entered.start_ms) / 1000, 2)},
            evidence={"outside_s": stay.outside.ms / 1000, "limit_outside_s": self._options.leave_s},
        )
        if loitering is None:
            return [over]
        return [replace(over, event_type="loitering", number=loitering.number), over]

    def _loiter_s(self, zone: Zone) -> float:
        if zone.loiter_s is not None:
            return zone.loiter_s
        return 0.0 if zone.lying_ok else self._options.loiter_s
