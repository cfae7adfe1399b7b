"""Landmarks recorded once per model, clip, rate and options.

A kept file is a recording like any other (`replay` and `explain` take it), packed, with one line before
it that says what it was made from. It is written whole or not at all; one that is damaged, cut off or of
something else is noticed and made again.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import orjson

from pose_edge.errors import PoseEdgeError
from pose_edge.landmarker import LandmarkerOptions
from pose_edge.messages import Device, Messages
from pose_edge.recording import Recording, write_line
from pose_edge.records import PoseResult

logger = logging.getLogger(__name__)

FORMAT: Final = 1
"""Raised when recording the same clip would give other landmarks."""


@dataclass(frozen=True, slots=True)
class Key:
    """What decides the landmarks of a clip."""

    clip_sha256: str
    model_sha256: str
    rate_hz: float | None
    landmarker: dict[str, Any]
    mediapipe: str
    format: int = FORMAT

    def digest(self) -> str:
        """Return a short name for it."""
        return hashlib.sha256(orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]


def key_of(clip_sha256: str, model_sha256: str, rate_hz: float | None, options: LandmarkerOptions) -> Key:
    """Return the key of one recording with the MediaPipe that is installed."""
    # Neither changes a landmark: masks are a second output, and a limit is no result.
    decides = options.model_dump(mode="json", exclude={"stall_limit_s", "output_segmentation_masks"})
    return Key(clip_sha256, model_sha256, rate_hz, decides, mediapipe_version())


def mediapipe_version() -> str:
    """Return what is installed, without importing it; empty where it is not."""
    try:
        return version("mediapipe")
    except PackageNotFoundError:
        return ""


def default_directory(environment: Mapping[str, str]) -> Path | None:
    """Return where recordings are kept (XDG base directories); None: nowhere is known."""
    if (xdg := environment.get("XDG_CACHE_HOME", "")).startswith("/"):  # relative ones are to be ignored
        return Path(xdg) / "pose-edge" / "landmarks"
    home = environment.get("HOME")
    return Path(home) / ".cache" / "pose-edge" / "landmarks" if home else None


class LandmarkCache:
    """A directory of recordings. Where it cannot be written everything works, only slower."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, name: str, key: Key) -> Path:
        """Return where the recording of the clip called `name` is or would be."""
        return self._directory / f"{name}-{key.digest()}.jsonl.gz"

    def read(self, name: str, key: Key) -> list[PoseResult] | None:
        """Return the recording; None: there is none that can be trusted."""
        path = self.path(name, key)
        if not path.is_file():
            return None
        try:
            problem, results = _read(path, key)
        except (PoseEdgeError, OSError, EOFError, ValueError) as error:
            problem, results = str(error), []
        if problem:
            logger.warning("%s: %s; recorded again", path, problem)
            return None
        return results

    def write(self, name: str, key: Key, model: str, results: Sequence[PoseResult]) -> None:
        """Keep a recording; says so once where that is impossible."""
        path = self.path(name, key)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_whole(path, _packed(key, model, results))
        except OSError as error:
            logger.warning("%s: not kept: %s", path, (error.strerror or str(error)).lower())


def _read(path: Path, key: Key) -> tuple[str, list[PoseResult]]:
    """Return what is wrong with a file, and what is in it."""
    with gzip.open(path) as file:
        header = orjson.loads(file.readline())
    with Recording(path) as recording:
        results = list(recording)
        skipped = recording.counts["damaged"] + recording.counts["not_increasing"]
    if skipped:
        return f"{skipped} damaged lines", []
    if header.get("recorded_from") != asdict(key):
        return "recorded from something else", []
    if header.get("results") != len(results):
        return f"{len(results)} results, not {header.get('results')}", []
    return "", results


def _packed(key: Key, model: str, results: Sequence[PoseResult]) -> bytes:
    messages = Messages(Device("evaluate"), "evaluate", model, "video", replayed=True)
    header = orjson.dumps({"recorded_from": asdict(key), "results": len(results)}) + b"\n"
    lines = (write_line(result, None, messages) for result in results)
    return gzip.compress(b"".join((header, *lines)), compresslevel=3, mtime=0)


def _write_whole(path: Path, data: bytes) -> None:
    """Two evaluations may write the same file at once: each has a draft of its own, the last one stays."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
