"""What is known of each person, through the seconds in which nobody sees them.

The tracker forgets somebody unseen after 2 to 10 s and gives them another id when they are back. Here they
stay who they are: what is known of somebody lost goes over to somebody new who turns up where they were.
Time is that of the pictures; while there are none it stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pose_edge.geometry import distance
from pose_edge.records import Posture, PostureClass, Scene
from pose_edge.signals import GAP_MS

About = TypeVar("About")

EDGE_SHARE: Final = 0.03
"""A box this near the left or right edge is on its way out, as in `events/presence.py`."""

LEFT_MS, LOST_MS, LYING_MS = 1000, 10_000, 60_000
"""How long somebody is waited for who was seen last at the edge, inside the picture, and lying: the delays of
`events/presence.py`, so that whoever counts as present counts as being where they were."""

REACH: Final = 2.5
"""Torso lengths between where somebody was lost and where somebody new is, who may be the same: as far as the
tracker lets hips move between two sightings a second apart, and enough to stand beside the bed one lay in."""

MOST: Final = 16
"""People at a time. Beyond it the one lost for longest is forgotten."""


@dataclass(slots=True)
class Known(Generic[About]):
    """One person, by whatever id."""

    about: About
    posture: Posture
    """As seen last."""
    lost_ms: int = 0
    """Since then; 0: seen at this moment."""
    unseen_ms: int = 0
    """Between the last two sightings."""
    step_ms: int = 0
    """Of that, since the last moment; 0 for somebody new, of whom nothing was known before."""

    @property
    def person_id(self) -> int:
        """As the tracker called them last."""
        return self.posture.person_id


def patience_ms(posture: Posture) -> int:
    """Return how long to wait for somebody who was seen last like this."""
    if posture.posture_class is PostureClass.LYING:
        return LYING_MS
    box = posture.body.box
    return LEFT_MS if box.x < EDGE_SHARE or box.x + box.width > 1 - EDGE_SHARE else LOST_MS


class Roster(Generic[About]):
    """Keeps one `About` a person."""

    def __init__(
        self,
        fresh: Callable[[], About],
        keep_ms: Callable[[Known[About]], float] = lambda known: patience_ms(known.posture),
    ) -> None:
        """`keep_ms` says how long somebody lost is waited for."""
        self._fresh = fresh
        self._keep_ms = keep_ms
        self._known: dict[int, Known[About]] = {}
        self._at_ms: int | None = None
        self.step_ms = 0
        """How much time counts as passed: no clock runs through a longer silence."""
        self.gone: list[Known[About]] = []
        """Who has been forgotten at this moment."""

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Known[About]]:
        return iter(self._known.values())

    def update(self, scene: Scene) -> None:
        """Take in who is seen. Scenes come in the order of time."""
        before_ms, self._at_ms = self._at_ms, scene.timestamp_ms
        step_ms = self.step_ms = 0 if before_ms is None else min(scene.timestamp_ms - before_ms, GAP_MS)
        if self.gone:
            self.gone = []
        if not scene.people and not self._known:
            return
        for known in self._known.values():
            known.lost_ms += step_ms
        for posture in scene.people:
            found = self._known.get(posture.person_id) or self._welcome(posture, scene)
            found.posture = posture
            found.unseen_ms, found.lost_ms = found.lost_ms, 0
            found.step_ms = step_ms if found.unseen_ms else 0
        if len(self._known) > len(scene.people):
            self._forget(scene)

    def _welcome(self, posture: Posture, scene: Scene) -> Known[About]:
        """Return what is known of somebody new, who may be the nearest of those lost."""
        seen = {other.person_id for other in scene.people}
        near = [
            (step_px, person_id)
            for person_id, known in self._known.items()
            if person_id not in seen
            and (step_px := distance(known.posture.body.hips_px, posture.body.hips_px))
            <= REACH * max(known.posture.scale_px, posture.scale_px)
        ]
        known = self._known.pop(min(near)[1]) if near else Known(self._fresh(), posture)
        self._known[posture.person_id] = known
        return known

    def _forget(self, scene: Scene) -> None:
        seen = {posture.person_id for posture in scene.people}
        lost = [person_id for person_id in self._known if person_id not in seen]
        late = [one for one in lost if self._known[one].lost_ms >= self._keep_ms(self._known[one])]
        spare = sorted(set(lost) - set(late), key=lambda one: -self._known[one].lost_ms)
        late += spare[: max(0, len(self._known) - len(late) - MOST)]
        self.gone = [self._known.pop(person_id) for person_id in late]
