"""Segmentation masks as picture files: the only way a mask leaves the vision process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pose_edge.pictures import write_picture
from pose_edge.records import PoseResult

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ENDINGS: Final = (".png",)
"""Lossless: a mask is numbers, not a picture."""


def write_mask(result: PoseResult, path: Path) -> None:
    """Write how likely each pixel is a person, whoever it is: 8-bit grey, 255 is certain, picture's size.

    A picture without people gives a black one. The file is complete or not there.

    Raises:
        ValueError: no masks were asked for, so nobody knows.
        UsageError: `path` does not end in .png, is a folder, or cannot be created.
        PoseEdgeError: the disk is full.
    """
    write_picture(_union(result), path, ENDINGS)


def _union(result: PoseResult) -> npt.NDArray[np.uint8]:
    import numpy as np

    if result.segmentation_masks is None:
        msg = "the result has no segmentation masks: output_segmentation_masks was off"
        raise ValueError(msg)
    union = np.zeros((result.height_px, result.width_px), np.float32)
    for mask in result.segmentation_masks:
        np.maximum(union, mask, out=union)
    return np.asarray(np.rint(union.clip(0, 1) * 255), np.uint8)
