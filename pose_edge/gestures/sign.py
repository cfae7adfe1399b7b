"""What all signs share."""

from __future__ import annotations

from typing import Final, Protocol

from pose_edge.arms import Arm
from pose_edge.records import Posture, Scalar

HAND_VISIBILITY: Final = 0.5
"""Of a wrist (science 4.4): hands behind a head have less."""

UPRIGHT_DEG: Final = 45.0
"""Trunk tilt up to which hands can be said to be up: of a lying body they are anywhere (science 4.4)."""


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


def seen_well(one: Arm | None) -> Arm | None:
    """Return an arm whose wrist is seen well enough to be judged, with the eyes to measure it by."""
    if one is None or one.visibility < HAND_VISIBILITY or one.above_eyes is None:
        return None
    return one
