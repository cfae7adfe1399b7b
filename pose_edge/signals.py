"""What a body did over the last seconds: filters, histories and clocks. All windows are in seconds.

Nothing here counts frames, because frames are dropped, and nothing waits: time comes with the data.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pose_edge.records import PointPx, Posture

if TYPE_CHECKING:
    import numpy.typing as npt

GAP_MS: Final = 1000
"""A longer silence proves nothing: no clock runs through it (posture_science 3.2)."""


def median(values: Sequence[float]) -> float:
    """Return the middle of at least one value; of an even number, the mean of the two in the middle."""
    ranked = sorted(values)
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many percent of at least one value lie, interpolated between two.

    As `numpy.percentile`, which would load code of half a megabyte for it.
    """
    ranked = sorted(values)
    place = (len(ranked) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])


@dataclass(slots=True)
class Held:
    """For how long something has held, in milliseconds: grows while it does, shrinks while it does not.

    So a flicker of the model costs what it lasted, not everything. `leak` 1 forgets as fast as it learns.
    """

    leak: int = 1
    ms: int = 0
    holds: bool = False

    def run(self, holds: bool, step_ms: int, unseen_ms: int) -> None:
        """Take in a sighting, `step_ms` after the last moment and `unseen_ms` after the last sighting.

        What held at two sightings held in between, too.
        """
        if holds:
            self.ms += min(unseen_ms, GAP_MS) if self.holds else step_ms
        elif self.ms:
            self.ms = max(0, self.ms - self.leak * step_ms)
        self.holds = holds

    def reset(self, holds: bool = False) -> None:
        """Begin anew at a moment at which it `holds` or not."""
        self.ms, self.holds = 0, holds


class Moment(NamedTuple):
    """What a history keeps of one sighting."""

    at_ms: int
    head_px: float
    """How far down the head is, after the median."""
    hips_px: PointPx
    tilt_deg: float
    aspect: float
    """Width of the body's box over its height, in pixels."""
    height_px: float
    """Of the body's box."""
    hips_height: float | None
    """Of the hips above the ankles, in torso lengths."""


class History:
    """The last seconds of one person: at most `SPAN_MS`, at most one moment every `STEP_MS`."""

    SPAN_MS: Final = 6000
    STEP_MS: Final = 25
    """Closer sightings add work, not knowledge: a fall takes 583 +- 255 ms (Choi 2015)."""
    MEDIAN_MS: Final = 200
    """The model's head jumps for single frames (posture_science 3.2)."""
    REFERENCE_MS: Final = 2000
    """A drop is measured from where the head was highest this long ago at most."""

    def __init__(self) -> None:
        self.moments: deque[Moment] = deque()
        self._heads: deque[tuple[int, float]] = deque()
        self._highest: deque[Moment] = deque()

    def add(self, posture: Posture, width_px: int, height_px: int) -> bool:
        """Take in one sighting in a picture of this size; False where it adds nothing.

        Sightings come in the order of time.
        """
        now_ms = posture.timestamp_ms
        if self.moments and now_ms - self.moments[-1].at_ms < self.STEP_MS:
            return False
        body = posture.body
        tall_px = max(1.0, body.box.height * height_px)
        moment = Moment(
            now_ms,
            self._smooth(now_ms, body.head_px[1]),
            body.hips_px,
            body.torso_tilt_deg,
            body.box.width * width_px / tall_px,
            tall_px,
            posture.hips_above_ankles,
        )
        self.moments.append(moment)
        while now_ms - self.moments[0].at_ms > self.SPAN_MS:
            self.moments.popleft()
        self._rank(moment)
        return True

    @property
    def last(self) -> Moment:
        """The newest moment; there must be one."""
        return self.moments[-1]

    def highest(self) -> Moment:
        """Return the moment of the last `REFERENCE_MS` at which the head was highest."""
        return self._highest[0]

    def forget_heights(self) -> None:
        """Measure drops from now on only: what came before has been judged."""
        self._highest.clear()
        self._highest.append(self.last)

    def between(self, from_ms: float, to_ms: float) -> list[Moment]:
        """Return the moments of a span, both ends included."""
        return [moment for moment in self.moments if from_ms <= moment.at_ms <= to_ms]

    def descent(self, from_ms: float, to_ms: float) -> float:
        """Return the fastest the head went down in a span, in pixels a second; 0 if it never did.

        A chord over 0.25 to 0.8 s, which needs one sighting at each end and so works at any rate and
        across gaps in mid-fall, however long. It found more falls than a line fit (posture_science 1.6).
        """
        times = [moment.at_ms for moment in self.moments]
        heads_px = [moment.head_px for moment in self.moments]
        fastest = 0.0
        for end in range(max(1, bisect_left(times, from_ms)), bisect_right(times, to_ms)):
            now_ms, head_px = times[end], heads_px[end]
            # Across a gap the one chord there is: on the way it was faster than that, never slower.
            first = min(end - 1, bisect_left(times, now_ms - CHORD_MS[1]))
            last = bisect_right(times, now_ms - CHORD_MS[0], first, end)
            if last == first or 1000 * (head_px - min(heads_px[first:last])) / CHORD_MS[0] <= fastest:
                continue  # the shortest chord from the highest place would be no faster
            for begin in range(first, last):
                speed = 1000 * (head_px - heads_px[begin]) / (now_ms - times[begin])
                if speed > fastest:
                    fastest = speed
        return fastest

    def _smooth(self, now_ms: int, head_px: float) -> float:
        heads = self._heads
        heads.append((now_ms, head_px))
        while now_ms - heads[0][0] > self.MEDIAN_MS:
            heads.popleft()
        return head_px if len(heads) == 1 else median([head for _, head in heads])

    def _rank(self, moment: Moment) -> None:
        """Keep the moments that are, or may become, the highest: their heads go down with time."""
        highest = self._highest
        while highest and highest[-1].head_px >= moment.head_px:
            highest.pop()
        highest.append(moment)
        while moment.at_ms - highest[0].at_ms > self.REFERENCE_MS:
            highest.popleft()


CHORD_MS: Final = (250, 800)
"""Shortest and longest chord of `History.descent`."""


class Scale:
    """A person's upright torso length in pixels: the 90th percentile over the last seconds upright.

    Bending and falling foreshorten the trunk, never lengthen it, so a high percentile is the truth and the
    median is not; moments with the trunk leaning count only while there are no others. One sample a quarter
    of a second bounds the work at any frame rate. After the first second it follows slowly: a pose may be
    wrong for a while. Where all of the last second upright looked `WRONG` times as large, it was wrong
    before: learnt from a thing, or from somebody lying along the camera's axis.
    """

    SAMPLE_MS: Final = 250
    WARM_MS: Final = 1000
    CHANGE_PER_S: Final = 0.10
    RECENT: Final = 20
    """Samples looked at, five seconds upright: somebody who walks away must not stay large for a minute."""
    ENOUGH: Final = 4
    """So many upright samples, a second's worth, are enough to do without the others."""
    WRONG: Final = 1.5
    """Somebody who walks up to the camera grows by a third in a second at most, and is followed meanwhile."""

    def __init__(self) -> None:
        self._upright: deque[float] = deque(maxlen=self.RECENT)
        self._leaning: deque[float] = deque(maxlen=self.RECENT)
        self._begun_ms: int | None = None
        self._sampled_ms = 0
        self.px = 0.0

    def update(self, torso_px: float, timestamp_ms: int, *, upright: bool = True) -> None:
        """Take one sighting into account."""
        samples = self._upright if upright else self._leaning
        if self._begun_ms is None:
            self._begun_ms = timestamp_ms
        elif timestamp_ms - self._sampled_ms < self.SAMPLE_MS:
            if samples:
                samples[-1] = max(samples[-1], torso_px)
            return
        step_s = (timestamp_ms - self._sampled_ms) / 1000
        samples.append(torso_px)
        self._sampled_ms = timestamp_ms
        wanted_px = self._percentile()
        if timestamp_ms - self._begun_ms > self.WARM_MS:
            most = 1 + self.CHANGE_PER_S * step_s
            wanted_px = max(self._mistaken_px(), min(self.px * most, max(self.px / most, wanted_px)))
        self.px = wanted_px

    def _mistaken_px(self) -> float:
        """Return what the last second upright agrees on if the scale must be wrong; else 0."""
        if len(self._upright) < self.ENOUGH:
            return 0.0
        least_px = min(list(self._upright)[-self.ENOUGH :])
        return least_px if least_px > self.WRONG * self.px else 0.0

    def _percentile(self) -> float:
        ranked = sorted(self._upright)
        if len(ranked) < self.ENOUGH:
            ranked = sorted([*self._upright, *self._leaning])
        return ranked[int(0.9 * (len(ranked) - 1) + 0.5)]


class OneEuro:
    """One Euro filter (Casiez 2012) over the points of one pose, in a unit that distance does not change.

    Its time step is the real one. MediaPipe smooths by itself as long as it looks for one person only.
    """

    MIN_CUTOFF_HZ: Final = 1.5
    BETA: Final = 1.0
    """At a fall's 4 torso lengths a second the cut-off is 5.5 Hz: 30 ms of lag (posture_science 3.3)."""
    SPEED_CUTOFF_HZ: Final = 1.0

    def __init__(self) -> None:
        self._points: npt.NDArray[np.float64] | None = None
        self._speeds: npt.NDArray[np.float64] | None = None
        self._at_ms = 0

    def update(
        self, points: npt.NDArray[np.float64], unit: npt.NDArray[np.float64], at_ms: int
    ) -> npt.NDArray[np.float64]:
        """Return `points` smoothed; `unit` is what counts as one along each column.

        A point that is no number comes out as it came and is forgotten.
        """
        before, speeds = self._points, self._speeds
        step_s = (at_ms - self._at_ms) / 1000
        self._at_ms = at_ms
        if before is None or speeds is None or not 0 < step_s <= GAP_MS / 1000:
            self._points, self._speeds = points, np.zeros_like(points)
            return points
        with np.errstate(invalid="ignore", over="ignore"):
            return self._filtered(points, before, speeds, unit * step_s, step_s)

    def _filtered(
        self,
        points: npt.NDArray[np.float64],
        before: npt.NDArray[np.float64],
        speeds: npt.NDArray[np.float64],
        unit: npt.NDArray[np.float64],
        step_s: float,
    ) -> npt.NDArray[np.float64]:
        speed = (points - before) / unit
        speeds = speeds + _share(self.SPEED_CUTOFF_HZ, step_s) * (speed - speeds)
        cutoff_hz = self.MIN_CUTOFF_HZ + self.BETA * np.abs(speeds)
        share = cutoff_hz * step_s / (cutoff_hz * step_s + 1 / (2 * math.pi))
        smooth = before + share * (points - before)
        lost = ~np.isfinite(smooth)
        smooth[lost], speeds[lost] = points[lost], 0.0
        self._points, self._speeds = smooth, speeds
        return smooth


def _share(cutoff_hz: float, step_s: float) -> float:
    """How much of a step a low pass follows."""
    return cutoff_hz * step_s / (cutoff_hz * step_s + 1 / (2 * math.pi))
