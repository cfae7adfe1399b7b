"""How long to wait before trying again."""

from __future__ import annotations

import random
from typing import Final

EAGER_MAX_S: Final = 5.0
EAGER_FOR_S: Final = 300.0
"""For the first minutes of an outage pauses stay short: most outages are, and alerts wait."""

SLOW_MIN_S: Final = 10.0
SLOW_MAX_S: Final = 300.0
"""Between attempts that only help once somebody has changed something: a password, a certificate."""


class Backoff:
    """Pauses that double up to a limit, each up to half longer: not all devices of a house at once."""

    def __init__(self, min_s: float, max_s: float) -> None:
        self._quick = (min_s, max_s)
        self._slow = (max(SLOW_MIN_S, min_s), max(SLOW_MAX_S, min_s))
        self._was_slow = False
        self.reset()

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._failures = 0
        self._waited_s = 0.0

    def next_s(self, slow: bool = False) -> float:
        """Return the pause before the next attempt; `slow` where trying alone will not help."""
        if slow is not self._was_slow:
            self.reset()
        self._was_slow = slow
        low_s, high_s = self._slow if slow else self._quick
        if not slow and self._waited_s < EAGER_FOR_S:
            high_s = min(high_s, max(low_s, EAGER_MAX_S))
        pause_s = low_s * 2.0 ** min(self._failures, 30) * (1 + random.random() / 2)  # noqa: S311  # no secret
        pause_s = min(pause_s, high_s)
        self._failures += 1
        self._waited_s += pause_s
        return pause_s
