"""Sitting too long: a clock that runs while somebody sits, and runs back faster while nobody does.

Begins when it reaches `break_every_min`; ends when it has run back to nothing, which a tenth of that time
on one's feet or away does. It belongs to the place, not to a track: the model loses people who turn away.
Somebody whose posture is unknown, or who lies, stops the clock.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pose_edge.records import Posture, PostureClass, Scene

RELIEF: Final = 10
"""Each minute up takes off ten minutes of sitting, so that 3 clear 30 (ADA: 3 minutes every 30)."""

UP_MS: Final = 3000
"""Standing for less is a flicker of the model, or a shifted chair."""

AWAY_MS: Final = 10_000
"""The same for seeing nobody: the model loses people who turn away (as `presence.lost_delay_s`)."""

_UP: Final = (PostureClass.STANDING, PostureClass.BENDING)

Doing: TypeAlias = Literal["sits", "up", "away", "unknown"]


class SeatClock:
    """See the module."""

    def __init__(self, limit_ms: int) -> None:
        self._limit_ms = limit_ms
        self.sat_ms = 0
        """How long somebody has been sitting, less what breaks took off; never above the limit."""
        self.since_ms = 0
        """When it began to run."""
        self.up_since_ms = 0
        """When somebody last got up or left."""
        self.sitter: Posture | None = None
        """Whoever sat last."""
        self._up_ms = 0

    @property
    def full(self) -> bool:
        """Whether somebody has been sitting too long."""
        return self.sat_ms >= self._limit_ms

    def run(self, scene: Scene, step_ms: int) -> Doing:
        """Take in one moment, `step_ms` after the last one (0 after a gap); return what is done in it."""
        doing = self._doing(scene)
        if doing == "sits":
            self._sit(scene, step_ms)
        elif doing != "unknown":
            self._rise(scene, step_ms, UP_MS if doing == "up" else AWAY_MS)
        return doing

    def _doing(self, scene: Scene) -> Doing:
        if not scene.people:
            return "away"
        for posture in scene.people:
            if posture.posture_class is PostureClass.SITTING:
                self.sitter = posture
                return "sits"
        return "up" if any(posture.posture_class in _UP for posture in scene.people) else "unknown"

    def _sit(self, scene: Scene, step_ms: int) -> None:
        if self.sat_ms == 0:
            self.since_ms = scene.timestamp_ms
        # Too short to have been up: they were sitting all the time.
        flicker_ms = self._up_ms if self._up_ms < UP_MS else 0
        self._up_ms = 0
        self.sat_ms = min(self._limit_ms, self.sat_ms + step_ms + flicker_ms)

    def _rise(self, scene: Scene, step_ms: int, patience_ms: int) -> None:
        if self._up_ms == 0:
            self.up_since_ms = scene.timestamp_ms
        before_ms, self._up_ms = self._up_ms, self._up_ms + step_ms
        if self._up_ms >= patience_ms:
            counted_ms = step_ms if before_ms >= patience_ms else self._up_ms
            self.sat_ms = max(0, self.sat_ms - RELIEF * counted_ms)
