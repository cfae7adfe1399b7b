"""Time that passes only when somebody sleeps, or a test says so."""

from __future__ import annotations


class Stopwatch:
    """A clock that goes on only when told, or when somebody sleeps."""

    def __init__(self) -> None:
        self.ms = 5000.0
        self.slept_ms = 0.0

    def now_s(self) -> float:
        return self.ms / 1000

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.ms += seconds * 1000
        self.slept_ms += seconds * 1000
