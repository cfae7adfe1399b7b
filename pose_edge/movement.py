"""How much a body moves: one number, the same at every frame rate and distance. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

from pose_edge.posture import ANKLES, HIPS, JOINT_VISIBILITY, KNEES, NOSE, SHOULDERS
from pose_edge.records import VISIBILITY, Posture, Scene, X, Y
from pose_edge.signals import median

ELBOWS, WRISTS = (13, 14), (15, 16)
JOINTS: Final = (NOSE, *SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES)

BACK_MS: Final = (500, 1000)
"""A body is held against where it was so long ago: from picture to picture there would be nothing but jitter,
and against one second alone whoever does push-ups once a second is back where they were."""

LONGEST_MS: Final = 2000
"""A second between two pictures may take so long; after more somebody was lost, and has moved or has not."""

STEP_MS: Final = 240
"""Closer sightings add work, not knowledge: a second holds three or four at any rate above 5 Hz."""

FEWEST: Final = 4
"""Joints seen both times, as many as shoulders and hips."""

_Points: TypeAlias = Sequence[complex | None]
"""Pixels, x the real part: the fastest way to subtract points. None: not seen."""


class Movement:
    """The last second of one person."""

    def __init__(self) -> None:
        self._moments: deque[tuple[int, _Points]] = deque()

    def update(self, posture: Posture, scene: Scene) -> float | None:
        """Return how far the joint in the middle has come within a second, in torso lengths.

        Half of the joints seen have gone further: one that jumps is not heard. Somebody lost meanwhile is
        held against where they were then. None: not measured at this sighting, or not known because too
        little was seen. Sightings come in the order of time.
        """
        now_ms, moments = posture.timestamp_ms, self._moments
        if moments and now_ms - moments[-1][0] < STEP_MS:
            return None
        points = _points(posture, scene)
        moments.append((now_ms, points))
        while len(moments) > 1 and now_ms - moments[1][0] >= BACK_MS[1]:
            moments.popleft()
        age_ms = now_ms - moments[0][0]
        if age_ms < BACK_MS[1]:
            return None
        halfway = next(then for at_ms, then in reversed(moments) if now_ms - at_ms >= BACK_MS[0])
        whole_px, half_px = _step_px(points, moments[0][1]), _step_px(points, halfway)
        if whole_px is None or half_px is None:
            return None
        if age_ms <= LONGEST_MS:
            whole_px *= BACK_MS[1] / age_ms
        return max(whole_px, half_px) / posture.scale_px


def _points(posture: Posture, scene: Scene) -> _Points:
    rows, width_px, height_px = posture.body.rows, scene.width_px, scene.height_px
    return [
        complex(row[X] * width_px, row[Y] * height_px)
        if (row := rows[joint])[VISIBILITY] >= JOINT_VISIBILITY
        else None
        for joint in JOINTS
    ]


def _step_px(here: _Points, there: _Points) -> float | None:
    """Return the median way of the joints seen both times."""
    steps_px = [
        abs(now - then) for now, then in zip(here, there, strict=True) if now is not None and then is not None
    ]
    return median(steps_px) if len(steps_px) >= FEWEST else None
