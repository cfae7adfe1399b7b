from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from pose_edge.sources.thinning import Thinned, Thinning
from pose_edge.sources.video import VideoOptions, VideoSource


def kept(fps: float, rate_hz: float, seconds: float = 10.0, start_ms: int = 0) -> list[int]:
    thinning = Thinning(rate_hz)
    stamps = [start_ms + round(index * 1000 / fps) for index in range(round(seconds * fps))]
    return [stamp for stamp in stamps if thinning.wants(stamp)]


@pytest.mark.parametrize("fps", [30.0, 29.97, 25.0, 24.0, 15.0])
@pytest.mark.parametrize("rate_hz", [15.0, 8.0, 5.0])
def test_so_many_a_second_remain_whatever_the_clip_has(fps: float, rate_hz: float) -> None:
    stamps = kept(fps, rate_hz)

    assert len(stamps) == pytest.approx(10 * rate_hz, abs=1)
    assert max(b - a for a, b in pairwise(stamps)) < 1000 / rate_hz + 1000 / fps


def test_every_other_frame_of_30_hz_is_15_hz() -> None:
    assert kept(30, 15, 0.3) == [0, 67, 133, 200, 267]


@pytest.mark.parametrize("fps", [5.0, 10.0, 15.0])
def test_a_clip_that_is_slow_already_keeps_every_frame(fps: float) -> None:
    assert len(kept(fps, 15)) == 10 * fps


def test_a_constant_added_to_all_times_changes_nothing() -> None:
    assert [stamp - 123_457 for stamp in kept(30, 8, start_ms=123_457)] == kept(30, 8)


def test_after_a_gap_the_next_frame_is_wanted_and_no_more() -> None:
    thinning = Thinning(10)

    assert [stamp for stamp in (0, 50, 5030, 5060, 5090, 5150) if thinning.wants(stamp)] == [0, 5030, 5090]


def test_a_video_is_thinned_before_its_pictures_are_converted(shared_data: Path) -> None:
    clip = VideoOptions(path=shared_data / "clips" / "fall_out_of_bed_s4.mp4")
    with VideoSource(clip) as whole:
        stamps = list(iter(whole.grab, None))
    with Thinned(VideoSource(clip), 15) as thinned:
        seen = [(stamp, thinned.retrieve().timestamp_ms) for stamp in iter(thinned.grab, None)]
        assert thinned.info.rate_hz == 15

    assert [stamp for stamp, _ in seen] == stamps[::2]
    assert all(stamp == of_picture for stamp, of_picture in seen)


def test_no_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Thinning(0)
