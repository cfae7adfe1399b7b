"""Clips and recordings -> landmarks, through the vision process or from the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pose_edge.evaluation.cache import LandmarkCache, key_of
from pose_edge.landmarker import LandmarkerOptions, RunningMode
from pose_edge.models.files import sha256_of
from pose_edge.poses import VisionLimits
from pose_edge.records import PoseResult
from pose_edge.replay import is_recording, require_results, watched
from pose_edge.sources.thinning import Thinning


@dataclass(frozen=True, slots=True)
class Eyes:
    """What looks at the clips."""

    model_path: Path | None
    """None: there are only recordings."""
    model_sha256: str
    landmarker: LandmarkerOptions
    limits: VisionLimits
    cache: Path | None
    """None: nothing is kept."""


@dataclass(frozen=True, slots=True)
class Footage:
    """The landmarks of one clip."""

    results: tuple[PoseResult, ...]
    """At least one."""
    model: str
    """Name of the file."""
    sha256: str
    """Of the clip."""
    from_cache: bool = False


def _ignore(_: int | None) -> None:
    """Nobody waits for the number of frames."""


def landmarks(
    path: Path, rate_hz: float | None, eyes: Eyes, greet: Callable[[int | None], None] = _ignore
) -> Footage:
    """Return what the model sees in a clip at no more than `rate_hz` (None: every frame).

    A video is inferred at that rate, as the model follows people from frame to frame; recorded poses are
    thinned, since there is nothing else to be had of them.

    Raises:
        PoseEdgeError: the clip cannot be read, or the model not be run.
    """
    sha256 = sha256_of(path)
    if is_recording(path):
        from pose_edge.recording import Recording

        with Recording(path) as recording:
            return Footage(thinned(recording, rate_hz), recording.model, sha256)
    assert eyes.model_path is not None
    model = eyes.model_path.name
    cache = LandmarkCache(eyes.cache) if eyes.cache is not None else None
    key = key_of(sha256, eyes.model_sha256, rate_hz, eyes.landmarker)
    if cache is not None and (kept := cache.read(path.stem, key)) is not None:
        return Footage(tuple(kept), model, sha256, from_cache=True)
    results = _inferred(path, rate_hz, eyes, greet)
    if cache is not None:
        cache.write(path.stem, key, model, results)
    return Footage(tuple(results), model, sha256)


def thinned(results: Iterable[PoseResult], rate_hz: float | None) -> tuple[PoseResult, ...]:
    """Return the results a slower camera would have led to, were the model without memory."""
    if rate_hz is None:
        return tuple(results)
    thinning = Thinning(rate_hz)
    return tuple(result for result in results if thinning.wants(result.timestamp_ms))


def _inferred(
    path: Path, rate_hz: float | None, eyes: Eyes, greet: Callable[[int | None], None]
) -> list[PoseResult]:
    from pose_edge.job import Job
    from pose_edge.sources.video import VideoOptions

    assert eyes.model_path is not None
    job = Job(
        source=VideoOptions(path=path),
        model_path=eyes.model_path,
        running_mode=RunningMode.VIDEO,
        landmarker=eyes.landmarker,
        rate_limit_hz=rate_hz,
    )
    # What is told of the pictures themselves is in no recording, and must not make the first run another one.
    results = [replace(result, picture=None) for result in watched(job, eyes.limits, greet)]
    require_results(len(results), path)
    return results
