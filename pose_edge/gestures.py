"""Gestures of one person, recognised: hands held up, and waving (posture_science 4.4).

A sign is fed with what is seen of a person and says whether it is being made. A hidden hand says nothing: it
neither begins nor ends a sign; one hidden for `GONE_MS` does. Lengths are in torso lengths, about 0.46 m.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from pose_edge.arms import SIDES, Arm, Side, apart, arm, may_be_up
from pose_edge.records import Posture, Scalar
from pose_edge.signals import GAP_MS, Held
from pose_edge.swings import Swings, Turn

HAND_VISIBILITY: Final = 0.5
"""Of a wrist (science 4.4): hands behind a head have less."""

UPRIGHT_DEG: Final = 45.0
"""Trunk tilt up to which hands can be said to be up: of a lying body they are anywhere (science 4.4)."""

APART: Final = 0.25
"""Between the wrists: less is folded hands, or one hand seen twice (science 4.4)."""

LEAVE: Final = 0.15
"""So much lower than it takes to begin, a hand is down again (science 4.4)."""

DOWN_MS: Final = 400
"""Hands must be down for so long: the model misplaces a hand for single frames, 200 ms at 5 fps [D]."""

GONE_MS: Final = 2000
"""Nobody says what hands do that have not been seen for so long; as long as posture waits [D]."""

LOST_MS: Final = 500
"""A waving hand that is lost or low for less goes on; at 1000 two arms thrown up in aerobics are a wave."""

NEAR: Final = 0.1
"""A hand so near to where it turned is still there: twice the noise of a wrist [D]."""


@dataclass(frozen=True, slots=True)
class RaisedLimits:
    """When hands count as raised."""

    hands: int = 2
    """Both, or exactly one of them."""
    above_eyes: float = 0.1
    hold_s: float = 1.0
    top_edge: float = 0.3


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


class Sign(Protocol):
    """One gesture of one person."""

    active: bool
    """It is being made, and has been for long enough."""
    began_ms: int
    ended_ms: int
    """Meaningful once it is no longer active."""
    confidence: float
    """0-1, when it was last being made."""

    def see(self, posture: Posture, width_px: int, height_px: int, step_ms: int) -> None:
        """Take in one sighting, `step_ms` (at most `GAP_MS`) after the last moment."""

    def miss(self, step_ms: int) -> None:
        """Take in a moment at which the person, or the hand that counts, is not seen."""

    def details(self) -> dict[str, Scalar]:
        """Return what the event says of it."""

    def measured(self) -> dict[str, Scalar]:
        """Return the numbers of the last moment that counted, and the thresholds in force."""


class _Hands(NamedTuple):
    """What the hands that count do at one moment."""

    height: float
    """Of the lower one, above the eyes; -inf where something speaks against the gesture."""
    clear: bool
    """Not at a shelf, not folded: so one may begin."""
    visibility: float
    side: Side


_DOWN: Final = _Hands(-math.inf, False, 0.0, "left")


class Raised:
    """Both hands above the eyes, or just one, of somebody whose trunk is up."""

    def __init__(self, limits: RaisedLimits) -> None:
        self._limits = limits
        self._up, self._low = Held(), Held()
        self._unseen_ms = self._seen_ms = 0
        self._last = _DOWN
        """As they were when the gesture was last being made."""
        self.active = False
        self.began_ms = self.ended_ms = 0
        self.confidence = 0.0

    def see(self, posture: Posture, width_px: int, height_px: int, step_ms: int) -> None:
        """See `Sign.see`."""
        body = posture.body
        up = may_be_up(body, "left") + may_be_up(body, "right")
        if up < self._limits.hands and not self.active and not self._up.ms:
            self._up.holds, self._unseen_ms = False, 0
            return
        hands = self._hands(posture, width_px, height_px)
        if hands is None:
            self.miss(step_ms)
            return
        unseen_ms, self._unseen_ms = self._unseen_ms + step_ms, 0
        self._seen_ms = posture.timestamp_ms
        if self.active:
            self._look_for_end(hands, step_ms, unseen_ms)
        else:
            self._look_for_beginning(hands, step_ms, unseen_ms)

    def miss(self, step_ms: int) -> None:
        """See `Sign.miss`."""
        self._unseen_ms += step_ms
        if self._unseen_ms < GONE_MS:
            return
        self._up.reset()
        if self.active:
            self.active, self.ended_ms = False, self._seen_ms

    def details(self) -> dict[str, Scalar]:
        """See `Sign.details`."""
        return {"arm": "both" if self._limits.hands == 2 else self._last.side}

    def measured(self) -> dict[str, Scalar]:
        """See `Sign.measured`."""
        return {
            "above_eyes": round(self._last.height, 2),
            "held_s": round(((self._seen_ms if self.active else self.ended_ms) - self.began_ms) / 1000, 2),
            "limit_above_eyes": self._limits.above_eyes,
            "limit_hold_s": self._limits.hold_s,
            "limit_top_edge": self._limits.top_edge,
            "limit_torso_tilt_deg": UPRIGHT_DEG,
        }

    def _look_for_beginning(self, hands: _Hands, step_ms: int, unseen_ms: int) -> None:
        up = hands.clear and hands.height >= self._limits.above_eyes
        if up and not self._up.ms and not self._up.holds:
            self.began_ms, step_ms = self._seen_ms, 0  # it has not held before it was seen
        self._up.run(up, step_ms, unseen_ms)
        if not up:
            return
        self._last = hands
        if self._up.ms >= 1000 * self._limits.hold_s:
            whole_ms = max(1, self._seen_ms - self.began_ms)
            self.confidence = round(hands.visibility * min(1.0, self._up.ms / whole_ms), 2)
            self.active = True
            self._low.reset()

    def _look_for_end(self, hands: _Hands, step_ms: int, unseen_ms: int) -> None:
        low = hands.height < self._limits.above_eyes - LEAVE
        if not low:
            self._last = hands
        self._low.run(low, 0 if low and not self._low.holds else step_ms, unseen_ms)
        if low and self._low.ms >= DOWN_MS:
            self.active, self.ended_ms = False, self._seen_ms - self._low.ms
            self._up.reset()

    def _hands(self, posture: Posture, width_px: int, height_px: int) -> _Hands | None:
        """Return what the hands that count do; None when that cannot be seen."""
        if posture.body.torso_tilt_deg >= UPRIGHT_DEG:
            return _DOWN
        left, right = (_seen(arm(posture, side, width_px, height_px)) for side in SIDES)
        return (
            self._one(left, right) if self._limits.hands == 1 else self._both(left, right, posture.scale_px)
        )

    def _one(self, left: Arm | None, right: Arm | None) -> _Hands | None:
        """Return what the higher hand does, where the other one is not up, too, or not seen."""
        heights = {side: _height(one) for side, one in zip(SIDES, (left, right), strict=True) if one}
        if not heights:
            return None
        side = max(heights, key=heights.__getitem__)
        hand = left if side == "left" else right
        assert hand is not None
        if len(heights) == 2 and min(heights.values()) >= 0:
            return _DOWN  # both are up: that is another gesture
        return _Hands(heights[side], hand.below_top >= self._limits.top_edge, hand.visibility, side)

    def _both(self, left: Arm | None, right: Arm | None, scale_px: float) -> _Hands | None:
        """Return what the lower hand does; one that is seen to be down is enough to know."""
        if left is None or right is None:
            hand = left or right
            return _DOWN if hand is not None and _height(hand) < 0 else None
        lower = min(left, right, key=_height)
        clear = min(left.below_top, right.below_top) >= self._limits.top_edge
        return _Hands(
            _height(lower),
            clear and apart(left, right, scale_px) >= APART,
            min(left.visibility, right.visibility),
            "left" if lower is left else "right",
        )


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
            seen = _seen(arm(posture, side, width_px, height_px))
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


def _seen(one: Arm | None) -> Arm | None:
    """Return an arm whose wrist is seen well enough to be judged, with the eyes to measure it by."""
    return (
        one if one is not None and one.visibility >= HAND_VISIBILITY and one.above_eyes is not None else None
    )


def _height(one: Arm) -> float:
    """Return how far a hand that is `_seen` is above the eyes."""
    assert one.above_eyes is not None
    return one.above_eyes


def _is_lifted(one: Arm) -> bool:
    """Whether a hand is above its elbow and its shoulder."""
    heights = (one.above_elbow, one.above_shoulder)
    return one.out is not None and all(height is not None and height > 0 for height in heights)
