"""Repetitions: squats and push-ups, counted.

Begins with the third repetition in a row and tells each further one, at most one report a second. Ends when
none has come for `pause_s`. One counts as soon as its way back is certain, so that the last one of a series
counts, too. A part hidden for a second, or feet (hands) that move on, break off the repetition under
way and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pydantic import Field

from pose_edge.arms import hands_px
from pose_edge.geometry import distance
from pose_edge.options import Options
from pose_edge.records import Event, PointPx, Posture, Scene, Stage
from pose_edge.signals import GAP_MS
from pose_edge.swings import Swings, Turn

TRUNK_DEG: Final = 60.0
"""Trunk tilt that parts squats from push-ups: 27 and 85-97 at most and least on the development clips."""

SHALLOWEST: Final = 0.25
"""Torso lengths a body goes down at least (science 4.7); walking moves the hips by 0.1."""

TURNED: Final = 0.35
DEEP: Final = 0.65
"""Shares of the learnt range: the one back makes a turn, the other down a repetition (science 4.7)."""

SHORTEST_MS: Final = 300
"""From leaving the top until the way back is certain: half of the 0.6 s of a repetition (science 4.7)."""

LONGEST_MS: Final = 6000
"""(science 4.7) Longer is sitting down."""

PLANTED: Final = 0.25
"""Torso lengths within which feet (hands) stay: 0.1 on the development clips; less than a repetition is deep,
so that lifting the feet is none [D]."""

NEAR: Final = 0.1
"""A body so near to the top still is there [D]."""

HANDS_DOWN: Final = 0.2
"""Shoulders above the hands that carry them: 0.5-1.2 in push-ups, about 0 lying (development clips)."""

REPORT_MS: Final = 1000
FORGET_MS: Final = 3000
"""The tracker keeps people for 2 s who are not seen; one who lies is kept longer, but does nothing."""


class RepetitionOptions(Options):
    """Options under ``events.repetition``."""

    enabled: bool = True
    """Whether repetitions are counted."""

    at_least: int = Field(3, ge=1, le=1000)
    """How many in a row make a series. 3: who picks things up bends the knees once or twice."""

    pause_s: float = Field(10.0, ge=1, le=600)
    """A series is over when none has come for so long: the longest repetition takes 6 s, and a breath."""


class Effort(NamedTuple):
    """What an exercise looks like at one moment."""

    height: float
    """Of what goes down and up, above what carries it, in torso lengths."""
    planted_px: PointPx
    """Where that is."""


def _squat(posture: Posture, _: Scene) -> Effort | None:
    """Hips over the feet, the trunk up. A squat onto a chair is one, too."""
    height, feet_px = posture.hips_above_ankles, posture.body.ankles_px
    if height is None or feet_px is None or posture.body.torso_tilt_deg >= TRUNK_DEG:
        return None
    return Effort(height, feet_px)


def _push_up(posture: Posture, scene: Scene) -> Effort | None:
    """Shoulders over the hands, the trunk level."""
    if posture.body.torso_tilt_deg < TRUNK_DEG:
        return None
    planted_px = hands_px(posture.body, scene.width_px, scene.height_px)
    if planted_px is None:
        return None
    height = (planted_px[1] - posture.body.shoulders_px[1]) / posture.scale_px
    return Effort(height, planted_px) if height >= HANDS_DOWN else None


EXERCISES: Final[dict[str, Callable[[Posture, Scene], Effort | None]]] = {
    "squat": _squat,
    "push_up": _push_up,
}
"""Every exercise: what of a body goes down and up. None: it is not being done, or cannot be seen."""


class _Series:
    """One exercise of one person."""

    def __init__(self) -> None:
        self._swings = Swings(LONGEST_MS)
        self._top: Turn | None = None
        self._planted_px: PointPx | None = None
        self.away_ms = 0
        """For how long it has not been seen."""
        self._depths: list[float] = []
        """Of the first two repetitions: the range is learnt from them."""
        self.begun: Event | None = None
        self.count = self.missed = 0
        self.start_ms = self.last_ms = 0
        self.depth = self.took_ms = 0.0
        """Of the last repetition."""
        self.quiet_ms = 0
        """Since it was counted last."""

    def forget(self) -> None:
        """End the series: the next one is a new one."""
        self.begun, self.count, self.missed = None, 0, 0
        self._depths.clear()

    def see(self, effort: Effort, scale_px: float, now_ms: int) -> bool:
        """Take in one sighting; return whether a repetition has been counted."""
        moved = self._planted_px is None or distance(self._planted_px, effort.planted_px) > PLANTED * scale_px
        if moved or self.away_ms >= GAP_MS:
            self._swings.reset()
            self._top, self._planted_px = None, effort.planted_px
        self.away_ms = 0
        turn = self._swings.update(effort.height, now_ms, max(SHALLOWEST, TURNED * self.range), NEAR)
        if turn is None:
            return False
        if turn.high:
            self._top = turn
            return False
        return self._top is not None and self._is_counted(self._top, turn, now_ms)

    @property
    def range(self) -> float:
        """How deep a repetition is as a rule, in torso lengths; 0 while it is being learnt."""
        return sum(self._depths) / 2 if len(self._depths) == 2 else 0.0

    def _is_counted(self, top: Turn, bottom: Turn, now_ms: int) -> bool:
        depth, took_ms = top.value - bottom.value, now_ms - top.left_ms
        if depth < DEEP * self.range or not SHORTEST_MS <= took_ms <= LONGEST_MS:
            self.missed += 1
            return False
        if len(self._depths) < 2:
            self._depths.append(depth)
        if self.count == 0:
            self.start_ms, self.missed = top.left_ms, 0
        self.count += 1
        self.depth, self.took_ms, self.last_ms, self.quiet_ms = depth, took_ms, now_ms, 0
        return True


class _Person:
    def __init__(self) -> None:
        self.series = {name: _Series() for name in EXERCISES}
        self.seen_ms = 0


class RepetitionDetector:
    """See the module. Each person and exercise has events of its own."""

    kind = "repetition"

    def __init__(self, options: RepetitionOptions, numbers: Iterator[int]) -> None:
        self._options = options
        self._numbers = numbers
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
        for person_id, person in self._people.items():
            for name, series in person.series.items():
                series.away_ms += step_ms
                series.quiet_ms += step_ms
                if series.count and series.quiet_ms >= 1000 * self._options.pause_s:
                    events += self._end(series, name, person_id, now_ms)
        for posture in scene.people:
            events += self._see(posture, scene)
        if len(self._people) > len(scene.people):
            self._forget(now_ms)
        return tuple(events)

    def _see(self, posture: Posture, scene: Scene) -> list[Event]:
        person = self._people.get(posture.person_id)
        if person is None:
            person = self._people[posture.person_id] = _Person()
        person.seen_ms = scene.timestamp_ms
        events: list[Event] = []
        for name, measure in EXERCISES.items():
            effort = measure(posture, scene)
            if effort is None:
                continue
            series = person.series[name]
            counted = series.see(effort, posture.scale_px, scene.timestamp_ms)
            if counted or series.begun is not None:
                events += self._tell(series, name, posture, counted=counted)
        return events

    def _tell(self, series: _Series, name: str, posture: Posture, *, counted: bool) -> tuple[Event, ...]:
        now_ms, begun = posture.timestamp_ms, series.begun
        if begun is None:
            if not counted or series.count < self._options.at_least:
                return ()
            stage, number = Stage.NEW, next(self._numbers)
        elif begun.details["count"] == series.count or now_ms - begun.timestamp_ms < REPORT_MS:
            return ()
        else:
            stage, number = Stage.UPDATE, begun.number
        sure = posture.body.visibility * series.count / (series.count + series.missed)
        series.begun = self._event(series, name, stage, number, posture.person_id, now_ms, round(sure, 2))
        return (series.begun,)

    def _end(self, series: _Series, name: str, person_id: int, now_ms: int) -> tuple[Event, ...]:
        begun = series.begun
        ended: tuple[Event, ...] = ()
        if begun is not None:
            ended = (self._event(series, name, Stage.END, begun.number, person_id, now_ms, begun.confidence),)
        series.forget()
        return ended

    def _event(
        self,
        series: _Series,
        name: str,
        stage: Stage,
        number: int,
        person_id: int,
        now_ms: int,
        confidence: float | None,
    ) -> Event:
        return Event(
            kind=self.kind,
            event_type=self.kind,
            stage=stage,
            number=number,
            timestamp_ms=now_ms,
            start_ms=series.start_ms,
            end_ms=series.last_ms if stage is Stage.END else None,
            person_id=person_id,
            confidence=confidence,
            reason="pause" if stage is Stage.END else "counted",
            details={"exercise": name, "count": series.count},
            evidence={
                "depth": round(series.depth, 2),
                "took_s": round(series.took_ms / 1000, 2),
                "range": round(series.range, 2),
                "not_counted": series.missed,
                "limit_depth": round(max(SHALLOWEST, DEEP * series.range), 2),
                "limit_shortest_s": SHORTEST_MS / 1000,
                "limit_longest_s": LONGEST_MS / 1000,
                "limit_at_least": self._options.at_least,
                "limit_pause_s": self._options.pause_s,
            },
        )

    def _forget(self, now_ms: int) -> None:
        """Drop those who are gone and of whom nothing is left to tell."""
        for person_id, person in list(self._people.items()):
            counting = any(series.count for series in person.series.values())
            if now_ms - person.seen_ms > FORGET_MS and not counting:
                del self._people[person_id]
