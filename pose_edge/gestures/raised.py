"""Hands held up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from pose_edge.arms import SIDES, Arm, Side, apart, arm, may_be_up
from pose_edge.gestures.sign import UPRIGHT_DEG, seen_well
from pose_edge.records import Posture, Scalar
from pose_edge.signals import Held

APART: Final = 0.25
"""Between the wrists: less is folded hands, or one hand seen twice (science 4.4)."""

LEAVE: Final = 0.15
"""So much lower than it takes to begin, a hand is down again (science 4.4)."""

DOWN_MS: Final = 400
"""Hands must be down for so long: the model misplaces a hand for single frames, 200 ms at 5 fps [D]."""

GONE_MS: Final = 2000
"""Nobody says what hands do that have not been seen for so long; as long as posture waits [D]."""


@dataclass(frozen=True, slots=True)
class RaisedLimits:
    """When hands count as raised."""

    hands: int = 2
    """Both, or exactly one of them."""
    above_eyes: float = 0.1
    hold_s: float = 1.0
    top_edge: float = 0.3


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
        left = seen_well(arm(posture, "left", width_px, height_px))
        right = seen_well(arm(posture, "right", width_px, height_px))
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


def _height(one: Arm) -> float:
    """Return how far a hand that is `seen_well` is above the eyes."""
    assert one.above_eyes is not None
    return one.above_eyes
