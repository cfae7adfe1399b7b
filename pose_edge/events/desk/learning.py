"""How somebody usually sits, learnt from their first minutes where nobody calibrated.

Angles go into fixed bins weighted with time, so that memory does not grow and the frame rate changes
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pose_edge.desk import BASELINE_S, Front, Side
from pose_edge.records import DeskBaseline

LEARN_MS: Final = 600_000
"""The first 10 minutes seated count (posture_science 4.3)."""

FIRST_SHARE: Final = 0.10
SHARE: Final = 0.30
"""Of the time, the best 30 % after 10 minutes (posture_science 4.3), the best 10 % at first: somebody who was
upright for a moment has shown what upright is, and a few seconds hold less of it than minutes."""

NECK_MOST_DEG: Final = 25.0
TRUNK_MOST_DEG: Final = 20.0
"""A learnt baseline is never beyond what ISO 11226 calls fine without limit: who slouches from the beginning
would teach that slouching is upright."""

TRUNK_LEAST_DEG: Final = -5.0
"""Who reclines from the beginning would teach that a head far in front of the trunk is upright. The side
clip's upright trunk is at -4."""

TILT_MOST_DEG: Final = 5.0
"""And no tilt beyond this is taken for how somebody is made, or how the camera hangs. A choice."""

REMAKE_MS: Final = 5000
"""Percentiles over all bins every second would cost as much as all else here; nobody changes so fast."""

MOVED_SHARE: Final = 0.15
MOVED_MS: Final = 30_000
"""Torso length or hips this far from before for so long: another chair or place, to be learnt anew."""


class Spread:
    """How long a value was what."""

    def __init__(self, low: float, high: float, step: float) -> None:
        self._low, self._step = low, step
        self._bins_ms = [0] * (int((high - low) / step) + 1)
        self.total_ms = 0

    def add(self, value: float, lasted_ms: int) -> None:
        """Take in a value that held for a while; beyond the range it counts as its end."""
        index = int((value - self._low) / self._step)
        self._bins_ms[max(0, min(len(self._bins_ms) - 1, index))] += lasted_ms
        self.total_ms += lasted_ms

    def percentile(self, share: float) -> float:
        """Return the value below which it was for `share` (0-1) of the time."""
        left_ms = share * self.total_ms
        for index, lasted_ms in enumerate(self._bins_ms):
            if lasted_ms and left_ms <= lasted_ms:
                return self._low + self._step * (index + left_ms / lasted_ms)
            left_ms -= lasted_ms
        return self._low + self._step * len(self._bins_ms)


def _spreads() -> dict[str, Spread]:
    angles = ("neck", "trunk", "shoulder_tilt", "head_tilt")
    shares = ("gap", "face_width", "torso", "hips_down")
    return {
        **{name: Spread(-60.0, 90.0, 1.0) for name in angles},
        **{name: Spread(0.0, 3.0, 0.01) for name in shares},
    }


class Learning:
    """The first minutes of one seat in one view."""

    def __init__(self, view: str) -> None:
        """`view` is `side` or `front`."""
        self.view = view
        self._spreads = _spreads()
        self.learnt_ms = 0
        self._baseline: DeskBaseline | None = None
        self._made_at_ms = 0

    def baseline(self) -> DeskBaseline | None:
        """Return what is known by now; None: not enough to go by. Made anew every `REMAKE_MS`."""
        if self.learnt_ms >= BASELINE_S * 1000 and (
            self._baseline is None or self.learnt_ms - self._made_at_ms >= REMAKE_MS
        ):
            self._baseline, self._made_at_ms = self._make(), self.learnt_ms
        return self._baseline

    def see(self, shown: Side | Front, place: tuple[float, float], step_ms: int) -> None:
        """Take in one moment that lasted `step_ms`; after `LEARN_MS` nothing is learnt any more."""
        if step_ms <= 0 or self.learnt_ms >= LEARN_MS:
            return
        if isinstance(shown, Side):
            values = {"neck": shown.neck_deg, "trunk": shown.trunk_deg}
        else:
            values = {
                "gap": shown.gap,
                "face_width": shown.face_width,
                "shoulder_tilt": shown.shoulder_tilt_deg,
                "head_tilt": shown.head_tilt_deg,
            }
        self._add(values, step_ms)
        self._add({"torso": place[0], "hips_down": place[1]}, step_ms)
        self.learnt_ms += step_ms

    def _add(self, values: Mapping[str, float | None], step_ms: int) -> None:
        for name, value in values.items():
            if value is not None:
                self._spreads[name].add(value, step_ms)

    def _make(self) -> DeskBaseline:
        share = FIRST_SHARE + (SHARE - FIRST_SHARE) * min(1.0, self.learnt_ms / LEARN_MS)
        neck, trunk = self._known("neck", share), self._known("trunk", share)
        return DeskBaseline(
            view="side" if self.view == "side" else "front",
            neck_deg=None if neck is None else min(neck, NECK_MOST_DEG),
            trunk_deg=None if trunk is None else max(TRUNK_LEAST_DEG, min(trunk, TRUNK_MOST_DEG)),
            # No standard says which gap is fine, so nothing but the usual one can be gone by from the start.
            gap=self._known("gap", 1 - SHARE),
            face_width=self._known("face_width", 0.5),
            shoulder_tilt_deg=self._tilt("shoulder_tilt"),
            head_tilt_deg=self._tilt("head_tilt"),
            torso=self._known("torso", 0.5),
            hips_down=self._known("hips_down", 0.5),
        )

    def _tilt(self, name: str) -> float | None:
        usual = self._known(name, 0.5)
        return None if usual is None else max(-TILT_MOST_DEG, min(TILT_MOST_DEG, usual))

    def _known(self, name: str, share: float) -> float | None:
        """Return a percentile; None for what was hidden most of the time."""
        spread = self._spreads[name]
        return spread.percentile(share) if spread.total_ms >= 0.5 * self.learnt_ms else None


def fits(baseline: DeskBaseline, place: tuple[float, float]) -> bool:
    """Return whether torso length and hips are where they were when a baseline was made."""
    return all(
        then is None or abs(now - then) <= MOVED_SHARE * then
        for now, then in zip(place, (baseline.torso, baseline.hips_down), strict=True)
    )


class Chair:
    """Notices that somebody sits elsewhere than a baseline was made."""

    def __init__(self) -> None:
        self._moved_ms = 0

    def moved(self, baseline: DeskBaseline, place: tuple[float, float], step_ms: int) -> bool:
        """Return whether torso length or hips have been off for `MOVED_MS`."""
        near = fits(baseline, place)
        self._moved_ms = max(0, self._moved_ms - step_ms) if near else self._moved_ms + step_ms
        if self._moved_ms < MOVED_MS:
            return False
        self._moved_ms = 0
        return True
