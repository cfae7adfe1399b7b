"""A condition -> functions that say whether it is so. What is hidden makes it unknown, never false.

Unknown goes the way of Kleene's logic: `all` is false as soon as one part is, `any` true as soon as one
is, and `not` of unknown is unknown.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from pose_edge.events.rules.conditions import ConditionBase, Limits, People
from pose_edge.events.rules.paths import Paths
from pose_edge.events.rules.words import count_in_words, evidence_name, in_condition
from pose_edge.quantities import BY_NAME, POINTS, Point, Quantity
from pose_edge.records import Posture, Scalar, Scene, Zone

Read: TypeAlias = Callable[[Posture | None, Scene], Any]
"""Measure a quantity on a person, or on the scene; None: it cannot be seen."""


class Check(Protocol):
    """Whether something is so."""

    def holds(self, who: Posture | None, scene: Scene, active: bool) -> bool | None:
        """Say it of one person; None: unknown. `active`: it has been so, and has to go back further."""

    def leaves(self) -> Iterator[Leaf]:
        """Yield the quantities it is made of."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One quantity between two numbers, or one word among several."""

    name: str
    """In evidence."""
    words: str
    of_person: bool
    read: Read
    begins: tuple[float, float] = (-math.inf, math.inf)
    keeps: tuple[float, float] = (-math.inf, math.inf)
    """The same once it has been so: wider by the margin; narrower where it is denied."""
    among: tuple[str, ...] = ()
    """Words; the numbers mean nothing then."""
    counted: str = ""
    """The limit of a count in words; it has no margin."""
    zones: tuple[str, ...] = ()
    """Whose people it counts."""

    def holds(self, who: Posture | None, scene: Scene, active: bool) -> bool | None:
        """See `Check`."""
        value = self.read(who, scene)
        if value is None:
            return None
        low, high = self.keeps if active else self.begins
        so: bool = value in self.among if self.among else low < value < high
        return so

    def leaves(self) -> Iterator[Leaf]:
        """See `Check`."""
        yield self

    def distance(self, value: Any) -> float:
        """Return how far a value is from beginning to be so; 0 when it is."""
        if self.among:
            return 0.0 if value in self.among else 1.0
        low, high = self.begins
        return float(max(0.0, low - value, value - high))

    def limit(self, active: bool) -> Scalar:
        """Return the limit in force."""
        if self.among:
            return " or ".join(self.among)
        if self.counted:
            return self.counted
        low, high = self.keeps if active else self.begins
        if math.isinf(low):
            return round(high, 3)
        return round(low, 3) if math.isinf(high) else f"{low:g} to {high:g}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part is so."""

    parts: tuple[Check, ...]

    def holds(self, who: Posture | None, scene: Scene, active: bool) -> bool | None:
        """See `Check`."""
        unknown = False
        for part in self.parts:
            so = part.holds(who, scene, active)
            if so is False:
                return False
            unknown = unknown or so is None
        return None if unknown else True

    def leaves(self) -> Iterator[Leaf]:
        """See `Check`."""
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part is so."""

    parts: tuple[Check, ...]

    def holds(self, who: Posture | None, scene: Scene, active: bool) -> bool | None:
        """See `Check`."""
        unknown = False
        for part in self.parts:
            so = part.holds(who, scene, active)
            if so:
                return True
            unknown = unknown or so is None
        return None if unknown else False

    def leaves(self) -> Iterator[Leaf]:
        """See `Check`."""
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True, slots=True)
class Not:
    """The part is not so."""

    part: Check

    def holds(self, who: Posture | None, scene: Scene, active: bool) -> bool | None:
        """See `Check`."""
        so = self.part.holds(who, scene, active)
        return None if so is None else not so

    def leaves(self) -> Iterator[Leaf]:
        """See `Check`."""
        return self.part.leaves()


NOWHERE: Final = ""
"""Read where somebody is in none of the zones asked for."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What checks are built on: zones, and where points were."""

    zones: tuple[Zone, ...]
    paths: Paths

    def check(self, condition: ConditionBase, denied: bool = False) -> Check:
        """Return what says whether `condition` is so. `denied`: it stands under a `not`."""
        # The posture first: it costs nothing, and where it is wrong nothing else has to be measured.
        given = sorted(condition.given(), key=lambda item: item[0] != "posture")
        parts = [part for name, value in given for part in self._part(name, value, denied)]
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _part(self, name: str, value: Any, denied: bool) -> Iterator[Check]:
        if name == "not":
            yield Not(self.check(value, not denied))
        elif name == "all":
            yield from (self.check(part, denied) for part in value)
        elif name == "any":
            yield AnyOf(tuple(self.check(part, denied) for part in value))
        else:
            yield self._leaf(BY_NAME[name], value, denied)

    def _leaf(self, row: Quantity, value: Any, denied: bool) -> Leaf:
        if isinstance(value, Limits):
            return self._number(row, value, denied)
        if isinstance(value, People):
            return self._people(row, value)
        words = in_condition(row.name, value)
        read = row.measure if row.shape == "posture" else self._zone(row, value)
        return Leaf(row.name, words, True, read, among=value)

    def _number(self, row: Quantity, limits: Limits, denied: bool) -> Leaf:
        margin = (row.margin if limits.margin is None else limits.margin) * (-1 if denied else 1)
        low, high = limits.interval
        return Leaf(
            evidence_name(row.name, limits),
            in_condition(row.name, limits),
            True,
            self._reader(row, limits),
            begins=(low, high),
            keeps=(low - margin, high + margin),
        )

    def _reader(self, row: Quantity, limits: Any) -> Read:
        measure = row.measure
        if row.shape == "number":
            return measure
        of: Point = POINTS[limits.of]
        if row.shape == "speed":
            return lambda who, scene: self.paths.speed(who, scene, of, measure) if who else None
        other: Point = POINTS[limits.over if row.shape == "height" else limits.to]
        return lambda who, scene: measure(who, scene, of, other)

    def _zone(self, row: Quantity, names: tuple[str, ...]) -> Read:
        zones = self._named(names)

        def read(who: Posture | None, scene: Scene) -> str | None:
            if not zones:
                return None
            inside: tuple[str, ...] = row.measure(who, scene, zones)
            return inside[0] if inside else NOWHERE

        return read

    def _people(self, row: Quantity, limits: People) -> Leaf:
        zones = self._named(limits.zone)

        def read(_: Posture | None, scene: Scene) -> int | None:
            return None if limits.zone and not zones else row.measure(scene, zones)

        low = -math.inf if limits.at_least is None else limits.at_least - 0.5
        high = math.inf if limits.at_most is None else limits.at_most + 0.5
        name, words = evidence_name(row.name, limits), in_condition(row.name, limits)
        counted = count_in_words(limits)
        return Leaf(name, words, False, read, (low, high), (low, high), counted=counted, zones=limits.zone)

    def _named(self, names: tuple[str, ...]) -> tuple[Zone, ...]:
        return tuple(zone for zone in self.zones if zone.name in names)


def named(leaves: Iterator[Leaf]) -> tuple[tuple[str, Leaf], ...]:
    """Give each quantity a name of its own in evidence."""
    counts: Counter[str] = Counter()
    found = []
    for leaf in leaves:
        counts[leaf.name] += 1
        found.append((leaf.name if counts[leaf.name] == 1 else f"{leaf.name}_{counts[leaf.name]}", leaf))
    return tuple(found)
