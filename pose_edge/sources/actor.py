"""The actor as a source: a scripted figure instead of a camera. Needs neither a camera nor a file."""

from __future__ import annotations

import math
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, field_validator

from pose_edge.actor.shipped import is_path, shipped_names, unknown_script
from pose_edge.errors import SourceError
from pose_edge.options import Options
from pose_edge.records import Frame, PointPx
from pose_edge.sources.base import SourceInfo

if TYPE_CHECKING:
    from pose_edge.actor.stage import Stage


class ActorOptions(Options):
    """Options under ``source`` with ``kind: actor``."""

    kind: Literal["actor"] = "actor"

    script: str = "day"
    """What is played: `day`, `demo`, `camera`, or the path of a YAML file."""

    width_px: int = Field(640, ge=160, le=1920)
    """Of the picture."""

    height_px: int = Field(480, ge=120, le=1920)
    """Of the picture; may be larger than the width."""

    rate_hz: float = Field(15.0, gt=0, le=120)
    """Frames per second of the script's time."""

    seed: int = Field(0, ge=0)
    """Chooses clothes, colours and proportions, and the noise of the picture."""

    size: float = Field(1.0, ge=0.4, le=1.2)
    """Scales the figure and its room; smaller is farther away."""

    side: Literal["left", "right"] = "left"
    """From where the figure comes in; everything else is mirrored with it."""

    noise: float = Field(3.0, ge=0, le=30)
    """Standard deviation of the noise of the picture in grey levels of 255."""

    loop: bool = True
    """Begin again after the last act; timestamps go on."""

    @field_validator("script")
    @classmethod
    def _exists(cls, script: str) -> str:
        if not is_path(script) and script not in shipped_names():
            raise ValueError(unknown_script(script))
        return script


class ActorSource:
    """See `Source`. The same options give the same frames, bit for bit, on one machine.

    `timestamp_ms` is the time since the beginning of the script, so `load_script(options.script)` tells by
    `truth(timestamp_ms)` what is on every frame.
    """

    def __init__(self, options: ActorOptions) -> None:
        self._options = options
        self._stage: Stage | None = None
        self._index = -1

    @property
    def info(self) -> SourceInfo:
        """See `Source`."""
        options, stage = self._options, self._opened()
        count = None if options.loop else self._frame_count(stage)
        return SourceInfo(
            f"actor {stage.script.name}", options.width_px, options.height_px, options.rate_hz, False, count
        )

    def __enter__(self) -> Self:
        """Open; each time the script starts from its beginning.

        Raises:
            ConfigError: the script cannot be read or played.
        """
        # Here, as the libraries of other sources: the daemon only reads the options.
        from pose_edge.actor.room import Camera
        from pose_edge.actor.stage import Stage

        options = self._options
        camera = Camera(options.width_px, options.height_px, options.size, options.side == "right")
        self._stage = Stage(options.script, camera, seed=options.seed, noise=options.noise)
        self._index = -1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stage = None

    def wait(self, timeout_s: float) -> bool:  # noqa: ARG002 - the protocol's; the next frame is always there
        """See `Source`."""
        self._opened()
        return True

    def grab(self) -> int | None:
        """See `Source`."""
        stage = self._opened()
        if not self._options.loop and self._index + 1 >= self._frame_count(stage):
            return None
        self._index += 1
        return self._at_ms()

    def retrieve(self) -> Frame:
        """See `Source`."""
        stage = self._opened()
        if self._index < 0:
            raise SourceError("actor: a frame was asked for before the first was grabbed")
        return Frame(stage.picture(self._at_ms(), self._index), self._at_ms())

    def landmarks_px(self) -> dict[str, PointPx]:
        """Return where the joints are in the current frame, by the names of `landmark_names.py`.

        They may lie outside the picture; empty when nobody is drawn.
        """
        return self._opened().landmarks_px(self._at_ms())

    def _at_ms(self) -> int:
        return round(self._index * 1000 / self._options.rate_hz)

    def _frame_count(self, stage: Stage) -> int:
        """Return how many frames begin before the script is over."""
        return max(1, math.ceil((stage.script.duration_ms - 0.5) * self._options.rate_hz / 1000))

    def _opened(self) -> Stage:
        if self._stage is None:
            raise SourceError("actor: not open")
        return self._stage
