"""Acts in a row: how the body is held, and what is true, at every moment."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pose_edge.actor.acts import ACTS, Act, CameraTrouble, Move, Pace, Situation, before
from pose_edge.actor.figure import EDGE_SHARE
from pose_edge.actor.stance import Stance, blend, sway
from pose_edge.records import PostureClass


@dataclass(frozen=True, slots=True)
class Truth:
    """What a perfect detector would say."""

    act: str
    present: bool
    """The middle of the torso is inside the picture. While walking in or out that depends on nothing but
    the time: the figure crosses the edge after 0.3 (in) or 0.7 (out) of its way in every picture."""
    posture: PostureClass | None
    """None when nobody is there and while the body is on its way from one posture to the next."""
    transition: bool
    """The body is on its way, which walking is too."""
    hands_raised: bool
    """Both, over the head, and held there."""
    slouching: bool
    """Held with head and trunk forward."""
    falling: bool
    """Between losing balance and the floor."""
    fallen: bool
    """On the floor after a fall, until getting up begins."""
    waving: bool = False
    """One hand, to and fro."""
    exercise: str | None = None
    """`squat` or `push_up`, over and over."""
    camera: CameraTrouble | None = None
    """What is wrong with the camera or the light."""


@dataclass(frozen=True, slots=True)
class Period:
    """A span in which the truth does not change."""

    start_ms: int
    end_ms: int
    """First moment after it."""
    truth: Truth


@dataclass(frozen=True, slots=True)
class Motion:
    """A movement with its place in time."""

    start_ms: int
    end_ms: int
    start: Stance
    move: Move

    def at(self, at_ms: int) -> Stance:
        """Return the stance at a moment; the last one when the movement is over."""
        share = min(1.0, (at_ms - self.start_ms) / (self.end_ms - self.start_ms))
        return blend(self.start, self.move.to, _paced(share, self.move.pace))


@dataclass(frozen=True, slots=True)
class Step:
    """One act of a script with its place in time."""

    name: str
    start_ms: int
    end_ms: int
    start: Stance
    motions: tuple[Motion, ...]
    cycle_ms: int | None = None
    """When the first of the cycles begins, if there are any."""

    @property
    def act(self) -> Act:
        """Its row of the table."""
        return ACTS[self.name]

    @property
    def still_ms(self) -> int:
        """When the movements are over."""
        return self.motions[-1].end_ms if self.motions else self.start_ms

    @property
    def end(self) -> Stance:
        """How it leaves the body."""
        return self.motions[-1].move.to if self.motions else self.start

    def stance(self, at_ms: int) -> Stance:
        """Return how the body is held at a moment of this act."""
        motion = next((motion for motion in self.motions if at_ms < motion.end_ms), None)
        return self.end if motion is None else motion.at(at_ms)


class Script:
    """Steps that follow each other without a gap; after the last one the first comes again."""

    def __init__(self, name: str, acts: Sequence[tuple[str, int]]) -> None:
        """Take acts as (name, duration in ms): known, in a possible order, none too short."""
        self.name = name
        self.steps = tuple(_steps(acts))
        self.periods: tuple[Period, ...] = tuple(period for step in self.steps for period in _periods(step))
        self.duration_ms = self.steps[-1].end_ms

    def truth(self, at_ms: int) -> Truth:
        """Return what is true at `at_ms` >= 0."""
        at_ms %= self.duration_ms
        starts = [period.start_ms for period in self.periods]
        return self.periods[bisect.bisect_right(starts, at_ms) - 1].truth

    def stance(self, at_ms: int) -> Stance | None:
        """Return how the body is held at `at_ms` >= 0; None: nobody is there to be drawn."""
        at_ms %= self.duration_ms
        starts = [step.start_ms for step in self.steps]
        step = self.steps[bisect.bisect_right(starts, at_ms) - 1]
        if not step.motions and step.act.leads_to is Situation.AWAY:
            return None
        return sway(step.stance(at_ms), at_ms)


def least_ms(act: Act, start: Stance) -> int:
    """Return how long `act` takes at least when the body is held like `start` before."""
    return sum(move.duration_ms for move in (*_needed(act, start), *act.cycle))


def _steps(acts: Sequence[tuple[str, int]]) -> Iterator[Step]:
    now_ms, held = 0, before(ACTS[acts[0][0]])
    for name, duration_ms in acts:
        step = _step(name, now_ms, duration_ms, held)
        yield step
        now_ms, held = step.end_ms, step.end


def _step(name: str, start_ms: int, duration_ms: int, held: Stance) -> Step:
    act = ACTS[name]
    start = act.appears_as or held
    spare_ms = duration_ms - least_ms(act, start)
    assert spare_ms >= 0, f"{name} is too short: {duration_ms} ms"
    motions, now_ms, here = [], start_ms, start
    for move in _needed(act, start):
        end_ms = now_ms + move.duration_ms + (spare_ms if move.stretches else 0)
        motions.append(Motion(now_ms, end_ms, here, move))
        now_ms, here = end_ms, move.to
    cycles = tuple(_cycles(act, now_ms, start_ms + duration_ms, here))
    cycle_ms = cycles[0].start_ms if cycles else None
    return Step(name, start_ms, start_ms + duration_ms, start, (*motions, *cycles), cycle_ms)


def _cycles(act: Act, start_ms: int, end_ms: int, here: Stance) -> Iterator[Motion]:
    """Yield as many whole cycles as there is time for."""
    whole_ms, now_ms = sum(move.duration_ms for move in act.cycle), start_ms
    while act.cycle and now_ms + whole_ms <= end_ms:
        for move in act.cycle:
            yield Motion(now_ms, now_ms + move.duration_ms, here, move)
            now_ms, here = now_ms + move.duration_ms, move.to


def _needed(act: Act, start: Stance) -> tuple[Move, ...]:
    """Return the moves of an act; none when the body is already held as it should be."""
    if act.moves and act.moves[-1].to == start:
        return ()
    return tuple(move for move in act.moves if move.only_from in (None, start))


def _paced(share: float, pace: Pace) -> float:
    if pace is Pace.EVEN:
        return share
    if pace is Pace.DROPPING:
        return share * share
    return share * share * (3.0 - 2.0 * share)


def _periods(step: Step) -> Iterator[Period]:
    """Split a step where its truth changes: at the edge of the picture, and when the body is still."""
    edge_ms = [_edge_ms(motion) for motion in step.motions if _crosses(motion)]
    begin_ms = step.start_ms if step.cycle_ms is None else step.cycle_ms
    cuts = sorted({step.start_ms, begin_ms, *edge_ms, step.still_ms, step.end_ms})
    for start_ms, end_ms in itertools.pairwise(cuts):
        yield Period(start_ms, end_ms, _truth(step, start_ms))


def _crosses(motion: Motion) -> bool:
    return (abs(motion.start.out) < EDGE_SHARE) != (abs(motion.move.to.out) < EDGE_SHARE)


def _edge_ms(motion: Motion) -> int:
    start, end = abs(motion.start.out), abs(motion.move.to.out)
    share = (start - EDGE_SHARE) / (start - end)
    return motion.start_ms + round(share * (motion.end_ms - motion.start_ms))


def _truth(step: Step, at_ms: int) -> Truth:
    """Return what holds from `at_ms`, a cut of the step, to the next cut."""
    act, moving = step.act, at_ms < step.still_ms
    truth = Truth(
        act=step.name,
        present=_present(step, at_ms),
        posture=act.posture,
        transition=moving,
        hands_raised=act.hands_raised,
        slouching=act.slouching,
        falling=False,
        fallen=act.leads_to is Situation.FALLEN,
        camera=act.camera,
    )
    if not moving:
        return truth
    cycling = step.cycle_ms is not None and at_ms >= step.cycle_ms
    falls = act.leads_to is Situation.FALLEN and Situation.FALLEN not in act.follows
    return replace(
        truth,
        posture=None,
        hands_raised=False,
        slouching=False,
        falling=falls,
        fallen=not falls and truth.fallen,
        waving=cycling and act.waving,
        exercise=act.exercise if cycling else None,
    )


def _present(step: Step, at_ms: int) -> bool:
    # A moment later than the cut itself, where the middle of the body is exactly on the edge.
    return abs(step.stance(at_ms + 1).out) < EDGE_SHARE
