from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from pose_edge.errors import SourceError
from pose_edge.sources import picamera2_device
from pose_edge.sources.picamera2 import Picamera2Options, Picamera2Source
from pose_edge.sources.pixels import from_padded_rgb
from pose_edge.sources.turning import Turning
from tests.sources.fake_picamera2 import COLOUR, FakeTransform, Sensor, install

FAST = Picamera2Options(fps=100, width_px=100, height_px=64, stall_s=0.3)
PERIOD_S = 0.01


@pytest.fixture
def sensor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sensor]:
    """A camera; at the end every picture must have been given back to it."""
    sensor = install(monkeypatch)
    yield sensor
    assert [camera.held for camera in sensor.opened if camera.closed] == [0] * len(sensor.opened)


def grab(source: Picamera2Source) -> int:
    """Wait for the next picture and make it the current one."""
    assert source.wait(2)
    timestamp_ms = source.grab()
    assert timestamp_ms is not None
    return timestamp_ms


def wait_in_turns(source: Picamera2Source) -> None:
    """Wait as long as it takes, never long at a time."""
    while not source.wait(0.02):
        pass


def test_pictures_are_rgb_without_padding(sensor: Sensor) -> None:
    with Picamera2Source(FAST) as source:
        grab(source)
        image_rgb = source.retrieve().image_rgb

    assert sensor.delivered
    assert image_rgb.shape == (64, 100, 3)
    assert image_rgb.dtype == np.uint8
    assert image_rgb.flags.c_contiguous
    assert (image_rgb.reshape(-1, 3)[1:] == COLOUR).all()


def test_pictures_are_copied_also_where_there_is_no_padding_to_cut() -> None:
    buffer = np.zeros(4 * 6 * 3, np.uint8)

    assert not np.shares_memory(from_padded_rgb(buffer, 6, 4, 18), buffer)


def test_timestamps_are_the_sensors_and_increase(sensor: Sensor) -> None:  # noqa: ARG001  # installs the library
    with Picamera2Source(FAST) as source:
        stamps = [grab(source) for _ in range(10)]
        age_ms = time.monotonic() * 1000 - stamps[-1]

    assert all(before < after for before, after in pairwise(stamps))
    assert stamps[-1] - stamps[0] >= 9 * 9
    assert 0 <= age_ms < 400


def test_the_sensor_never_starves_however_the_pictures_are_used(sensor: Sensor) -> None:
    with Picamera2Source(FAST) as source:
        for number in range(30):
            grab(source)
            if number % 3 == 0:
                source.retrieve()
        assert sensor.camera.held <= 2

    assert sensor.starved == 0
    assert sensor.most_jobs == 1


def test_a_picture_that_is_replaced_is_never_looked_at(sensor: Sensor) -> None:
    with Picamera2Source(FAST) as source:
        for _ in range(10):
            grab(source)
        source.retrieve()

    assert sensor.mapped == 1


def test_retrieve_gives_the_picture_grabbed_last_though_newer_ones_came(sensor: Sensor) -> None:
    with Picamera2Source(FAST) as source:
        grab(source)
        shown = sensor.delivered
        time.sleep(5 * PERIOD_S)
        source.wait(1)
        assert source.retrieve().image_rgb[0, 0, 0] in {shown, shown + 1}
        assert sensor.delivered > shown + 3


def test_frames_are_the_callers_own(sensor: Sensor) -> None:
    with Picamera2Source(FAST) as source:
        grab(source)
        image_rgb = source.retrieve().image_rgb
        before = image_rgb.copy()
        for _ in range(8):  # every buffer is written anew
            grab(source)

    assert sensor.delivered > 8
    assert np.array_equal(image_rgb, before)


def test_timeouts_leave_one_job_behind_and_no_buffer(sensor: Sensor) -> None:
    with Picamera2Source(FAST.model_copy(update={"stall_s": 60})) as source:
        grab(source)
        sensor.stalled = True
        assert not any(source.wait(0.002) for _ in range(20))
        sensor.stalled = False
        for _ in range(10):
            grab(source)
            source.retrieve()

    assert sensor.most_jobs == 1
    assert sensor.starved == 0


def test_a_dead_camera_is_reported_after_the_stall_limit(sensor: Sensor) -> None:
    with Picamera2Source(FAST) as source:
        grab(source)
        sensor.stalled = True
        began_s = time.monotonic()
        with pytest.raises(
            SourceError, match=r"camera 0 \(imx708\): no picture for 0\.3 s; is the cable loose"
        ):
            wait_in_turns(source)

    assert 0.3 < time.monotonic() - began_s < 3


def test_a_slow_sensor_is_not_taken_for_a_dead_one(sensor: Sensor) -> None:
    with Picamera2Source(Picamera2Options(fps=5, stall_s=0.05, width_px=64, height_px=64)) as source:
        for _ in range(3):
            wait_in_turns(source)
            source.grab()

    assert sensor.delivered >= 3


def test_after_a_pause_the_picture_is_new(sensor: Sensor) -> None:
    with Picamera2Source(FAST) as source:
        grab(source)
        source.wait(1)
        time.sleep(0.7)
        timestamp_ms = source.grab()
        assert timestamp_ms is not None
        assert time.monotonic() * 1000 - timestamp_ms < 400

    assert sensor.starved == 0


def test_closing_gives_everything_back(sensor: Sensor) -> None:
    source = Picamera2Source(FAST)
    for _ in range(3):
        with source:
            grab(source)
            source.wait(1)
        assert sensor.camera.closed
        assert not source.wedged
    source.__exit__(None, None, None)

    assert len(sensor.opened) == 3
    assert sensor.leaked_descriptors == 0


@pytest.mark.parametrize("stalled", [False, True])
def test_closing_while_a_job_is_outstanding_returns_at_once(sensor: Sensor, stalled: bool) -> None:
    with Picamera2Source(FAST.model_copy(update={"stall_s": 60})) as source:
        grab(source)
        sensor.stalled = stalled
        source.wait(0.001)
        time.sleep(3 * PERIOD_S)
        began_s = time.monotonic()

    assert time.monotonic() - began_s < 2


def test_a_driver_that_hangs_at_closing_is_left_and_told(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(picamera2_device, "CLOSE_LIMIT_S", 0.1)
    sensor.hang_at_close = threading.Event()
    with Picamera2Source(FAST) as source:
        grab(source)
        began_s = time.monotonic()

    assert time.monotonic() - began_s < 2
    assert source.wedged
    assert "closing the camera hangs" in caplog.text
    sensor.hang_at_close.set()
    sensor.camera.join()


def test_without_a_camera_nothing_is_constructed(sensor: Sensor) -> None:
    sensor.cameras.clear()

    for _ in range(3):
        with pytest.raises(SourceError, match="no camera found: check the ribbon cable"):
            Picamera2Source(FAST).__enter__()
    assert sensor.leaked_descriptors == 0


@pytest.mark.parametrize("wanted", [1, "1", "imx219", "/base/i2c/imx219@10"])
def test_a_camera_is_found_by_number_model_and_id(sensor: Sensor, wanted: int | str) -> None:
    sensor.cameras.append({"Model": "imx219", "Id": "/base/i2c/imx219@10"})

    with Picamera2Source(FAST.model_copy(update={"camera": wanted})) as source:
        assert source.info.name == "camera 1 (imx219)"
    assert sensor.camera.camera_num == 1


def test_a_camera_that_is_not_there_is_named_with_those_that_are(sensor: Sensor) -> None:
    with pytest.raises(SourceError, match=r"no camera 'ov5647'; found 0: imx708 /base/i2c/imx708@1a"):
        Picamera2Source(FAST.model_copy(update={"camera": "ov5647"})).__enter__()
    assert sensor.opened == []


def test_a_camera_in_use_is_named_with_the_reason_picamera2_hides(sensor: Sensor) -> None:
    sensor.fail_init = RuntimeError("Failed to acquire camera: Device or resource busy")

    with pytest.raises(SourceError, match=r"camera 0 .*resource busy; another program is using it"):
        Picamera2Source(FAST).__enter__()


def test_a_failed_start_is_closed_and_can_be_tried_again(sensor: Sensor) -> None:
    sensor.fail_start = RuntimeError("Failed to start camera: Input/output error")
    source = Picamera2Source(FAST)
    with pytest.raises(SourceError, match="cannot be opened: Failed to start camera: Input/output error"):
        source.__enter__()
    assert sensor.camera.closed

    sensor.fail_start = None
    with source:
        grab(source)


def test_without_the_library_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)  # what Python itself does with a failed import

    with pytest.raises(SourceError, match="sudo apt install python3-picamera2"):
        Picamera2Source(FAST).__enter__()


def test_the_camera_is_asked_for_what_costs_least(sensor: Sensor) -> None:
    with Picamera2Source(Picamera2Options(fps=20)):
        config = sensor.camera.config

    assert (config["main"]["size"], config["main"]["format"]) == ((640, 480), "BGR888")
    assert config["sensor"] == {"output_size": (2304, 1296), "bit_depth": 10}
    assert config["controls"] == {"FrameDurationLimits": (50000, 50000)}
    assert (config["raw"], config["queue"], config["buffer_count"]) == (None, False, 4)
    assert (config["display"], config["encode"], config["transform"]) == (None, None, None)


def test_modes_that_cannot_be_tried_out_are_chosen_by_size(
    sensor: Sensor, caplog: pytest.LogCaptureFixture
) -> None:
    sensor.sensor_modes = OSError(12, "Cannot allocate memory")

    with Picamera2Source(FAST):
        assert sensor.camera.config["sensor"]["output_size"] == (2304, 1296)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    ("turning", "in_hardware", "shape"),
    [
        (Turning(180), FakeTransform(hflip=True, vflip=True), (64, 100, 3)),
        (Turning(0, flip_horizontal=True), FakeTransform(hflip=True), (64, 100, 3)),
        (Turning(90), None, (100, 64, 3)),
        (Turning(270), FakeTransform(hflip=True, vflip=True), (100, 64, 3)),
        (Turning(90, flip_horizontal=True), FakeTransform(vflip=True), (100, 64, 3)),
    ],
)
def test_the_camera_flips_and_we_turn(
    sensor: Sensor, turning: Turning, in_hardware: FakeTransform | None, shape: tuple[int, int, int]
) -> None:
    options = FAST.model_copy(
        update={
            "rotation_deg": turning.rotation_deg,
            "flip_horizontal": turning.flip_horizontal,
            "flip_vertical": turning.flip_vertical,
        }
    )
    with Picamera2Source(options) as source:
        grab(source)
        image_rgb = source.retrieve().image_rgb

    assert sensor.camera.config["transform"] == in_hardware
    assert image_rgb.shape == shape == (source.info.height_px, source.info.width_px, 3)
    assert image_rgb.flags.c_contiguous


def test_a_picture_can_be_retrieved_once(sensor: Sensor) -> None:  # noqa: ARG001  # installs the library
    with Picamera2Source(FAST) as source:
        with pytest.raises(SourceError, match="no picture was grabbed yet"):
            source.retrieve()
        grab(source)
        source.retrieve()
        with pytest.raises(SourceError, match="or it was retrieved already"):
            source.retrieve()
