"""What the drawing process is told to do, and what it is not even started for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import Field

from pose_edge.errors import UsageError
from pose_edge.options import Options
from pose_edge.pictures import PICTURES, require_writable
from pose_edge.sources import SourceOptions

FILMS: Final = (".mp4", ".avi", ".mkv")
"""Endings of the film files that can be written."""

CAMERAS: Final = frozenset({"picamera2", "v4l2"})
"""Kinds of sources that show every picture once."""


class Job(Options):
    """Draw `annotations` on the pictures of `source`."""

    source: SourceOptions
    """What was looked at: it is opened again and must show the same pictures at the same times."""

    annotations: Path
    """JSON lines as in a recording, with the `events` in between; see `annotations.py`."""

    outputs: tuple[Path, ...] = Field(min_length=1)
    """One film for all pictures, or one picture file for each."""

    @property
    def film(self) -> Path | None:
        """The film to be made; None when it is picture files."""
        only = self.outputs[0] if len(self.outputs) == 1 else None
        return only if only is not None and only.suffix.lower() in FILMS else None


def require_possible(job: Job) -> None:
    """Refuse a job that cannot end well; worth asking before the source is looked at for the first time.

    Raises:
        UsageError: an output cannot be written (`require_writable`), is named twice, would overwrite what
            is read, or does not suit the source.
    """
    if job.source.kind in CAMERAS:
        found = f"a camera ({job.source.kind}) has none"
        raise UsageError(f"--overlay needs pictures that can be seen again; {found}")
    for path in job.outputs:
        require_writable(path, _allowed(job))
    _require_different(job.outputs)
    _require_unread(job)


def _allowed(job: Job) -> tuple[str, ...]:
    """Return the endings that suit the source: photos may become a film, a film no photo."""
    if job.source.kind != "images":
        return FILMS
    return PICTURES if len(job.outputs) > 1 else (*PICTURES, *FILMS)


def _require_different(outputs: Sequence[Path]) -> None:
    counts = Counter(path.absolute() for path in outputs)
    for path, count in counts.items():
        if count > 1:
            raise UsageError(f"{path}: named as output {count} times")


def _require_unread(job: Job) -> None:
    read = getattr(job.source, "path", ())
    inputs = (job.annotations, *((read,) if isinstance(read, Path) else read))
    for path in job.outputs:
        if any(path.exists() and other.exists() and path.samefile(other) for other in inputs):
            raise UsageError(f"{path}: is read to draw on it, so it cannot be the output too")
