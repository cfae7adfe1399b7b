"""All clips through all rungs, on several processors if wanted."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pose_edge import __version__
from pose_edge.calibration_file import Stored
from pose_edge.evaluation import report
from pose_edge.evaluation.cache import mediapipe_version
from pose_edge.evaluation.footage import Eyes, landmarks
from pose_edge.evaluation.judging import CONFIRMED, SUSPECTED, ClipResult, judge
from pose_edge.evaluation.manifest import Clip, Manifest
from pose_edge.evaluation.parameters import in_force
from pose_edge.evaluation.playing import Played, play
from pose_edge.evaluation.stress import Change, changed, changed_zones
from pose_edge.options import Options
from pose_edge.records import Calibration, PoseResult, Surroundings, View

logger = logging.getLogger(__name__)

HOLD_S: Final = 12.0
"""How long the last frame is held: 10 s to a confirmation, and 2 s for what was not decided yet."""

CONFIRM_S: Final = 10.0
"""Where neither options nor evidence state it."""

REPORT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to play all clips."""

    rate_hz: float
    change: Change | None = None
    calibrated: bool = False
    """The engine is told how far the camera was turned."""

    @property
    def name(self) -> str:
        """For tables and reports."""
        if self.change is None:
            return f"fps {self.rate_hz:g}"
        return f"{self.change.name} calibrated" if self.calibrated else self.change.name


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be evaluated, and how."""

    manifest: Manifest
    folder: Path
    """Clips are relative to it."""
    rungs: tuple[Rung, ...]
    """The first one is the base: what the summary tells of."""
    eyes: Eyes
    events: Options
    """An `EventsOptions`."""
    hold_s: float = HOLD_S
    surroundings: Surroundings = field(default_factory=Surroundings)
    """What is known of every clip that does not say so itself."""
    calibration: Stored | None = None
    """Of the camera of all clips."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every clip on every rung, in the order of the manifest and of the plan."""

    clips: tuple[tuple[ClipResult, ...], ...]
    """One tuple a rung."""
    models: tuple[str, ...]
    """Names of the models that made the landmarks."""


def ladder(rates_hz: Sequence[float], changes: Sequence[Change]) -> tuple[Rung, ...]:
    """Return the rungs: the highest rate is the base, and each change is made to that one alone.

    A turned picture comes twice: as nobody noticed, and as `pose-edge calibrate` would have set it right.
    """
    base_hz, *others_hz = sorted(set(rates_hz), reverse=True)
    return (
        Rung(base_hz),
        *(Rung(rate_hz) for rate_hz in others_hz),
        *(
            Rung(base_hz, change, calibrated)
            for calibrated in (False, True)
            for change in changes
            if change.kind == "rotate" or not calibrated
        ),
    )


def evaluate(plan: Plan, jobs: int = 1, step: Callable[[int], None] = lambda _: None) -> Outcome:
    """Play and judge everything; `step` learns how many clips are done.

    Raises:
        PoseEdgeError: a clip cannot be read, or the model not be run.
    """
    found: dict[int, _Done] = {}
    for done, (index, results) in enumerate(_all_clips(plan, jobs), 1):
        found[index] = results
        step(done)
    ordered = [found[index] for index in range(len(plan.manifest.clips))]
    return Outcome(
        clips=tuple(zip(*(done.results for done in ordered), strict=True)),
        models=tuple(sorted({model for done in ordered for model in done.models})),
    )


@dataclass(frozen=True, slots=True)
class _Done:
    """One clip on every rung."""

    results: tuple[ClipResult, ...]
    models: frozenset[str]


def _all_clips(plan: Plan, jobs: int) -> Iterator[tuple[int, _Done]]:
    clips = plan.manifest.clips
    if jobs == 1 or len(clips) == 1:
        yield from ((index, _clip(plan, index)) for index in range(len(clips)))
        return
    # Not forked: the parent may have threads by now, and a forked lock stays locked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(clips)), mp_context=context) as pool:
        futures: dict[Future[_Done], int] = {pool.submit(_clip, plan, i): i for i in range(len(clips))}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _clip(plan: Plan, index: int) -> _Done:
    """Play one clip on every rung; each rate is looked at once."""
    clip = plan.manifest.clips[index]
    path = plan.folder / clip.file
    seen = {rate_hz: landmarks(path, rate_hz, plan.eyes) for rate_hz in {r.rate_hz for r in plan.rungs}}
    results = []
    for rung in plan.rungs:
        footage = seen[rung.rate_hz]
        first = footage.results[0]
        if plan.calibration is not None:
            plan.calibration.require_fit(first, path)
        results_of_rung = changed(footage.results, rung.change, f"{clip.file} {rung.name}")
        played = play(results_of_rung, plan.events, plan.hold_s, _surroundings(plan, clip, rung, first))
        matches = None if clip.video.sha256 is None else clip.video.sha256 == footage.sha256
        results.append(judge(clip, played, confirm_s(plan.events, played), footage.from_cache, matches))
    return _Done(tuple(results), frozenset(footage.model for footage in seen.values()))


def _surroundings(plan: Plan, clip: Clip, rung: Rung, first: PoseResult) -> Surroundings:
    """Return what is known of a clip; its zones are where the change of the picture takes them."""
    zones = plan.surroundings.zones if clip.zones is None else clip.all_zones()
    return Surroundings(
        changed_zones(zones, rung.change, first.width_px, first.height_px), _calibration(plan, rung, first)
    )


def _calibration(plan: Plan, rung: Rung, first: PoseResult) -> Calibration:
    """Return what the engine is told of the camera; of one that was turned, by how much it was."""
    known = plan.calibration.calibration if plan.calibration else Calibration()
    if not rung.calibrated or rung.change is None:
        return known
    view = known.view or View(first.width_px, first.height_px, 0.0, 0.0, 1.0)
    return replace(known, view=replace(view, roll_deg=view.roll_deg + rung.change.amount))


def confirm_s(events: Options, played: Played) -> float:
    """Return how long a suspected fall takes to be confirmed, where no one else stands there.

    Where the options do not say, the evidence of what was suspected does.
    """
    given = in_force(events).get("fall", {}).get("confirm_s")
    stated = (event.evidence.get("limit_confirm_s") for event in played.events if event.kind == "fall")
    return next((float(s) for s in (given, *stated) if isinstance(s, int | float)), CONFIRM_S)


def whole_report(plan: Plan, manifest_path: Path, outcome: Outcome) -> dict[str, Any]:
    """Return everything as JSON. The same landmarks and options give the same report."""
    base = outcome.clips[0]
    figures = report.summary(base)
    return {
        "report_version": REPORT_VERSION,
        "pose_edge": __version__,
        "manifest": str(manifest_path),
        "manifest_sha256": sha256(manifest_path.read_bytes()).hexdigest(),
        "model": {
            "name": plan.eyes.model_path.name if plan.eyes.model_path else ", ".join(outcome.models),
            "sha256": plan.eyes.model_sha256 or None,
            "mediapipe": mediapipe_version() or None,
        },
        "parameters": {
            "rate_hz": plan.rungs[0].rate_hz,
            "hold_s": plan.hold_s,
            "landmarker": plan.eyes.landmarker.model_dump(mode="json"),
            "events": in_force(plan.events),
            "calibration": plan.calibration.model_dump(mode="json") if plan.calibration else None,
        },
        "summary": figures,
        "wilson_95": report.intervals(figures),
        "levels": report.levels(base),
        "stress": [
            _rung_report(rung, clips, figures)
            for rung, clips in zip(plan.rungs[1:], outcome.clips[1:], strict=True)
        ],
        "clips": [report.clip_report(clip) for clip in base],
    }


def _rung_report(rung: Rung, clips: Sequence[ClipResult], base: dict[str, Any]) -> dict[str, Any]:
    figures = report.summary(clips)
    return {
        "name": rung.name,
        "rate_hz": rung.rate_hz,
        "change": rung.change.kind if rung.change else None,
        "calibrated": rung.calibrated,
        "amount": rung.change.amount if rung.change else None,
        "summary": figures,
        "wilson_95": report.intervals(figures),
        "difference": report.differences(base, figures),
        "clips": [
            {
                "file": clip.clip.file,
                "falls": [
                    {"suspected_s": fall.suspected_s, "confirmed_s": fall.confirmed_s} for fall in clip.falls
                ],
                "false_suspected": len(clip.false_alarms(SUSPECTED)),
                "false_confirmed": len(clip.false_alarms(CONFIRMED)),
            }
            for clip in clips
        ],
    }


def mismatched(clips: Sequence[ClipResult]) -> list[Clip]:
    """Return the clips that are not the files their labels were made on."""
    return [clip.clip for clip in clips if clip.sha256_matches is False]
