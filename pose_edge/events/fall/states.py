"""The states of a fall and every way from one to the next: `TRANSITIONS` is what the detector runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pose_edge.events.fall.case import Case


class Phase(StrEnum):
    """Where somebody is between standing and lying on the floor."""

    IDLE = "idle"
    DESCENT = "descent"
    """The head went down far and fast."""
    LOW_WATCH = "low_watch"
    """On the floor without a descent that was seen."""
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    SEEN_TO = "seen_to"
    """Still down, but somebody knows: nothing more is told until they are up again."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: from a phase, when the condition holds, to another one."""

    source: Phase
    condition: Callable[[Case], bool]
    target: Phase
    reason: str = ""
    """Machine's word for it in the event; empty: as it was."""


P = Phase
TRANSITIONS: Final = (
    Transition(P.IDLE, Case.went_down, P.DESCENT),
    Transition(P.IDLE, Case.on_floor, P.LOW_WATCH),
    #
    Transition(P.DESCENT, Case.down_long_enough, P.SUSPECTED, "posture"),
    Transition(P.DESCENT, Case.lost_after_descent, P.SUSPECTED, "lost"),
    Transition(P.DESCENT, Case.back_up, P.IDLE),
    Transition(P.DESCENT, Case.sat_down, P.IDLE),
    Transition(P.DESCENT, Case.undecided_too_long, P.IDLE),
    #
    Transition(P.LOW_WATCH, Case.went_down, P.DESCENT),
    Transition(P.LOW_WATCH, Case.on_floor_too_long, P.SUSPECTED, "floor"),
    Transition(P.LOW_WATCH, Case.off_floor, P.IDLE),
    #
    Transition(P.SUSPECTED, Case.recovered, P.IDLE, "recovered"),
    Transition(P.SUSPECTED, Case.lies_where_allowed, P.IDLE, "furniture"),
    Transition(P.SUSPECTED, Case.called_for_help, P.CONFIRMED, "help_gesture"),
    Transition(P.SUSPECTED, Case.stayed_down, P.CONFIRMED),
    Transition(P.SUSPECTED, Case.stayed_on_floor, P.CONFIRMED, "on_floor"),
    #
    Transition(P.CONFIRMED, Case.recovered_for_certain, P.IDLE, "recovered"),
    Transition(P.CONFIRMED, Case.repeat_due, P.CONFIRMED, "long_lie"),
    #
    Transition(P.SEEN_TO, Case.recovered, P.IDLE),
    Transition(P.SEEN_TO, Case.gone, P.IDLE),
)
"""Of the rows of the present phase the first whose condition holds is taken."""

TOLD: Final = (P.SUSPECTED, P.CONFIRMED)
"""Entering one of these, and leaving them for IDLE, is an event."""

ROWS: Final = {phase: tuple(row for row in TRANSITIONS if row.source is phase) for phase in Phase}
