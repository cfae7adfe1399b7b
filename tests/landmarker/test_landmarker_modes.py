"""Photos and clips with the real model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.errors import LandmarkerError
from pose_edge.landmarker import LandmarkerOptions, RunningMode
from pose_edge.landmarker.blocking import StillLandmarker, VideoLandmarker
from pose_edge.landmarker.mediapipe_engine import RawCallback, RawLandmarker
from pose_edge.records import PRESENCE, VISIBILITY, Frame, Pose, PoseResult, X, Y, Z
from tests.landmarker.unheard import create_unheard

RGB = npt.NDArray[np.uint8]
NOSE, LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 0, 11, 12, 23, 24
LEFT_ANKLE = 27


@pytest.fixture(scope="module")
def still(model_path: Path) -> Iterator[StillLandmarker]:
    with StillLandmarker(model_path, create=create_unheard) as landmarker:
        yield landmarker


def only_pose(result: PoseResult) -> Pose:
    [pose] = result.poses
    return pose


def moving(person_rgb: RGB, count: int) -> list[Frame]:
    """A clip: the person drifts to the right by 3 px a frame."""
    return [Frame(np.roll(person_rgb, 3 * index, axis=1), 100 + 33 * index) for index in range(count)]


def numbers(results: list[PoseResult]) -> list[list[bytes]]:
    """All landmarks, bit for bit."""
    return [
        [pose.landmarks.tobytes() + pose.world_landmarks.tobytes() for pose in result.poses]
        for result in results
    ]


# --- one photo -----------------------------------------------------------------------------------


def test_a_photo_gives_one_pose_of_33_and_33_points(still: StillLandmarker, person_rgb: RGB) -> None:
    """F2.1, F5.2, F6.1."""
    result = still.detect(Frame(person_rgb, 4711))

    pose = only_pose(result)
    assert pose.landmarks.shape == pose.world_landmarks.shape == (33, 5)
    assert (result.timestamp_ms, result.height_px, result.width_px) == (4711, *person_rgb.shape[:2])
    assert result.segmentation_masks is None
    assert result.timing is not None
    assert result.timing.available_ns <= result.timing.submitted_ns < result.timing.finished_ns


def test_a_bare_wall_gives_a_result_without_poses(still: StillLandmarker, empty_rgb: RGB) -> None:
    """F6.6."""
    assert still.detect(Frame(empty_rgb, 0)).poses == ()


def test_visibility_and_presence_are_shares_and_high_for_what_is_seen(
    still: StillLandmarker, person_rgb: RGB
) -> None:
    """F5.6, F5.7."""
    pose = only_pose(still.detect(Frame(person_rgb, 0)))

    for array in (pose.landmarks, pose.world_landmarks):
        scores = array[:, [VISIBILITY, PRESENCE]]
        assert ((scores >= 0) & (scores <= 1)).all()
        assert (scores[[NOSE, LEFT_SHOULDER, RIGHT_SHOULDER]] > 0.8).all()


def test_world_landmarks_are_metres_from_between_the_hips(still: StillLandmarker, person_rgb: RGB) -> None:
    """F5.4, F5.5: the face of a person who looks at us is nearer than the hips, so z is negative."""
    pose = only_pose(still.detect(Frame(person_rgb, 0)))

    hips_m = pose.world_landmarks[[LEFT_HIP, RIGHT_HIP], :3].mean(axis=0)
    shoulders_m = pose.world_landmarks[[LEFT_SHOULDER, RIGHT_SHOULDER], :3].mean(axis=0)
    assert np.abs(hips_m).max() < 0.05
    assert 0.25 < -shoulders_m[Y] < 0.75
    assert pose.landmarks[NOSE, Z] < 0


def test_points_below_the_picture_are_not_clipped(still: StillLandmarker, person_rgb: RGB) -> None:
    """F5.3."""
    upper_half = np.ascontiguousarray(person_rgb[: int(person_rgb.shape[0] * 0.7)])
    pose = only_pose(still.detect(Frame(upper_half, 0)))

    assert pose.landmarks[LEFT_ANKLE, Y] > 1


def test_coordinates_are_those_of_the_picture_that_went_in(still: StillLandmarker, person_rgb: RGB) -> None:
    """F4.6, F4.1: mirrored as a copy, the nose is at 1 - x; no region or rotation is given to MediaPipe."""
    mirrored = np.ascontiguousarray(person_rgb[:, ::-1])

    nose = only_pose(still.detect(Frame(person_rgb, 0))).landmarks[NOSE]
    mirrored_nose = only_pose(still.detect(Frame(mirrored, 0))).landmarks[NOSE]
    assert mirrored_nose[X] == pytest.approx(1 - nose[X], abs=0.03)
    assert mirrored_nose[Y] == pytest.approx(nose[Y], abs=0.03)


def test_a_view_that_would_be_scrambled_is_refused_and_the_next_picture_works(
    still: StillLandmarker, person_rgb: RGB
) -> None:
    """F4.1, F4.3."""
    with pytest.raises(LandmarkerError, match="not C-contiguous"):
        still.detect(Frame(person_rgb[..., ::-1], 0))
    assert len(still.detect(Frame(person_rgb, 0)).poses) == 1


def test_photos_do_not_influence_each_other(still: StillLandmarker, person_rgb: RGB, empty_rgb: RGB) -> None:
    """F2.1."""
    first = still.detect(Frame(person_rgb, 9))
    still.detect(Frame(empty_rgb, 9))

    assert numbers([still.detect(Frame(person_rgb, 3))]) == numbers([first])


def test_masks_cover_the_person_and_have_the_size_of_the_picture(model_path: Path, person_rgb: RGB) -> None:
    """F3.6, F5.8."""
    with StillLandmarker(
        model_path, LandmarkerOptions(output_segmentation_masks=True), create=create_unheard
    ) as landmarker:
        result = landmarker.detect(Frame(person_rgb, 0))

    # Read after close: the memory must be ours.
    assert result.segmentation_masks is not None
    [mask] = result.segmentation_masks
    assert mask.shape == person_rgb.shape[:2]
    assert mask.dtype == np.float32
    assert 0 <= mask.min() < 0.05
    assert 0.95 < mask.max() <= 1
    x_norm, y_norm = only_pose(result).landmarks[NOSE, [X, Y]]
    assert mask[int(y_norm * mask.shape[0]), int(x_norm * mask.shape[1])] > 0.9


def test_two_people_are_found_only_when_two_are_allowed(model_path: Path, shared_data: Path) -> None:
    """F3.2."""
    cv2 = pytest.importorskip("cv2")
    photo = cv2.imread(str(shared_data / "photos" / "couple_walking_snow.jpg"))
    frame = Frame(cv2.cvtColor(photo, cv2.COLOR_BGR2RGB), 0)
    found = []
    for most in (1, 2):
        with StillLandmarker(
            model_path, LandmarkerOptions(num_poses=most), create=create_unheard
        ) as landmarker:
            found.append(len(landmarker.detect(frame).poses))

    assert found == [1, 2]


@pytest.mark.parametrize("name", ["min_pose_detection_confidence", "min_pose_presence_confidence"])
def test_confidences_reach_the_model(model_path: Path, person_rgb: RGB, name: str) -> None:
    """F3.3, F3.4: nobody is so certain that the highest bar is passed, and the lowest lets everybody pass."""
    counts = []
    for value in (0.0, 1.0):
        options = LandmarkerOptions.model_validate({name: value})
        with StillLandmarker(model_path, options, create=create_unheard) as landmarker:
            counts.append(len(landmarker.detect(Frame(person_rgb, 0)).poses))

    assert counts == [1, 0]


# --- a clip --------------------------------------------------------------------------------------


def test_two_runs_over_one_clip_agree_bit_for_bit(model_path: Path, person_rgb: RGB) -> None:
    """F2.2."""
    clip = moving(person_rgb, 12)
    runs = []
    for _ in range(2):
        with VideoLandmarker(model_path, create=create_unheard) as landmarker:
            runs.append(numbers([landmarker.detect(frame) for frame in clip]))

    assert runs[0] == runs[1]
    assert all(runs[0])


def test_video_follows_the_person_and_smooths(
    model_path: Path, still: StillLandmarker, person_rgb: RGB
) -> None:
    """F2.2, F6.1: not the numbers of single photos, but close to them."""
    clip = moving(person_rgb, 12)
    with VideoLandmarker(model_path, create=create_unheard) as landmarker:
        followed = [only_pose(landmarker.detect(frame)).landmarks[NOSE, X] for frame in clip]
    alone = [only_pose(still.detect(frame)).landmarks[NOSE, X] for frame in clip]

    assert followed != alone
    assert np.abs(np.subtract(followed, alone)).max() < 0.05
    assert followed[-1] > followed[0] + 0.02


def test_every_frame_of_a_clip_has_a_result_with_its_own_stamp(
    model_path: Path, person_rgb: RGB, empty_rgb: RGB
) -> None:
    """F2.2, F5.10, F6.6: nobody in the middle of the clip."""
    pictures = [person_rgb] * 3 + [empty_rgb] * 4 + [person_rgb] * 3
    with VideoLandmarker(model_path, create=create_unheard) as landmarker:
        results = [landmarker.detect(Frame(rgb, 7 + 40 * index)) for index, rgb in enumerate(pictures)]

    assert [result.timestamp_ms for result in results] == [7 + 40 * index for index in range(10)]
    assert [len(result.poses) for result in results] == [1] * 3 + [0] * 4 + [1] * 3


@pytest.mark.parametrize("stamp_ms", [500, 499, 0])
def test_a_stamp_that_does_not_increase_is_refused_and_the_clip_goes_on(
    model_path: Path, person_rgb: RGB, stamp_ms: int
) -> None:
    """F2.6."""
    with VideoLandmarker(model_path, create=create_unheard) as landmarker:
        landmarker.detect(Frame(person_rgb, 500))
        with pytest.raises(LandmarkerError, match=f"must increase: {stamp_ms} ms came after 500 ms"):
            landmarker.detect(Frame(person_rgb, stamp_ms))
        assert landmarker.detect(Frame(person_rgb, 501)).timestamp_ms == 501


def test_a_new_clip_starts_from_nothing(model_path: Path, person_rgb: RGB) -> None:
    clip = moving(person_rgb, 3)
    landmarker, runs = VideoLandmarker(model_path, create=create_unheard), []
    for _ in range(2):
        with landmarker:
            runs.append(numbers([landmarker.detect(frame) for frame in clip]))

    assert runs[0] == runs[1]


# --- life ----------------------------------------------------------------------------------------


class Watched:
    """The real MediaPipe, with a note of what was asked for and when it was closed."""

    def __init__(self) -> None:
        self.modes: list[RunningMode] = []
        self.callbacks: list[RawCallback | None] = []
        self.closes = 0

    def create(
        self, model_path: Path, options: LandmarkerOptions, mode: RunningMode, on_result: RawCallback | None
    ) -> RawLandmarker:
        self.modes.append(mode)
        self.callbacks.append(on_result)
        raw = create_unheard(model_path, options, mode, on_result)
        close = raw.close

        def counted() -> None:
            self.closes += 1
            close()

        raw.close = counted  # type: ignore[method-assign]  # an instance of MediaPipe's class, which is Any
        return raw


@pytest.mark.parametrize("kind", [StillLandmarker, VideoLandmarker])
def test_mediapipe_is_created_once_and_closed_once(
    kind: type[StillLandmarker] | type[VideoLandmarker], model_path: Path, person_rgb: RGB
) -> None:
    """F1.5, F2.3, F3.1, F3.7."""
    watched = Watched()
    landmarker = kind(model_path, create=watched.create)
    stamps = itertools.count()
    with landmarker:
        for _ in range(3):
            landmarker.detect(Frame(person_rgb, next(stamps)))
    landmarker.close()

    expected = RunningMode.IMAGE if kind is StillLandmarker else RunningMode.VIDEO
    assert (watched.modes, watched.callbacks, watched.closes) == ([expected], [None], 1)
    assert not landmarker.wedged
    with pytest.raises(LandmarkerError, match="landmarker is not open"):
        landmarker.detect(Frame(person_rgb, next(stamps)))
