"""One person, and what is known of how they sit.

A person sits once most moments have said so for `SETTLE_MS`, and no longer once others have. The view is
decided when it was the same for `VIEW_MS`; a moment that looks otherwise is not measured.
"""

from __future__ import annotations

from typing import Final

from pose_edge import desk
from pose_edge.desk import Front, Side, View
from pose_edge.events.desk.habit import Habit, Lately
from pose_edge.events.desk.judging import JUDGES
from pose_edge.events.desk.learning import Chair, Learning
from pose_edge.events.desk.options import DeskOptions
from pose_edge.geometry import distance
from pose_edge.records import DeskBaseline, Event, Posture, PostureClass, Scalar, Scene
from pose_edge.signals import GAP_MS

SETTLE_MS: Final = 2000
"""Sitting down takes 1.5-2 s; less is on the way."""

VIEW_MS: Final = 10_000
"""posture_science 4.3."""

NEAR: Final = 0.5
"""Torso lengths between the hips of one who was lost and found again on the same chair."""

SMOOTH_MS: Final = 250
"""Time constant of what is measured: takes single frames off, adds no delay that matters against 3 s."""

SLOW_MS: Final = 1000
"""The same of width and facing, which say where somebody is turned."""


class Smooth:
    """A low pass with the real time step. None passes and is forgotten."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: float | None = None

    def update(self, value: float | None, step_ms: int, constant_ms: int) -> float | None:
        """Return the value smoothed; `step_ms` 0 begins anew."""
        before = self._value
        if before is not None and value is not None and step_ms:
            value = before + (value - before) * step_ms / (step_ms + constant_ms)
        self._value = value
        return value


class Sitter:
    """See the module. Fed with sightings; `detector.py` tells what follows."""

    def __init__(self, posture: Posture, options: DeskOptions) -> None:
        self.person_id = posture.person_id
        self.seen_ms = posture.timestamp_ms
        self.seated = False
        self.view: View | None = None
        """The one that was decided; None: none yet."""
        self.looks: View | None = None
        """The view of the last sighting that was not against the decided one; it may yet be undecided."""
        self.shown: Side | Front | None = None
        """What the last sighting showed, if it could be measured in that view."""
        self.width: float | None = None
        self.place = (0.0, 0.0)
        self.calibrated: DeskBaseline | None = None
        self.learning: Learning | None = None
        self.chair = Chair()
        self.begun: Event | None = None
        self.told: tuple[str, bool, bool] = ("", False, False)
        self.visibility = posture.body.visibility
        self.hips_px = posture.body.hips_px
        span_ms = round(options.slouch_hold_s * 1000)
        self.habits = {kind: Habit(Lately(span_ms)) for kind in JUDGES}
        self._settling_ms = 0
        self._candidate: View | None = None
        self._candidate_ms = 0
        self._width, self._facing = Smooth(), Smooth()
        self._forward = 1
        self._parts = (Smooth(), Smooth(), Smooth(), Smooth())

    @property
    def baseline(self) -> DeskBaseline | None:
        """How they sit when they sit well; None: not known yet."""
        if self.calibrated is not None:
            return self.calibrated
        return None if self.learning is None else self.learning.baseline()

    def see(self, posture: Posture, scene: Scene) -> int:
        """Take in a sighting; return the milliseconds since the last one, 0 after a gap."""
        since_ms = posture.timestamp_ms - self.seen_ms
        step_ms = since_ms if since_ms <= GAP_MS else 0
        self.seen_ms = posture.timestamp_ms
        self.visibility = posture.body.visibility
        self.hips_px = posture.body.hips_px
        self.shown = None
        self._settle(posture.posture_class, step_ms)
        if self.seated:
            self._look(posture, scene, step_ms)
        return step_ms

    def is_near(self, posture: Posture) -> bool:
        """Whether somebody sits where this one was seen last."""
        return self.seated and distance(self.hips_px, posture.body.hips_px) < NEAR * posture.scale_px

    def view_evidence(self) -> dict[str, Scalar]:
        """Return what decided the view, and the limits."""
        return {
            "shoulder_width": None if self.width is None else round(self.width, 2),
            "limit_side": desk.SIDE_WIDTH,
            "limit_front": desk.FRONT_WIDTH,
            "limit_view_s": VIEW_MS / 1000,
        }

    def get_up(self) -> None:
        """Forget what belongs to the seat; what a body has borne stays."""
        self.view = self.looks = self._candidate = None
        self.calibrated, self.shown = None, None

    def _settle(self, posture_class: PostureClass, step_ms: int) -> None:
        if posture_class is PostureClass.UNKNOWN:
            return
        if (posture_class is PostureClass.SITTING) is self.seated:
            self._settling_ms = max(0, self._settling_ms - step_ms)
            return
        self._settling_ms += step_ms
        if self._settling_ms >= SETTLE_MS:
            self.seated, self._settling_ms = not self.seated, 0

    def _look(self, posture: Posture, scene: Scene, step_ms: int) -> None:
        width = self.width = self._width.update(desk.shoulder_width(posture, scene), step_ms, SLOW_MS)
        if width is None:
            return
        view = desk.view_of(width)
        self._decide(view, step_ms)
        if view != (self.view or view):
            return
        self.looks = view
        self.place = desk.size_and_height(posture, scene)
        if view == "side":
            self.shown = self._from_side(posture, scene, step_ms)
        elif view == "front":
            self.shown = self._from_front(posture, scene, step_ms)

    def _decide(self, view: View, step_ms: int) -> None:
        if view != self._candidate or not step_ms:
            self._candidate, self._candidate_ms = view, 0
        self._candidate_ms += step_ms
        if self._candidate_ms >= VIEW_MS:
            self.view = view

    def _from_side(self, posture: Posture, scene: Scene, step_ms: int) -> Side:
        facing = self._facing.update(desk.facing(posture, scene), step_ms, SLOW_MS)
        if facing is not None:
            self._forward = 1 if facing > 0 else -1
        neck, trunk = desk.from_side(posture, scene, self._forward)
        first, second, *_ = self._parts
        return Side(first.update(neck, step_ms, SMOOTH_MS), second.update(trunk, step_ms, SMOOTH_MS))

    def _from_front(self, posture: Posture, scene: Scene, step_ms: int) -> Front:
        values = desk.from_front(posture, scene)
        return Front(
            *(part.update(value, step_ms, SMOOTH_MS) for part, value in zip(self._parts, values, strict=True))
        )
