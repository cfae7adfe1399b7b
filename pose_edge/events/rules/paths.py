"""Where points of people were over the last half second, for their speed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from pose_edge.quantities import Point, place_px
from pose_edge.records import PointPx, Posture, Scene

SPAN_MS: Final = 500
LEAST_MS: Final = 200
"""A chord this long at least: over less, the model's jitter is faster than any movement; at 5 pictures a
second it is one step."""


class Place(NamedTuple):
    """Where a point was seen."""

    at_ms: int
    px: PointPx


class Paths:
    """The last half second of the points that rules ask about; a hidden point leaves a hole."""

    def __init__(self, points: Iterable[Point]) -> None:
        self._points = tuple(dict.fromkeys(points))
        self._paths: dict[tuple[int, Point], deque[Place]] = {}

    def update(self, scene: Scene) -> None:
        """Take in where everybody is; forget who is gone."""
        if not self._points:
            return
        for posture in scene.people:
            for point in self._points:
                if (px := place_px(posture, scene, point)) is not None:
                    path = self._paths.setdefault((posture.person_id, point), deque())
                    path.append(Place(scene.timestamp_ms, px))
        for key, path in list(self._paths.items()):
            while path and scene.timestamp_ms - path[0].at_ms > SPAN_MS:
                path.popleft()
            if not path:
                del self._paths[key]

    def speed(
        self, posture: Posture, scene: Scene, point: Point, measure: Callable[..., float]
    ) -> float | None:
        """Return how fast a point moves; None: it is hidden, or was not seen long enough."""
        path = self._paths.get((posture.person_id, point))
        if not path or path[-1].at_ms != scene.timestamp_ms:
            return None
        first, last = path[0], path[-1]
        span_ms = last.at_ms - first.at_ms
        return measure(last.px, first.px, span_ms / 1000, posture) if span_ms >= LEAST_MS else None
