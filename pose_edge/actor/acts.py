"""The table of acts: what the body does, what is true meanwhile, and what may come before and after.

Adding an act is adding a row; scripts, truth and error messages follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pose_edge.actor import stance
from pose_edge.actor.stance import Stance
from pose_edge.records import PostureClass


class Situation(StrEnum):
    """Where an act leaves the figure: what may come next depends on nothing else."""

    AWAY = "away"
    UPRIGHT = "upright"
    SEATED = "seated"
    RESTING = "resting"
    """On the floor because it wanted to be."""
    FALLEN = "fallen"
    BRACED = "braced"
    """On hands and toes."""


class CameraTrouble(StrEnum):
    """Why a camera does not see what it should, in the words of `events/camera.py`."""

    DARK = "dark"
    COVERED = "covered"
    MOVED = "moved"


class Pace(StrEnum):
    """How a movement gathers speed."""

    EASED = "eased"
    """Begins and ends at rest."""
    EVEN = "even"
    """Walking."""
    DROPPING = "dropping"
    """Faster and faster, as whatever falls."""


@dataclass(frozen=True, slots=True)
class Move:
    """A movement into a stance."""

    to: Stance
    duration_ms: int
    pace: Pace = Pace.EASED
    stretches: bool = False
    """Takes as long as the act has left; `duration_ms` is the least."""
    only_from: Stance | None = None
    """Left out when the act begins with the body held otherwise; None: always made."""


@dataclass(frozen=True, slots=True)
class Act:
    """One row: first the moves, then the last stance is held until the act is over.

    A body already held like that makes no moves. An act with a cycle makes it as often as there is time for
    before it holds still.
    """

    follows: tuple[Situation, ...]
    """What must be the case before."""
    leads_to: Situation
    moves: tuple[Move, ...]
    posture: PostureClass | None = None
    """What a perfect detector says while the stance is held; None: nobody is there, or it is never held or
    has no name."""
    appears_as: Stance | None = None
    """Where the figure is at once, unseen; None: it goes on from where it was."""
    hands_raised: bool = False
    slouching: bool = False
    cycle: tuple[Move, ...] = ()
    """Movements that end where they begin: in the stance that is held."""
    waving: bool = False
    """What the cycle is."""
    exercise: str | None = None
    """The same: `squat`, `push_up`; one a cycle."""
    camera: CameraTrouble | None = None
    """What somebody does to the camera or the light meanwhile."""


_UPRIGHT = (Situation.UPRIGHT,)
_TURN_MS = 600
_SHORTEST_WALK_MS = 1400


def _upright(to: Stance, duration_ms: int, *, hands_raised: bool = False) -> Act:
    return Act(
        _UPRIGHT,
        Situation.UPRIGHT,
        (Move(to, duration_ms),),
        PostureClass.STANDING,
        hands_raised=hands_raised,
    )


def _away(walk: Stance, out: float) -> Act:
    turn = Move(walk, _TURN_MS)
    go = Move(walk._replace(out=out), _SHORTEST_WALK_MS, Pace.EVEN, stretches=True)
    return Act(_UPRIGHT, Situation.AWAY, (turn, go))


def _nobody(camera: CameraTrouble | None = None) -> Act:
    return Act((Situation.AWAY,), Situation.AWAY, (), camera=camera)


def _lying_on(situation: Situation) -> Act:
    return Act((situation,), situation, (), PostureClass.LYING)


ACTS: dict[str, Act] = {
    "nobody": _nobody(),
    "walk_in": Act(
        (Situation.AWAY,),
        Situation.UPRIGHT,
        (
            Move(stance.WALK, _SHORTEST_WALK_MS, Pace.EVEN, stretches=True),
            Move(stance.STAND, _TURN_MS),
        ),
        appears_as=stance.WALK._replace(out=1.0),
    ),
    "stand": _upright(stance.STAND, 1100),
    "raise_both_hands": _upright(stance.HANDS_UP, 1000, hands_raised=True),
    "raise_one_hand": _upright(stance.ONE_HAND_UP, 1000),
    "wave": Act(
        _UPRIGHT,
        Situation.UPRIGHT,
        (Move(stance.WAVE_OUT, 900),),
        PostureClass.STANDING,
        cycle=(Move(stance.WAVE_IN, 400), Move(stance.WAVE_OUT, 400)),
        waving=True,
    ),
    "squats": Act(
        _UPRIGHT,
        Situation.UPRIGHT,
        (Move(stance.STAND, 1100),),
        PostureClass.STANDING,
        cycle=(Move(stance.SQUAT, 900), Move(stance.STAND, 900)),
        exercise="squat",
    ),
    "push_ups": Act(
        _UPRIGHT,
        Situation.BRACED,
        (
            Move(stance.CROUCH, 1400),
            Move(stance.SIT_ON_FLOOR, 1200),
            Move(stance.ALL_FOURS, 1200),
            Move(stance.PLANK, 800),
        ),
        cycle=(Move(stance.PLANK_LOW, 700), Move(stance.PLANK, 700)),
        exercise="push_up",
    ),
    "bend_left_arm": _upright(stance.LEFT_ARM_BENT, 1000),
    "bend": Act(
        _UPRIGHT,
        Situation.UPRIGHT,
        (Move(stance.BEND, 1600),),
        PostureClass.BENDING,
    ),
    "sit": Act(
        (Situation.UPRIGHT, Situation.SEATED),
        Situation.SEATED,
        (Move(stance.SIT, 1500),),
        PostureClass.SITTING,
    ),
    "slouch": Act(
        (Situation.SEATED,),
        Situation.SEATED,
        (Move(stance.SLOUCH, 1500),),
        PostureClass.SITTING,
        slouching=True,
    ),
    "stand_up": Act(
        (Situation.SEATED,),
        Situation.UPRIGHT,
        (Move(stance.STAND, 1500),),
        PostureClass.STANDING,
    ),
    "lie_down_slowly": Act(
        _UPRIGHT,
        Situation.RESTING,
        (Move(stance.CROUCH, 1400), Move(stance.SIT_ON_FLOOR, 1200), Move(stance.LIE, 1600)),
        PostureClass.LYING,
    ),
    "lie": _lying_on(Situation.RESTING),
    "fall": Act(
        _UPRIGHT,
        Situation.FALLEN,
        (Move(stance.FALLEN, 700, Pace.DROPPING),),
        PostureClass.LYING,
    ),
    "stay_down": _lying_on(Situation.FALLEN),
    "get_up": Act(
        (Situation.RESTING, Situation.FALLEN, Situation.BRACED),
        Situation.UPRIGHT,
        (
            Move(stance.SIT_ON_FLOOR, 1000, only_from=stance.LIE),
            Move(stance.CURLED, 1000, only_from=stance.FALLEN),
            Move(stance.CROUCH, 1100),
            Move(stance.STAND, 1000),
        ),
        PostureClass.STANDING,
    ),
    "walk_out": _away(stance.WALK_BACK, 1.0),
    "leave": _away(stance.WALK, -1.0),
    "lights_out": _nobody(CameraTrouble.DARK),
    "cover_lens": _nobody(CameraTrouble.COVERED),
    "knock_camera": _nobody(CameraTrouble.MOVED),
}
"""`walk_out` goes back to where the figure came from, `leave` on to the far side."""


def before(act: Act) -> Stance:
    """Return how the body is held if a script begins with `act`."""
    return {
        Situation.AWAY: stance.WALK._replace(out=1.0),
        Situation.UPRIGHT: stance.STAND,
        Situation.SEATED: stance.SIT,
        Situation.RESTING: stance.LIE,
        Situation.FALLEN: stance.FALLEN,
        Situation.BRACED: stance.PLANK,
    }[act.follows[0]]
