"""What crosses the pipes between the daemon and the vision process.

Down (the child's stdin), JSON lines: one `Job`; end of file means stop.
Up (a pipe of its own), framed records: `Hello` once, then results and a `Status` a second, at last
`Ended` or `Failure`. Results are packed arrays: a pose is 1.3 kB and no Python object per landmark.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import orjson

from pose_edge.errors import BY_NAME, PoseEdgeError
from pose_edge.records import LANDMARKS, PictureStats, Pose, PoseResult, Timing


@dataclass(frozen=True, slots=True)
class Hello:
    """The vision process is ready: source open, model loaded."""

    source: str
    width_px: int
    height_px: int
    rate_hz: float | None
    frame_count: int | None
    model_path: str
    mediapipe_version: str
    network_lock: str
    """`seccomp`, or why the network could not be locked out."""


@dataclass(frozen=True, slots=True)
class Status:
    """Counts since the process started. Always: submitted = results + dropped + in_flight."""

    submitted: int = 0
    """Frames the source gave."""
    results: int = 0
    dropped: int = 0
    """Replaced by a newer frame, or unreadable, before they reached the model."""
    in_flight: int = 0
    empty: int = 0
    """Results without a pose."""
    callback_errors: int = 0
    timestamp_errors: int = 0
    mismatched: int = 0
    """Results that belong to no frame."""
    last_frame_ns: int = 0
    """CLOCK_MONOTONIC when the newest frame came; 0: none yet."""
    pace: str = "full"
    """`full`, `idle` or `hot`: see `tempo.py`."""
    limit_hz: float | None = None
    """At most so many frames a second go to the model; None: all it can take."""
    rss_mb: float = 0.0
    """Resident memory. From the process itself: nobody else may look into it."""
    cpu_s: float = 0.0
    """Processor seconds it has used."""

    def plus(self, later: Status) -> Status:
        """Return the counts of two vision processes together; what is no count is the later one's."""
        return replace(
            later,
            submitted=self.submitted + later.submitted,
            results=self.results + later.results,
            dropped=self.dropped + later.dropped,
            empty=self.empty + later.empty,
            callback_errors=self.callback_errors + later.callback_errors,
            timestamp_errors=self.timestamp_errors + later.timestamp_errors,
            mismatched=self.mismatched + later.mismatched,
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """The source has no more frames, and every result has been sent."""

    status: Status


@dataclass(frozen=True, slots=True)
class Failure:
    """The vision process gives up."""

    error: str
    """Name of a class in `errors.BY_NAME`."""
    message: str

    def exception(self) -> PoseEdgeError:
        """Return the error as the daemon raises it."""
        return BY_NAME.get(self.error, PoseEdgeError)(self.message)


Record: TypeAlias = Hello | PoseResult | Status | Ended | Failure

_HEADER: Final = struct.Struct("<cxxxI")
"""Kind, then length of what follows in bytes."""

_RESULT: Final = struct.Struct("<qHHHHqqqq")
"""timestamp_ms, width_px, height_px, number of poses, bytes about the picture, then `Timing` (wall_ms 0: not
known); the floats of poses and picture follow."""

_PICTURE: Final = struct.Struct("<dddd")
"""luma, detail, relief, likeness; the last is no number where it is not known."""

_FLOATS_PER_POSE: Final = 2 * LANDMARKS * 5
_HELLO, _RESULTS, _STATUS, _ENDED, _FAILURE = b"H", b"R", b"S", b"E", b"F"


def encode(record: Record) -> bytes:
    """Return one record as bytes, ready for the pipe. Masks and a missing `Timing` do not travel."""
    if isinstance(record, PoseResult):
        return _frame(_RESULTS, _encode_result(record))
    if isinstance(record, Hello):
        return _frame(_HELLO, orjson.dumps(asdict(record)))
    if isinstance(record, Status):
        return _frame(_STATUS, orjson.dumps(asdict(record)))
    if isinstance(record, Ended):
        return _frame(_ENDED, orjson.dumps(asdict(record.status)))
    return _frame(_FAILURE, orjson.dumps(asdict(record)))


def _frame(kind: bytes, body: bytes) -> bytes:
    return _HEADER.pack(kind, len(body)) + body


def _encode_result(result: PoseResult) -> bytes:
    timing, picture = result.timing or Timing(0, 0, 0), result.picture
    head = _RESULT.pack(
        result.timestamp_ms,
        result.width_px,
        result.height_px,
        len(result.poses),
        _PICTURE.size if picture else 0,
        timing.available_ns,
        timing.submitted_ns,
        timing.finished_ns,
        timing.wall_ms or 0,
    )
    poses = (part.tobytes() for pose in result.poses for part in (pose.landmarks, pose.world_landmarks))
    if picture is None:
        return b"".join((head, *poses))
    likeness = math.nan if picture.likeness is None else picture.likeness
    return b"".join((head, *poses, _PICTURE.pack(picture.luma, picture.detail, picture.relief, likeness)))


class Decoder:
    """Bytes as they come out of the pipe -> records."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Record]:
        """Yield every record that is complete with `data`.

        Raises:
            ValueError: the bytes are no records; the pipe is lost.
        """
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._buffer)
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield _decode(kind, body)


def _decode(kind: bytes, body: bytes) -> Record:
    if kind == _RESULTS:
        return _decode_result(body)
    if kind == _HELLO:
        return Hello(**orjson.loads(body))
    if kind == _STATUS:
        return Status(**orjson.loads(body))
    if kind == _ENDED:
        return Ended(Status(**orjson.loads(body)))
    if kind == _FAILURE:
        return Failure(**orjson.loads(body))
    msg = f"record kind {kind!r}, expected one of H R S E F"
    raise ValueError(msg)


def _decode_result(body: bytes) -> PoseResult:
    timestamp_ms, width_px, height_px, count, about, *passed, wall_ms = _RESULT.unpack_from(body)
    floats = np.frombuffer(body, np.float32, count * _FLOATS_PER_POSE, _RESULT.size)
    parts = floats.reshape(count, 2, LANDMARKS, 5)
    return PoseResult(
        timestamp_ms=timestamp_ms,
        width_px=width_px,
        height_px=height_px,
        poses=tuple(Pose(part[0], part[1]) for part in parts),
        timing=Timing(passed[0], passed[1], passed[2], wall_ms or None),
        picture=_decode_picture(body, _RESULT.size + floats.nbytes) if about else None,
    )


def _decode_picture(body: bytes, offset: int) -> PictureStats:
    luma, detail, relief, likeness = _PICTURE.unpack_from(body, offset)
    return PictureStats(luma, detail, relief, None if math.isnan(likeness) else likeness)
