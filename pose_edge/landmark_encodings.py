"""How the poses of one picture are written: `arrays`, `objects` or, a quarter as long, `f16`. Pure.

`arrays` and `objects` are JSON on topic `landmarks`: 165 numbers a pose one after the other, or 33 objects.
Both keep the 4 decimals of `records.Pose` exactly. A pose with a number that is none (NaN, infinite) is left
out of each of them: JSON has no word for it, and it is no pose.

`f16` is binary, on topic `landmarks/f16`, everything little endian:

    offset  size  type     what
         0     2  bytes    "PE"
         2     1  uint8    version of this layout: 1
         3     1  uint8    flags: 1 = clock_synced; others are 0 and to be ignored
         4     4  uint32   sequence, counts the landmark messages since the device started
         8     8  int64    frame_timestamp_ms, the camera's own clock
        16     8  int64    timestamp_ms, milliseconds since 1970
        24     2  uint16   width of the picture in pixels
        26     2  uint16   height
        28     2  uint16   number of poses
        30     2  uint16   bytes of one pose: 664, or more if a later version appends to it
        32                 the poses, each:
        +0     4  uint32   person_id; 0: not yet followed
        +4   330  float16  33 x (x, y, z, visibility, presence), shares of the picture
      +334   330  float16  33 x (x, y, z, visibility, presence), metres from between the hips

A float16 has 11 bits: steps of 0.0005 between 0.5 and 1 (a third of a pixel at 640), 1 mm between 1 and 2 m.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pose_edge.landmark_names import LANDMARK_FIELDS
from pose_edge.records import LANDMARKS, Pose

LAYOUT: Final = (
    "little endian; header 32 B: 'PE', u8 version 1, u8 flags (1 = clock_synced), u32 sequence, "
    "i64 frame_timestamp_ms, i64 timestamp_ms, u16 width, u16 height, u16 poses, u16 bytes per pose; "
    "per pose: u32 person_id (0 = none), f16[33][5] landmarks, f16[33][5] world_landmarks"
)
"""The layout in a line, for `info`."""

MAGIC: Final = b"PE"
VERSION: Final = 1

_HEADER: Final = struct.Struct("<2sBBIqqHHHH")
_PERSON: Final = struct.Struct("<I")
_NUMBERS: Final = 2 * LANDMARKS * len(LANDMARK_FIELDS)
_POSE_BYTES: Final = _PERSON.size + 2 * _NUMBERS
_SYNCED: Final = 1
_LARGEST: Final = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """One message of topic `landmarks/f16`."""

    sequence: int
    frame_timestamp_ms: int
    timestamp_ms: int
    clock_synced: bool
    width_px: int
    height_px: int
    poses: tuple[tuple[int | None, Pose], ...]
    """Person id (None: not yet followed) and pose."""


def tellable(
    poses: Sequence[Pose], person_ids: Sequence[int | None] | None
) -> tuple[tuple[int | None, Pose], ...]:
    """Return the poses that hold nothing but numbers, each with its person's id.

    Raises:
        ValueError: there are more or fewer ids than poses.
    """
    ids = person_ids if person_ids is not None else [None] * len(poses)
    return tuple((who, pose) for who, pose in zip(ids, poses, strict=True) if _is_finite(pose))


def as_arrays(poses: Sequence[tuple[int | None, Pose]]) -> list[Mapping[str, object]]:
    """Return `poses` of the payload as flat arrays; `orjson.OPT_SERIALIZE_NUMPY` writes them."""
    return [
        {
            "person_id": person_id,
            "landmarks": pose.landmarks.ravel(),
            "world_landmarks": pose.world_landmarks.ravel(),
        }
        for person_id, pose in poses
    ]


def as_objects(poses: Sequence[tuple[int | None, Pose]]) -> list[Mapping[str, object]]:
    """Return `poses` of the payload with every number named; to be written like `as_arrays`."""
    return [
        {
            "person_id": person_id,
            "landmarks": _named(pose.landmarks),
            "world_landmarks": _named(pose.world_landmarks),
        }
        for person_id, pose in poses
    ]


def encode(landmarks: Landmarks) -> bytes:
    """Return the binary form. Numbers too large for a float16 become the largest there is."""
    head = _HEADER.pack(
        MAGIC,
        VERSION,
        _SYNCED if landmarks.clock_synced else 0,
        landmarks.sequence % 2**32,
        landmarks.frame_timestamp_ms,
        landmarks.timestamp_ms,
        landmarks.width_px,
        landmarks.height_px,
        len(landmarks.poses),
        _POSE_BYTES,
    )
    return b"".join((head, *(_encode_pose(who, pose) for who, pose in landmarks.poses)))


def decode(payload: bytes) -> Landmarks:
    """Return what `encode` wrote; what later versions append to a pose is passed over.

    Raises:
        ValueError: the payload is something else, of a later layout, or cut off.
    """
    if len(payload) < _HEADER.size or not payload.startswith(MAGIC):
        raise ValueError(f"no binary landmarks: {len(payload)} bytes that begin with {payload[:2]!r}")
    _, version, flags, sequence, frame_ms, wall_ms, width, height, count, size = _HEADER.unpack_from(payload)
    if version != VERSION:
        raise ValueError(f"binary landmarks of layout {version}, understood is {VERSION}")
    if size < _POSE_BYTES or len(payload) < _HEADER.size + count * size:
        raise ValueError(f"binary landmarks: {len(payload)} bytes for {count} poses of {size} bytes")
    starts = range(_HEADER.size, _HEADER.size + count * size, size)
    return Landmarks(
        sequence,
        frame_ms,
        wall_ms,
        bool(flags & _SYNCED),
        width,
        height,
        tuple(_decode_pose(payload, start) for start in starts),
    )


def _is_finite(pose: Pose) -> bool:
    return bool(np.isfinite(pose.landmarks).all() and np.isfinite(pose.world_landmarks).all())


def _named(points: npt.NDArray[np.float32]) -> list[dict[str, np.float32]]:
    # Not tolist(): as Python floats the numbers would have 17 digits.
    numbers = iter(points.ravel())
    return [dict(zip(LANDMARK_FIELDS, point, strict=True)) for point in zip(*[numbers] * 5, strict=True)]


def _encode_pose(person_id: int | None, pose: Pose) -> bytes:
    both = np.stack((pose.landmarks, pose.world_landmarks)).clip(-_LARGEST, _LARGEST)
    return _PERSON.pack(person_id or 0) + both.astype("<f2").tobytes()


def _decode_pose(payload: bytes, start: int) -> tuple[int | None, Pose]:
    (person_id,) = _PERSON.unpack_from(payload, start)
    numbers = np.frombuffer(payload, "<f2", _NUMBERS, start + _PERSON.size).astype(np.float32)
    landmarks, world = numbers.reshape(2, LANDMARKS, len(LANDMARK_FIELDS))
    return person_id or None, Pose(landmarks, world)
