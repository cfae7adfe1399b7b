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
        self._quick = (min_s, max_s)
        self._slow = (max(SLOW_MIN_S, min_s), max(SLOW_MAX_S, min_s))
        self._failures = 0
        self._was_slow = False

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._failures = 0

    def next_s(self, slow: bool = False) -> float:
        """Return the pause before the next attempt; `slow` where trying alone will not help."""
        if slow is not self._was_slow:
            self._failures, self._was_slow = 0, slow
        low_s, high_s = self._slow if slow else self._quick
        pause_s = low_s * 2.0 ** min(self._failures, 30) * (1 + random.random() / 2)  # noqa: S311  # no secret
        self._failures += 1
        return min(pause_s, high_s)
