"""MediaPipe's result -> `PoseResult`: where its types end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from pose_edge.errors import LandmarkerError
from pose_edge.records import LANDMARKS, Pose, PoseResult, Timing

DECIMALS = 4


class RawLandmark(Protocol):
    """A point of MediaPipe; what it does not know is None."""

    x: float
    y: float
    z: float
    visibility: float | None
    presence: float | None


class RawMask(Protocol):
    """A picture of MediaPipe."""

    def numpy_view(self) -> npt.NDArray[np.float32]:
        """Return its memory, shape (height_px, width_px) or, since 1.0, (height_px, width_px, 1)."""


RawPose: TypeAlias = Sequence[RawLandmark] | npt.NDArray[np.float32]
"""Points of MediaPipe, or an array of shape (landmarks, 5) in the order of `RawLandmark`."""


class RawResult(Protocol):
    """A result of MediaPipe, in all versions."""

    pose_landmarks: Sequence[RawPose]
    pose_world_landmarks: Sequence[RawPose]
    segmentation_masks: Sequence[RawMask] | None


def convert(
    raw: RawResult, timestamp_ms: int, width_px: int, height_px: int, timing: Timing, *, masks: bool
) -> PoseResult:
    """Return MediaPipe's result as ours, holding no memory of MediaPipe's.

    With `masks` a picture without people has an empty tuple of masks, without it None.

    Raises:
        LandmarkerError: a pose has not 33 landmarks, so the model is another one.
    """
    pairs = zip(raw.pose_landmarks, raw.pose_world_landmarks, strict=True)
    poses = tuple(Pose(_to_array(image), _to_array(world)) for image, world in pairs)
    return PoseResult(timestamp_ms, width_px, height_px, poses, _copy_masks(raw) if masks else None, timing)


def _to_array(landmarks: RawPose) -> npt.NDArray[np.float32]:
    """Return the points as shape (33, 5), rounded so that JSON shows 4 decimals and no -0.0."""
    if len(landmarks) != LANDMARKS:
        raise LandmarkerError(f"the model gives {len(landmarks)} landmarks a pose, not {LANDMARKS}")
    if isinstance(landmarks, np.ndarray):
        points = landmarks
    else:
        numbers = [n for p in landmarks for n in (p.x, p.y, p.z, p.visibility or 0.0, p.presence or 0.0)]
        points = np.array(numbers, dtype=np.float32).reshape(LANDMARKS, 5)
    # Adding 0 turns -0.0 into 0.0. In float32, so that the shortest decimal that stands for it has 4 places.
    return points.round(DECIMALS) + np.float32(0)


def _copy_masks(raw: RawResult) -> tuple[npt.NDArray[np.float32], ...]:
    views = [mask.numpy_view() for mask in raw.segmentation_masks or ()]
    return tuple(np.array(view.reshape(view.shape[:2]), dtype=np.float32) for view in views)
