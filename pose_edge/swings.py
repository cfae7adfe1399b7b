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

    The first turn is where it was when it began to move.
    Noise smaller than that turns nothing, whatever the frame rate. Where the quantity has not been for
    `patience_ms` was no turn but a place it drifted away from, or a flicker of the model.
    """

    def __init__(self, patience_ms: int) -> None:
        self._patience_ms = patience_ms
        self._growing: bool | None = None
        self._high: _Extreme | None = None
        self._low: _Extreme | None = None

    def reset(self) -> None:
        """Forget everything: what comes next has nothing to do with what was before."""
        self._growing = self._high = self._low = None

    def update(self, value: float, at_ms: int, least: float, near: float) -> Turn | None:
        """Take in one moment; return the turn it proves.

        Within `near` of a turn the quantity is still there; `near` is less than `least`.
        """
        high, low = self._high, self._low
        if high is None or low is None:
            self._high, self._low = _Extreme(value, at_ms), _Extreme(value, at_ms)
            return None
        high.follow(value, at_ms, value - high.value, near, self._patience_ms)
        low.follow(value, at_ms, low.value - value, near, self._patience_ms)
        if self._growing is not False and high.value - value >= least:
            self._growing, self._low = False, _Extreme(value, at_ms)
            return Turn(high.value, high.at_ms, high.left_ms, True)
        if self._growing is not True and value - low.value >= least:
            self._growing, self._high = True, _Extreme(value, at_ms)
            return Turn(low.value, low.at_ms, low.left_ms, False)
        return None


class _Extreme:
    """The highest or lowest value since the last turn; changed in place: it is touched at every moment."""

    __slots__ = ("at_ms", "left_ms", "value")

    def __init__(self, value: float, at_ms: int) -> None:
        self.value = value
        self.at_ms = self.left_ms = at_ms

    def follow(self, value: float, at_ms: int, beyond: float, near: float, patience_ms: int) -> None:
        """Take in a moment that is `beyond` it, or short of it when negative."""
        if beyond >= 0 or at_ms - self.left_ms > patience_ms:
            self.value, self.at_ms, self.left_ms = value, at_ms, at_ms
        elif beyond >= -near:
            self.left_ms = at_ms
