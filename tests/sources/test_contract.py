"""What every kind of source promises: one set of tests over every row of the table."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from pose_edge.errors import SourceError
from pose_edge.options import Options
from pose_edge.sources import SOURCES, SourceOptions, open_source
from pose_edge.sources.actor import ActorOptions
from pose_edge.sources.base import Source
from pose_edge.sources.images import ImagesOptions
from pose_edge.sources.pacing import Paced
from pose_edge.sources.picamera2 import Picamera2Options
from pose_edge.sources.v4l2 import V4l2Options
from pose_edge.sources.v4l2_node import ask_for_name
from pose_edge.sources.video import VideoOptions
from tests.sources import fake_picamera2
from tests.sources.clips import picture_bgr, write_video
from tests.sources.stopwatch import Stopwatch

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 12
V4L2_DEVICE = "POSE_EDGE_TEST_V4L2"
"""Environment variable: the camera to test with; else the first there is."""

LIVE = (Picamera2Options, V4l2Options)


def a_camera(monkeypatch: pytest.MonkeyPatch) -> SourceOptions:
    fake_picamera2.install(monkeypatch)
    return Picamera2Options(fps=100, width_px=100, height_px=64)


def a_usb_camera() -> SourceOptions:
    named = os.environ.get(V4L2_DEVICE)
    for node in [Path(named)] if named else sorted(Path("/dev").glob("video*")):
        with contextlib.suppress(SourceError):
            ask_for_name(node)
            return V4l2Options(device=str(node), fps=30)
    pytest.skip("no V4L2 camera here; test_v4l2_device.py runs these tests on one made of software")


def some_photos(folder: Path) -> SourceOptions:
    for number in range(FRAMES):
        assert cv2.imwrite(str(folder / f"{number}.png"), picture_bgr(number))
    return ImagesOptions(path=folder, interval_ms=30)


MAKE: dict[type[Options], Callable[[Path, pytest.MonkeyPatch], SourceOptions]] = {
    Picamera2Options: lambda _folder, monkeypatch: a_camera(monkeypatch),
    V4l2Options: lambda _folder, _monkeypatch: a_usb_camera(),
    VideoOptions: lambda folder, _monkeypatch: VideoOptions(path=write_video(folder / "a.mp4", FRAMES)),
    ImagesOptions: lambda folder, _monkeypatch: some_photos(folder),
    ActorOptions: lambda _folder, _monkeypatch: ActorOptions(),
}


@pytest.fixture(params=SOURCES, ids=lambda kind: kind.model_fields["kind"].default)
def options(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceOptions:
    """Options of each kind in turn, for a source that can be opened here."""
    return MAKE[request.param](tmp_path, monkeypatch)


@pytest.fixture(params=["alone", "paced"])
def source(request: pytest.FixtureRequest, options: SourceOptions) -> Source:
    """The source as it is, and as the live pipeline plays it."""
    alone = open_source(options)
    return alone if request.param == "alone" else Paced(alone, clock=Stopwatch())


def grab(source: Source) -> int:
    assert source.wait(10)
    timestamp_ms = source.grab()
    assert timestamp_ms is not None
    return timestamp_ms


def play_to_the_end(source: Source) -> int:
    """Return the last timestamp."""
    last_ms = -1
    while source.wait(10) and (timestamp_ms := source.grab()) is not None:
        last_ms = timestamp_ms
    return last_ms


def test_every_kind_is_in_the_union_and_in_these_tests() -> None:
    union = get_args(get_args(SourceOptions)[0])

    assert set(union) == set(SOURCES) == set(MAKE)


@pytest.mark.parametrize("kind", SOURCES)
def test_each_kind_has_a_name_of_its_own_and_explains_its_options(kind: type[Options]) -> None:
    name = kind.model_fields["kind"].default

    assert [other.model_fields["kind"].default for other in SOURCES].count(name) == 1
    assert kind.__doc__
    assert "kind" in kind.model_json_schema()["properties"]


def test_the_kind_in_the_file_decides_the_rest() -> None:
    adapter: TypeAdapter[SourceOptions] = TypeAdapter(SourceOptions)

    assert adapter.validate_python({"kind": "video", "path": "a.mp4"}) == VideoOptions(path=Path("a.mp4"))
    with pytest.raises(ValidationError, match="'picamera2', 'v4l2', 'video', 'images', 'actor'"):
        adapter.validate_python({"kind": "webcam"})
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        adapter.validate_python({"kind": "v4l2", "path": "a.mp4"})
    with pytest.raises(ValidationError, match="Input should be 0, 90, 180 or 270"):
        adapter.validate_python({"kind": "v4l2", "rotation_deg": 45})


IMPORT_THE_TABLE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"cv2", "libcamera", "mediapipe", "numpy", "picamera2"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from pose_edge.sources import SOURCES, V4l2Options, open_source
print(len(SOURCES), open_source(V4l2Options()))
"""


def test_the_table_imports_where_no_library_for_pictures_is_installed() -> None:
    command = [sys.executable, "-c", IMPORT_THE_TABLE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{len(SOURCES)} <pose_edge.sources.v4l2.V4l2Source")


def test_timestamps_strictly_increase(source: Source) -> None:
    with source:
        stamps = [grab(source) for _ in range(FRAMES // 2)]

    assert stamps[0] >= 0
    assert all(before < after for before, after in pairwise(stamps))


def test_frames_are_rgb_of_the_size_told_with_the_timestamp_grabbed(source: Source) -> None:
    with source:
        for _ in range(3):
            timestamp_ms = grab(source)
            frame = source.retrieve()
            assert frame.timestamp_ms == timestamp_ms
            assert frame.image_rgb.dtype == np.uint8
            assert frame.image_rgb.flags.c_contiguous
            assert frame.image_rgb.shape == (source.info.height_px, source.info.width_px, 3)


def test_a_frame_is_the_callers_own_memory(source: Source) -> None:
    with source:
        grab(source)
        first = source.retrieve().image_rgb
        assert first.flags.writeable
        before = first.copy()
        for _ in range(FRAMES - 2):
            source.wait(10)
            if source.grab() is None:
                break
            source.retrieve().image_rgb[:] = 99

    assert np.array_equal(first, before)


def test_grabbing_without_retrieving_moves_on(source: Source) -> None:
    with source:
        before_ms = grab(source)
        for _ in range(3):
            after_ms = grab(source)
        frame = source.retrieve()

    assert before_ms < after_ms
    assert frame.timestamp_ms == after_ms


def test_waiting_does_not_change_the_current_picture(source: Source) -> None:
    with source:
        timestamp_ms = grab(source)
        source.wait(0.03)
        assert source.retrieve().timestamp_ms == timestamp_ms


def test_the_end_is_none_stays_none_and_leaves_the_last_picture(
    source: Source, options: SourceOptions
) -> None:
    if isinstance(options, (*LIVE, ActorOptions)):
        pytest.skip("never ends")
    with source:
        last_ms = play_to_the_end(source)
        assert [source.grab() for _ in range(3)] == [None] * 3
        assert source.wait(0)
        assert source.retrieve().timestamp_ms == last_ms


def test_info_tells_whether_the_source_is_live(options: SourceOptions) -> None:
    with open_source(options) as source:
        assert source.info.live == isinstance(options, LIVE)
        assert source.info.name
        assert source.info.frame_count in {None, FRAMES}


def test_what_was_not_grabbed_cannot_be_retrieved(source: Source) -> None:
    with source, pytest.raises(SourceError):
        source.retrieve()


def test_closing_twice_is_harmless(source: Source) -> None:
    with source:
        grab(source)
    source.__exit__(None, None, None)


def test_opening_again_begins_anew(source: Source, options: SourceOptions) -> None:
    first = []
    for _ in range(2):
        with source:
            first.append(grab(source))
            assert source.retrieve().timestamp_ms == first[-1]
            grab(source)

    assert first[0] < first[1] if isinstance(options, LIVE) else first == [0, 0]
