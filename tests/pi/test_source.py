"""The picamera2 source on the real picamera2."""

from __future__ import annotations

import gc
import json
import logging
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from pose_edge.errors import SourceError
from pose_edge.sources import picamera2_device
from pose_edge.sources.picamera2 import Picamera2Options, Picamera2Source
from tests.pi.board import switches
from tests.pi.board.modules import SIZES
from tests.pi.board.sensor import Sensor
from tests.pi.conftest import cameras, configuration

WHITE, YELLOW, BLACK = (255, 255, 255), (253, 255, 0), (0, 0, 0)
"""First, second and last bar of the picture, from the left."""


def opened(**options: Any) -> Picamera2Source:
    return Picamera2Source(Picamera2Options.model_validate({"fps": 30, **options}))


def grab(source: Picamera2Source) -> int:
    assert source.wait(3)
    timestamp_ms = source.grab()
    assert timestamp_ms is not None
    return timestamp_ms


def image(source: Picamera2Source) -> np.ndarray[Any, np.dtype[np.uint8]]:
    grab(source)
    return source.retrieve().image_rgb


def wait_until_it_fails(source: Picamera2Source) -> None:
    while True:
        if source.wait(0.1):
            source.grab()


def corner(picture: np.ndarray[Any, np.dtype[np.uint8]], row: int, column: int) -> tuple[int, ...]:
    return tuple(int(value) for value in picture[row, column])


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("fps", [10, 20])
def test_pictures_come_at_the_rate_asked_for(camera: Sensor, fps: int) -> None:
    with opened(fps=fps) as source:
        stamps = [grab(source) for _ in range(fps)]

    assert median(after - before for before, after in pairwise(stamps)) == pytest.approx(1000 / fps, abs=8)
    assert camera.controls["FrameDurationLimits"] == (1_000_000 // fps, 1_000_000 // fps)


def test_a_camera_that_runs_takes_a_new_rate_and_goes_on(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    """picamera2 refuses controls it does not know. The camera made of software keeps its first rate."""
    with opened(fps=15) as source:
        before_ms = grab(source)
        source.set_rate_hz(8.0)
        after_ms = [grab(source) for _ in range(4)][-1]

    assert after_ms > before_ms
    source.set_rate_hz(8.0)  # closed: nothing to tell


@pytest.mark.parametrize(("width_px", "height_px"), SIZES)
def test_rows_are_cut_to_the_picture_and_channels_are_rgb(
    camera: Sensor,  # noqa: ARG001  # stands at its end
    width_px: int,
    height_px: int,
) -> None:
    with opened(width_px=width_px, height_px=height_px) as source:
        picture = image(source)
        padding = configuration(source)["main"]["stride"] - 3 * width_px

    assert padding == {322: 58, 480: 32}.get(width_px, 0), "or this test tests nothing"
    assert picture.shape == (height_px, width_px, 3)
    assert picture.flags.c_contiguous
    bars = [corner(picture, height_px // 2, round((bar + 0.5) * width_px / 8)) for bar in (0, 1, 7)]
    assert np.abs(np.subtract(bars, [WHITE, YELLOW, BLACK])).max() < 5
    assert (picture[0] == picture[-1]).all(), "a wrong stride slants the bars"


def test_a_size_the_camera_changes_is_taken_over(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    with opened(width_px=1000, height_px=600) as source:
        picture = image(source)
        assert (source.info.width_px, source.info.height_px) == (1280, 720) == picture.shape[1::-1]


def test_a_slow_reader_gets_new_pictures(camera: Sensor) -> None:
    with opened() as source:
        for _ in range(4):
            timestamp_ms = grab(source)
            assert time.monotonic() * 1000 - timestamp_ms < 100
            source.retrieve()
            time.sleep(0.3)
        before_ms = source.grab()
        assert before_ms is not None
        time.sleep(0.6)  # something arrived meanwhile and is old now
        source.wait(1)
        time.sleep(0.6)
        after_ms = source.grab()
        assert after_ms is not None
        assert time.monotonic() * 1000 - after_ms < 100

    assert camera.starved == 0


def test_timeouts_leave_no_job_behind_and_the_camera_recovers_in_place(camera: Sensor) -> None:
    with opened(stall_s=60) as source:
        grab(source)
        with switches.turned_on("stalled"):
            time.sleep(0.1)
            source.wait(0)
            source.grab() if source.wait(0) else None
            assert not any(source.wait(0.02) for _ in range(8))
        starved = camera.starved
        for _ in range(10):
            grab(source)
            source.retrieve()

    assert camera.starved == starved


def test_a_dead_camera_is_reported_closed_and_opened_again(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    source = opened(stall_s=0.4)
    with source:
        grab(source)
        with switches.turned_on("stalled"):
            began_s = time.monotonic()
            with pytest.raises(SourceError, match=r"camera 0 \(imx708\): no picture for 0\.4 s"):
                wait_until_it_fails(source)
            assert 0.3 < time.monotonic() - began_s < 2
    assert not source.wedged
    with source:
        grab(source)


def test_a_camera_in_use_is_named(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    with (
        switches.turned_on("busy"),
        pytest.raises(SourceError, match=r"camera 0 .*resource busy; another program"),
    ):
        opened().__enter__()
    with opened() as source:
        grab(source)


def test_a_second_program_with_the_same_camera_is_named_too(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    with opened() as source, pytest.raises(SourceError, match="camera 0"):
        opened().__enter__()
    assert source is not None


def test_a_start_that_fails_leaves_nothing_behind(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    with opened() as source:
        grab(source)
    open_files, threads = descriptors(), threading.active_count()
    with switches.turned_on("failing_start"):
        for _ in range(5):
            with pytest.raises(SourceError, match=r"cannot be opened: .*Input/output error"):
                opened().__enter__()

    assert descriptors() <= open_files
    assert threading.active_count() <= threads
    with opened() as source:
        grab(source)


def test_fifty_reopenings_leak_neither_descriptor_nor_thread_nor_buffer(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    def once() -> None:
        with opened(width_px=320, height_px=240) as source:
            grab(source)
            source.retrieve()
            source.wait(0.05)

    once()
    open_files, threads, buffers = descriptors(), threading.active_count(), _mapped("memfd:camera")
    for _ in range(50):
        once()

    assert descriptors() <= open_files
    assert threading.active_count() <= threads
    assert _mapped("memfd:camera") <= buffers


def _mapped(name: str) -> int:
    gc.collect()
    return Path("/proc/self/maps").read_text().count(name)


def test_closing_with_a_job_outstanding_and_a_picture_held_is_quick(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    for stalled in (False, True):
        source = opened(stall_s=60)
        with source:
            grab(source)
            source.wait(1)
            source.grab()
            switches.turn("stalled", on=stalled)
            source.wait(0.001)
            time.sleep(0.1)
            began_s = time.monotonic()
        switches.turn("stalled", on=False)
        assert time.monotonic() - began_s < 2
        assert not source.wedged


def test_a_driver_that_hangs_at_closing_is_left_and_told(
    camera: Sensor,  # noqa: ARG001  # stands at its end
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(picamera2_device, "CLOSE_LIMIT_S", 0.2)
    with switches.turned_on("hanging_stop"):
        with opened() as source:
            grab(source)
        assert source.wedged
        assert "only ending the process helps" in caplog.text
    for thread in threading.enumerate():
        if thread.name == "camera-close":
            thread.join(5)


@pytest.mark.parametrize("can_flip", [True, False])
@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        # The bars run from left (white) to right (black). Where the first and the last are then:
        ({}, (50, 5), (50, -5)),
        ({"rotation_deg": 180}, (50, -5), (50, 5)),
        ({"flip_horizontal": True}, (50, -5), (50, 5)),
        ({"flip_vertical": True}, (50, 5), (50, -5)),
        ({"rotation_deg": 90}, (5, 50), (-5, 50)),
        ({"rotation_deg": 270}, (-5, 50), (5, 50)),
        ({"rotation_deg": 90, "flip_vertical": True}, (-5, 50), (5, 50)),
        ({"rotation_deg": 180, "flip_horizontal": True}, (50, 5), (50, -5)),
    ],
)
def test_pictures_are_upright_whether_or_not_the_sensor_can_mirror(
    camera: Sensor,  # noqa: ARG001  # stands at its end
    options: dict[str, Any],
    first: tuple[int, int],
    last: tuple[int, int],
    can_flip: bool,
) -> None:
    switches.turn("no_flips", on=not can_flip)
    try:
        with opened(width_px=320, height_px=240, **options) as source:
            picture = image(source)
            assert picture.shape[1::-1] == (source.info.width_px, source.info.height_px)
            mirrored = configuration(source)["transform"]
    finally:
        switches.turn("no_flips", on=False)

    assert corner(picture, *first) == pytest.approx(WHITE, abs=4)
    assert corner(picture, *last) == pytest.approx(BLACK, abs=4)
    assert can_flip or not (mirrored.hflip or mirrored.vflip)


@pytest.mark.parametrize("wall_clock", [True, False])
def test_a_frame_knows_the_sensors_time_and_the_wall_clock_of_that_moment(
    camera: Sensor,  # noqa: ARG001  # stands at its end
    wall_clock: bool,
) -> None:
    switches.turn("no_wall_clock", on=not wall_clock)
    try:
        with opened() as source:
            for _ in range(3):
                timestamp_ms = grab(source)
            frame = source.retrieve()
            offset_ms = time.time() * 1000 - time.monotonic() * 1000
    finally:
        switches.turn("no_wall_clock", on=False)

    assert frame.timestamp_ms == timestamp_ms
    assert frame.wall_ms is not None
    assert frame.wall_ms - frame.timestamp_ms == pytest.approx(offset_ms, abs=3)


def test_a_picture_that_comes_incomplete_is_an_error_and_the_next_one_is_not(camera: Sensor) -> None:
    with opened() as source:
        with switches.turned_on("short_buffers"):
            grab(source)
            with pytest.raises(SourceError, match=r"camera 0 \(imx708\): a picture cannot be read"):
                source.retrieve()
        for _ in range(8):
            assert image(source).shape == (480, 640, 3)

    assert camera.starved == 0


@pytest.mark.parametrize(("number", "mode"), [(0, (2304, 1296)), (1, (1640, 1232))])
def test_the_sensor_is_read_in_the_binned_mode_that_sees_everything(
    number: int, mode: tuple[int, int]
) -> None:
    with opened(camera=number, fps=10) as source:
        found = configuration(source)

    assert found["sensor"]["output_size"] == mode
    assert found["raw"] is None
    assert found["queue"] is False


def test_exposure_colour_and_focus_reach_the_camera(camera: Sensor) -> None:
    wishes = {"exposure_us": 8000, "gain": 4, "white_balance": "daylight", "focus_m": 2.5, "exposure_ev": 1}
    with opened(**wishes) as source:
        grab(source)

    told = camera.controls
    assert (told["ExposureTime"], told["AnalogueGain"], told["AwbMode"]) == (8000, 4, 5)
    assert (told["AfMode"], told["LensPosition"], told["ExposureValue"]) == (0, 0.4, 1)


def test_left_alone_all_is_automatic_and_focus_follows(camera: Sensor) -> None:
    with opened() as source:
        grab(source)

    assert camera.controls["AfMode"] == 2
    assert not {"ExposureTime", "AnalogueGain", "AwbMode", "LensPosition"} & set(camera.controls)


def test_what_a_camera_lacks_is_said_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with opened(camera="imx219", focus_m=2) as source:
        grab(source)

    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["camera 1 (imx219): has no LensPosition: focus_m is left out"]


def test_what_a_camera_cannot_do_is_refused_with_its_limits(camera: Sensor) -> None:  # noqa: ARG001  # stands at its end
    with pytest.raises(
        SourceError, match=r"gain 20\.0: this camera's AnalogueGain goes from 1\.12 to 16, found 20"
    ):
        opened(gain=20).__enter__()


def test_a_tuning_file_reaches_libcamera_and_a_wrong_one_is_named(camera: Sensor, tmp_path: Path) -> None:  # noqa: ARG001  # stands at its end
    good, bad = tmp_path / "tuning.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"version": 2.0, "target": "bcm2835", "algorithms": []}))
    bad.write_text("{")
    with opened(tuning_file=str(good)) as source:
        assert os.environ["LIBCAMERA_RPI_TUNING_FILE"] == str(good)
        grab(source)
    with opened():
        assert "LIBCAMERA_RPI_TUNING_FILE" not in os.environ
    for wrong, reason in (
        (str(bad), "Expecting"),
        (str(tmp_path / "no"), "No such file"),
        ("x.json", "not found"),
    ):
        with pytest.raises(SourceError, match=f"tuning_file {wrong}: .*{reason}"):
            opened(tuning_file=wrong).__enter__()


@pytest.mark.parametrize("wanted", [1, "1", "imx219", "module2"])
def test_a_camera_is_found_by_number_model_and_id(wanted: int | str) -> None:
    with opened(camera=wanted) as source:
        assert source.info.name == "camera 1 (imx219)"


def test_a_camera_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(SourceError, match="no camera 'ov5647'; found 0: imx708 module3, 1: imx219 module2"):
        opened(camera="ov5647").__enter__()


def test_without_any_camera_nothing_is_constructed_and_it_is_said_what_to_check() -> None:
    """In a process of its own: libcamera looks for cameras once."""
    script = (
        "import os; from pose_edge.sources.picamera2 import *; from pose_edge.errors import SourceError\n"
        "for _ in range(20):\n"
        "    try: Picamera2Source(Picamera2Options()).__enter__()\n"
        "    except SourceError as error: print(error, len(os.listdir('/proc/self/fd')))\n"
    )
    with cameras():
        run = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
        )

    lines = run.stdout.splitlines()
    assert len(lines) == 20
    assert lines[0].startswith("no camera found: check the ribbon cable, reboot, and see `rpicam-hello")
    assert lines[1] == lines[-1], "each attempt leaks a descriptor"
