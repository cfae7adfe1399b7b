"""Whether a moment is bad, and how fast it uses up what a body can take: one function a kind, one table.

Pure. None: what the kind looks at is hidden, or nobody knows how this person usually sits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from pose_edge.desk import Front, Side
from pose_edge.events.desk.options import DeskOptions
from pose_edge.records import DeskBaseline, Scalar

NECK_FINE_DEG: Final = 25.0
TRUNK_FINE_DEG: Final = 20.0
"""Below it ISO 11226 limits no time: nothing is bad, whatever the baseline."""

LEAVE_DEG: Final = 3.0
LEAVE_SHARE: Final = 0.03
"""What is bad stays bad until so far inside the limit: a little more than landmarks shake (2 degrees)."""

HEAD_HOLDS: Final = ((25.0, 480.0), (85.0, 60.0))
TRUNK_HOLDS: Final = ((20.0, 240.0), (60.0, 60.0))
"""(degrees, seconds it can be held) at both ends of a straight line, ISO 11226 as in ErgoCapture."""

GAP_HOLDS: Final = ((0.85, 480.0), (0.40, 60.0))
"""(share of the upright gap, seconds): the head's times laid over what a front view can show. A choice."""

SURE_DEG: Final = 10.0
SURE_SHARE: Final = 0.15
"""So far beyond the limit nobody would argue: twice the deviation that is let pass."""


class Verdict(NamedTuple):
    """One moment of one kind."""

    bad: bool
    excess: float
    """How far beyond the limit, 0-1: 1 is beyond doubt."""
    dose_per_s: float
    """Share of what can be held that one second uses up; 0 where no time is known."""
    cause: str
    """Part of the body: `neck`, `trunk`, `head` or `shoulders`."""


Judge: TypeAlias = Callable[[Side | Front, DeskBaseline, DeskOptions, bool], Verdict | None]
"""(what is seen, the baseline, the options, whether it was bad before) -> the verdict."""


def holding_s(value: float, ends: tuple[tuple[float, float], tuple[float, float]]) -> float:
    """Return how long something can be held: on the line between the ends, and beyond them as at them."""
    (first, first_s), (last, last_s) = ends
    share = min(1.0, max(0.0, (value - first) / (last - first)))
    return first_s + share * (last_s - first_s)


def neck_limit_deg(baseline: DeskBaseline, options: DeskOptions) -> float | None:
    """Return how far the neck may lean forward."""
    return _limit(baseline.neck_deg, options.neck_deg, NECK_FINE_DEG)


def trunk_limit_deg(baseline: DeskBaseline, options: DeskOptions) -> float | None:
    """Return how far the trunk may lean forward."""
    return _limit(baseline.trunk_deg, options.trunk_deg, TRUNK_FINE_DEG)


def flexion_limit_deg(baseline: DeskBaseline, options: DeskOptions) -> float | None:
    """Return how far the neck may lean further forward than the trunk (ISO 11226: 25 is fine)."""
    if baseline.neck_deg is None or baseline.trunk_deg is None:
        return None
    return _limit(baseline.neck_deg - baseline.trunk_deg, options.neck_deg, NECK_FINE_DEG)


def slouch(
    shown: Side | Front, baseline: DeskBaseline, options: DeskOptions, was_bad: bool
) -> Verdict | None:
    """Side: head or trunk is forward. Front: the ears have come down to the shoulders."""
    if isinstance(shown, Front):
        return _lowered(shown, baseline, options, was_bad)
    neck = _beyond(shown.neck_deg, neck_limit_deg(baseline, options), was_bad)
    trunk = _beyond(shown.trunk_deg, trunk_limit_deg(baseline, options), was_bad)
    if neck is None and trunk is None:
        return None
    head_dose = trunk_dose = 0.0
    if neck is not None and neck > 0 and shown.neck_deg is not None:
        head_dose = 1 / holding_s(shown.neck_deg, HEAD_HOLDS)
    if trunk is not None and trunk > 0 and shown.trunk_deg is not None:
        trunk_dose = 1 / holding_s(shown.trunk_deg, TRUNK_HOLDS)
    excess = max(neck or 0.0, trunk or 0.0)
    cause = "trunk" if trunk_dose > head_dose else "neck"
    return Verdict(excess > 0, min(1.0, excess / SURE_DEG), max(head_dose, trunk_dose), cause)


def forward_head(
    shown: Side | Front, baseline: DeskBaseline, options: DeskOptions, was_bad: bool
) -> Verdict | None:
    """Side: the neck leans much further forward than the trunk, which may well lean back."""
    if not isinstance(shown, Side):
        return None
    flexion_deg = shown.flexion_deg
    excess = _beyond(flexion_deg, flexion_limit_deg(baseline, options), was_bad)
    if excess is None or flexion_deg is None:
        return None
    dose = 1 / holding_s(flexion_deg, HEAD_HOLDS) if excess > 0 else 0.0
    return Verdict(excess > 0, min(1.0, max(0.0, excess) / SURE_DEG), dose, "neck")


def shoulder_tilt(
    shown: Side | Front, baseline: DeskBaseline, options: DeskOptions, was_bad: bool
) -> Verdict | None:
    """Front: one shoulder is much lower than usual."""
    if not isinstance(shown, Front):
        return None
    return _tilted(shown.shoulder_tilt_deg, baseline.shoulder_tilt_deg, options, was_bad, "shoulders")


def head_tilt(
    shown: Side | Front, baseline: DeskBaseline, options: DeskOptions, was_bad: bool
) -> Verdict | None:
    """Front: the head leans much more to one side than usual."""
    if not isinstance(shown, Front):
        return None
    return _tilted(shown.head_tilt_deg, baseline.head_tilt_deg, options, was_bad, "head")


JUDGES: Final[dict[str, Judge]] = {
    "slouch": slouch,
    "forward_head": forward_head,
    "shoulder_tilt": shoulder_tilt,
    "head_tilt": head_tilt,
}
"""Every kind of sitting badly. Slouching comes first: of two that say the same it is the one to remind of."""


def evidence(
    kind: str, shown: Side | Front, baseline: DeskBaseline, options: DeskOptions
) -> dict[str, Scalar]:
    """Return what was measured and what is allowed."""
    if isinstance(shown, Side):
        numbers: dict[str, float | None] = {
            "neck_deg": shown.neck_deg,
            "trunk_deg": shown.trunk_deg,
            "baseline_neck_deg": baseline.neck_deg,
            "baseline_trunk_deg": baseline.trunk_deg,
        }
        if kind == "slouch":
            numbers["limit_neck_deg"] = neck_limit_deg(baseline, options)
            numbers["limit_trunk_deg"] = trunk_limit_deg(baseline, options)
        else:
            numbers["limit_flexion_deg"] = flexion_limit_deg(baseline, options)
    elif kind == "slouch":
        limit = None if baseline.gap is None else options.gap_share * baseline.gap
        numbers = {"gap": shown.gap, "baseline_gap": baseline.gap, "limit_gap": limit}
    else:
        numbers = {
            f"{kind}_deg": getattr(shown, f"{kind}_deg"),
            f"baseline_{kind}_deg": getattr(baseline, f"{kind}_deg"),
            "limit_tilt_deg": options.tilt_deg,
        }
    return {name: None if value is None else round(value, 2) for name, value in numbers.items()}


def _limit(usual_deg: float | None, more_deg: float, fine_deg: float) -> float | None:
    return None if usual_deg is None else max(usual_deg + more_deg, fine_deg)


def _beyond(value_deg: float | None, limit_deg: float | None, was_bad: bool) -> float | None:
    if value_deg is None or limit_deg is None:
        return None
    return value_deg - (limit_deg - LEAVE_DEG if was_bad else limit_deg)


def _lowered(shown: Front, baseline: DeskBaseline, options: DeskOptions, was_bad: bool) -> Verdict | None:
    if shown.gap is None or baseline.gap is None or baseline.gap <= 0:
        return None
    share = shown.gap / baseline.gap
    excess = (options.gap_share + LEAVE_SHARE if was_bad else options.gap_share) - share
    dose = 1 / holding_s(share, GAP_HOLDS) if excess > 0 else 0.0
    return Verdict(excess > 0, min(1.0, max(0.0, excess) / SURE_SHARE), dose, "head")


def _tilted(
    now_deg: float | None, usual_deg: float | None, options: DeskOptions, was_bad: bool, cause: str
) -> Verdict | None:
    if now_deg is None or usual_deg is None:
        return None
    limit_deg = options.tilt_deg - (LEAVE_DEG if was_bad else 0.0)
    excess = abs(now_deg - usual_deg) - limit_deg
    # No standard says how long a tilt can be held: `slouch_hold_s` decides.
    return Verdict(excess > 0, min(1.0, max(0.0, excess) / SURE_DEG), 0.0, cause)
