"""Counting, and how far to trust the counts. Nothing here knows of poses or files."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pose_edge.records import PostureClass
from pose_edge.signals import percentile

Z_95: Final = 1.959964
"""Two-sided 95 % of the normal distribution."""

POSTURES: Final = (
    PostureClass.STANDING,
    PostureClass.SITTING,
    PostureClass.BENDING,
    PostureClass.LYING,
)
"""The classes of the macro-F1."""


def wilson(hits: int, total: int) -> tuple[float, float] | None:
    """Return Wilson's 95 % interval of a share; None without a single case."""
    if total == 0:
        return None
    share, z2 = hits / total, Z_95**2
    middle = share + z2 / (2 * total)
    reach = Z_95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    scale = 1 + z2 / total
    low, high = (middle - reach) / scale, (middle + reach) / scale
    # At the ends the formula is exact but for rounding.
    return (0.0 if hits == 0 else low), (1.0 if hits == total else high)


def poisson_upper(count: int) -> float:
    """Return the one-sided 95 % upper limit of an expectation of which `count` were seen (0: 3.0)."""
    low, high = 0.0, count + 10 * math.sqrt(count + 1) + 10
    for _ in range(60):
        middle = (low + high) / 2
        if _poisson_at_most(count, middle) > 0.05:
            low = middle
        else:
            high = middle
    return high


def _poisson_at_most(count: int, expected: float) -> float:
    logs = (k * math.log(expected) - expected - math.lgamma(k + 1) for k in range(count + 1))
    return math.fsum(math.exp(log) for log in logs)


def median(values: Sequence[float]) -> float | None:
    """Return the middle value; None without any."""
    return quantile(values, 0.5)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which that share lies, between two neighbours where it falls there."""
    return percentile(values, 100 * share) if values else None


@dataclass(slots=True)
class Confusion:
    """Labelled class against given class, moment by moment; None: no answer was given."""

    counts: Counter[tuple[PostureClass, PostureClass | None]] = field(default_factory=Counter)

    def add(self, truth: PostureClass, given: PostureClass | None) -> None:
        """Count one moment. `UNKNOWN` is no answer."""
        self.counts[truth, None if given is PostureClass.UNKNOWN else given] += 1

    def __iadd__(self, other: Confusion) -> Confusion:
        self.counts += other.counts
        return self

    @property
    def moments(self) -> int:
        """How many were counted."""
        return self.counts.total()

    @property
    def answered(self) -> int:
        """How many had an answer."""
        return sum(count for (_, given), count in self.counts.items() if given is not None)

    def labelled(self) -> list[PostureClass]:
        """Return the classes that occur in the labels."""
        return [posture for posture in POSTURES if self._sum(truth=posture)]

    def precision(self, posture: PostureClass) -> float | None:
        """Return how often the class was right where it was given."""
        given = sum(count for (_, answer), count in self.counts.items() if answer is posture)
        return self.counts[posture, posture] / given if given else None

    def recall(self, posture: PostureClass) -> float | None:
        """Return how much of the class was given; a moment without an answer is missed."""
        truth = self._sum(truth=posture)
        return self.counts[posture, posture] / truth if truth else None

    def f1(self, posture: PostureClass) -> float:
        """Return the harmonic mean of both; 0 where nothing was right."""
        hits = self.counts[posture, posture]
        truth = self._sum(truth=posture)
        given = sum(count for (_, answer), count in self.counts.items() if answer is posture)
        return 2 * hits / (truth + given) if hits else 0.0

    def macro_f1(self) -> float | None:
        """Return the mean F1 of the classes that are labelled anywhere; None where none is."""
        classes = self.labelled()
        return sum(self.f1(posture) for posture in classes) / len(classes) if classes else None

    def only_answered(self) -> Confusion:
        """Return it without the moments that had no answer."""
        return Confusion(Counter({pair: n for pair, n in self.counts.items() if pair[1] is not None}))

    def _sum(self, truth: PostureClass) -> int:
        return sum(count for (label, _), count in self.counts.items() if label is truth)
