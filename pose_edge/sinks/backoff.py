"""How long to wait before trying again."""

from __future__ import annotations

import random
from typing import Final

SLOW_MIN_S: Final = 10.0
SLOW_MAX_S: Final = 300.0
"""Between attempts that only help once somebody has changed something: a password, a certificate."""


class Backoff:
    """Pauses that double up to a limit, each up to half longer: not all devices of a house at once."""

    def __init__(self, min_s: float, max_s: float) -> None:
        self._min_s = min_s
        self._max_s = max_s
        self._failures = 0

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._failures = 0

    def next_s(self, slow: bool = False) -> float:
        """Return the pause before the next attempt; `slow` where trying alone will not help."""
        low, high = (SLOW_MIN_S, SLOW_MAX_S) if slow else (self._min_s, self._max_s)
        low = max(low, self._min_s)
        pause_s = min(low * 2.0 ** min(self._failures, 30), max(low, high))
        self._failures += 1
        return pause_s * (1 + random.random() / 2)  # noqa: S311  # no secret
