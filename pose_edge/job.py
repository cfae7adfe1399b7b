"""What the vision process is told to do. Not inside it: who gives the order needs none of its parts."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pose_edge.landmarker import LandmarkerOptions, RunningMode
from pose_edge.options import Options
from pose_edge.sources import SourceOptions
from pose_edge.tempo import TempoOptions


class Job(Options):
    """What the vision process is told to do."""

    source: SourceOptions = Field(discriminator="kind")
    model_path: Path
    running_mode: RunningMode
    landmarker: LandmarkerOptions = LandmarkerOptions()
    speed: float | None = Field(1.0, gt=0)
    """How fast a source that is not live is played in LIVE_STREAM mode; None: as fast as it can be read."""
    rate_limit_hz: float | None = Field(None, gt=0)
    """VIDEO mode: leave frames of a file out so that no more than so many a second remain."""
    rate: TempoOptions = TempoOptions(idle_fps=None, hot_c=None)
    """LIVE_STREAM mode: when to look at fewer pictures."""
    mask_paths: tuple[Path, ...] = ()
    """Where to write the segmentation mask of each frame; the only way a mask leaves this process."""
