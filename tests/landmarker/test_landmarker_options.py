from __future__ import annotations

import pytest
from pydantic import ValidationError

from pose_edge.landmarker import LandmarkerOptions, RunningMode

CONFIDENCES = ["min_pose_detection_confidence", "min_pose_presence_confidence", "min_tracking_confidence"]


def test_every_option_of_the_guide_is_there_under_its_name() -> None:
    """F3.1-F3.6; F3.7, the callback, is an argument of `LiveLandmarker`."""
    guide = {"num_poses", *CONFIDENCES, "output_segmentation_masks"}

    assert guide <= set(LandmarkerOptions.model_fields)
    assert [mode.name for mode in RunningMode] == ["IMAGE", "VIDEO", "LIVE_STREAM"]


def test_by_default_one_person_low_thresholds_and_no_masks() -> None:
    """F3.2, F3.6, F6.10."""
    options = LandmarkerOptions()

    assert options.num_poses == 1
    assert [getattr(options, name) for name in CONFIDENCES] == [0.3, 0.3, 0.3]
    assert options.output_segmentation_masks is False


@pytest.mark.parametrize("name", CONFIDENCES)
@pytest.mark.parametrize(
    ("value", "allowed"), [(0, True), (1, True), (0.5, True), (-0.1, False), (1.5, False)]
)
def test_confidences_mediapipe_would_swallow_are_refused(name: str, value: float, allowed: bool) -> None:
    """F3.3-F3.5: MediaPipe accepts -0.1 and 1.5 without a word."""
    if allowed:
        assert getattr(LandmarkerOptions.model_validate({name: value}), name) == value
        return
    with pytest.raises(ValidationError, match=name):
        LandmarkerOptions.model_validate({name: value})


@pytest.mark.parametrize("number", [0, -1, 6])
def test_a_senseless_number_of_people_is_refused(number: int) -> None:
    """F3.2."""
    with pytest.raises(ValidationError, match="num_poses"):
        LandmarkerOptions(num_poses=number)


@pytest.mark.parametrize(
    "wrong", [{"stall_limit_s": 0}, {"min_confidence": 0.5}, {"num_poses": float("nan")}]
)
def test_unknown_and_impossible_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        LandmarkerOptions.model_validate(wrong)
