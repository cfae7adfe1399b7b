"""PoseResult <-> JSON lines, in the very format of the `landmarks` topic.

What `mosquitto_sub` saved is a recording: with or without `-v`, with other topics in between, cut off at
the end, packed with gzip. Reading needs numpy and orjson only: no model, no OpenCV.
"""

from __future__ import annotations

import gzip
import itertools
import logging
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import orjson

from pose_edge import landmark_encodings
from pose_edge.errors import SourceError, UsageError
from pose_edge.geometry import all_numbers
from pose_edge.landmark_names import LANDMARK_FIELDS
from pose_edge.messages import Messages
from pose_edge.payloads import COMMAND_TEXTS, SCHEMA_VERSION, TEXTS
from pose_edge.records import LANDMARKS, Pose, PoseResult

logger = logging.getLogger(__name__)

Json: TypeAlias = Any  # whatever a stranger's file holds; every use below checks

_FIELDS = len(LANDMARK_FIELDS)
_NUMBERS = LANDMARKS * _FIELDS
_FAR_MS = 10**14  # the year 5138; calendars end in 9999
_GZIP_MAGIC = b"\x1f\x8b"
_WORDS = frozenset(
    word.encode() for texts in (TEXTS, COMMAND_TEXTS) for words in texts.values() for word in words
) | {b"(null)"}
"""Payloads that are no JSON; `(null)` is how `mosquitto_sub -v` prints an empty one."""
_EVENT_ID = re.compile(rb"[a-z0-9_-]+-[0-9]{6,}")
"""On `events/receipt` one stands alone."""
_BINARY = landmark_encodings.MAGIC + bytes([landmark_encodings.VERSION])


def write_line(result: PoseResult, person_ids: Sequence[int | None] | None, messages: Messages) -> bytes:
    """Return one line of a recording: the `landmarks` payload of `messages` and a line feed."""
    return messages.landmarks(result, person_ids).payload + b"\n"


def read(path: Path) -> Iterator[PoseResult]:
    """Yield the results of a recording; see `Recording` for what is accepted and raised."""
    with Recording(path) as recording:
        yield from recording


class Recording:
    """An opened recording: iterate once over its results, whose timestamps strictly increase.

    Lines that are no landmarks (`state`, `events`, plain words) are passed over. Damaged lines, and lines
    whose `frame_timestamp_ms` does not increase, are skipped; how many is logged once, at the end.

    Raises:
        UsageError: on entering: the file is missing, a directory, or not ours to read.
        SourceError: it holds no landmarks, or was made by a newer pose-edge.
    """

    wall_offset_ms: int
    """Wall time minus timestamp of the first result; set on entering."""
    model: str
    """Name of the model that made the first result, empty where unknown; set on entering."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._line = 0
        self.counts: Counter[str] = Counter()
        """Lines so far: `results`, `others`, `damaged`, `not_increasing`."""
        self._first_complaint = ""

    def __enter__(self) -> Self:
        self._file = _open(self._path)
        results = self._read(self._file)
        try:
            # Read ahead: what is no recording is refused here, and the first line knows the wall clock.
            first = next(results, None)
        except SourceError:
            self._close()
            raise
        if first is None:
            self._close()
            raise SourceError(f"{self._path}: no landmarks in it{self._findings()}")
        self._results = itertools.chain([first], results)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None and (self.counts["damaged"] or self.counts["not_increasing"]):
            logger.warning("%s%s", self._path, self._findings())
        self._close()

    def __iter__(self) -> Iterator[PoseResult]:
        return self._results

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self, file: IO[bytes]) -> Iterator[PoseResult]:
        try:
            yield from self._increasing(file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._complain("damaged", f"the packed file ends early: {error}")
        except OSError as error:
            raise SourceError(f"{self._path}: {error}") from error

    def _increasing(self, file: IO[bytes]) -> Iterator[PoseResult]:
        last_ms: int | None = None
        for line in file:
            self._line += 1
            result = self._parsed(line)
            if result is None:
                continue
            if last_ms is not None and result.timestamp_ms <= last_ms:
                self._complain("not_increasing", f"frame_timestamp_ms {result.timestamp_ms} after {last_ms}")
                continue
            last_ms = result.timestamp_ms
            self.counts["results"] += 1
            yield result

    def _parsed(self, line: bytes) -> PoseResult | None:
        try:
            payload = _payload(line)
            if payload is None:
                self.counts["others"] += bool(line.strip())
                return None
            result = _result(payload)
            if not self.counts["results"]:
                self.wall_offset_ms = _integer(payload, "timestamp_ms") - result.timestamp_ms
                self.model = str(payload.get("model", ""))
        except _TooNewError as error:
            raise SourceError(f"{self._path}, line {self._line}: {error}") from error
        except ValueError as error:
            self._complain("damaged", str(error) if line.endswith(b"\n") else "cut off")
            return None
        return result

    def _complain(self, what: str, reason: str) -> None:
        self.counts[what] += 1
        self._first_complaint = self._first_complaint or f"line {self._line}: {reason}"

    def _findings(self) -> str:
        found = [
            f"{self.counts[what]} {words}"
            for what, words in (
                ("damaged", "damaged lines skipped"),
                ("not_increasing", "lines skipped because their time does not increase"),
                ("others", "lines of other topics"),
            )
            if self.counts[what]
        ]
        first = f"; first complaint: {self._first_complaint}" if self._first_complaint else ""
        return f": {', '.join(found)}{first}" if found else ""


class _TooNewError(Exception):
    """The line is of a schema this version does not know."""


def _open(path: Path) -> IO[bytes]:
    """Open a file, packed or not: by what it begins with, whatever its name."""
    try:
        file = path.open("rb")
        if not file.peek(2).startswith(_GZIP_MAGIC):
            return file
        file.close()
        return cast("IO[bytes]", gzip.open(path))
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def _payload(line: bytes) -> Json | None:
    """Return the JSON object of a `landmarks` line, None for another topic.

    Whatever stands before the brace (a topic, a byte order mark) is passed over.

    Raises:
        ValueError: the line is neither.
        _TooNewError: the object is of a later schema.
    """
    if _BINARY in line:
        raise ValueError("binary landmarks (encoding f16); only arrays and objects make a recording")
    start = line.find(b"{")
    if start < 0:
        _require_word(line)
        return None
    payload = _loads(line[start:])
    version = payload.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise _TooNewError(f"schema_version {version}; this pose-edge understands {SCHEMA_VERSION}")
    if "poses" not in payload:
        return None
    if version != SCHEMA_VERSION:
        raise ValueError(f"schema_version {version!r}, not {SCHEMA_VERSION}")
    return payload


def _loads(text: bytes) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        hint = "; NaN is none" if b"NaN" in text else ""  # Python's own json writes it
        raise ValueError(f"no JSON: {error}{hint}") from error


def _require_word(line: bytes) -> None:
    words = line.split()
    if words and words[-1] not in _WORDS and not _EVENT_ID.fullmatch(words[-1]):
        raise ValueError("neither a JSON object nor a word of another topic")


def _result(payload: Json) -> PoseResult:
    try:
        return PoseResult(
            timestamp_ms=_integer(payload, "frame_timestamp_ms"),
            width_px=_integer(payload["image"], "width", least=1),
            height_px=_integer(payload["image"], "height", least=1),
            poses=tuple(_pose(pose) for pose in payload["poses"]),
        )
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing") from error
    except TypeError as error:
        raise ValueError(f"not as a landmarks message is built: {error}") from error


def _pose(pose: Json) -> Pose:
    return Pose(_points(pose, "landmarks"), _points(pose, "world_landmarks"))


def _points(pose: Json, name: str) -> npt.NDArray[np.float32]:
    """Return 33 points from either encoding: 165 numbers, or 33 objects."""
    numbers = pose[name]
    if numbers and isinstance(numbers[0], dict):
        numbers = [point[field] for point in numbers for field in LANDMARK_FIELDS]
    if len(numbers) != _NUMBERS:
        raise ValueError(f"{name}: {len(numbers)} numbers, not {_NUMBERS} ({LANDMARKS} x {_FIELDS})")
    points = np.array(numbers, dtype=np.float32)
    if points.ndim != 1 or not all_numbers(points):
        raise ValueError(f"{name}: not every one is a number (NaN, null or a list)")
    return points.reshape(LANDMARKS, _FIELDS)


def _integer(record: Json, name: str, least: int = 0) -> int:
    value = record[name]
    if type(value) is not int or not least <= value < _FAR_MS:
        raise ValueError(f"{name}: {value!r} is not a whole number from {least} to {_FAR_MS}")
    return value
