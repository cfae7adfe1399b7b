"""Reads and writes just enough FlatBuffers to give a TFLite model a new root.

The usual writers build back to front and pack everything anew, so their bytes depend on their
version. Here a few tables are written front to back *before* the old bytes, which stay as they
are: FlatBuffers' references are relative and point forward, so the new tables may use the old
ones. The result depends on nothing but the input.

Format: FlatBuffers' "Internals" page. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

TAIL_ALIGNMENT = 64
"""The old bytes start at a multiple of this: more than any type asks for."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that stands in the table itself."""

    code: str
    """Of the `struct` module: `B`, `b`, `I`."""
    value: int


@dataclass(frozen=True, slots=True)
class Blob:
    """A vector of numbers, or a string."""

    data: bytes
    count: int
    alignment: int = 4
    """Of the first number."""


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of references."""

    items: Sequence[Reference]


@dataclass(frozen=True, slots=True)
class Table:
    """Fields by their number in the schema; a union takes two numbers, its type and its value."""

    fields: Mapping[int, Number | Reference]


@dataclass(frozen=True, slots=True)
class Kept:
    """Something at this position of the old bytes."""

    position: int


Reference: TypeAlias = Blob | Vector | Table | Kept
Waiting: TypeAlias = deque[tuple[int, Reference]]
"""Where the reference must be written, and to what."""


def text(value: str) -> Blob:
    """Return a string; FlatBuffers ends it with a zero byte that does not count."""
    data = value.encode()
    return Blob(data + b"\0", len(data))


def floats(*values: float) -> Blob:
    """Return a vector of 32-bit floats."""
    return Blob(struct.pack(f"<{len(values)}f", *values), len(values))


def encode(root: Table, identifier: bytes, tail: bytes = b"") -> bytes:
    """Return `root` as a FlatBuffer of that four-byte kind, followed by the old bytes `tail`."""
    out = bytearray(4) + identifier
    waiting: Waiting = deque([(0, root)])
    kept: list[tuple[int, int]] = []
    while waiting:
        at, node = waiting.popleft()
        if isinstance(node, Kept):
            kept.append((at, node.position))
        else:
            struct.pack_into("<I", out, at, _place(out, node, waiting) - at)
    if tail:
        _pad(out, TAIL_ALIGNMENT)
    for at, position in kept:
        struct.pack_into("<I", out, at, len(out) + position - at)
    return bytes(out) + tail


def fields_of(data: bytes, table: int) -> dict[int, int]:
    """Return where in `data` each field of the table at `table` has its value."""
    vtable = table - _read("<i", data, table)
    count = (_read("<H", data, vtable) - 4) // 2
    offsets = struct.unpack_from(f"<{count}H", data, vtable + 4)
    return {number: table + offset for number, offset in enumerate(offsets) if offset}


def follow(data: bytes, at: int) -> int:
    """Return what the reference at `at` points to; the root's is at 0."""
    return at + _read("<I", data, at)


def items_of(data: bytes, vector: int) -> list[int]:
    """Return where the items of a vector of references are."""
    count = _read("<I", data, vector)
    return [follow(data, vector + 4 + 4 * index) for index in range(count)]


def number_at(data: bytes, at: int) -> int:
    """Return the unsigned 32-bit number at `at`."""
    return _read("<I", data, at)


def _read(code: str, data: bytes, at: int) -> int:
    (value,) = struct.unpack_from(code, data, at)
    return int(value)


def _pad(out: bytearray, alignment: int, ahead: int = 0) -> None:
    """Fill up with zeros until what comes after `ahead` more bytes is aligned."""
    out.extend(bytes(-(len(out) + ahead) % alignment))


def _place(out: bytearray, node: Blob | Vector | Table, waiting: Waiting) -> int:
    """Append one node and return its position; what it refers to is put on `waiting`."""
    match node:
        case Blob():
            return _place_blob(out, node)
        case Vector():
            return _place_vector(out, node, waiting)
        case Table():
            return _place_table(out, node, waiting)


def _place_blob(out: bytearray, blob: Blob) -> int:
    _pad(out, blob.alignment, ahead=4)
    position = len(out)
    out.extend(struct.pack("<I", blob.count) + blob.data)
    return position


def _place_vector(out: bytearray, vector: Vector, waiting: Waiting) -> int:
    _pad(out, 4)
    position = len(out)
    out.extend(struct.pack("<I", len(vector.items)) + bytes(4 * len(vector.items)))
    waiting.extend((position + 4 + 4 * index, item) for index, item in enumerate(vector.items))
    return position


def _place_table(out: bytearray, table: Table, waiting: Waiting) -> int:
    """Append the list of field offsets ("vtable") and right behind it the table."""
    offsets, size = _lay_out(table)
    vtable = struct.pack(f"<{len(offsets) + 2}H", 4 + 2 * len(offsets), size, *offsets)
    _pad(out, 4, ahead=len(vtable))
    out.extend(vtable)
    position = len(out)
    out.extend(struct.pack("<i", len(vtable)) + bytes(size - 4))
    for number, field in sorted(table.fields.items()):
        at = position + offsets[number]
        if isinstance(field, Number):
            struct.pack_into("<" + field.code, out, at, field.value)
        else:
            waiting.append((at, field))
    return position


def _lay_out(table: Table) -> tuple[list[int], int]:
    """Return each field's offset in the table (0: absent) and the table's size in bytes."""
    offsets = [0] * (max(table.fields) + 1)
    end = 4  # the way back to the vtable comes first
    for number, field in sorted(table.fields.items()):
        size = struct.calcsize("<" + field.code) if isinstance(field, Number) else 4
        end += -end % size
        offsets[number] = end
        end += size
    return offsets, end
