"""One person under watch: what is measured, for how long it has held, and the questions the table asks."""

from __future__ import annotations

from typing import Final

from pose_edge.events.fall import features
from pose_edge.events.fall.features import Before, Signs
from pose_edge.events.fall.options import FallOptions, Limits
from pose_edge.geometry import distance, is_inside
from pose_edge.gestures import Raised, RaisedLimits, Sign, WaveLimits, Waving
from pose_edge.records import Posture, Scene, Zone
from pose_edge.scene import zones_of
from pose_edge.signals import Held, History

DESCENT_MS: Final = 3500
"""A candidate that is not decided by then is none (posture_science 4.1)."""

SAT_DOWN_MS: Final = 700
BACK_UP_MS: Final = 300
FURNITURE_MS: Final = 1500
ON_FLOOR_CONFIRM_MS: Final = 60_000
"""Down after a candidate but not lying, which pauses the count: so long of it confirms all the same."""

FRESH_MS: Final = 15_000
"""Somebody who stood within this time has gone down just now."""

GONE_MS: Final = 12_000
"""Longer than any track is kept: whoever has been unseen for so long comes back as somebody else."""

EDGE_SHARE: Final = 0.03
LEAVING: Final = 0.5
LEAVING_MS: Final = 1000
"""At the left or right edge, and so many torso lengths nearer to it than so long ago: on the way out."""

RELINK: Final = 1.5
"""Torso lengths between the hips seen last and those of somebody new who lies there: the same person."""


class Case:
    """One person, by whatever id the tracker gives them."""

    def __init__(self, options: FallOptions, limits: Limits, zones: tuple[Zone, ...], person_id: int) -> None:
        self.options, self.limits = options, limits
        self.person_id = person_id
        self.history = History()
        self.posture: Posture | None = None
        """As seen last."""
        self.scale_px = 1.0
        self.before: Before | None = None
        self.fastest = 0.0
        self.seen = False
        self.others_stand = False
        """Somebody else is on their feet."""
        self.now_ms = 0
        self.upright_ms: int | None = None
        """When they were last seen standing."""
        self.quiet_until_ms: int | None = None
        self.lost_ms = 0
        self.phase_ms = 0
        self.repeats = 0
        self.good = self.total = 0
        self._zones = tuple(zone for zone in zones if zone.lying_ok)
        self._all_zones = zones
        self._scene: Scene | None = None
        self._hips_share = (0.0, 0.0)
        self.low = Held()
        self.seated = Held(leak=2)
        self.up = Held(leak=2)
        self.back = Held()
        self.rest = Held(leak=2)
        self.lying = Held()
        self.floor = Held()
        self.down_ms = 0
        self.paused_ms = 0
        self.calls: tuple[Sign, ...] = ()
        """Gestures looked for while somebody has been told of a fall."""

    # What happens.

    def see(self, posture: Posture, scene: Scene, step_ms: int) -> None:
        """Take in one sighting."""
        self._pass(scene, step_ms)
        unseen_ms, self.lost_ms = self.lost_ms + step_ms, 0
        self.seen, self.posture, self._scene = True, posture, scene
        self.scale_px = posture.scale_px
        self.good += 1
        for one in (*posture.earlier, posture):
            self.history.add(one, scene.width_px, scene.height_px)
            if features.is_standing(one):
                self.upright_ms = one.timestamp_ms
        hips = posture.body.hips_px
        self._hips_share = (hips[0] / scene.width_px, hips[1] / scene.height_px)
        self._run(posture, step_ms, unseen_ms)
        for call in self.calls:
            call.see(posture, scene.width_px, scene.height_px, step_ms)

    def miss(self, scene: Scene, step_ms: int) -> None:
        """Take in that the person is not seen."""
        self._pass(scene, step_ms)
        self.seen = False
        self.lost_ms += step_ms
        for call in self.calls:
            call.miss(step_ms)
        if self.rest.holds:
            self.rest.ms += step_ms
        else:
            self.down_ms += step_ms

    def enter(self, told: bool) -> None:
        """Begin another phase; with `told` the evidence so far goes on counting."""
        self.phase_ms = 0
        for held in (self.up, self.back, self.seated, self.rest):
            held.reset()
        self.down_ms = self.paused_ms = 0
        looking = told and self.options.help_gesture
        self.calls = (Raised(RaisedLimits()), Waving(WaveLimits())) if looking else ()
        if not told:
            self.good = self.total = self.repeats = 0

    def open(self) -> None:
        """Freeze how things were before the descent."""
        assert self.posture is not None
        self.before = features.before(self.history, self.scale_px)
        self.low.reset()
        self.low.reset(self._is_low(self.posture, self.before))
        self._measure_speed()

    def close(self) -> None:
        """Forget the descent: the next one must be a new one."""
        self.before = None
        for held in (self.low, self.lying, self.floor):
            held.reset()
        if self.history.moments:
            self.history.forget_heights()

    def signs(self, *, lost: bool = False) -> Signs | None:
        """Return what speaks for a fall; None where none was seen to begin."""
        if self.before is None:
            return None
        return features.signs(self.history, self.before, self.fastest, lost=lost)

    def is_near(self, posture: Posture) -> bool:
        """Whether somebody new may be this person, who was last seen down."""
        if self.posture is None or features.is_up(posture):
            return False
        step_px = distance(self.posture.body.hips_px, posture.body.hips_px)
        return step_px <= RELINK * max(self.scale_px, posture.scale_px)

    def zone(self) -> str | None:
        """Return the zone they were seen in last; of several the first."""
        if self.posture is None or self._scene is None:
            return None
        return next((zone.name for zone in zones_of(self.posture, self._all_zones, self._scene)), None)

    # What the table asks.

    def went_down(self) -> bool:
        """The head is far below where it was, and got there fast."""
        if not self.seen or (self.quiet_until_ms is not None and self.now_ms < self.quiet_until_ms):
            return False
        if features.drop(self.history, self.scale_px) < self.limits.drop:
            return False
        now_ms = self.history.last.at_ms
        return features.speed(self.history, self.scale_px, now_ms) >= self.limits.drop_speed

    def down_long_enough(self) -> bool:
        """Down for long enough, with enough that speaks for a fall."""
        if self.low.ms < 1000 * self.limits.low_s or not self.seen:
            return False
        return self._is_fall(lost=False)

    def lost_after_descent(self) -> bool:
        """Not seen any more since they went down, and not out of the picture."""
        if self.lost_ms < 1000 * self.limits.loss_after_descent_s or self.before is None:
            return False
        if self.posture is None or self._was_leaving(self.posture):
            return False
        deep = (self.history.last.head_px - self.before.highest_px) / self.before.scale_px
        return deep >= self.limits.drop and self._is_fall(lost=True)

    def back_up(self) -> bool:
        """The head is where it was, and not for a single frame."""
        return self.back.ms >= BACK_UP_MS

    def sat_down(self) -> bool:
        """The trunk upright again, and at its full length."""
        return self.seated.ms >= SAT_DOWN_MS

    def undecided_too_long(self) -> bool:
        """Too long ago for a fall."""
        return self.phase_ms >= DESCENT_MS

    def on_floor(self) -> bool:
        """Lying, or sitting on the floor, where nobody should."""
        return self.options.low_watch and self.seen and (self.lying.ms > 0 or self.floor.ms > 0)

    def off_floor(self) -> bool:
        """On the floor no more."""
        return (self.lying.ms == 0 and self.floor.ms == 0) or self.gone()

    def on_floor_too_long(self) -> bool:
        """On the floor for longer than one is on purpose."""
        options = self.options
        began_ms = self.now_ms - self.lying.ms
        stood = self.upright_ms is not None and began_ms - self.upright_ms <= FRESH_MS
        lying_s = options.floor_after_stand_s if stood else options.floor_s
        return self.lying.ms >= 1000 * lying_s or self.floor.ms >= 1000 * options.floor_upright_s

    def recovered(self) -> bool:
        """Up again, for long enough."""
        return self.up.ms >= 1000 * self.limits.recovery_s

    def recovered_for_certain(self) -> bool:
        """Up again, for twice as long: it ends an alert."""
        return self.up.ms >= 2000 * self.limits.recovery_s

    def lies_where_allowed(self) -> bool:
        """On a bed or sofa that is marked as such."""
        return self.rest.ms >= FURNITURE_MS

    def stayed_down(self) -> bool:
        """Down or lost for long enough."""
        return self.down_ms >= 1000 * self.confirm_s()

    def called_for_help(self) -> bool:
        """Raised both hands, or waved, since the suspicion."""
        return any(call.active for call in self.calls)

    def confirm_s(self) -> float:
        """How long a suspicion waits for somebody to get up."""
        if not self.others_stand or self.options.when_multiple_people == "ignore":
            return self.limits.confirm_s
        if self.options.when_multiple_people == "lower":
            return 2 * self.limits.confirm_s
        return float("inf")

    def stayed_on_floor(self) -> bool:
        """Neither lying nor up for very long."""
        return self.paused_ms >= ON_FLOOR_CONFIRM_MS and self.confirm_s() != float("inf")

    def repeat_due(self) -> bool:
        """Nobody has ended it for longer."""
        due_s = self.options.repeat_s[self.repeats :]
        return bool(due_s) and self.phase_ms >= 1000 * due_s[0]

    def gone(self) -> bool:
        """Not seen for longer than the tracker would know them."""
        return self.lost_ms >= GONE_MS

    # How time passes.

    def _pass(self, scene: Scene, step_ms: int) -> None:
        self.now_ms = scene.timestamp_ms
        self.phase_ms += step_ms
        self.total += 1

    def _run(self, posture: Posture, step_ms: int, unseen_ms: int) -> None:
        """Let every clock run for which this sighting counts; `unseen_ms` is since the one before."""
        resting = bool(self._zones) and any(is_inside(self._hips_share, zone.polygon) for zone in self._zones)
        lying = features.is_lying(posture)
        self.lying.run(lying and not resting, step_ms, unseen_ms)
        self.floor.run(features.is_seated_on_floor(posture) and not resting, step_ms, unseen_ms)
        self.rest.run(resting, step_ms, unseen_ms)
        self.seated.run(features.has_sat_down(posture), step_ms, unseen_ms)
        low = lying
        if self.before is not None:
            low = self._is_low(posture, self.before)
            self.low.run(low, step_ms, unseen_ms)
            if self.now_ms <= self.before.opened_ms + features.SPEED_AFTER_MS:
                self._measure_speed()
        back = self._is_back()
        self.back.run(back, step_ms, unseen_ms)
        up = features.is_up(posture) or back
        self.up.run(up, step_ms, unseen_ms)
        if low or lying:
            self.down_ms += step_ms
        elif not up:
            self.paused_ms += step_ms

    def _is_fall(self, *, lost: bool) -> bool:
        """Whether enough speaks for a fall."""
        found = self.signs(lost=lost)
        if found is None or found.score < self.limits.score:
            return False
        return self._was_high() or found.hips_drop >= features.HIPS_DROP

    def _was_high(self) -> bool:
        """Whether the hips were up, as on the feet or on a chair, when they went down."""
        assert self.before is not None
        if (hips := self.before.hips_height) is not None:
            return hips >= features.HIPS_UP
        return self.upright_ms is not None and self.before.start_ms - self.upright_ms <= features.STOOD_MS

    def _is_back(self) -> bool:
        if self.before is None:
            return False
        below_px = self.history.last.head_px - self.before.highest_px
        return below_px < features.BACK_UP * self.before.scale_px

    def _is_low(self, posture: Posture, was: Before) -> bool:
        low = features.is_low(self.history.last, was, self.limits, was_low=self.low.holds)
        return low and not features.is_bent_on_feet(posture) and not features.is_on_knees(posture)

    def _was_leaving(self, posture: Posture) -> bool:
        """Whether somebody was on the way out, which ends with a body cut off and lost, too."""
        across, down = self._hips_share
        if not (0 <= across <= 1 and 0 <= down <= 1):
            return True
        box = posture.body.box
        earlier = self.history.between(posture.timestamp_ms - LEAVING_MS, posture.timestamp_ms)
        moved = (posture.body.hips_px[0] - earlier[0].hips_px[0]) / self.scale_px
        to_left = box.x < EDGE_SHARE and moved < -LEAVING
        return to_left or (box.x + box.width > 1 - EDGE_SHARE and moved > LEAVING)

    def _measure_speed(self) -> None:
        assert self.before is not None
        self.fastest = features.speed(self.history, self.before.scale_px, self.before.opened_ms)
