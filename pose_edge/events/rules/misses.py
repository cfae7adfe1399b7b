"""When each rule was so, and how near it came to an event that never was: for `pose-edge explain`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pose_edge.events.rules.checks import Ground, Leaf, named
from pose_edge.events.rules.life import Change, Life, Spans
from pose_edge.events.rules.options import PREFIX, points_that_move, rules_of
from pose_edge.events.rules.paths import Paths
from pose_edge.options import Options
from pose_edge.records import Posture, Scalar, Scene, Zone


@dataclass(slots=True)
class Miss:
    """One rule on one person, or on the scene."""

    kind: str
    person_id: int | None
    for_s: float
    at_ms: int = 0
    """When it had been so for longest."""
    held_ms: int = 0
    nearest: dict[str, Scalar] = field(default_factory=dict)
    """The value that came nearest to its limit, for each quantity by itself."""
    limits: dict[str, Scalar] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, Scalar]:
        """Return what was measured, and the limits."""
        held = {"held_s": round(self.held_ms / 1000, 2), "limit_held_s": self.for_s}
        return {**self.nearest, **self.limits, **held}


def misses(options: Options, scenes: Iterable[Scene], zones: tuple[Zone, ...] = ()) -> Iterator[Miss]:
    """Yield a `Miss` for each rule of an `EventsOptions` and person of whom it never came true."""
    seen = tuple(scenes)
    for name, rule in rules_of(options).items():
        paths = Paths(points_that_move(rule))
        check = Ground(zones, paths).check(rule.when)
        leaves = named(check.leaves())
        of_person = any(leaf.of_person for _, leaf in leaves)
        found: dict[int | None, tuple[Miss, Life]] = {}
        begun: set[int | None] = set()
        for scene in seen:
            paths.update(scene)
            for who in scene.people if of_person else (None,):
                person_id = who.person_id if who else None
                if person_id not in found:
                    spans = Spans(rule.for_s * 1000, rule.clear * 1000, 0)
                    found[person_id] = Miss(f"{PREFIX}{name}", person_id, rule.for_s), Life(spans)
                miss, life = found[person_id]
                if life.update(check.holds(who, scene, False), scene.timestamp_ms) is Change.BEGUN:
                    begun.add(person_id)
                _take_in(miss, life, leaves, who, scene)
        yield from (miss for person_id, (miss, _) in found.items() if person_id not in begun)


def holding(
    options: Options, scenes: Sequence[Scene], zones: tuple[Zone, ...] = ()
) -> dict[str, tuple[bool | None, ...]]:
    """Return for each rule whether it was so of anybody, scene by scene; None: it cannot be known."""
    found = {}
    for name, rule in rules_of(options).items():
        paths = Paths(points_that_move(rule))
        check = Ground(zones, paths).check(rule.when)
        of_person = any(leaf.of_person for leaf in check.leaves())
        so: list[bool | None] = []
        for scene in scenes:
            paths.update(scene)
            said = [check.holds(who, scene, False) for who in (scene.people if of_person else (None,))]
            so.append(True if True in said else None if None in said else False)
        found[name] = tuple(so)
    return found


def _take_in(
    miss: Miss, life: Life, leaves: tuple[tuple[str, Leaf], ...], who: Posture | None, scene: Scene
) -> None:
    if life.held.ms > miss.held_ms:
        miss.held_ms, miss.at_ms = life.held.ms, scene.timestamp_ms
    for name, leaf in leaves:
        miss.limits[f"limit_{name}"] = leaf.limit(active=False)
        value = leaf.read(who, scene)
        if value is None:
            continue
        best = miss.nearest.get(name)
        if best is None or leaf.distance(value) < leaf.distance(best):
            miss.nearest[name] = round(value, 3) if isinstance(value, float) else value
