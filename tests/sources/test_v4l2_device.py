"""OpenCV's real V4L2 code, and ours on top, on a camera made of software.

A library that is loaded before all others answers for the driver (v4l2_device.c). That takes a process of its
own, so each test runs one.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_name("v4l2_device.c")

PRELUDE = """
import json, os, sys, time
from pathlib import Path
import cv2
from pose_edge.errors import SourceError
from pose_edge.sources.v4l2 import V4l2Options, V4l2Source

device = os.environ["FAKE_CAMERA"]

def camera_is(word):
    Path(device).write_text(word)

def open_(**options):
    return V4l2Source(V4l2Options(device=device, fps=50, stall_s=0.5, **options))

def grab(source):
    while not source.wait(0.1):
        pass
    return source.grab()

def age_ms(timestamp_ms):
    return time.monotonic() * 1000 - timestamp_ms

def tell(**found):
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler (cc) for Linux here to make a camera with")
    library = tmp_path_factory.mktemp("camera") / "camera.so"
    command = [
        compiler,
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-o",
        str(library),
        str(SOURCE),
        "-ldl",
        "-lpthread",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip(f"cannot compile a camera: {done.stderr.splitlines()[0]}")
    return library


class Bench:
    """Runs Python with a camera plugged in."""

    def __init__(self, library: Path, folder: Path) -> None:
        self.device = folder / "video0"
        self._photo = folder / "photo.jpg"
        image_bgr = np.zeros((960, 1280, 3), np.uint8)
        image_bgr[..., 2] = 200
        assert cv2.imwrite(str(self._photo), image_bgr)
        self._environment = dict(
            os.environ, LD_PRELOAD=str(library), FAKE_CAMERA=str(self.device), FAKE_JPEG=str(self._photo)
        )

    def run(self, *arguments: str, word: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        self.device.write_text(word)
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self._environment | environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def script(self, text: str, word: str = "") -> Any:
        """Return what the script tells."""
        done = self.run("-c", PRELUDE + text, word=word)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def bench(library: Path, tmp_path: Path) -> Bench:
    return Bench(library, tmp_path)


def test_pictures_are_fresh_and_right_in_the_formats_that_are_taken_raw(bench: Bench) -> None:
    found = bench.script("""
with open_() as source:
    ages, stamps, levels = [], [], []
    for _ in range(10):
        stamps.append(grab(source))
        ages.append(age_ms(stamps[-1]))
        frame = source.retrieve()
        levels.append(int(frame.image_rgb[7, 7, 0]))
    tell(ages=ages, stamps=stamps, levels=levels, shape=frame.image_rgb.shape, name=source.info.name,
         size=[source.info.height_px, source.info.width_px], rate_hz=source.info.rate_hz)
""")

    assert statistics.median(found["ages"]) < 60
    assert all(before < after for before, after in pairwise(found["stamps"]))
    assert found["stamps"][-1] - found["stamps"][0] > 9 * 18
    assert found["levels"] == sorted(found["levels"])
    assert found["shape"] == [*found["size"], 3] == [480, 640, 3]
    assert found["name"] == f"Preloaded Camera ({bench.device})"
    assert found["rate_hz"] == 50


def test_large_pictures_come_as_mjpg_and_are_decoded_only_when_wanted(bench: Bench) -> None:
    found = bench.script("""
decoded = []
imdecode = cv2.imdecode
cv2.imdecode = lambda *given: decoded.append(1) or imdecode(*given)
with open_(width_px=1280, height_px=960) as source:
    for _ in range(10):
        grab(source)
    frame = source.retrieve()
    tell(decoded=len(decoded), shape=frame.image_rgb.shape, colour=frame.image_rgb[500, 500].tolist())
""")

    assert found["decoded"] == 1
    assert found["shape"] == [960, 1280, 3]
    assert found["colour"] == pytest.approx([200, 0, 0], abs=3)


def test_other_formats_are_left_to_opencv(bench: Bench) -> None:
    found = bench.script(
        """
with open_() as source:
    levels = []
    for _ in range(5):
        grab(source)
        image_rgb = source.retrieve().image_rgb
        levels.append(int(image_rgb[7, 7, 0]))
        assert image_rgb.shape == (480, 640, 3) and image_rgb.min() == image_rgb.max()
    tell(levels=levels)
""",
        word="grey",
    )

    assert found["levels"] == sorted(set(found["levels"]))


def test_after_a_pause_the_picture_is_new(bench: Bench) -> None:
    found = bench.script("""
with open_() as source:
    grab(source)
    source.wait(1)
    time.sleep(1.2)
    tell(age_ms=age_ms(source.grab()), level=int(source.retrieve().image_rgb[7, 7, 0]))
""")

    assert found["age_ms"] < 400
    assert found["level"] > 12  # the four buffers were filled with the first ones


def test_waits_are_bounded_and_a_stalled_camera_is_reported_and_may_come_back(bench: Bench) -> None:
    found = bench.script("""
with open_() as source:
    grab(source)
    while source.wait(0.1):
        source.grab()
        camera_is("stall")
    began_s = time.monotonic()
    for _ in range(3):
        assert not source.wait(0.1)
    short_s = time.monotonic() - began_s
    camera_is("")
    grab(source)
    camera_is("stall")
    try:
        while True:
            grab(source)
    except SourceError as error:
        tell(short_s=short_s, error=str(error))
""")

    assert found["short_s"] < 2
    assert found["error"].endswith("no picture for 0.5 s; is the cable loose?")


def test_pictures_that_cannot_be_decoded_are_passed_over_also_at_the_beginning(bench: Bench) -> None:
    found = bench.script("""
import threading
camera_is("short")
threading.Timer(0.2, camera_is, [""]).start()
with open_(width_px=1280, height_px=960) as source:
    grab(source)
    camera_is("short")
    while source.wait(0.1):
        source.grab()
    camera_is("")
    grab(source)
    tell(colour=source.retrieve().image_rgb[500, 500].tolist())
""")

    assert found["colour"] == pytest.approx([200, 0, 0], abs=3)


def test_a_camera_that_cannot_be_opened_is_named_with_the_reason(bench: Bench) -> None:
    found = bench.script("""
os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] = "1"
errors = {}
for word in ("busy", "metadata", "stall"):
    camera_is(word)
    try:
        open_().__enter__()
    except SourceError as error:
        errors[word] = str(error)
tell(**errors)
""")

    camera = f"Preloaded Camera ({bench.device})"
    assert found == {
        "busy": f"{bench.device}: OpenCV cannot capture from it; is another program using it "
        f"(`fuser -v {bench.device}`)? Cameras on the ribbon cable need kind picamera2",
        "metadata": f"{bench.device}: Preloaded Camera gives no pictures at this node; "
        "try the others of `v4l2-ctl --list-devices`",
        "stall": f"{camera}: opened, but it gave no picture within 10 s",
    }


def test_a_camera_that_is_unplugged_is_reported_at_once(bench: Bench) -> None:
    found = bench.script("""
with open_() as source:
    grab(source)
    camera_is("gone")
    try:
        while True:
            grab(source)
    except SourceError as error:
        tell(error=str(error))
""")

    assert found["error"].endswith("the camera is gone; was it unplugged?")


def test_the_contract_of_all_sources_holds_on_a_usb_camera(bench: Bench) -> None:
    done = bench.run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "v4l2", "tests/sources/test_contract.py"),
        POSE_EDGE_TEST_V4L2=str(bench.device),
    )

    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout.replace("2 skipped", ""), done.stdout  # a camera never ends
