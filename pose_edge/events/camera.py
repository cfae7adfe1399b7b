"""Camera health: a monitor that is blind must say so. One event for each problem of a table (`PROBLEMS`).

Begins when a problem has held for `hold_s`: dark, covered, blurred, moved, or everybody too far away to be
judged. Ends when it has not held for `CLEAR_MS`, or nothing can be said of it any more. A hidden part, a
picture of which nothing is told (recordings), or a dark one where only a bright one could show a problem says
nothing, and no time passes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pydantic import Field

from pose_edge.options import Options
from pose_edge.records import Calibration, Event, PictureStats, Scalar, Scene, Severity, Stage
from pose_edge.signals import median
from pose_edge.survey import lean_deg
from pose_edge.upright import correction_deg

SILENCE_MS: Final = 3000
"""Pictures are told of once a second; a longer silence proves nothing."""
CLEAR_MS: Final = 5000
UNKNOWN_MS: Final = 60_000
LONG_MS: Final = 86_400_000
REFRACTORY_MS: Final = 30_000
"""After a problem is over it is not told again for so long: a curtain in the wind is one problem."""

KEEP_SHARE: Final = 1.3
"""A problem stays until what shows it is this much better than where it begins."""

USUAL_S: Final = 600.0
"""What is usual follows the hours of a day, not the minute somebody stands in front of the lens."""
LEARN_S: Final = 20.0

LEAN_STEP_MS: Final = 500
LEANS: Final = 60
"""Half a minute of somebody standing in full view: one person leans now and then, and turns round."""
USUAL_LEANS: Final = 120
LEANS_MS: Final = 600_000
"""What somebody did earlier than this says nothing of how the camera hangs now."""


class CameraOptions(Options):
    """Options under ``events.camera``."""

    enabled: bool = True
    """Tell when the camera cannot see what it should."""

    dark_luma: float = Field(12.0, ge=0, le=255)
    """Median brightness below which a picture is dark, of 255 (posture_science 4.8)."""

    covered_share: float = Field(0.1, gt=0, lt=1)
    """Less of the usual detail, without the usual light and shade either, is a covered lens: a hand leaves
    0.00, a room in a third of its light 0.16 (development clips)."""

    blurred_share: float = Field(0.35, gt=0, lt=1)
    """Less of the usual detail for its contrast is a blurred picture: 12 px of blur leave 0.15-0.24, a third
    of the light 0.6 (development clips)."""

    likeness: float = Field(0.3, gt=0, lt=1)
    """Edges that are where they used to be, below which the camera has moved: 6 degrees leave less than 0.2,
    people 0.4-0.8."""

    roll_deg: float = Field(6.0, gt=0, le=45)
    """The same, by how much people who stand lean otherwise than before (posture_science 4.8)."""

    far_share: float = Field(0.06, gt=0, lt=1)
    """Torso length as a share of the picture's height below which nobody is judged (posture_science 3.4)."""

    hold_s: float = Field(10.0, ge=1, le=3600)
    """How long a problem must hold (posture_science 4.8)."""


@dataclass(slots=True)
class _Usual:
    """What pictures are like while all is well."""

    detail: float = 0.0
    relief: float = 0.0
    known_s: float = 0.0

    def learn(self, picture: PictureStats, step_s: float) -> None:
        """Follow, at first as a plain average."""
        share = step_s / min(self.known_s + step_s, USUAL_S) if self.known_s else 1.0
        self.known_s += step_s
        self.detail += share * (picture.detail - self.detail)
        self.relief += share * (picture.relief - self.relief)


@dataclass(slots=True)
class _Gravity:
    """How people who stand lean in the picture, before and lately."""

    expected_deg: float | None
    """None: to be learned."""
    latest: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=LEANS))
    first: list[float] = field(default_factory=list)
    seen_ms: int | None = None

    def see(self, scene: Scene) -> float | None:
        """Return how far people lean from how they used to; None: no news, or too few were seen lately."""
        now_ms = scene.timestamp_ms
        if self.seen_ms is not None and 0 <= now_ms - self.seen_ms < LEAN_STEP_MS:
            return None
        found = [lean for posture in scene.people if (lean := lean_deg(posture)) is not None]
        if not found:
            return None
        self.seen_ms = now_ms
        for lean in found:
            self._take(now_ms, lean)
        latest = self.latest
        if self.expected_deg is None or len(latest) < LEANS or now_ms - latest[0][0] > LEANS_MS:
            return None
        return abs(median([lean for _, lean in latest]) - self.expected_deg)

    def _take(self, now_ms: int, found_deg: float) -> None:
        if self.expected_deg is not None:
            self.latest.append((now_ms, found_deg))
            return
        self.first.append(found_deg)
        if len(self.first) >= USUAL_LEANS:
            self.expected_deg = median(self.first)
            self.first.clear()


class _Moment(NamedTuple):
    """Everything a problem is judged by."""

    options: CameraOptions
    scene: Scene
    picture: PictureStats | None
    usual: _Usual
    off_deg: float | None


class _Sign(NamedTuple):
    """One measured number against its limit."""

    name: str
    value: float
    limit: float
    low: bool = True
    """The problem is below the limit, not above."""

    def shows(self, active: bool) -> bool:
        """Whether it shows the problem; one that is told already stays a little longer."""
        if self.low:
            return self.value < self.limit * (KEEP_SHARE if active else 1.0)
        return self.value > self.limit / (KEEP_SHARE if active else 1.0)

    def confidence(self) -> float:
        """How far beyond its limit it is: 0.5 there, 1 at nothing or at twice the limit."""
        beyond = 1 - self.value / self.limit if self.low else self.value / self.limit - 1
        return round(min(1.0, max(0.0, 0.5 + 0.5 * beyond)), 2)


def _dark(moment: _Moment) -> _Sign | None:
    if moment.picture is None:
        return None
    return _Sign("luma", moment.picture.luma, moment.options.dark_luma)


def _lit(moment: _Moment) -> PictureStats | None:
    """Return what is told of the picture, where it is bright enough to show anything."""
    picture = moment.picture
    return None if picture is None or picture.luma < KEEP_SHARE * moment.options.dark_luma else picture


def _covered(moment: _Moment) -> _Sign | None:
    picture, usual = _lit(moment), moment.usual
    if picture is None or usual.known_s < LEARN_S:
        return None
    limit = moment.options.covered_share
    if picture.relief > 0.35 * usual.relief:
        return _Sign("detail_share", 1.0, limit)
    return _Sign("detail_share", picture.detail / max(1e-6, usual.detail), limit)


def _blurred(moment: _Moment) -> _Sign | None:
    picture, usual = _lit(moment), moment.usual
    if picture is None or usual.known_s < LEARN_S or picture.relief <= 0.35 * usual.relief:
        return None
    share = picture.detail / max(1e-6, usual.detail) * usual.relief / picture.relief
    return _Sign("detail_share", share, moment.options.blurred_share)


def _moved(moment: _Moment) -> _Sign | None:
    picture = _lit(moment)
    if picture is None or picture.likeness is None:
        return None
    return _Sign("likeness", max(0.0, picture.likeness), moment.options.likeness)


def _turned(moment: _Moment) -> _Sign | None:
    if moment.off_deg is None:
        return None
    return _Sign("lean_deg", moment.off_deg, moment.options.roll_deg, low=False)


def _too_far(moment: _Moment) -> _Sign | None:
    scene = moment.scene
    if not scene.people:
        return None
    largest_px = max([posture.scale_px for posture in scene.people])
    return _Sign("torso_share", largest_px / scene.height_px, moment.options.far_share)


@dataclass(frozen=True, slots=True)
class Problem:
    """One row: a word, how grave it is, and what shows it (None: nothing can be said at this moment)."""

    word: str
    severity: Severity
    sign: Callable[[_Moment], _Sign | None]
    unknown_ms: int
    """After so long in which nothing could be said it counts as over."""
    of_picture: bool = False
    """Nothing can be said while nothing is told of the picture: at all moments but one a second."""


PROBLEMS: Final = (
    Problem("dark", "warning", _dark, UNKNOWN_MS, of_picture=True),
    Problem("covered", "warning", _covered, UNKNOWN_MS, of_picture=True),
    Problem("blurred", "warning", _blurred, UNKNOWN_MS, of_picture=True),
    Problem("moved", "warning", _moved, UNKNOWN_MS, of_picture=True),
    Problem("moved", "warning", _turned, LONG_MS),  # nobody in the picture does not hang the camera straight
    Problem("too_far", "info", _too_far, UNKNOWN_MS),
)
"""Every problem, told in this order; a moved camera shows in the background and in the people."""


@dataclass(slots=True)
class _Watch:
    """One problem over time."""

    problem: Problem
    bad: bool | None = None
    """Whether it showed when something could be said last."""
    bad_ms: int = 0
    good_ms: int = 0
    known_ms: int | None = None
    """When something could be said of it last."""
    quiet_until_ms: int | None = None
    begun: Event | None = None

    def judge(self, sign: _Sign, now_ms: int) -> None:
        """Let time pass until a moment at which something can be said."""
        step_ms = 0 if self.known_ms is None else now_ms - self.known_ms
        self.known_ms = now_ms
        if not 0 <= step_ms <= SILENCE_MS:
            step_ms = 0
            if self.begun is None:
                self.bad_ms = 0
        before, self.bad = self.bad, sign.shows(self.begun is not None)
        held_ms = step_ms if self.bad is before else 0  # what held at two moments held in between
        if self.bad:
            self.bad_ms += held_ms
            self.good_ms = max(0, self.good_ms - 2 * step_ms)
        else:
            self.good_ms += held_ms
            self.bad_ms = max(0, self.bad_ms - 2 * step_ms)

    def lost(self, now_ms: int) -> bool:
        """Whether nothing could be said for too long."""
        return self.known_ms is not None and now_ms - self.known_ms > self.problem.unknown_ms


class CameraDetector:
    """See the module."""

    kind = "camera"

    def __init__(
        self, options: CameraOptions, numbers: Iterator[int], calibration: Calibration | None = None
    ) -> None:
        """With a calibration it is known how people should lean; without one it is learned."""
        self._options = options
        self._numbers = numbers
        view = calibration.view if calibration else None
        self._gravity = _Gravity(None if view is None else view.roll_deg - correction_deg(view))
        self._usual = _Usual()
        self._watches = tuple(_Watch(problem) for problem in PROBLEMS)
        self._active = False
        self._told_of_ms: int | None = None

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        if not self._options.enabled:
            return ()
        off_deg = self._gravity.see(scene) if scene.people else None
        if scene.picture is None and off_deg is None and not scene.people and not self._active:
            return ()
        moment = _Moment(self._options, scene, scene.picture, self._usual, off_deg)
        events: list[Event] = []
        for watch in self._watches:
            unseen = scene.picture is None and watch.problem.of_picture
            sign = None if unseen else watch.problem.sign(moment)
            if sign is not None:
                events += self._watch(watch, sign, scene.timestamp_ms)
            elif watch.lost(scene.timestamp_ms):
                events += self._end(watch, None, scene.timestamp_ms, "unknown")
        if events:
            self._active = any(watch.begun for watch in self._watches)
        if scene.picture is not None:
            self._learn(scene.picture, scene.timestamp_ms)
        return tuple(events)

    def _watch(self, watch: _Watch, sign: _Sign, now_ms: int) -> tuple[Event, ...]:
        watch.judge(sign, now_ms)
        if watch.begun is not None:
            return self._end(watch, sign, now_ms, "over") if watch.good_ms >= CLEAR_MS else ()
        quiet = watch.quiet_until_ms is not None and now_ms < watch.quiet_until_ms
        if watch.bad_ms < 1000 * self._options.hold_s or quiet:
            return ()
        return self._begin(watch, sign, now_ms)

    def _begin(self, watch: _Watch, sign: _Sign, now_ms: int) -> tuple[Event, ...]:
        watch.good_ms = 0
        watch.begun = Event(
            kind=self.kind,
            event_type="camera_problem",
            stage=Stage.NEW,
            number=next(self._numbers),
            timestamp_ms=now_ms,
            start_ms=now_ms - watch.bad_ms,
            severity=watch.problem.severity,
            confidence=sign.confidence(),
            reason=sign.name,
            details={"problem": watch.problem.word},
            evidence=self._evidence(sign),
        )
        return (watch.begun,)

    def _end(self, watch: _Watch, sign: _Sign | None, now_ms: int, reason: str) -> tuple[Event, ...]:
        begun, watch.begun = watch.begun, None
        end_ms = now_ms - watch.good_ms if sign is not None else watch.known_ms or now_ms
        watch.bad_ms = watch.good_ms = 0
        if begun is None:
            return ()
        watch.quiet_until_ms = now_ms + REFRACTORY_MS
        return (
            Event(
                kind=self.kind,
                event_type="camera_problem",
                stage=Stage.END,
                number=begun.number,
                timestamp_ms=now_ms,
                start_ms=begun.start_ms,
                end_ms=max(begun.start_ms, end_ms),
                confidence=begun.confidence,
                reason=reason,
                details=begun.details,
                evidence=begun.evidence if sign is None else self._evidence(sign),
            ),
        )

    def _evidence(self, sign: _Sign) -> dict[str, Scalar]:
        return {
            sign.name: round(sign.value, 3),
            f"limit_{sign.name}": sign.limit,
            "limit_hold_s": self._options.hold_s,
        }

    def _learn(self, picture: PictureStats, now_ms: int) -> None:
        """Let what is usual follow, while nothing is wrong with the picture."""
        before_ms, self._told_of_ms = self._told_of_ms, now_ms
        if any(watch.bad_ms or watch.begun for watch in self._watches[:4]):
            return
        if picture.luma < KEEP_SHARE * self._options.dark_luma or picture.detail == 0:
            return
        step_ms = 0 if before_ms is None else now_ms - before_ms
        self._usual.learn(picture, step_ms / 1000 if 0 < step_ms <= SILENCE_MS else 0.0)
