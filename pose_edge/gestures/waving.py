"""A hand that goes to and fro."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Final

from pose_edge.arms import SIDES, Arm, Side, arm, may_be_up
from pose_edge.gestures.sign import UPRIGHT_DEG, seen_well
from pose_edge.records import Posture, Scalar
from pose_edge.signals import GAP_MS
from pose_edge.swings import Swings, Turn

LOST_MS: Final = 500
"""A waving hand that is lost or low for less goes on; at 1000 two arms thrown up in aerobics are a wave."""

NEAR: Final = 0.1
"""A hand so near to where it turned is still there: twice the noise of a wrist [D]."""


@dataclass(frozen=True, slots=True)
class WaveLimits:
    """When a hand counts as waving (science 4.4)."""

    swing: float = 0.3
    """Least way from one side to the other."""
    widest: float = 2.0
    turns: int = 3
    within_s: float = 3.0
    fastest_hz: float = 3.0
    slowest_hz: float = 0.5
    end_s: float = 1.5
    """Without a turn: one and a half of the slowest swings [D]."""


class _Hand:
    """The turns of one hand while it is up."""

    def __init__(self, limits: WaveLimits) -> None:
        self._limits = limits
        self._swings = Swings(round(1000 / limits.slowest_hz))
        self.turns: deque[Turn] = deque()
        self.away_ms = GAP_MS
        """For how long it has not been seen up."""
        self._fresh = True
        """Where it came up is no turn."""

    def see(self, hand: Arm, at_ms: int) -> bool:
        """Take in a moment at which it is up; return whether it has turned."""
        assert hand.out is not None
        if self.away_ms >= LOST_MS:
            self._swings.reset()
            self.turns.clear()
            self._fresh = True
        self.away_ms = 0
        turn = self._swings.update(hand.out, at_ms, self._limits.swing, NEAR)
        while self.turns and at_ms - self.turns[0].at_ms > 1000 * self._limits.within_s:
            self.turns.popleft()
        if turn is None or self._fresh:
            self._fresh = self._fresh and turn is None
            return False
        if self.turns and not self._is_swing(self.turns[-1], turn):
            self.turns.clear()
        self.turns.append(turn)
        return True

    def _is_swing(self, one: Turn, other: Turn) -> bool:
        """Whether two turns are the ends of one way of a waving hand."""
        limits, half_s = self._limits, (other.at_ms - one.at_ms) / 1000
        wide_enough = abs(other.value - one.value) <= limits.widest
        return wide_enough and 0.5 / limits.fastest_hz <= half_s <= 0.5 / limits.slowest_hz


class Waving:
    """A hand above its elbow and shoulder that goes to and fro, of somebody whose trunk is up.

    The hands of people who lie are seen to wave in 3 of the 9 falls of the development set, and do not.
    """

    def __init__(self, limits: WaveLimits) -> None:
        self._limits = limits
        self._hands: dict[Side, _Hand] = {side: _Hand(limits) for side in SIDES}
        self._side: Side = SIDES[0]
        self._turns: tuple[Turn, ...] = ()
        """Of the hand that waves, as of its last turn."""
        self._quiet_ms = 0
        self.active = False
        self.began_ms = self.ended_ms = 0
        self.confidence = 0.0

    def see(self, posture: Posture, width_px: int, height_px: int, step_ms: int) -> None:
        """See `Sign.see`."""
        self.miss(step_ms)
        if posture.body.torso_tilt_deg >= UPRIGHT_DEG:
            return
        for side, hand in self._hands.items():
            if not may_be_up(posture.body, side):
                continue
            seen = seen_well(arm(posture, side, width_px, height_px))
            if seen is not None and _is_lifted(seen) and hand.see(seen, posture.timestamp_ms):
                self._turned(side, hand, seen, posture.timestamp_ms)

    def miss(self, step_ms: int) -> None:
        """See `Sign.miss`."""
        for hand in self._hands.values():
            hand.away_ms += step_ms
        self._quiet_ms += step_ms
        if self.active and self._quiet_ms >= 1000 * self._limits.end_s:
            self.active = False

    def details(self) -> dict[str, Scalar]:
        """See `Sign.details`."""
        return {"arm": self._side}

    def measured(self) -> dict[str, Scalar]:
        """See `Sign.measured`."""
        limits, turns = self._limits, self._turns
        ways = [abs(one.value - other.value) for one, other in itertools.pairwise(turns)]
        spent_s = (turns[-1].at_ms - turns[0].at_ms) / 1000 if len(turns) > 1 else 0.0
        return {
            "turns": len(turns),
            "swing": round(min(ways), 2) if ways else None,
            "rate_hz": round(len(ways) / 2 / spent_s, 2) if spent_s else None,
            "limit_turns": limits.turns,
            "limit_swing": limits.swing,
            "limit_within_s": limits.within_s,
            "limit_torso_tilt_deg": UPRIGHT_DEG,
            "limit_slowest_hz": limits.slowest_hz,
            "limit_fastest_hz": limits.fastest_hz,
        }

    def _turned(self, side: Side, hand: _Hand, seen: Arm, now_ms: int) -> None:
        """Take in a turn: enough of them begin the gesture, each one keeps it going."""
        enough = len(hand.turns) >= self._limits.turns
        if not (enough or self.active):
            return
        if enough and not self.active:
            self.active, self.began_ms = True, hand.turns[0].at_ms
            self.confidence = round(seen.visibility, 2)
        self._quiet_ms, self.ended_ms = 0, now_ms
        self._side, self._turns = side, tuple(hand.turns)


def _is_lifted(one: Arm) -> bool:
    """Whether a hand is above its elbow and its shoulder."""
    if one.out is None or one.above_elbow is None or one.above_shoulder is None:
        return False
    return one.above_elbow > 0 and one.above_shoulder > 0
