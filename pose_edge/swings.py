"""Movements to and fro: where a quantity turned, told as soon as that is certain."""

from __future__ import annotations

from typing import NamedTuple


class Turn(NamedTuple):
    """Where a quantity stopped growing and began to shrink, or the other way round."""

    value: float
    at_ms: int
    left_ms: int
    """When it was near there for the last time: somebody may rest at a turn."""
    high: bool
    """It grew before."""


class Swings:
    """Finds the turns of one quantity: it has turned once it has come back by `least`.

    Noise smaller than that turns nothing, whatever the frame rate. Where the quantity has not been for
    `patience_ms` was no turn but a place it drifted away from, or a flicker of the model.
    """

    def __init__(self, patience_ms: int) -> None:
        self._patience_ms = patience_ms
        self._growing: bool | None = None
        self._high: Turn | None = None
        self._low: Turn | None = None

    def reset(self) -> None:
        """Forget everything: what comes next has nothing to do with what was before."""
        self._growing = self._high = self._low = None

    def update(self, value: float, at_ms: int, least: float, near: float) -> Turn | None:
        """Take in one moment; return the turn it proves.

        Within `near` of a turn the quantity is still there; `near` is less than `least`.
        """
        high, low = self._high, self._low
        if high is None or low is None:
            self._high, self._low = Turn(value, at_ms, at_ms, True), Turn(value, at_ms, at_ms, False)
            return None
        self._high = high = self._extreme(high, value, at_ms, value - high.value, near)
        self._low = low = self._extreme(low, value, at_ms, low.value - value, near)
        if self._growing is not False and high.value - value >= least:
            self._growing, self._low = False, Turn(value, at_ms, at_ms, False)
            return high
        if self._growing is not True and value - low.value >= least:
            self._growing, self._high = True, Turn(value, at_ms, at_ms, True)
            return low
        return None

    def _extreme(self, turn: Turn, value: float, at_ms: int, beyond: float, near: float) -> Turn:
        """Return the extreme after a moment that is `beyond` it, or short of it when negative."""
        if beyond >= 0 or at_ms - turn.left_ms > self._patience_ms:
            return Turn(value, at_ms, at_ms, turn.high)
        return turn._replace(left_ms=at_ms) if beyond >= -near else turn
