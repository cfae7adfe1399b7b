"""Which pose is whom, and which pose is a person at all.

Begins: bodies large enough are seen `SIGHTINGS` times within `GATE_MS`. Ends: not seen for `KEEP_MS`.
A hidden part means nothing here: without shoulders and hips there is no body (`posture.measure`).

Size decides who gets in, never visibility: the model sees a pose in a table leg with visibility 1.0, but
its trunk is 13-17 px of a 360 px picture. Once in, a person may look smaller: falling towards the camera
foreshortens the trunk to 8-28 px of 480.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pose_edge.geometry import distance
from pose_edge.posture import describe, measure
from pose_edge.records import Body, PoseResult, Posture, PostureClass

MIN_TORSO_SHARE = 0.06
"""Of the picture's height. Under a 49 degree vertical view that is a person at 8 m, twice as far as the
model is made for; every phantom of the empty development room is below."""

SIGHTINGS = 3
GATE_MS = 1000
SLOW_GATE_MS = 400
"""Two sightings this far apart do as well: at 2 Hz there are no three within a second."""

KEEP_MS = 2000
KEEP_LYING_MS = 10_000
"""The pose is often lost on the floor; somebody lying is waited for longer."""

MAX_STEP = 1.5
"""Torso lengths the hips may move between two sightings; beyond it is somebody else."""

MIN_SIZE_SHARE = 0.25
"""Of the box diagonal seen last: a pose that shrank more between two sightings is on a thing, not a body."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """One result with names on it."""

    people: tuple[Posture, ...]
    """Who is a person, longest known first."""

    person_ids: tuple[int | None, ...]
    """One per pose of the result, in its order; None: not taken for a person (yet)."""


class Scale:
    """A person's upright torso length in pixels: the 90th percentile over the last minute.

    Bending and falling foreshorten the trunk, never lengthen it, so a high percentile is the truth and
    the median is not. One sample a quarter of a second bounds the work at any frame rate.
    """

    SAMPLE_MS = 250
    WINDOW = 240

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=self.WINDOW)
        self._sampled_ms: int | None = None
        self.px = 0.0

    def update(self, torso_px: float, timestamp_ms: int) -> None:
        """Take one sighting into account."""
        if self._sampled_ms is not None and timestamp_ms - self._sampled_ms < self.SAMPLE_MS:
            self._samples[-1] = max(self._samples[-1], torso_px)
            return
        self._samples.append(torso_px)
        self._sampled_ms = timestamp_ms
        ranked = sorted(self._samples)
        self.px = ranked[int(0.9 * (len(ranked) - 1) + 0.5)]


@dataclass(slots=True)
class _Track:
    body: Body
    seen_ms: int
    person_id: int | None = None
    scale: Scale = field(default_factory=Scale)
    sightings_ms: deque[int] = field(default_factory=lambda: deque(maxlen=SIGHTINGS))
    lying: bool = False

    def see(self, body: Body, timestamp_ms: int, large_enough: bool) -> None:
        self.body = body
        self.seen_ms = timestamp_ms
        self.scale.update(body.torso_px, timestamp_ms)
        if large_enough:
            self.sightings_ms.append(timestamp_ms)

    def is_person(self) -> bool:
        """Seen often enough, lately enough, to be let in."""
        recent = [at_ms for at_ms in self.sightings_ms if self.seen_ms - at_ms <= GATE_MS]
        return len(recent) >= SIGHTINGS or (len(recent) >= 2 and recent[-1] - recent[0] >= SLOW_GATE_MS)

    def keep_ms(self) -> int:
        if self.person_id is None:
            return GATE_MS
        return KEEP_LYING_MS if self.lying else KEEP_MS


class Tracker:
    """Gives poses the ids of people. Ids count up from 1 and are never used again."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._ids: Iterator[int] = itertools.count(1)

    def update(self, result: PoseResult) -> Tracked:
        """Return who is in `result`. Results must come in the order of their timestamps."""
        now_ms = result.timestamp_ms
        self._tracks = [track for track in self._tracks if now_ms - track.seen_ms <= track.keep_ms()]
        bodies = [measure(pose, result.width_px, result.height_px) for pose in result.poses]
        matched = self._match(bodies)
        minimum_px = MIN_TORSO_SHARE * result.height_px
        postures: dict[int, Posture] = {}
        person_ids: list[int | None] = []
        for index, body in enumerate(bodies):
            track = None if body is None else matched.get(index) or self._begin(body, now_ms, minimum_px)
            if body is None or track is None:
                person_ids.append(None)
                continue
            track.see(body, now_ms, large_enough=body.torso_px >= minimum_px)
            if track.person_id is None and track.is_person():
                track.person_id = next(self._ids)
            person_ids.append(track.person_id)
            if track.person_id is not None:
                posture = describe(body, track.person_id, track.scale.px, now_ms)
                track.lying = posture.posture_class is PostureClass.LYING
                postures[track.person_id] = posture
        return Tracked(tuple(postures[key] for key in sorted(postures)), tuple(person_ids))

    def _begin(self, body: Body, now_ms: int, minimum_px: float) -> _Track | None:
        if body.torso_px < minimum_px:
            return None
        track = _Track(body, now_ms)
        self._tracks.append(track)
        return track

    def _match(self, bodies: Sequence[Body | None]) -> dict[int, _Track]:
        """Pair poses and tracks, nearest first; a pose too far from all tracks stays out."""
        pairs = [
            (step, index, track)
            for index, body in enumerate(bodies)
            if body is not None
            for track in self._tracks
            if (step := _step(track, body)) is not None
        ]
        pairs.sort(key=lambda pair: pair[0])
        taken: dict[int, _Track] = {}
        used: set[int] = set()
        for _, index, track in pairs:
            if index not in taken and id(track) not in used:
                taken[index] = track
                used.add(id(track))
        return taken


def _step(track: _Track, body: Body) -> float | None:
    """How many torso lengths the hips would have moved, or None where it cannot be the same body."""
    if _diagonal(body) < MIN_SIZE_SHARE * _diagonal(track.body):
        return None
    step = distance(body.hips_px, track.body.hips_px) / max(track.scale.px, body.torso_px)
    return step if step <= MAX_STEP else None


def _diagonal(body: Body) -> float:
    return float((body.box.width**2 + body.box.height**2) ** 0.5)
