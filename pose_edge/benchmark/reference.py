"""Runs `bare.py`, the script pose-edge is held against."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pose_edge.benchmark.clips import Clip
from pose_edge.benchmark.processes import environment
from pose_edge.errors import PoseEdgeError

SCRIPT = Path(__file__).parent / "bare.py"
LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Bare:
    """What MediaPipe alone took."""

    rate_hz: float
    cpu_ms: float
    """Of one frame."""
    rss_mb: float
    first_pose_s: float
    """From the start of the process."""
    frames: int


def bare(mode: Literal["video", "live", "predecoded"], clip: Clip, model: Path, poses: int = 1) -> Bare:
    """Run it once over `clip`.

    Raises:
        PoseEdgeError: it failed, or nobody is in the clip.
    """
    started_s = time.monotonic()
    command = [sys.executable, str(SCRIPT), mode, str(clip.path), str(model), str(poses)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=environment()
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise PoseEdgeError(f"MediaPipe alone failed: {done.stderr.strip()[-500:]}")
    if len(lines) < 2:
        raise PoseEdgeError("MediaPipe alone sees nobody in these pictures")
    first, figures = lines[0]["first_pose_s"] - started_s, lines[-1]
    return Bare(figures["rate_hz"], figures["cpu_ms"], figures["rss_mb"], first, figures["frames"])
