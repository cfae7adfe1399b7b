"""Which pose is whom, and which pose is a person at all.

Begins: bodies large enough are seen `SIGHTINGS` times within `GATE_MS`. Ends: not seen for `KEEP_MS`.
A hidden part means nothing here: without shoulders and hips there is no body (`posture.measure`).

Size decides who gets in, never visibility: the model sees a pose in a table leg with visibility 1.0, but
its trunk is 13-17 px of a 360 px picture. Once in, a person may look smaller: falling towards the camera
foreshortens the trunk to 8-28 px of 480.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from pose_edge.association import cheapest, likeness
from pose_edge.geometry import distance, overlap
from pose_edge.posture import describe, measure
from pose_edge.records import Body, PointPx, Pose, PoseResult, Posture, PostureClass
from pose_edge.signals import OneEuro, Scale

MIN_TORSO_SHARE = 0.06
"""Of the picture's height. Under a 49 degree vertical view that is a person at 8 m, twice as far as the
model is made for; every phantom of the empty development room is below."""

SIGHTINGS = 3
GATE_MS = 1000
MOST_DOUBTED = 32
SLOW_GATE_MS = 400
"""Two sightings this far apart do as well: at 2 Hz there are no three within a second."""

KEEP_MS = 2000
KEEP_LYING_MS = 10_000
"""The pose is often lost on the floor; somebody lying is waited for longer."""

UPRIGHT_DEG = 40.0
"""Trunks leaning less show a person's true size (posture_science 3.1)."""

UPSIDE_DOWN_DEG = 120.0
"""Trunks leaning more say nothing about size: somebody too near is often seen upside down, and too large."""

MAX_STEP = 1.5
"""Torso lengths the hips may move between two sightings; beyond it is somebody else."""

STEP_PER_S = 1.0
MAX_GAP_S = 1.0
FAR_SIZE_SHARE = 0.5
"""And so many more for each second without a sighting, up to this long: a fall inside a gap of 0.5 s moves
them 1.7. Not for a pose that has shrunk as well: that is on a thing somebody has just uncovered."""

VELOCITY_S = 0.2
AHEAD_S = 0.6
"""The pose is often lost in mid-fall; hips that go down 2 m/s are 2 torso lengths on after this long."""

STANDING_TILT_DEG = 30.0
STANDING_KNEE = 0.5
"""Hips above knees in torso lengths: standing 0.51-0.84, sitting 0.09-0.43 (posture_science 2.4)."""

MIN_OKS = 0.3
BOX_WEIGHT = 0.2
"""Least similarity of what surely is the same body, and how much its box counts (posture_science 3.5)."""

WORLD_UNIT = np.full(3, 0.46)
"""Metres in a torso length: the median of the world landmarks (posture_science 2.3)."""

TWIN_OKS = 0.8
"""Two poses of one picture more alike than this are one body found twice, which several poses are looked for
brings about; two people are not in one place. COCO's own suppression takes 0.9 of sharper landmarks."""

CANDIDATES = 3
"""Tracks considered for each of at most five poses: beyond the nearest few none is right."""

MIN_SIZE = 0.5
"""Torso lengths across the box: foreshortened or not, with arms and legs no body is smaller."""

MIN_SIZE_SHARE = 0.25
"""Of the box diagonal seen last: a pose that shrank more between two sightings is on a thing, not a body."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """One result with names on it."""

    people: tuple[Posture, ...]
    """Who is a person, longest known first."""

    person_ids: tuple[int | None, ...]
    """One per pose of the result, in its order; None: not taken for a person (yet)."""


@dataclass(slots=True)
class _Track:
    body: Body
    seen_ms: int
    person_id: int | None = None
    velocity: PointPx = (0.0, 0.0)
    """Of the hips, in pixels a second."""
    scale: Scale = field(default_factory=Scale)
    sightings_ms: deque[int] = field(default_factory=lambda: deque(maxlen=SIGHTINGS))
    doubted: deque[tuple[int, Body]] = field(default_factory=lambda: deque(maxlen=MOST_DOUBTED))
    """Sightings of the last `GATE_MS` while it was not certain that this is a person."""
    lying: bool = False
    filter: OneEuro = field(default_factory=OneEuro)
    world_filter: OneEuro = field(default_factory=OneEuro)

    def see(self, body: Body, timestamp_ms: int, large_enough: bool) -> None:
        if timestamp_ms > self.seen_ms:
            self._move(body.hips_px, (timestamp_ms - self.seen_ms) / 1000)
        self.body = body
        self.seen_ms = timestamp_ms
        if body.torso_tilt_deg < UPSIDE_DOWN_DEG or not self.scale.px:
            self.scale.update(body.torso_px, timestamp_ms, upright=body.torso_tilt_deg < UPRIGHT_DEG)
        if large_enough:
            self.sightings_ms.append(timestamp_ms)

    def _move(self, hips_px: PointPx, step_s: float) -> None:
        share = min(1.0, step_s / VELOCITY_S)
        right, down = self.velocity
        now_right = (hips_px[0] - self.body.hips_px[0]) / step_s
        now_down = (hips_px[1] - self.body.hips_px[1]) / step_s
        self.velocity = right + share * (now_right - right), down + share * (now_down - down)

    def expected_px(self, now_ms: int) -> PointPx:
        """Where the hips are by now if they moved on as they did."""
        ahead_s = min(AHEAD_S, (now_ms - self.seen_ms) / 1000)
        (across, down), (right, fall) = self.body.hips_px, self.velocity
        return across + right * ahead_s, down + fall * ahead_s

    def is_person(self) -> bool:
        """Seen often enough, lately enough, to be let in."""
        recent = [at_ms for at_ms in self.sightings_ms if self.seen_ms - at_ms <= GATE_MS]
        return len(recent) >= SIGHTINGS or (len(recent) >= 2 and recent[-1] - recent[0] >= SLOW_GATE_MS)

    def keep_ms(self, fallen: Container[int | None]) -> int:
        if self.person_id is None:
            return GATE_MS
        return KEEP_LYING_MS if self.lying or self.person_id in fallen else KEEP_MS

    def may_be(self, body: Body, fallen: Container[int | None]) -> bool:
        """Whether `body` is not certainly somebody else: who fell and lies there does not stand at once."""
        if not self.lying or self.person_id not in fallen or body.knees_px is None:
            return True
        knees_below = (body.knees_px[1] - body.hips_px[1]) / self.scale.px
        return body.torso_tilt_deg > STANDING_TILT_DEG or knees_below < STANDING_KNEE


class Tracker:
    """Gives poses the ids of people. Ids count up from 1 and are never used again.

    The library's order of poses means nothing. With several poses it smooths nothing either, so from the
    first result with more than one on, every track has a filter of its own.
    """

    def __init__(self, leg_share: float = 1.0) -> None:
        """`leg_share` is `View.leg_share`; 1 where nothing is known of the camera."""
        self._leg_share = leg_share
        self._tracks: list[_Track] = []
        self._ids: Iterator[int] = itertools.count(1)
        self._several = False

    def update(self, result: PoseResult, fallen: Container[int | None] = ()) -> Tracked:
        """Return who is in `result`. Results must come in the order of their timestamps.

        Whoever is in `fallen` is waited for longer, and never taken for somebody who stands there.
        """
        now_ms = result.timestamp_ms
        self._several = self._several or len(result.poses) > 1
        self._tracks = [track for track in self._tracks if now_ms - track.seen_ms <= track.keep_ms(fallen)]
        bodies = _without_twins(
            [measure(pose, result.width_px, result.height_px) for pose in result.poses], result
        )
        matched = self._match(bodies, result, fallen)
        minimum_px = MIN_TORSO_SHARE * result.height_px
        postures: dict[int, Posture] = {}
        person_ids: list[int | None] = []
        for index, body in enumerate(bodies):
            track = None if body is None else matched.get(index) or self._begin(body, now_ms, minimum_px)
            if body is None or track is None:
                person_ids.append(None)
                continue
            steady = _smoothed(track, result.poses[index], result) if self._several else None
            posture = self._see(track, steady or body, now_ms, minimum_px)
            person_ids.append(track.person_id)
            if posture is not None:
                postures[posture.person_id] = posture
        return Tracked(tuple([postures[key] for key in sorted(postures)]), tuple(person_ids))

    def _see(self, track: _Track, body: Body, now_ms: int, minimum_px: float) -> Posture | None:
        """Take in a sighting; None while it is not certain that this is a person."""
        track.see(body, now_ms, large_enough=body.torso_px >= minimum_px)
        if track.person_id is None and track.is_person():
            track.person_id = next(self._ids)
            posture = replace(self._describe(track, body, now_ms), earlier=self._earlier(track, now_ms))
        elif track.person_id is not None:
            posture = self._describe(track, body, now_ms)
        else:
            track.doubted.append((now_ms, body))
            return None
        track.lying = posture.posture_class is PostureClass.LYING
        return posture

    def _describe(self, track: _Track, body: Body, at_ms: int) -> Posture:
        assert track.person_id is not None
        return describe(body, track.person_id, track.scale.px, at_ms, self._leg_share)

    def _earlier(self, track: _Track, now_ms: int) -> tuple[Posture, ...]:
        """Return what was seen of somebody before they were let in."""
        recent = [(at_ms, body) for at_ms, body in track.doubted if 0 < now_ms - at_ms <= GATE_MS]
        track.doubted.clear()
        return tuple(self._describe(track, body, at_ms) for at_ms, body in recent)

    def _begin(self, body: Body, now_ms: int, minimum_px: float) -> _Track | None:
        if body.torso_px < minimum_px:
            return None
        track = _Track(body, now_ms)
        self._tracks.append(track)
        return track

    def _match(
        self, bodies: Sequence[Body | None], result: PoseResult, fallen: Container[int | None]
    ) -> dict[int, _Track]:
        """Pair poses and tracks; a pose too far from all tracks stays out.

        First those that are alike, joint by joint, so that two who cross keep their names; then, for who
        moved far between two sightings, by the hips.
        """
        pairs = [
            (step, index, number)
            for index, body in enumerate(bodies)
            if body is not None
            for number, track in enumerate(self._tracks)
            if (step := _step(track, body, result)) is not None and track.may_be(body, fallen)
        ]
        if len(pairs) == 1:
            _, index, number = pairs[0]
            return {index: self._tracks[number]}
        taken = self._alike(pairs, bodies, result) if pairs else {}
        used = set(taken.values())
        for _, index, number in sorted(pairs):
            if index not in taken and number not in used:
                taken[index] = number
                used.add(number)
        return {index: self._tracks[number] for index, number in taken.items()}

    def _alike(
        self, pairs: Sequence[_Pair], bodies: Sequence[Body | None], result: PoseResult
    ) -> dict[int, int]:
        """Return the pairing of least cost among poses and tracks that look alike."""
        costs: dict[int, list[tuple[float, int]]] = {}
        for _, index, number in pairs:
            track, body = self._tracks[number], bodies[index]
            assert body is not None
            expected, last = track.expected_px(result.timestamp_ms), track.body
            shift = expected[0] - last.hips_px[0], expected[1] - last.hips_px[1]
            similarity = likeness(last, body, shift, result.width_px, result.height_px)
            if similarity >= MIN_OKS:
                unseen_s = (result.timestamp_ms - track.seen_ms) / 1000
                cost = 1 - similarity + BOX_WEIGHT * (1 - overlap(last.box, body.box)) + unseen_s
                costs.setdefault(index, []).append((cost, number))
        return cheapest([(index, sorted(found)[:CANDIDATES]) for index, found in costs.items()])[1]


_Pair: TypeAlias = tuple[float, int, int]
"""(how unlikely, which pose, which track)."""


def _smoothed(track: _Track, pose: Pose, result: PoseResult) -> Body | None:
    """Return the body with its landmarks smoothed over time, in the picture and in metres."""
    scale_px = track.scale.px or track.body.torso_px
    unit = np.array((scale_px / result.width_px, scale_px / result.height_px))
    landmarks = pose.landmarks.astype(np.float64)
    landmarks[:, :2] = track.filter.update(landmarks[:, :2], unit, result.timestamp_ms)
    world = pose.world_landmarks.astype(np.float64)
    world[:, :3] = track.world_filter.update(world[:, :3], WORLD_UNIT, result.timestamp_ms)
    steady = Pose(landmarks.astype(np.float32), world.astype(np.float32))
    return measure(steady, result.width_px, result.height_px)


def _step(track: _Track, body: Body, result: PoseResult) -> float | None:
    """How unlikely it is that this is the same body; None where it cannot be.

    How many torso lengths the hips would have moved, and for how many seconds the track was not seen: of
    two, the one seen lately is the better guess.
    """
    now_ms = result.timestamp_ms
    box, before = body.box, track.body.box
    across_px = math.hypot(box.width * result.width_px, box.height * result.height_px)
    size_share = math.hypot(box.width, box.height) / max(1e-9, math.hypot(before.width, before.height))
    if size_share < MIN_SIZE_SHARE or across_px < MIN_SIZE * track.scale.px:
        return None
    step_px = min(
        distance(body.hips_px, track.body.hips_px), distance(body.hips_px, track.expected_px(now_ms))
    )
    step = step_px / max(track.scale.px, body.torso_px)
    unseen_s = (now_ms - track.seen_ms) / 1000
    further = STEP_PER_S * min(MAX_GAP_S, unseen_s) if size_share >= FAR_SIZE_SHARE else 0.0
    return step + unseen_s if step <= MAX_STEP + further else None


def _without_twins(bodies: list[Body | None], result: PoseResult) -> list[Body | None]:
    """Return the bodies with None for those that are another one found a second time: the less visible."""
    if len(bodies) < 2:
        return bodies
    kept: list[Body] = []
    order = sorted(range(len(bodies)), key=lambda index: -(one.visibility if (one := bodies[index]) else 0.0))
    for index in order:
        body = bodies[index]
        if body is None:
            continue
        if any(likeness(body, one, (0.0, 0.0), result.width_px, result.height_px) > TWIN_OKS for one in kept):
            bodies[index] = None
        else:
            kept.append(body)
    return bodies
