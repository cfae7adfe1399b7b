from __future__ import annotations

import logging
import os
import random
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from pose_edge.errors import SourceError, UsageError
from pose_edge.records import Frame
from pose_edge.sources.video import VideoOptions, VideoSource
from tests.sources.clips import FPS, HEIGHT_PX, WIDTH_PX, ask_for_rotation, corners, number_of, write_video

ROOT = Path(__file__).resolve().parents[2]


def play(options: VideoOptions) -> list[Frame]:
    """Return all frames."""
    with VideoSource(options) as source:
        return rest_of(source)


def rest_of(source: VideoSource) -> list[Frame]:
    frames = []
    while source.grab() is not None:
        frames.append(source.retrieve())
    return frames


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.image_rgb) for frame in frames]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v")])
def test_every_frame_comes_in_order_with_its_time(tmp_path: Path, name: str, codec: str) -> None:
    frames = play(VideoOptions(path=write_video(tmp_path / name, codec=codec)))

    assert numbers(frames) == list(range(30))
    assert [frame.timestamp_ms for frame in frames] == [k * 40 for k in range(30)]


def test_red_is_the_first_channel(tmp_path: Path) -> None:
    [frame, *_] = play(VideoOptions(path=write_video(tmp_path / "a.mp4")))

    assert corners(frame.image_rgb) == "rb.."


def test_info_tells_what_the_file_says(tmp_path: Path) -> None:
    with VideoSource(VideoOptions(path=write_video(tmp_path / "a.mp4"))) as source:
        info = source.info

    assert (info.name, info.width_px, info.height_px) == ("a.mp4", WIDTH_PX, HEIGHT_PX)
    assert (info.rate_hz, info.live, info.frame_count) == (FPS, False, 30)


def test_frame_k_of_the_shared_clips_is_at_k_times_1000_by_fps(shared_data: Path) -> None:
    for path in sorted((shared_data / "clips").glob("*.mp4"))[::4]:
        with VideoSource(VideoOptions(path=path)) as source:
            stamps = list(iter(source.grab, None))
            rate_hz, count = source.info.rate_hz, source.info.frame_count

        assert rate_hz is not None
        assert stamps == [round(k * 1000 / rate_hz) for k in range(len(stamps))], path.name
        assert len(stamps) == count


@pytest.mark.parametrize(("asked_deg", "expected"), [(90, ".r.b"), (180, "..br"), (270, "b.r.")])
def test_the_rotation_the_file_asks_for_is_done_once(tmp_path: Path, asked_deg: int, expected: str) -> None:
    path = ask_for_rotation(write_video(tmp_path / "phone.mp4"), asked_deg)

    with VideoSource(VideoOptions(path=path)) as source:
        source.grab()
        image_rgb = source.retrieve().image_rgb

    assert corners(image_rgb) == expected
    assert image_rgb.shape == (source.info.height_px, source.info.width_px, 3)
    assert image_rgb.flags.c_contiguous


def test_rotation_by_option_comes_on_top_of_that_of_the_file(tmp_path: Path) -> None:
    path = ask_for_rotation(write_video(tmp_path / "phone.mp4"), 90)

    [frame, *_] = play(VideoOptions(path=path, rotation_deg=270))

    assert corners(frame.image_rgb) == "rb.."


def test_flips_by_option(tmp_path: Path) -> None:
    [frame, *_] = play(VideoOptions(path=write_video(tmp_path / "a.mp4"), flip_horizontal=True))

    assert corners(frame.image_rgb) == "br.."


def test_start_and_end_cut_without_moving_the_timestamps(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")

    with VideoSource(VideoOptions(path=path, start_s=0.2, end_s=0.4)) as source:
        frames = rest_of(source)
        count = source.info.frame_count

    assert numbers(frames) == [5, 6, 7, 8, 9]
    assert [frame.timestamp_ms for frame in frames] == [200, 240, 280, 320, 360]
    assert count == 5


def test_a_start_behind_the_end_of_the_file_is_named(tmp_path: Path) -> None:
    options = VideoOptions(path=write_video(tmp_path / "a.mp4"), start_s=3)

    with pytest.raises(SourceError, match=r"a\.mp4: start_s is 3, but the last frame is at 1\.160 s"):
        play(options)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"end_s must be greater than start_s \(2\), found 1"):
        VideoOptions(path=Path("a.mp4"), start_s=2, end_s=1)


def test_frames_that_nobody_retrieves_are_passed_over(tmp_path: Path) -> None:
    with VideoSource(VideoOptions(path=write_video(tmp_path / "a.mp4"))) as source:
        for _ in range(8):
            timestamp_ms = source.grab()

        assert (timestamp_ms, number_of(source.retrieve().image_rgb)) == (280, 7)


@pytest.mark.parametrize("end_s", [None, 0.5])
def test_the_last_frame_can_still_be_retrieved_after_the_end(tmp_path: Path, end_s: float | None) -> None:
    with VideoSource(VideoOptions(path=write_video(tmp_path / "a.mp4"), end_s=end_s)) as source:
        last_ms = list(iter(source.grab, None))[-1]
        frame = source.retrieve()

    assert frame.timestamp_ms == last_ms
    assert number_of(frame.image_rgb) == last_ms // 40
    assert source.grab() is None


def test_a_file_cut_off_gives_what_it_has_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "a.mkv", frames=100, codec="MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])

    frames = play(VideoOptions(path=path))

    assert numbers(frames) == list(range(len(frames)))
    assert 50 < len(frames) < 70
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    seconds = frames[-1].timestamp_ms / 1000
    assert record.getMessage() == (
        f"{path} is cut off: it ends after {seconds:.2f} s with {len(frames)} of 100 frames"
    )


def test_a_whole_file_gives_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    play(VideoOptions(path=write_video(tmp_path / "a.mp4")))
    play(VideoOptions(path=write_video(tmp_path / "b.mkv", codec="MJPG"), end_s=0.5))

    assert caplog.records == []


def test_damage_in_the_middle_costs_those_frames_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=60)
    damage(path, share=0.05)

    frames = play(VideoOptions(path=path))

    assert number_of(frames[-1].image_rgb) == 59
    assert 40 < len(frames) < 60
    assert [frame.timestamp_ms // 40 for frame in frames[-10:]] == list(range(50, 60))
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: {60 - len(frames)} damaged frames left out"
    ]


def damage(path: Path, share: float) -> None:
    """Overwrite a share of the file, from its middle on, with noise that is the same each time."""
    data = bytearray(path.read_bytes())
    middle, length = len(data) // 2, int(len(data) * share)
    data[middle : middle + length] = random.Random(3).randbytes(length)
    path.write_bytes(data)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.mp4: no such file"):
        play(VideoOptions(path=tmp_path / "nowhere.mp4"))


def test_a_folder_is_a_usage_error_that_names_the_other_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a video file is wanted, this is a folder .* kind images"):
        play(VideoOptions(path=tmp_path))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"Dear diary,\nno video today.\n", "28 bytes of text"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00", r"20 bytes beginning with b'RIFF\$\\x00"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(500), "512 bytes of MP4 without a readable index"),
    ],
)
def test_what_is_no_video_is_named_with_what_was_found(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "holiday.mp4"
    path.write_bytes(content)

    with pytest.raises(SourceError, match=rf"holiday\.mp4: no video that OpenCV can read, found {found}"):
        play(VideoOptions(path=path))


def test_a_file_without_one_good_frame_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=5)
    data = bytearray(path.read_bytes())
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)

    with pytest.raises(SourceError, match=r"a\.mp4: no frame in it can be decoded \(5 announced\)"):
        play(VideoOptions(path=path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    path.chmod(0)

    with pytest.raises(SourceError, match="found that it cannot be opened: Permission denied"):
        play(VideoOptions(path=path))


def test_an_unbelievable_rate_is_said_once_and_the_stamps_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = state_rate(write_video(tmp_path / "ticks.avi", frames=10, codec="MJPG"), 5000)

    frames = play(VideoOptions(path=path))

    assert len(frames) == 10
    assert all(before.timestamp_ms < after.timestamp_ms for before, after in pairwise(frames))
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} states 5000 frames a second; 25 assumed where timestamps are missing"
    ]


def state_rate(path: Path, fps: int) -> Path:
    """Make an AVI file say another frame rate: dwScale and dwRate of its stream header."""
    data = bytearray(path.read_bytes())
    header = data.index(b"strh") + 8
    data[header + 20 : header + 28] = struct.pack("<II", 1, fps)
    path.write_bytes(data)
    return path


def test_a_stream_without_stamps_runs_at_25_frames_a_second(tmp_path: Path) -> None:
    """Bare JPEGs one after the other: FFmpeg assumes 25 a second; nothing in the file says so."""
    path = write_video(tmp_path / "a.avi", frames=12, codec="MJPG")
    capture = cv2.VideoCapture(str(path))
    stills = [cv2.imencode(".jpg", capture.read()[1])[1].tobytes() for _ in range(12)]
    bare = tmp_path / "bare.mjpeg"
    bare.write_bytes(b"".join(stills))

    frames = play(VideoOptions(path=bare))

    assert numbers(frames) == list(range(12))
    assert [frame.timestamp_ms for frame in frames] == [k * 40 for k in range(12)]


def test_frames_are_the_callers_own(tmp_path: Path) -> None:
    with VideoSource(VideoOptions(path=write_video(tmp_path / "a.mp4"))) as source:
        source.grab()
        first = source.retrieve()
        before = first.image_rgb.copy()
        rest_of(source)

    assert np.array_equal(first.image_rgb, before)


READ_IN_A_NEW_PROCESS = """
import sys
from pathlib import Path
from pose_edge.errors import SourceError
from pose_edge.sources.video import VideoOptions, VideoSource

try:
    VideoSource(VideoOptions(path=Path(sys.argv[1]))).__enter__()
except SourceError:
    print("refused")
"""


def test_the_library_does_not_talk_over_the_error(tmp_path: Path) -> None:
    path = tmp_path / "holiday.mp4"
    path.write_bytes(b"no video")

    command = [sys.executable, "-c", READ_IN_A_NEW_PROCESS, str(path)]  # FFmpeg asks only once how loud to be
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert (done.stdout, done.stderr) == ("refused\n", "")
