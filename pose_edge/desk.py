"""How somebody sits, as one camera sees it: view, inclinations, gap, tilts; and the baseline of all these.

Pure. From the side head and trunk lean forward by an angle of the picture; from the front nobody can see
that, but the ears come nearer to the shoulders. In between is neither: an oblique view is not measured. A
hidden part is None.

The craniovertebral angle cannot be had (there is no C7 landmark), and `neck_deg` is not to be called so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, Literal, NamedTuple, TypeAlias

from pose_edge.errors import PoseEdgeError
from pose_edge.posture import (
    HIPS,
    JOINT_VISIBILITY,
    LEFT_EAR,
    LEFT_EYE,
    NOSE,
    RIGHT_EAR,
    RIGHT_EYE,
    SHOULDERS,
)
from pose_edge.records import VISIBILITY, DeskBaseline, PointPx, Posture, PostureClass, Rows, Scene, X, Y
from pose_edge.signals import GAP_MS, median

View: TypeAlias = Literal["side", "front", "oblique", "away"]
"""`away`: the back is to the camera."""

SIDE_WIDTH: Final = 0.45
FRONT_WIDTH: Final = 0.65
"""Shoulder width in torso lengths, below and above (posture_science 4.3; the side clip has 0.21-0.34)."""

HIPS_VISIBILITY: Final = 0.5
"""Hips are guessed behind a desk; the trunk counts only where the model itself rather sees them."""

BASELINE_S: Final = 10.0
"""Least measured time of a baseline: shorter, one breath or one look aside is in all of it."""

BASELINE_SHARE: Final = 0.8
"""Of the time somebody sat, in which one view must hold and be measured."""


class NotMeasurableError(PoseEdgeError):
    """No baseline can be had of what was seen; the message says why and what to do."""


class Side(NamedTuple):
    """One moment from the side. Forward is where the nose is; reclining is negative."""

    neck_deg: float | None
    """How far shoulders -> ears lean forward from upright."""
    trunk_deg: float | None
    """How far hips -> shoulders lean forward from upright."""

    @property
    def flexion_deg(self) -> float | None:
        """How far the neck leans further forward than the trunk."""
        if self.neck_deg is None or self.trunk_deg is None:
            return None
        return self.neck_deg - self.trunk_deg


class Front(NamedTuple):
    """One moment from the front."""

    gap: float | None
    """How far the ears are above the shoulders, in shoulder widths."""
    face_width: float | None
    """Distance of the eyes in shoulder widths."""
    shoulder_tilt_deg: float | None
    """Of the line through the shoulders; positive when the person's own left is lower."""
    head_tilt_deg: float | None
    """The same of the line through ears and eyes."""


def shoulder_width(posture: Posture, scene: Scene) -> float | None:
    """Return how wide the shoulders look, in torso lengths; negative when the back is to the camera."""
    left, right = _points(posture.body.rows, SHOULDERS, scene)
    if left is None or right is None:
        return None
    width = math.hypot(left[0] - right[0], left[1] - right[1]) / posture.scale_px
    return width if left[0] >= right[0] else -width


def view_of(width: float) -> View:
    """Return from where the camera looks at somebody whose shoulders look `width` torso lengths wide."""
    if abs(width) < SIDE_WIDTH:
        return "side"
    if width < 0:
        return "away"
    return "front" if width > FRONT_WIDTH else "oblique"


def facing(posture: Posture, scene: Scene) -> float | None:
    """Return how far the nose is to the right of the ears in the picture, in torso lengths."""
    nose, ears = _point(posture.body.rows, NOSE, scene), _middle(posture.body.rows, _EARS, scene)
    return None if nose is None or ears is None else (nose[0] - ears[0]) / posture.scale_px


def from_side(posture: Posture, scene: Scene, forward: int) -> Side:
    """Return what a side view shows; `forward` is 1 for somebody who looks to the right, else -1."""
    rows = posture.body.rows
    ears, shoulders = _middle(rows, _EARS, scene), _middle(rows, SHOULDERS, scene)
    hips = posture.body.hips_px if _hips_seen(rows) else None
    return Side(_lean_deg(shoulders, ears, forward), _lean_deg(hips, shoulders, forward))


def from_front(posture: Posture, scene: Scene) -> Front:
    """Return what a front view shows."""
    rows = posture.body.rows
    left, right = _points(rows, SHOULDERS, scene)
    if left is None or right is None or left == right:
        return Front(None, None, None, None)
    width_px = math.hypot(left[0] - right[0], left[1] - right[1])
    left_ear, right_ear = _points(rows, _EARS, scene)
    left_eye, right_eye = _points(rows, (LEFT_EYE, RIGHT_EYE), scene)
    if left_ear is None or right_ear is None or left_eye is None or right_eye is None:
        return Front(None, None, _tilt_deg(left[0] - right[0], left[1] - right[1]), None)
    gap_px = (left[1] + right[1] - left_ear[1] - right_ear[1]) / 2
    return Front(
        gap=gap_px / width_px,
        face_width=math.hypot(left_eye[0] - right_eye[0], left_eye[1] - right_eye[1]) / width_px,
        shoulder_tilt_deg=_tilt_deg(left[0] - right[0], left[1] - right[1]),
        # Ears and eyes together: each pair alone is short, and shakes by degrees.
        head_tilt_deg=_tilt_deg(
            left_ear[0] + left_eye[0] - right_ear[0] - right_eye[0],
            left_ear[1] + left_eye[1] - right_ear[1] - right_eye[1],
        ),
    )


def size_and_height(posture: Posture, scene: Scene) -> tuple[float, float]:
    """Return torso length and how far down the hips are, as shares of the picture's height.

    They change with another chair or place, and little else.
    """
    return posture.scale_px / scene.height_px, posture.body.hips_px[1] / scene.height_px


def measure_baseline(sightings: Iterable[tuple[Posture, Scene]]) -> DeskBaseline:
    """Return how one person sits, from at least `BASELINE_S` of them sitting well: medians over all of it.

    Sightings are of one person, in the order of time. Silences longer than `GAP_MS` add no time.

    Raises:
        NotMeasurableError: too short, not seated, seen from an angle, or ears or shoulders are hidden.
    """
    seated = [one for one in sightings if one[0].posture_class is PostureClass.SITTING]
    _require_time(seated, "somebody sits")
    by_view: dict[View, list[tuple[Posture, Scene]]] = {}
    for posture, scene in seated:
        width = shoulder_width(posture, scene)
        if width is not None:
            by_view.setdefault(view_of(width), []).append((posture, scene))
    if not by_view:
        raise NotMeasurableError("desk baseline: the shoulders are hidden; let the camera see both")
    view, seen = max(by_view.items(), key=lambda item: len(item[1]))
    if len(seen) < BASELINE_SHARE * len(seated):
        found = ", ".join(f"{len(some) / len(seated):.0%} {name}" for name, some in sorted(by_view.items()))
        raise NotMeasurableError(f"desk baseline: the view changes ({found}); sit still, side or front on")
    if view == "side":
        return _side_baseline(seen)
    if view == "front":
        return _front_baseline(seen)
    width = median([shoulder_width(posture, scene) or 0.0 for posture, scene in seen])
    raise NotMeasurableError(
        f"desk baseline: view is {view} (shoulders {width:.2f} torso lengths wide); allowed are side "
        f"(below {SIDE_WIDTH}) and front (above {FRONT_WIDTH}): turn the camera or the chair"
    )


def _side_baseline(seen: list[tuple[Posture, Scene]]) -> DeskBaseline:
    looks = [look for posture, scene in seen if (look := facing(posture, scene)) is not None]
    forward = 1 if looks and median(looks) > 0 else -1
    found = [(posture, scene, from_side(posture, scene, forward)) for posture, scene in seen]
    _require_time(
        [(posture, scene) for posture, scene, side in found if side.neck_deg is not None], "ears show"
    )
    necks = [side.neck_deg for _, _, side in found if side.neck_deg is not None]
    trunks = [side.trunk_deg for _, _, side in found if side.trunk_deg is not None]
    return DeskBaseline(
        view="side",
        neck_deg=median(necks),
        trunk_deg=median(trunks) if len(trunks) >= BASELINE_SHARE * len(found) else None,
        torso=median([size_and_height(posture, scene)[0] for posture, scene in seen]),
        hips_down=median([size_and_height(posture, scene)[1] for posture, scene in seen]),
    )


def _front_baseline(seen: list[tuple[Posture, Scene]]) -> DeskBaseline:
    found = [(posture, scene, from_front(posture, scene)) for posture, scene in seen]
    _require_time([(posture, scene) for posture, scene, front in found if front.gap is not None], "ears show")
    fronts = [front for _, _, front in found]
    return DeskBaseline(
        view="front",
        gap=_median_of([front.gap for front in fronts]),
        face_width=_median_of([front.face_width for front in fronts]),
        shoulder_tilt_deg=_median_of([front.shoulder_tilt_deg for front in fronts]),
        head_tilt_deg=_median_of([front.head_tilt_deg for front in fronts]),
        torso=median([size_and_height(posture, scene)[0] for posture, scene in seen]),
        hips_down=median([size_and_height(posture, scene)[1] for posture, scene in seen]),
    )


def _median_of(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _require_time(sightings: list[tuple[Posture, Scene]], what: str) -> None:
    times_ms = [posture.timestamp_ms for posture, _ in sightings]
    steps_ms = (later - earlier for earlier, later in pairwise(times_ms))
    found_s = sum(step for step in steps_ms if step <= GAP_MS) / 1000
    if found_s < BASELINE_S:
        raise NotMeasurableError(
            f"desk baseline: {what} for {found_s:.1f} s, at least {BASELINE_S:.0f} s are needed"
        )


_EARS: Final = (LEFT_EAR, RIGHT_EAR)


def _point(rows: Rows, index: int, scene: Scene) -> PointPx | None:
    row = rows[index]
    if row[VISIBILITY] < JOINT_VISIBILITY:
        return None
    return row[X] * scene.width_px, row[Y] * scene.height_px


def _points(rows: Rows, pair: tuple[int, int], scene: Scene) -> tuple[PointPx | None, PointPx | None]:
    return _point(rows, pair[0], scene), _point(rows, pair[1], scene)


def _middle(rows: Rows, pair: tuple[int, int], scene: Scene) -> PointPx | None:
    """Return the middle of both sides, else the one that is seen."""
    one, other = _points(rows, pair, scene)
    if one is None or other is None:
        return one or other
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _hips_seen(rows: Rows) -> bool:
    return max(rows[HIPS[0]][VISIBILITY], rows[HIPS[1]][VISIBILITY]) >= HIPS_VISIBILITY


def _lean_deg(bottom: PointPx | None, top: PointPx | None, forward: int) -> float | None:
    if bottom is None or top is None or bottom == top:
        return None
    return math.degrees(math.atan2(forward * (top[0] - bottom[0]), bottom[1] - top[1]))


def _tilt_deg(across_px: float, down_px: float) -> float | None:
    """Return the tilt of a line that leads to the person's left, which is the right of the picture."""
    if across_px <= 0:
        return None
    return math.degrees(math.atan2(down_px, across_px))
