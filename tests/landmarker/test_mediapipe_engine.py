from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
import weakref
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.errors import LandmarkerError, ModelError
from pose_edge.landmarker.mediapipe_engine import (
    Engine,
    RawCallback,
    RawLandmarker,
    check_picture,
    creation_error,
    reason,
)
from pose_edge.landmarker.mediapipe_result import RawResult
from pose_edge.landmarker.options import LandmarkerOptions, RunningMode
from pose_edge.records import Frame
from tests.landmarker.unheard import create_unheard

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("pose_detector.tflite", "pose_landmarks_detector.tflite")
GOOD = np.zeros((4, 6, 3), np.uint8)


def ignore(*_: object) -> None:
    pass


def engine_for(path: Path, mode: RunningMode = RunningMode.IMAGE) -> Engine:
    on_result = ignore if mode is RunningMode.LIVE_STREAM else None
    return Engine(path, LandmarkerOptions(), mode, on_result, create_unheard)


def bundle(path: Path, parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def parts_of(model: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(model) as archive:
        return {name: archive.read(name) for name in NAMES}


# --- the model -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such file"),
        (b"", "Unable to get file size"),
        (b"<html>404 Not Found</html>" * 40, "Unable to open zip archive"),
    ],
)
def test_a_file_that_is_no_model_is_named_with_the_reason(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    """F1.3: MediaPipe itself names neither the file nor, since the error differs by version, a kind."""
    path = tmp_path / "wrong.task"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ModelError) as caught:
        engine_for(path).open()

    message = str(caught.value)
    assert f"model {path}" in message
    assert expected in message
    assert "\n" not in message


def test_a_directory_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        engine_for(tmp_path).open()


def test_a_model_of_another_task_is_told_from_a_pose_landmarker(tmp_path: Path) -> None:
    """F1.3."""
    path = bundle(tmp_path / "hand.task", {"hand_detector.tflite": b"x" * 100})

    with pytest.raises(ModelError, match=r"No file with name: pose_detector\.tflite.*hand_detector"):
        engine_for(path).open()


def test_half_a_model_a_damaged_one_and_a_compressed_one_are_refused(
    model_path: Path, tmp_path: Path
) -> None:
    """F1.3."""
    parts = parts_of(model_path)
    wrong = {
        "pose_landmarks_detector": bundle(tmp_path / "half.task", {NAMES[0]: parts[NAMES[0]]}),
        "not a valid Flatbuffer": bundle(tmp_path / "junk.task", dict.fromkeys(NAMES, b"junk" * 1000)),
        "uncompressed": bundle(tmp_path / "deflated.task", parts, zipfile.ZIP_DEFLATED),
    }
    for expected, path in wrong.items():
        with pytest.raises(ModelError, match=expected) as caught:
            engine_for(path).open()
        assert str(path) in str(caught.value)


@pytest.fixture
def failing_model(model_path: Path, tmp_path: Path) -> Path:
    """The two halves swapped: created without a word, fails inside the graph."""
    parts = parts_of(model_path)
    return bundle(tmp_path / "swapped.task", {NAMES[0]: parts[NAMES[1]], NAMES[1]: parts[NAMES[0]]})


def test_a_model_that_fails_on_its_first_picture_gives_one_line_and_still_closes(failing_model: Path) -> None:
    engine = engine_for(failing_model)
    engine.open()
    with pytest.raises(LandmarkerError, match="MediaPipe refused detect: RET_CHECK failure") as caught:
        engine.detect(Frame(np.zeros((48, 64, 3), np.uint8), 0))
    engine.close()

    assert "\n" not in str(caught.value)
    assert not engine.wedged


FAIL_AND_COLLECT = """
import gc, sys
from pathlib import Path
import numpy
from pose_edge.errors import LandmarkerError
from pose_edge.landmarker.blocking import StillLandmarker
from pose_edge.records import Frame
from pose_edge.sandbox import lock_network_out

lock_network_out()
try:
    with StillLandmarker(Path(sys.argv[1])) as landmarker:
        landmarker.detect(Frame(numpy.zeros((48, 64, 3), numpy.uint8), 0))
except LandmarkerError as error:
    error.itself = error
del landmarker
gc.collect()
print("collected")
"""


def test_what_could_not_be_closed_hangs_neither_the_garbage_collector_nor_the_exit(
    failing_model: Path,
) -> None:
    """After a `close` that raised, 1.2.2 closes again in `__del__`, on a thread that is gone by then."""
    command = [sys.executable, "-c", FAIL_AND_COLLECT, str(failing_model)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout) == (0, "collected\n")
    assert "Exception ignored" not in done.stderr


def test_a_relative_path_is_made_absolute(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F1.4."""
    monkeypatch.chdir(model_path.parent)
    engine = engine_for(Path(model_path.name))
    engine.open()
    engine.close()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Unable to open zip archive.", "Unable to open zip archive"),
        (
            "Graph Initialization failed.\nClip: max_vec_size should be 1.\nSecond: too",
            "Clip: max_vec_size should be 1",
        ),
        ('Run() failed: \nCalculator::Process() for node "a" failed: ; RET_CHECK x==4 ', "RET_CHECK x==4"),
        ("It failed.", "It failed"),
        ("", "ValueError"),
    ],
)
def test_of_mediapipes_many_lines_the_telling_one_is_kept(status: str, expected: str) -> None:
    assert reason(ValueError(status)) == expected


def test_a_missing_system_library_is_named_with_the_package_that_brings_it() -> None:
    text = "libEGL.so.1: cannot open shared object file: No such file or directory"
    error = creation_error(Path("/m.task"), OSError(text))

    assert not isinstance(error, ModelError)
    assert "libEGL.so.1" in str(error)
    assert "apt install libegl1 libgles2" in str(error)


# --- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        (GOOD[:, ::-1], "uint8, shape (4, 6, 3), not C-contiguous"),
        (GOOD[:, 1:4], "uint8, shape (4, 3, 3), not C-contiguous"),
        (GOOD[..., ::-1], "uint8, shape (4, 6, 3), not C-contiguous"),
        (np.asfortranarray(GOOD), "uint8, shape (4, 6, 3), not C-contiguous"),
        (np.zeros((4, 6, 4), np.uint8), "uint8, shape (4, 6, 4), C-contiguous"),
        (np.zeros((4, 6), np.uint8), "uint8, shape (4, 6), C-contiguous"),
        (np.zeros((4, 6, 3), np.float32), "float32, shape (4, 6, 3), C-contiguous"),
        (np.zeros((0, 6, 3), np.uint8), "uint8, shape (0, 6, 3), C-contiguous"),
    ],
)
def test_pictures_mediapipe_would_scramble_are_refused(picture: npt.NDArray[np.uint8], found: str) -> None:
    """F4.1, F4.3: mirrored, cropped and BGR views are accepted by MediaPipe and misread."""
    with pytest.raises(LandmarkerError) as caught:
        check_picture(picture)

    assert str(caught.value).endswith(f"found {found}")


@pytest.mark.parametrize(
    "picture", [GOOD, np.zeros((1, 1, 3), np.uint8), np.ascontiguousarray(GOOD[:, ::-1])]
)
def test_whole_pictures_are_let_through(picture: npt.NDArray[np.uint8]) -> None:
    check_picture(picture)


# --- wrong use -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(RunningMode))
def test_calls_of_another_mode_become_one_clear_error(model_path: Path, mode: RunningMode) -> None:
    """F6.5, F2.1-F2.3."""
    engine = engine_for(model_path, mode)
    calls: dict[RunningMode, Callable[[], object]] = {
        RunningMode.IMAGE: lambda: engine.detect(Frame(GOOD, 0)),
        RunningMode.VIDEO: lambda: engine.detect_for_video(Frame(GOOD, 0), 1),
        RunningMode.LIVE_STREAM: lambda: engine.detect_async(Frame(GOOD, 0), 1),
    }
    engine.open()
    try:
        for other in set(RunningMode) - {mode}:
            with pytest.raises(LandmarkerError, match="Task is not initialized with the"):
                calls[other]()
        calls[mode]()
    finally:
        engine.close()


def test_a_live_landmarker_without_callback_and_a_still_one_with_it_are_refused(model_path: Path) -> None:
    """F2.3, F3.7: MediaPipe says so; ours cannot be built that way."""
    wrong: list[tuple[RunningMode, RawCallback | None]] = [
        (RunningMode.LIVE_STREAM, None),
        (RunningMode.IMAGE, ignore),
        (RunningMode.VIDEO, ignore),
    ]
    for mode, callback in wrong:
        with pytest.raises(LandmarkerError, match="result callback"):
            create_unheard(model_path, LandmarkerOptions(), mode, callback)


def test_an_engine_that_is_not_open_says_so(model_path: Path) -> None:
    """F1.5: after `close` MediaPipe 1.2.2 returns an empty result and drops live frames without a word."""
    engine = engine_for(model_path)
    with pytest.raises(LandmarkerError, match="image landmarker is not open"):
        engine.detect(Frame(GOOD, 0))
    engine.open()
    with pytest.raises(LandmarkerError, match="image landmarker is open already"):
        engine.open()
    engine.close()
    engine.close()
    with pytest.raises(LandmarkerError, match="image landmarker is not open"):
        engine.detect(Frame(GOOD, 0))


# --- close ---------------------------------------------------------------------------------------


class Hanging:
    """A MediaPipe that never comes back from `close`, until the test is over."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.closes = 0

    def create(self, *_: object) -> RawLandmarker:
        return self

    def detect(self, _image: object) -> RawResult:
        raise NotImplementedError

    def detect_for_video(self, _image: object, _timestamp_ms: int) -> RawResult:
        raise NotImplementedError

    def detect_async(self, _image: object, _timestamp_ms: int) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closes += 1
        self.released.wait(30)


def test_a_close_that_hangs_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """F1.5."""
    hanging = Hanging()
    engine = Engine(Path("any"), LandmarkerOptions(), RunningMode.LIVE_STREAM, ignore, hanging.create)
    engine.open()
    started_s = time.monotonic()
    with caplog.at_level(logging.ERROR):
        engine.close(limit_s=0.2)
        engine.close(limit_s=5)
    took_s = time.monotonic() - started_s

    assert 0.2 <= took_s < 2
    assert engine.wedged
    assert hanging.closes == 1
    assert [record.message for record in caplog.records] == ["MediaPipe did not close within 0.2 s; given up"]
    with pytest.raises(LandmarkerError, match="wedged"):
        engine.open()
    hanging.released.set()


def test_a_picture_that_was_prepared_is_let_go_of_when_closed(model_path: Path) -> None:
    engine = engine_for(model_path, RunningMode.LIVE_STREAM)
    engine.open()
    frame = Frame(np.zeros((4, 6, 3), np.uint8), 0)
    engine.prepare(frame)
    pixels = weakref.ref(frame.image_rgb)
    engine.close()
    del frame

    assert pixels() is None
