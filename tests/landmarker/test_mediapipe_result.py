from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import orjson
import pytest

from pose_edge.errors import LandmarkerError
from pose_edge.landmarker.mediapipe_result import RawLandmark, RawResult, convert
from pose_edge.records import PRESENCE, VISIBILITY, PoseResult, Timing, X, Y, Z

TIMING = Timing(1, 2, 3)


def point(x: float, visibility: float | None = 0.5, presence: float | None = 0.5) -> RawLandmark:
    return SimpleNamespace(x=x, y=-x, z=2 * x, visibility=visibility, presence=presence)


def points(count: int = 33) -> list[RawLandmark]:
    return [point(index / 7) for index in range(count)]


class Mask:
    """A picture of MediaPipe: one borrowed piece of memory."""

    def __init__(self, view: npt.NDArray[np.float32]) -> None:
        self.view = view

    def numpy_view(self) -> npt.NDArray[np.float32]:
        return self.view


def raw(
    image: list[list[RawLandmark]], world: list[list[RawLandmark]], masks: list[Mask] | None = None
) -> RawResult:
    return SimpleNamespace(pose_landmarks=image, pose_world_landmarks=world, segmentation_masks=masks)


def converted(result: RawResult, *, masks: bool = False) -> PoseResult:
    return convert(result, 1234, 640, 480, TIMING, masks=masks)


def test_each_pose_becomes_two_arrays_of_33_points_with_5_columns() -> None:
    """F5.1, F5.2."""
    result = converted(raw([points(), points()], [points(), points()]))

    assert (result.timestamp_ms, result.width_px, result.height_px) == (1234, 640, 480)
    assert result.timing == TIMING
    assert len(result.poses) == 2
    for pose in result.poses:
        for array in (pose.landmarks, pose.world_landmarks):
            assert array.shape == (33, 5)
            assert array.dtype == np.float32


def test_columns_stand_in_the_order_of_the_records() -> None:
    [pose] = converted(raw([[point(0.25, 0.75, 0.125)] * 33], [[point(0.5)] * 33])).poses

    row = pose.landmarks[7]
    assert (row[X], row[Y], row[Z], row[VISIBILITY], row[PRESENCE]) == (0.25, -0.25, 0.5, 0.75, 0.125)
    assert pose.world_landmarks[7, X] == 0.5


def test_what_mediapipe_does_not_know_is_zero() -> None:
    """F5.6, F5.7: both may be None in MediaPipe's type."""
    [pose] = converted(raw([[point(0.5, None, None)] * 33], [points()])).poses

    assert pose.landmarks[:, VISIBILITY].tolist() == [0.0] * 33
    assert pose.landmarks[:, PRESENCE].tolist() == [0.0] * 33


def test_json_shows_at_most_four_decimals_and_no_negative_zero() -> None:
    random = np.random.default_rng(1).normal(0, 1, 5000).tolist()
    numbers = [*random, -0.00001, 0.00004, 1.00005, -1.5, 1234.56789]
    poses = [[point(x) for x in numbers[start : start + 33]] for start in range(0, 33 * 150, 33)]
    poses.append([point(x) for x in numbers[-33:]])

    for pose in converted(raw(poses, poses)).poses:
        text = orjson.dumps(pose.landmarks, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        shown = text.translate(str.maketrans("[]", "  ")).replace(" ", "").split(",")
        assert max(len(number.partition(".")[2]) for number in shown) <= 4
        assert "-0.0" not in shown


def test_rounding_goes_to_the_nearest() -> None:
    [pose] = converted(raw([[point(0.12346)] * 33], [points()])).poses

    assert pose.landmarks[0, X] == np.float32(0.1235)


@pytest.mark.parametrize("count", [0, 32, 34, 468])
def test_a_model_with_other_landmarks_is_refused(count: int) -> None:
    """F5.2."""
    with pytest.raises(LandmarkerError, match=f"gives {count} landmarks a pose, not 33"):
        converted(raw([points(count)], [points(count)]))


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1)])
def test_masks_of_both_versions_have_one_shape_and_memory_of_their_own(shape: tuple[int, ...]) -> None:
    """F5.8; 0.10.18 gives (height, width), 1.2.2 adds a 1."""
    mask = Mask(np.full(shape, 0.5, dtype=np.float32))
    result = converted(raw([points()], [points()], [mask]), masks=True)
    mask.view[:] = 9

    assert result.segmentation_masks is not None
    [copy] = result.segmentation_masks
    assert copy.shape == (4, 6)
    assert copy.tolist() == [[0.5] * 6] * 4


def test_masks_are_none_unless_asked_for_and_a_tuple_when_they_were() -> None:
    """F3.6: MediaPipe gives None for an empty picture, too."""
    assert converted(raw([], [])).segmentation_masks is None
    assert converted(raw([], [], None), masks=True).segmentation_masks == ()
