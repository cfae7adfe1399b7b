"""Puts a Pose Landmarker bundle together from the two networks inside MediaPipe's own package.

A `.task` file is a zip of two TFLite models. In the package the detector carries the metadata that
the task asks for (how to scale pixels for the network) and the landmark network does not: it gets
the same normalisation as in the official bundle of the lite variant.
"""

from __future__ import annotations

import io
import struct
import zipfile

from pose_edge.models import flatbuffer
from pose_edge.models.check import DETECTOR, LANDMARKS
from pose_edge.models.flatbuffer import Blob, Kept, Number, Table, Vector

# The network was trained on pixels scaled to 0-1: (value - mean) / std. Read from the official lite bundle.
LANDMARKS_MEAN = 0.0
LANDMARKS_STD = 255.0

# MediaPipe maps the file into memory and copies weights that do not start on an aligned address.
ENTRY_ALIGNMENT = 64

# Numbers of fields in TensorFlow Lite's schema.fbs: table Model, Metadata, Buffer.
MODEL_VERSION, MODEL_BUFFERS, MODEL_METADATA = 0, 4, 6
METADATA_NAME, METADATA_BUFFER = 0, 1
BUFFER_DATA = 0


def build(detector: bytes, landmarks: bytes) -> bytes:
    """Return the bundle: the same input gives the same bytes, on any machine and day.

    Args:
        detector: TFLite model that has its metadata.
        landmarks: TFLite model without.
    """
    described = with_normalization(landmarks, LANDMARKS_MEAN, LANDMARKS_STD)
    return pack({DETECTOR: detector, LANDMARKS: described})


def with_normalization(model: bytes, mean: float, std: float) -> bytes:
    """Return a TFLite model with metadata that says: RGB picture in, (value - mean) / std.

    The old bytes stay as they are, behind a new root. `model` must have no such metadata yet.
    """
    fields = flatbuffer.fields_of(model, flatbuffer.follow(model, 0))
    version = Number("I", flatbuffer.number_at(model, fields.pop(MODEL_VERSION)))
    kept = {number: Kept(flatbuffer.follow(model, at)) for number, at in fields.items()}
    buffers = _items(model, kept[MODEL_BUFFERS])
    entries = _items(model, kept[MODEL_METADATA]) if MODEL_METADATA in kept else []
    content = _metadata(mean, std)
    buffer = Table({BUFFER_DATA: Blob(content, len(content), alignment=16)})
    entry = Table(
        {METADATA_NAME: flatbuffer.text("TFLITE_METADATA"), METADATA_BUFFER: Number("I", len(buffers))}
    )
    root = Table(
        {
            **kept,
            MODEL_VERSION: version,
            MODEL_BUFFERS: Vector([*buffers, buffer]),
            MODEL_METADATA: Vector([*entries, entry]),
        }
    )
    return flatbuffer.encode(root, b"TFL3", tail=model)


def pack(entries: dict[str, bytes]) -> bytes:
    """Return a zip of `entries`, uncompressed and aligned as MediaPipe wants them, without today's date."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, wherever this runs
            info.external_attr = 0o644 << 16
            info.extra = _filler(out.tell() + len(name))
            archive.writestr(info, data)
    return out.getvalue()


def _items(model: bytes, vector: Kept) -> list[Kept]:
    return [Kept(position) for position in flatbuffer.items_of(model, vector.position)]


def _metadata(mean: float, std: float) -> bytes:
    """Return TFLite metadata for one picture; numbers of fields from its metadata_schema.fbs."""
    normalization = Table({0: flatbuffer.floats(mean), 1: flatbuffer.floats(std)})
    unit = Table({0: Number("B", 1), 1: normalization})  # union ProcessUnitOptions: 1 is NormalizationOptions
    rgb = Table({0: Number("b", 1)})
    content = Table({0: Number("B", 2), 1: rgb})  # union ContentProperties: 2 is ImageProperties
    picture = Table({0: flatbuffer.text("image"), 3: content, 4: Vector([unit])})
    subgraph = Table({2: Vector([picture])})
    root = Table({0: flatbuffer.text("Pose Landmark"), 3: Vector([subgraph]), 7: flatbuffer.text("1.0.0")})
    return flatbuffer.encode(root, b"M001")


def _filler(start: int) -> bytes:
    """Return a zip extra field that pushes the data behind a header at `start` to an aligned place.

    `start` counts the entry's name in. 0xD935 is the kind that Android's zipalign uses for this.
    """
    header = 30 + 6  # the entry's fixed part, and that of the extra field
    filling = -(start + header) % ENTRY_ALIGNMENT
    return struct.pack("<HHH", 0xD935, 2 + filling, ENTRY_ALIGNMENT) + bytes(filling)
