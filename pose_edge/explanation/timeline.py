"""What was measured and decided, second by second. Pure, and needs no pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from pose_edge.engine import Engine
from pose_edge.errors import SourceError
from pose_edge.evaluation.parameters import in_force
from pose_edge.events.rules import holding
from pose_edge.options import Options
from pose_edge.posture import measure
from pose_edge.records import Event, PoseResult, Posture, Scalar, Scene, State, Surroundings, Zone

MEDIAN_S: Final = 0.2
CHORD_S: Final = (0.25, 0.8)
DROP_S: Final = 2.0
"""Descent is measured as posture_science 3.2 and 4.1 do: a median, the steepest chord, and the way down from
the highest point of the last two seconds."""

GAP_S: Final = 1.0
"""A line is not drawn over a longer silence."""

Series: TypeAlias = tuple[tuple[float, float | None], ...]
"""Seconds and value; None: not seen."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture."""

    at_s: float
    result: PoseResult
    scene: Scene
    person_ids: tuple[int | None, ...]
    state: State

    def largest_torso_share(self) -> float | None:
        """Return the longest trunk of any pose, person or not, as a share of the picture's height."""
        size_px = self.result.width_px, self.result.height_px
        bodies = [body for pose in self.result.poses if (body := measure(pose, *size_px))]
        return max((body.torso_px / size_px[1] for body in bodies), default=None)

    def seen_posture(self, person_id: int) -> str | None:
        """Return the person's posture by this picture alone; None: they were not seen."""
        found = (p.posture_class.value for p in self.scene.people if p.person_id == person_id)
        return next(found, None)

    def told_posture(self, person_id: int) -> str | None:
        """Return the person's posture in `state`; None: it has none."""
        return next((p.posture.value for p in self.state.people if p.person_id == person_id), None)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole input through the engine. Seconds count from its first picture."""

    samples: tuple[Sample, ...]
    """At least one."""
    events: tuple[Event, ...]
    """Times in ms from the first picture."""
    zones: tuple[Zone, ...] = ()
    rules: Mapping[str, tuple[bool | None, ...]] = field(default_factory=dict)
    """For each rule of the user's own: whether it was so of anybody, picture by picture; None: unknown."""

    @property
    def duration_s(self) -> float:
        """From the first picture to the last."""
        return self.samples[-1].at_s

    def sample_at(self, at_s: float) -> Sample:
        """Return the picture nearest to a moment."""
        return min(self.samples, key=lambda sample: abs(sample.at_s - at_s))

    def people(self) -> tuple[int, ...]:
        """Return who was seen, longest first."""
        counts: dict[int, int] = {}
        for sample in self.samples:
            for posture in sample.scene.people:
                counts[posture.person_id] = counts.get(posture.person_id, 0) + 1
        return tuple(sorted(counts, key=lambda person_id: (-counts[person_id], person_id)))

    def series(self, person_id: int, quantity: str) -> Series:
        """Return how a row of `QUANTITIES` went for one person."""
        return QUANTITIES[quantity].measure(self._of(person_id))

    def _of(self, person_id: int) -> Followed:
        return [
            (sample.at_s, next((p for p in sample.scene.people if p.person_id == person_id), None), sample)
            for sample in self.samples
        ]


Followed: TypeAlias = Sequence[tuple[float, Posture | None, Sample]]
"""One person through all pictures."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something measured on a person over time."""

    label: str
    unit: str
    measure: Callable[[Followed], Series]
    low: float
    high: float
    """The range that is always shown."""
    limits: tuple[str, ...] = ()
    """Names of options, and of evidence, that are limits on this quantity."""


def timeline(
    results: Iterable[PoseResult], options: Options, surroundings: Surroundings | None = None
) -> Timeline:
    """Return what an engine of its own makes of `results`.

    Raises:
        SourceError: there are none.
    """
    engine = Engine(options, surroundings=surroundings)
    samples: list[Sample] = []
    events: list[Event] = []
    first_ms: int | None = None
    for result in results:
        first_ms = result.timestamp_ms if first_ms is None else first_ms
        step = engine.update(result)
        at_s = (result.timestamp_ms - first_ms) / 1000
        samples.append(Sample(at_s, result, step.scene, step.person_ids, step.state))
        events += (_from_first(event, first_ms) for event in step.events)
    if not samples:
        msg = "not a single picture to explain"
        raise SourceError(msg)
    zones = surroundings.zones if surroundings else ()
    rules = holding(options, [sample.scene for sample in samples], zones)
    return Timeline(tuple(samples), tuple(events), zones, rules)


def limits_in_force(events: Iterable[Event], options: Options) -> Mapping[str, float]:
    """Return the limits by name: what evidence states as `limit_<name>`, else numbers among the options.

    Evidence wins: it knows what follows from other options.
    """
    found: dict[str, float] = {}
    for group in in_force(options).values():
        found |= {name: float(value) for name, value in group.items() if _is_number(value)}
    for event in events:
        for name, value in event.evidence.items():
            if name.startswith("limit_") and isinstance(value, int | float):
                found[name.removeprefix("limit_")] = float(value)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tilt(followed: Followed) -> Series:
    return tuple((at_s, posture.body.torso_tilt_deg if posture else None) for at_s, posture, _ in followed)


def _head_height(followed: Followed) -> Series:
    return tuple(
        (
            at_s,
            None
            if posture is None
            else (sample.scene.height_px - posture.body.head_px[1]) / posture.scale_px,
        )
        for at_s, posture, sample in followed
    )


def _smooth_head_down(followed: Followed) -> list[tuple[float, float | None]]:
    """Return how far below the upper edge the head is, in torso lengths, as the median of `MEDIAN_S`."""
    smoothed: list[tuple[float, float | None]] = []
    recent: list[tuple[float, float]] = []
    for at_s, posture, _ in followed:
        if posture is None:
            smoothed.append((at_s, None))
            continue
        recent = [*(item for item in recent if at_s - item[0] <= MEDIAN_S), (at_s, posture.body.head_px[1])]
        values = sorted(value for _, value in recent)
        smoothed.append((at_s, values[len(values) // 2] / posture.scale_px))
    return smoothed


def _drop(followed: Followed) -> Series:
    return _against_past(
        _smooth_head_down(followed), DROP_S, lambda value, past: value - min(y for _, y in past)
    )


def _speed(followed: Followed) -> Series:
    shortest_s, longest_s = CHORD_S

    def steepest(value: float, past: Sequence[tuple[float, float]]) -> float:
        return max(
            ((value - y) / age_s for age_s, y in past if shortest_s <= age_s <= longest_s), default=0.0
        )

    return _against_past(_smooth_head_down(followed), longest_s, steepest)


def _against_past(
    values: Sequence[tuple[float, float | None]],
    window_s: float,
    compare: Callable[[float, Sequence[tuple[float, float]]], float],
) -> Series:
    """Return each value against those of the window before it, itself included, as (age, value)."""
    found: list[tuple[float, float | None]] = []
    past: list[tuple[float, float]] = []
    for at_s, value in values:
        if value is None:
            found.append((at_s, None))
            continue
        past = [*(item for item in past if at_s - item[0] <= window_s), (at_s, value)]
        found.append((at_s, compare(value, [(at_s - then_s, y) for then_s, y in past])))
    return tuple(found)


QUANTITIES: Final[Mapping[str, Quantity]] = {
    "torso_tilt": Quantity("torso tilt", "deg", _tilt, 0, 120, ("torso_angle_deg", "BENT_TILT_DEG")),
    "head_height": Quantity("head height", "torso lengths", _head_height, 0, 3),
    "head_drop": Quantity("head drop in 2 s", "torso lengths", _drop, 0, 1.5, ("drop",)),
    "descent_speed": Quantity("head descent", "torso lengths / s", _speed, -0.5, 2, ("drop_speed",)),
}
"""One panel each."""


def peak(series: Series) -> tuple[float, float] | None:
    """Return when a quantity was largest, and how large; None: never seen."""
    seen = [(at_s, value) for at_s, value in series if value is not None]
    return max(seen, key=lambda item: item[1], default=None)


def stretches(marked: Iterable[tuple[float, Scalar]], end_s: float) -> list[tuple[float, float, Scalar]]:
    """Return (from, to, value) of equal neighbours; the last one lasts until `end_s`."""
    found: list[tuple[float, float, Scalar]] = []
    for at_s, value in marked:
        if found and found[-1][2] == value:
            continue
        if found:
            found[-1] = (found[-1][0], at_s, found[-1][2])
        found.append((at_s, end_s, value))
    return found


def _from_first(event: Event, first_ms: int) -> Event:
    return replace(
        event,
        timestamp_ms=event.timestamp_ms - first_ms,
        start_ms=event.start_ms - first_ms,
        end_ms=None if event.end_ms is None else event.end_ms - first_ms,
    )
