"""The stress ladder: one thing made harder at a time, on landmarks that were recorded once.

What the model itself would do with a turned or smaller picture is not in these: they test the rules, and
say by how much a rung differs from the base.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.records import VISIBILITY, Pose, PoseResult, X, Y, Zone

BURST_MS: Final = 500
"""How long a stretch of lost frames is."""

Landmarks: TypeAlias = npt.NDArray[np.float32]


def _other_side(name: str) -> str:
    swapped = {"left": "right", "right": "left"}
    return "_".join(swapped.get(word, word) for word in name.split("_"))


OTHER_SIDE: Final = [LANDMARK_NAMES.index(_other_side(name)) for name in LANDMARK_NAMES]
"""Of each landmark: the one it is in a mirror."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change; a row of `CHANGES` says what it does."""

    kind: str
    amount: float = 0.0

    @property
    def name(self) -> str:
        """For tables and reports: `drop 0.3`."""
        return (
            self.kind if self.amount == 0 else f"{self.kind} {self.amount:+g}" if self.signed else self.plain
        )

    @property
    def signed(self) -> bool:
        """Whether the amount has a direction."""
        return self.kind == "rotate"

    @property
    def plain(self) -> str:
        """Kind and amount without a sign."""
        return f"{self.kind} {self.amount:g}"


def changed(results: Sequence[PoseResult], change: Change | None, seed: str) -> tuple[PoseResult, ...]:
    """Return the results with one thing made harder; the same seed gives the same ones."""
    if change is None:
        return tuple(results)
    return tuple(CHANGES[change.kind](results, change.amount, random.Random(seed)))  # noqa: S311  # no secret


def changed_zones(
    zones: Sequence[Zone], change: Change | None, width_px: int, height_px: int
) -> tuple[Zone, ...]:
    """Return the zones as the picture shows them after the change; they may reach out of it."""
    if change is None or change.kind not in MOVES:
        return tuple(zones)
    size_px = np.array([width_px, height_px], np.float32)
    moved = []
    for zone in zones:
        corners = MOVES[change.kind](np.array(zone.polygon, np.float32), change.amount, size_px)
        moved.append(replace(zone, polygon=tuple((x, y) for x, y in corners.tolist())))
    return tuple(moved)


Changer: TypeAlias = Callable[[Sequence[PoseResult], float, random.Random], Sequence[PoseResult]]


Points: TypeAlias = npt.NDArray[np.float32]
"""Shape (n, 2): shares of the picture's width and height."""


def _mirrored(points: Points) -> Points:
    return np.stack((1 - points[:, 0], points[:, 1]), axis=1)


def _turn(clockwise_deg: float) -> Points:
    turn = math.radians(clockwise_deg)
    return np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], np.float32)


def _turned(points: Points, clockwise_deg: float, size_px: Points) -> Points:
    return np.asarray(((points - 0.5) * size_px) @ _turn(clockwise_deg).T / size_px + 0.5, np.float32)


def _halved(points: Points) -> Points:
    return np.asarray(0.5 + (points - 0.5) / 2, np.float32)


MOVES: Final[dict[str, Callable[[Points, float, Points], Points]]] = {
    "mirror": lambda points, _, __: _mirrored(points),
    "rotate": _turned,
    "half_size": lambda points, _, __: _halved(points),
}
"""The changes that move what is seen in the picture: points, amount, size of the picture in pixels."""


def _drop(results: Sequence[PoseResult], share: float, chance: random.Random) -> list[PoseResult]:
    """Lose single frames. The first stays: the clip begins with it."""
    return [result for index, result in enumerate(results) if index == 0 or chance.random() >= share]


def _bursts(results: Sequence[PoseResult], share: float, chance: random.Random) -> list[PoseResult]:
    """Lose stretches of `BURST_MS`, of about that share in all (at most half), never two together."""
    first_ms = results[0].timestamp_ms
    lost: list[bool] = []
    for _ in range((results[-1].timestamp_ms - first_ms) // BURST_MS + 1):
        # Of those after a stretch that is there, so many must go that the share comes out.
        wanted = chance.random() * (1 - share) < share
        lost.append(wanted and not (lost and lost[-1]))
    return [
        result
        for index, result in enumerate(results)
        if index == 0 or not lost[(result.timestamp_ms - first_ms) // BURST_MS]
    ]


def _mirror(results: Sequence[PoseResult], _: float, __: random.Random) -> list[PoseResult]:
    def mirrored(pose: Pose) -> Pose:
        landmarks, world = pose.landmarks[OTHER_SIDE].copy(), pose.world_landmarks[OTHER_SIDE].copy()
        landmarks[:, : Y + 1] = _mirrored(landmarks[:, : Y + 1])
        world[:, X] = -world[:, X]
        return Pose(landmarks, world)

    return [_each(result, mirrored) for result in results]


def _rotate(results: Sequence[PoseResult], clockwise_deg: float, _: random.Random) -> list[PoseResult]:
    """Turn what is seen about the middle of the picture, in pixels: the camera hangs askew."""
    matrix = _turn(clockwise_deg)

    def rotated(result: PoseResult) -> PoseResult:
        size_px = np.array([result.width_px, result.height_px], np.float32)

        def one(pose: Pose) -> Pose:
            landmarks, world = pose.landmarks.copy(), pose.world_landmarks.copy()
            landmarks[:, : Y + 1] = _turned(landmarks[:, : Y + 1], clockwise_deg, size_px)
            world[:, : Y + 1] = world[:, : Y + 1] @ matrix.T
            return Pose(landmarks, world)

        return _each(result, one)

    return [rotated(result) for result in results]


def _half_size(results: Sequence[PoseResult], _: float, __: random.Random) -> list[PoseResult]:
    """Put everybody twice as far away: half as large, about the middle of the picture."""

    def shrunk(pose: Pose) -> Pose:
        landmarks = pose.landmarks.copy()
        landmarks[:, : Y + 1] = _halved(landmarks[:, : Y + 1])
        landmarks[:, Y + 1] /= 2
        return Pose(landmarks, pose.world_landmarks)

    return [_each(result, shrunk) for result in results]


def _scramble_visibility(results: Sequence[PoseResult], _: float, chance: random.Random) -> list[PoseResult]:
    """Give each landmark the visibility of another one, anew in each frame."""

    def scrambled(pose: Pose) -> Pose:
        order = chance.sample(range(len(LANDMARK_NAMES)), len(LANDMARK_NAMES))
        landmarks, world = pose.landmarks.copy(), pose.world_landmarks.copy()
        landmarks[:, VISIBILITY] = pose.landmarks[order, VISIBILITY]
        world[:, VISIBILITY] = pose.world_landmarks[order, VISIBILITY]
        return Pose(landmarks, world)

    return [_each(result, scrambled) for result in results]


CHANGES: Final[dict[str, Changer]] = {
    "drop": _drop,
    "drop_bursts": _bursts,
    "mirror": _mirror,
    "rotate": _rotate,
    "half_size": _half_size,
    "scramble_visibility": _scramble_visibility,
}
"""Every kind of change."""


def _each(result: PoseResult, change: Callable[[Pose], Pose]) -> PoseResult:
    return replace(result, poses=tuple(change(pose) for pose in result.poses))
