"""How a camera looks at its room, measured on people who stand and walk there (posture_science 3.6).

Gravity is the line from the feet to the shoulders of straight bodies: whoever stands or walks has the one
over the other, or would fall. The trunk alone leans with habit: medians of trunks on the development clips
are -11 to 5 degrees where those of feet and shoulders are -5 to 4. A body whose legs are hidden says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pose_edge.errors import CalibrationError
from pose_edge.geometry import midpoint
from pose_edge.posture import ANKLES, SHOULDERS
from pose_edge.records import Line, PointPx, PoseResult, Posture, View, Y, Z
from pose_edge.signals import GAP_MS, median
from pose_edge.tracking import Tracker
from pose_edge.upright import MOST_DEG, turned_share

STEP_MS: Final = 100
"""One sighting of a person in so long: closer ones add work, not knowledge."""

STRAIGHT_DEG: Final = 150.0
"""Angles of hip and knee from which a body is straight: standing 145-175 (posture_science 2.4). They are the
same at any tilt of the camera, so that the choice does not depend on what is to be measured."""

LEGS_VISIBILITY: Final = 0.5
MOST_TILT_DEG: Final = 50.0
"""Leaning more, a straight body lies."""

LEAST_S: Final = 3.0
"""Of somebody standing or walking. The science asks for 300 pictures, a camera gets 60 s; on the development
clips, which are short, 3 s gave -1 to 3 degrees, and what is printed says how sure it is."""
PLACES_SPAN: Final = 0.05
"""Shares of the picture the feet must move by: whoever stands on one spot stands on one leg, too."""
SURE_S: Final = 20.0
MOST_ERROR_DEG: Final = 3.0
SURE_ERROR_DEG: Final = 1.5

EYE_LEVEL_KNEE: Final = 0.75
BUILD_KNEE: Final = 0.62
"""Hips above knees in torso lengths: at eye level 0.63-0.82 by build and gait, from above 0.52-0.57 (on the
development clips). Only what is below all of the former is taken for the camera's doing."""
STEEP_KNEE: Final = 0.45
"""Steeper cameras are not supported (posture_science 3.6)."""

FLOOR_SPAN: Final = 0.15
SIZE_SPAN: Final = 0.05
"""Shares of the picture over which the feet must have moved before a line through them has a slope."""
FLOOR_SPREAD: Final = 0.05
"""Feet farther off the line, in shares of the height, were on no line: people came nearer or went."""
BINS: Final = 24


@dataclass(frozen=True, slots=True)
class Measured:
    """What a survey found, and how far to trust it."""

    view: View
    standing_s: float
    """For how long somebody stood or walked in full view."""
    roll_error_deg: float
    """Likely error of `view.roll_deg` that more of the same would take away."""
    roll_spread_deg: float
    """Median distance of single sightings from it."""
    knee: float
    """Median height of the hips above the knees, in torso lengths."""
    columns: tuple[float, float]
    """Where the feet were, as shares of the width ..."""
    rows: tuple[float, float]
    """... and of the height."""
    sure: Literal["good", "fair"]
    notes: tuple[str, ...]
    """What could not be measured and why, and what to beware of: a sentence each."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    feet_px: PointPx
    up_px: PointPx
    """From the feet to the shoulders."""
    thigh_px: PointPx
    """From the knees to the hips."""
    scale_px: float
    depth_deg: float
    """How far the body leans away from the camera, by the model's depth."""


class Survey:
    """Takes in results, all of pictures of one size, and measures the view at the end."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._sightings: list[_Sighting] = []
        self._seen_ms: dict[int, int] = {}
        self._size_px: tuple[int, int] | None = None
        self._last_ms = 0
        self._results = self._people = 0
        self.standing_ms = 0

    def see(self, result: PoseResult) -> None:
        """Take in one result. An input whose clock begins anew goes on with new people.

        Raises:
            CalibrationError: its size is another one than before.
        """
        size_px = result.width_px, result.height_px
        before_px = self._size_px or size_px
        if before_px != size_px:
            (width_px, height_px), (before_w, before_h) = size_px, before_px
            raise CalibrationError(
                f"pictures of {width_px} x {height_px} px after pictures of {before_w} x {before_h} px: "
                "one camera has one size"
            )
        self._size_px = size_px
        if result.timestamp_ms <= self._last_ms:
            self._tracker, self._seen_ms = Tracker(), {}
        self._last_ms = result.timestamp_ms
        self._results += 1
        for posture in self._tracker.update(result).people:
            self._people += 1
            self._take(posture)

    def measure(self) -> Measured:
        """Return the view.

        Raises:
            CalibrationError: what was seen does not suffice; says what is missing.
        """
        self._require_enough()
        assert self._size_px is not None
        return _measured(self._sightings, self._size_px, self.standing_ms / 1000)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return self._size_px or (0, 0)

    def progress(self) -> str:
        """Return how far it is, for people."""
        return f"somebody stood or walked for {self.standing_ms / 1000:.0f} s"

    def _take(self, posture: Posture) -> None:
        now_ms, person_id = posture.timestamp_ms, posture.person_id
        before_ms = self._seen_ms.get(person_id)
        if before_ms is not None and now_ms - before_ms < STEP_MS:
            return
        found = _sighting(posture)
        if found is None:
            self._seen_ms.pop(person_id, None)
            return
        self._seen_ms[person_id] = now_ms
        if before_ms is not None and now_ms - before_ms <= GAP_MS:
            self.standing_ms += now_ms - before_ms
        self._sightings.append(found)

    def _require_enough(self) -> None:
        if not self._people:
            raise CalibrationError(f"nobody was seen in {self._results} pictures: walk about in full view")
        if not self._sightings:
            raise CalibrationError(
                f"nobody stood in full view: {self._people} sightings, none with straight and visible legs"
            )
        stood_s = self.standing_ms / 1000
        if stood_s < LEAST_S:
            raise CalibrationError(
                f"somebody stood or walked in full view for {stood_s:.1f} s, {LEAST_S:g} s are needed"
            )


def _sighting(posture: Posture) -> _Sighting | None:
    """Return what a straight body tells; None: it is not straight, or its legs are not seen."""
    body = posture.body
    if body.ankles_px is None or body.knees_px is None or body.hip_deg is None or body.knee_deg is None:
        return None
    if min(body.hip_deg, body.knee_deg) < STRAIGHT_DEG or body.legs_visibility < LEGS_VISIBILITY:
        return None
    if body.torso_tilt_deg > MOST_TILT_DEG or body.ankles_px[1] <= body.shoulders_px[1]:
        return None
    return _Sighting(
        feet_px=body.ankles_px,
        up_px=(body.shoulders_px[0] - body.ankles_px[0], body.shoulders_px[1] - body.ankles_px[1]),
        thigh_px=(body.hips_px[0] - body.knees_px[0], body.hips_px[1] - body.knees_px[1]),
        scale_px=posture.scale_px,
        depth_deg=_depth_deg(posture),
    )


def lean_deg(posture: Posture) -> float | None:
    """Return how far a straight body leans clockwise, by feet and shoulders; None: it is not straight."""
    found = _sighting(posture)
    return None if found is None else _lean_deg(found)


def _lean_deg(found: _Sighting) -> float:
    return math.degrees(math.atan2(found.up_px[0], -found.up_px[1]))


def _depth_deg(posture: Posture) -> float:
    rows = posture.body.world_rows
    (up_y, up_z), (down_y, down_z) = (
        midpoint((rows[one][Y], rows[one][Z]), (rows[other][Y], rows[other][Z]))
        for one, other in (SHOULDERS, ANKLES)
    )
    return math.degrees(math.atan2(down_z - up_z, down_y - up_y))


def _measured(found: Sequence[_Sighting], size_px: tuple[int, int], standing_s: float) -> Measured:
    leans_deg = [_lean_deg(one) for one in found]
    roll_deg = median(leans_deg)
    spread_deg = spread(leans_deg)
    # 1.48 MAD is a standard deviation, 1.25 times that the one of a median; steps are half a second apart.
    error_deg = 1.25 * 1.48 * spread_deg / math.sqrt(max(1.0, 2 * standing_s))
    _require_sane(roll_deg, error_deg)
    notes: list[str] = []
    knee = median([_along(one.thigh_px, roll_deg) / one.scale_px for one in found])
    if knee < STEEP_KNEE:
        notes.append("the camera looks down steeply: postures and falls are told with little certainty")
    feet = [
        turned_share((one.feet_px[0] / size_px[0], one.feet_px[1] / size_px[1]), -roll_deg, size_px)
        for one in found
    ]
    columns, rows = [across for across, _ in feet], [down for _, down in feet]
    _require_places(columns, rows)
    elevation_deg = median([one.depth_deg for one in found])
    view = View(
        width_px=size_px[0],
        height_px=size_px[1],
        roll_deg=round(roll_deg, 2),
        elevation_deg=round(elevation_deg, 1),
        leg_share=round(leg_share(knee), 3),
        floor=_floor(columns, rows, notes),
        size=_size(rows, [one.scale_px / size_px[1] for one in found], notes),
    )
    certain = standing_s >= SURE_S and error_deg <= SURE_ERROR_DEG
    return Measured(
        view=view,
        standing_s=round(standing_s, 1),
        roll_error_deg=round(error_deg, 2),
        roll_spread_deg=round(spread_deg, 2),
        knee=round(knee, 3),
        columns=(round(min(columns), 3), round(max(columns), 3)),
        rows=(round(min(rows), 3), round(max(rows), 3)),
        sure="good" if certain else "fair",
        notes=tuple(notes),
    )


def leg_share(knee: float) -> float:
    """Return how long legs look for a trunk, from the height of the hips above the knees when standing."""
    return 1.0 if knee >= BUILD_KNEE else max(STEEP_KNEE, knee) / EYE_LEVEL_KNEE


def _require_sane(roll_deg: float, error_deg: float) -> None:
    if abs(roll_deg) > MOST_DEG:
        raise CalibrationError(
            f"people lean by {roll_deg:+.0f} degrees, up to {MOST_DEG:g} can be set right: turn the camera, "
            "or its picture with source.rotation_deg"
        )
    if error_deg > MOST_ERROR_DEG:
        raise CalibrationError(
            f"the direction of gravity is certain to {error_deg:.1f} degrees only, {MOST_ERROR_DEG:g} are "
            "allowed: let somebody walk about for longer"
        )


def _require_places(columns: Sequence[float], rows: Sequence[float]) -> None:
    moved = max(max(columns) - min(columns), max(rows) - min(rows))
    if moved < PLACES_SPAN:
        raise CalibrationError(
            f"too few places: the feet moved by {moved:.3f} of the picture, {PLACES_SPAN:g} are needed: "
            "walk about"
        )


def _floor(columns: Sequence[float], rows: Sequence[float], notes: list[str]) -> Line | None:
    line = robust_line(columns, rows, FLOOR_SPAN)
    if line is None:
        notes.append(f"no floor line: the feet were never {FLOOR_SPAN:g} of the width apart")
        return None
    off = median([abs(row - line.at(column)) for column, row in zip(columns, rows, strict=True)])
    if off > FLOOR_SPREAD:
        notes.append(f"no floor line: the feet were {off:.2f} of the height off any line, as on a deep floor")
        return None
    return line


def _size(rows: Sequence[float], sizes: Sequence[float], notes: list[str]) -> Line | None:
    line = robust_line(rows, sizes, SIZE_SPAN)
    if line is None:
        notes.append(f"no size by depth: the feet were never {SIZE_SPAN:g} of the height nearer or farther")
    elif line.slope <= 0:
        notes.append("no size by depth: people did not look larger when nearer")
        return None
    return line


def robust_line(along: Sequence[float], values: Sequence[float], least_span: float) -> Line | None:
    """Return the line of median slope through the medians of stretches; None without enough of a span.

    Every stretch counts once, however long somebody stood there (Theil and Sen).
    """
    stretches: dict[int, list[tuple[float, float]]] = {}
    for where, value in zip(along, values, strict=True):
        stretches.setdefault(math.floor(where * BINS), []).append((where, value))
    points = [(median([w for w, _ in s]), median([v for _, v in s])) for s in stretches.values()]
    if not points or max(points)[0] - min(points)[0] < least_span:
        return None
    slopes = [
        (v - value) / (w - where)
        for index, (where, value) in enumerate(points)
        for w, v in points[index + 1 :]
        if abs(w - where) >= 0.5 / BINS
    ]
    slope = median(slopes)
    level = median([value - slope * (where - 0.5) for where, value in points])
    return Line(round(level, 4), round(slope, 4))


def spread(values: Sequence[float]) -> float:
    """Return the median distance from the median."""
    middle = median(values)
    return median([abs(value - middle) for value in values])


def _along(vector_px: PointPx, roll_deg: float) -> float:
    """Return how far up a vector goes against gravity."""
    turn = math.radians(roll_deg)
    return vector_px[0] * math.sin(turn) - vector_px[1] * math.cos(turn)
