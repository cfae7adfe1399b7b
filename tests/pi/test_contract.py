"""What every source promises (tests/sources/test_contract.py), of picamera2 on the real library."""

from __future__ import annotations

import pytest

from pose_edge.sources import SourceOptions
from pose_edge.sources.picamera2 import Picamera2Options
from tests.sources.test_contract import (  # noqa: F401  # collected here, with the options below
    source,
    test_a_frame_is_the_callers_own_memory,
    test_closing_twice_is_harmless,
    test_frames_are_rgb_of_the_size_told_with_the_timestamp_grabbed,
    test_grabbing_without_retrieving_moves_on,
    test_info_tells_whether_the_source_is_live,
    test_opening_again_begins_anew,
    test_timestamps_strictly_increase,
    test_waiting_does_not_change_the_current_picture,
    test_what_was_not_grabbed_cannot_be_retrieved,
)


@pytest.fixture
def options() -> SourceOptions:
    """A Camera Module 3, for every test above."""
    return Picamera2Options(fps=30, width_px=322, height_px=242)
