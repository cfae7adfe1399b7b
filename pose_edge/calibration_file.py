"""What `pose-edge calibrate` has measured, kept in the state directory as `calibration.json`.

It belongs to one camera and one size of picture, and is left alone where either differs: a wrong idea of
where down is does more harm than none.
"""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pose_edge.errors import CalibrationError
from pose_edge.records import Calibration, DeskBaseline, Line, PoseResult, View
from pose_edge.state_directory import replace_file, set_aside, why
from pose_edge.upright import MOST_DEG

FILE: Final = "calibration.json"


class Stored(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, strict=True)

    schema_version: Literal[1] = 1
    made: str
    """When, RFC 3339; for people."""
    camera: str | None = None
    """Name of the source it was measured with; None: a file, so that nobody knows."""
    width_px: Annotated[int, Field(gt=0)]
    height_px: Annotated[int, Field(gt=0)]
    view: View | None = None
    desk: DeskBaseline | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for part in (self.view, self.desk, *((self.view.floor, self.view.size) if self.view else ())):
            if part is not None and not _finite(part):
                raise ValueError("a value that is no number")
        if self.view is None:
            return self
        if abs(self.view.roll_deg) > MOST_DEG or not 0.3 <= self.view.leg_share <= 1.5:
            raise ValueError("a view that no camera has")
        if (self.view.width_px, self.view.height_px) != (self.width_px, self.height_px):
            raise ValueError("a view of another size")
        return self

    @property
    def calibration(self) -> Calibration:
        """What the engine takes."""
        return Calibration(view=self.view, desk=self.desk)

    def misfit(self, camera: str | None, width_px: int, height_px: int) -> str | None:
        """Return why it does not hold for pictures of this camera and size; None: it does.

        `camera` None, or a calibration from a file, leaves the size to decide.
        """
        if camera is not None and self.camera not in (None, camera):
            return f"was made with {self.camera}, and this is {camera}"
        if (width_px, height_px) != (self.width_px, self.height_px):
            before = f"{self.width_px} x {self.height_px}"
            return f"was made with pictures of {before} px, and these are of {width_px} x {height_px} px"
        return None

    def require_fit(self, result: PoseResult, path: Path) -> None:
        """Refuse pictures of another size than it was made with.

        Raises:
            CalibrationError: they are.
        """
        if misfit := self.misfit(None, result.width_px, result.height_px):
            raise CalibrationError(f"{path}: the calibration {misfit}")


def made(
    camera: str | None, size_px: tuple[int, int], view: View | None, desk: DeskBaseline | None
) -> Stored:
    """Return what to keep of a measurement made now."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    width_px, height_px = size_px
    return Stored(made=now, camera=camera, width_px=width_px, height_px=height_px, view=view, desk=desk)


def kept(directory: Path) -> tuple[Stored | None, str | None]:
    """Return the calibration of a state directory, or why there is none; a damaged file is set aside.

    (None, None): nobody has calibrated.
    """
    path = directory / FILE
    try:
        return Stored.model_validate_json(path.read_bytes()), None
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except OSError as error:
        return None, f"{path} cannot be read: {why(error)}; calibrate again"
    except ValidationError as error:
        return None, f"{path} {_complaint(error)}; {set_aside(path)}, calibrate again"


def named(path: Path) -> Stored:
    """Return the calibration in a file somebody named.

    Raises:
        CalibrationError: it cannot be read or is none.
    """
    try:
        return Stored.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be read: {why(error)}") from error
    except ValidationError as error:
        raise CalibrationError(f"{path}: {_complaint(error)}") from error


def keep(path: Path, stored: Stored) -> None:
    """Write the file; the directory is made where it is missing.

    Raises:
        CalibrationError: it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CalibrationError(f"{path.parent} cannot be made: {why(error)}") from error
    data = stored.model_dump_json(indent=2).encode() + b"\n"
    if failed := replace_file(path, data, mode=0o600):
        raise CalibrationError(failed)


def _finite(part: View | DeskBaseline | Line) -> bool:
    values = (getattr(part, field.name) for field in fields(part))
    return all(math.isfinite(value) for value in values if isinstance(value, int | float))


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    if first["loc"] == ("schema_version",):
        return f"is of version {repr(first['input'])[:20]}, only 1 is known here"
    place = ".".join(map(str, first["loc"]))
    return f"is damaged: {place + ': ' if place else ''}{first['msg'].lower()}"
