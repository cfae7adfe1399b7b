"""Presence: somebody is there, or nobody is.

Begins when a person has been seen for `on_delay_s`. Ends when nobody has been seen for a time that
depends on how the last one went: out of the side of the picture, out of sight inside it, or lying down,
since silence on the floor is not absence. Hidden parts mean nothing; the tracker says who is a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import Field

from pose_edge.options import Options
from pose_edge.records import Event, Posture, PostureClass, Scene, Stage

EDGE_SHARE: Final = 0.03
"""A box this near the left or right edge is on its way out; 3 % is a few pixels of landmark noise."""

GAP_MS: Final = 1000
"""A longer silence between two results proves nothing: no timer runs through it."""


BLINK_MS: Final = 300
"""The model misses single frames; somebody unseen for less than this has been seen all the time."""


class PresenceOptions(Options):
    """Options under ``events.presence``."""

    on_delay_s: float = Field(0.5, ge=0, le=60)
    """How long somebody must be seen before they count as present."""

    off_delay_s: float = Field(1.0, ge=0, le=3600)
    """How long after somebody left through the side of the picture nobody is present."""

    lost_delay_s: float = Field(10.0, ge=0, le=3600)
    """The same when they were last seen inside the picture: the model loses people who turn away."""

    lying_delay_s: float = Field(60.0, ge=0, le=86400)
    """The same when they were last seen lying: the model often loses them, and they have not left."""

    count_hold_s: float = Field(1.0, ge=0, le=60)
    """How long another number of people must be seen before it is told: the model sees somebody twice, or
    misses them, for a few pictures at a time."""


class Presence:
    """See the module. One event from the first person coming to the last one gone."""

    kind = "presence"

    def __init__(self, options: PresenceOptions, numbers: Iterator[int]) -> None:
        self._options = options
        self._numbers = numbers
        self._present: bool | None = None
        self._number = 0
        self._start_ms = 0
        self._count = 0
        self._other_count = 0
        self._other_since_ms = 0
        """Since when the number of people has been another one than told."""
        self._seen_since_ms: int | None = None
        self._unseen_since_ms: int | None = None
        self._last: tuple[Posture, ...] = ()
        self._previous_ms: int | None = None
        self._broken = False
        """Between this result and the one before was a longer silence."""

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        self._run_timers(scene)
        if scene.people:
            self._last = scene.people
        if scene.people and not self._present and self._seen_for_ms(scene) >= self._options.on_delay_s * 1000:
            return (self._begin(scene),)
        if self._present is not False and self._is_gone(scene):
            return (self._end(scene),)
        if self._present and self._counts_otherwise(scene):
            self._count = len(scene.people)
            return (self._event(scene, Stage.UPDATE, "presence_changed", "count"),)
        return ()

    def _counts_otherwise(self, scene: Scene) -> bool:
        """Whether so many people as now, and not as many as told, have been seen for long enough.

        Nobody at all for a moment says nothing: that is another timer's business.
        """
        if not scene.people:
            return False
        if len(scene.people) != self._other_count or self._broken:
            self._other_count, self._other_since_ms = len(scene.people), scene.timestamp_ms
        held_ms = scene.timestamp_ms - self._other_since_ms
        return self._other_count != self._count and held_ms >= self._options.count_hold_s * 1000

    def _run_timers(self, scene: Scene) -> None:
        """Keep since when somebody, or nobody, has been seen without a break."""
        now_ms, previous_ms = scene.timestamp_ms, self._previous_ms
        self._previous_ms = now_ms
        self._broken = previous_ms is not None and now_ms - previous_ms > GAP_MS
        if self._broken:
            self._seen_since_ms = self._unseen_since_ms = None
        if scene.people:
            self._unseen_since_ms = None
            self._seen_since_ms = _first_ms(scene) if self._seen_since_ms is None else self._seen_since_ms
        else:
            self._unseen_since_ms = now_ms if self._unseen_since_ms is None else self._unseen_since_ms
            if now_ms - self._unseen_since_ms >= BLINK_MS:
                self._seen_since_ms = None

    def _seen_for_ms(self, scene: Scene) -> float:
        return -1 if self._seen_since_ms is None else scene.timestamp_ms - self._seen_since_ms

    def _is_gone(self, scene: Scene) -> bool:
        """Whether nobody has been seen for as long as one waits for whoever was there."""
        return self._unseen_since_ms is not None and self._unseen_for_ms(scene) >= self._patience_ms()

    def _unseen_for_ms(self, scene: Scene) -> float:
        return -1 if self._unseen_since_ms is None else scene.timestamp_ms - self._unseen_since_ms

    def _patience_ms(self) -> float:
        """How long to wait for whoever was there: the most patient of the rules that apply."""
        return (
            max((self._patience_s(posture) for posture in self._last), default=self._options.off_delay_s)
            * 1000
        )

    def _patience_s(self, posture: Posture) -> float:
        box = posture.body.box
        if posture.posture_class is PostureClass.LYING:
            return self._options.lying_delay_s
        if box.x < EDGE_SHARE or box.x + box.width > 1 - EDGE_SHARE:
            return self._options.off_delay_s
        return self._options.lost_delay_s

    def _begin(self, scene: Scene) -> Event:
        assert self._seen_since_ms is not None
        self._present = True
        self._number = next(self._numbers)
        self._start_ms = self._seen_since_ms
        self._count = len(scene.people)
        return self._event(scene, Stage.NEW, "presence_started", "seen")

    def _end(self, scene: Scene) -> Event:
        """End the stay; or say for the first time that nobody is there, which began with the run."""
        assert self._unseen_since_ms is not None
        if self._present is None:
            self._number, self._start_ms = next(self._numbers), self._unseen_since_ms
            reason = "nobody_at_start"
        else:
            reason = "not_seen"
        self._present, self._count, self._last = False, 0, ()
        return self._event(scene, Stage.END, "presence_ended", reason, end_ms=self._unseen_since_ms)

    def _event(
        self, scene: Scene, stage: Stage, event_type: str, reason: str, end_ms: int | None = None
    ) -> Event:
        return Event(
            kind=self.kind,
            event_type=event_type,
            stage=stage,
            number=self._number,
            timestamp_ms=scene.timestamp_ms,
            start_ms=self._start_ms,
            end_ms=end_ms,
            reason=reason,
            details={"person_count": self._count},
            evidence=self._evidence(scene),
        )

    def _evidence(self, scene: Scene) -> dict[str, float]:
        options = self._options
        if scene.people:
            largest = max(scene.people, key=lambda posture: posture.scale_px)
            return {
                "torso_share": round(largest.scale_px / scene.height_px, 3),
                "visibility": round(largest.body.visibility, 2),
                "on_delay_s": options.on_delay_s,
            }
        return {"unseen_s": round(self._unseen_for_ms(scene) / 1000, 2), "off_delay_s": options.off_delay_s}


def _first_ms(scene: Scene) -> int:
    """Return since when somebody who is there now has been seen, be it that they were doubted at first."""
    return min(who.earlier[0].timestamp_ms if who.earlier else who.timestamp_ms for who in scene.people)
