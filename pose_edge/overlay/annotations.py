"""What to draw when: JSON lines of `landmarks` with `events` between them, matched to pictures by time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import ValidationError

from pose_edge.engine import project
from pose_edge.errors import SourceError
from pose_edge.payloads import EventPayload
from pose_edge.records import LANDMARKS, Event, Stage, State

MAX_AGE_MS: Final = 500
"""Live, pictures are dropped; those in between show the result before them, at most this old."""

HEADLINE_MS: Final = 2500
"""How long the last event stays in the caption."""

_SEVERITIES: Final = ("info", "warning", "alert")

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One body to draw."""

    landmarks: npt.NDArray[np.float32]
    """As in `Pose`."""
    label: str
    """`#1 standing`; empty: none."""
    taken: bool
    """False: the model sees a body there, pose-edge does not take it for a person."""


@dataclass(frozen=True, slots=True)
class Headline:
    """An event in words."""

    text: str
    alert: bool


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """Everything to draw on one picture."""

    figures: tuple[Figure, ...] = ()
    time_s: float | None = None
    """On the source's clock, as the events tell it; None for photos."""
    presence: str = ""
    """`nobody`, `1 person`, `2 people`; empty before that is decided."""
    headline: Headline | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    timestamp_ms: int
    number: int
    payload: Json


class Annotations:
    """An opened annotation file; asked in the order of the pictures.

    `photos`: pictures have nothing to do with each other. Only a result of the very timestamp belongs to
    one, presence is the number of bodies in it, and there are no events.

    Raises:
        SourceError: the file cannot be read, or a line is not what it should be.
    """

    def __init__(self, path: Path, *, photos: bool = False) -> None:
        self._path = path
        self._photos = photos
        self._file: IO[bytes] | None = None
        self._state = State()
        self._newest: _Line | None = None
        self._shown: Event | None = None

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise SourceError(f"{self._path}: {(error.strerror or str(error)).lower()}") from error
        self._lines = self._read(self._file)
        self._ahead = next(self._lines, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def over(self, timestamp_ms: int) -> bool:
        """Whether nothing is known about this moment or any later one."""
        return self._ahead is None and not self._is_fresh(timestamp_ms)

    def at(self, timestamp_ms: int) -> Annotation:
        """Return what to draw on the picture of this moment. Moments must not decrease."""
        while self._ahead is not None and self._ahead.timestamp_ms <= timestamp_ms:
            self._apply(self._ahead)
            self._ahead = next(self._lines, None)
        figures = self._figures() if self._is_fresh(timestamp_ms) else ()
        if self._photos:
            return Annotation(figures, presence=_presence(sum(figure.taken for figure in figures)))
        return Annotation(
            figures=figures,
            time_s=timestamp_ms / 1000,
            presence="" if self._state.occupied is None else _presence(self._state.person_count),
            headline=self._headline(timestamp_ms),
        )

    def _is_fresh(self, timestamp_ms: int) -> bool:
        limit_ms = 0 if self._photos else MAX_AGE_MS
        return self._newest is not None and timestamp_ms - self._newest.timestamp_ms <= limit_ms

    def _read(self, file: IO[bytes]) -> Iterator[_Line]:
        for number, text in enumerate(file, 1):
            try:
                payload = orjson.loads(text)
                if "poses" in payload or "event_type" in payload:
                    yield _Line(int(payload["frame_timestamp_ms"]), number, payload)
            except (ValueError, TypeError, KeyError) as error:
                raise self._damaged(number, error) from error

    def _apply(self, line: _Line) -> None:
        if "poses" in line.payload:
            self._newest = line
            return
        try:
            event = _event(line.payload)
            self._state = project(self._state, (event,))
        except (ValidationError, ValueError, TypeError, KeyError, AssertionError) as error:
            raise self._damaged(line.number, error) from error
        if _worth_telling(event) and not self._outranked(event):
            self._shown = event

    def _outranked(self, event: Event) -> bool:
        """Whether something graver is still being shown."""
        if self._shown is None or event.timestamp_ms - self._shown.timestamp_ms > HEADLINE_MS:
            return False
        return _SEVERITIES.index(event.severity) < _SEVERITIES.index(self._shown.severity)

    def _headline(self, timestamp_ms: int) -> Headline | None:
        if self._shown is None or timestamp_ms - self._shown.timestamp_ms > HEADLINE_MS:
            return None
        return Headline(_words(self._shown), self._shown.severity == "alert")

    def _figures(self) -> tuple[Figure, ...]:
        assert self._newest is not None
        try:
            return tuple(self._figure(entry) for entry in self._newest.payload["poses"])
        except (ValueError, TypeError, KeyError) as error:
            raise self._damaged(self._newest.number, error) from error

    def _figure(self, entry: Json) -> Figure:
        points = np.asarray(entry["landmarks"], np.float32).reshape(LANDMARKS, 5)
        if not np.isfinite(points).all():
            msg = "landmarks: not every one is a number"
            raise ValueError(msg)
        person_id = entry.get("person_id")
        taken = bool(entry.get("person", self._photos or person_id is not None))
        return Figure(points, self._label(entry, person_id) if taken else "", taken)

    def _label(self, entry: Json, person_id: int | None) -> str:
        """Return number and posture, as far as they are known."""
        postures = {person.person_id: person.posture.value for person in self._state.people}
        posture = entry.get("posture") or postures.get(person_id if person_id is not None else -1)
        number = None if person_id is None else f"#{person_id}"
        return " ".join(word for word in (number, posture) if word)

    def _damaged(self, number: int, error: Exception) -> SourceError:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        return SourceError(f"{self._path}, line {number}: cannot be drawn: {reason or type(error).__name__}")


def _event(payload: Json) -> Event:
    """Return as much of a told event as `project` and the caption need."""
    told = EventPayload.model_validate(payload)
    return Event(
        kind=told.kind,
        event_type=told.event_type,
        stage=told.stage,
        number=0,
        timestamp_ms=told.frame_timestamp_ms,
        start_ms=told.frame_timestamp_ms,
        person_id=told.person_id,
        severity=told.severity,
        details=told.model_extra or {},
    )


def _worth_telling(event: Event) -> bool:
    """The end of a posture is the beginning of the next, which says more."""
    return not (event.kind == "posture" and event.stage is Stage.END)


def _words(event: Event) -> str:
    if event.kind == "posture":
        return f"posture: {event.details['posture']}"
    return event.event_type.replace("_", " ")


def _presence(count: int) -> str:
    return {0: "nobody", 1: "1 person"}.get(count, f"{count} people")
