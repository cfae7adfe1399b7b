"""The real picamera2 on libcamera's software camera, in the root of `tools/pi-root`: `make test-pi`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.pi.board import switches
from tests.pi.board.modules import SIZES
from tests.pi.board.sensor import Sensor, sensor

CAMERAS: Final = Path("/usr/share/libcamera/pipeline/virtual/virtual.yaml")
"""Where libcamera's software camera looks; without it there is no camera. Each run has its own."""

STARTUP: Final = Path(__file__).parent / "startup"
MODELS: Final = {"module3": "imx708", "module2": "imx219", "actor": "imx708_wide"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything here outside the root: `libcamera` on a real board has real cameras."""
    if "POSE_EDGE_PI_ROOT" in os.environ:
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs the real picamera2: make test-pi"))


@contextmanager
def cameras(*ids: str, frames: Path | None = None) -> Iterator[None]:
    """Have these cameras, for whoever enumerates them now. The actor's shows the pictures in `frames`."""
    before = CAMERAS.read_text() if CAMERAS.exists() else None
    text = "".join(_camera(each, frames if each == "actor" else None) for each in ids)
    if text:
        CAMERAS.write_text("%YAML 1.1\n---\n" + text)
    else:
        CAMERAS.unlink(missing_ok=True)
    try:
        yield
    finally:
        CAMERAS.write_text(before) if before is not None else CAMERAS.unlink(missing_ok=True)


def _camera(camera_id: str, frames: Path | None) -> str:
    sizes = "".join(f"  - {{width: {w}, height: {h}, frame_rates: [1, 120]}}\n" for w, h in SIZES)
    shown = f'  frames:\n    path: "{frames}/"\n' if frames else '  test_pattern: "bars"\n'
    model = MODELS[camera_id]
    place = f'  location: "CameraLocationFront"\n  model: "{model}"\n'
    return f'"{camera_id}":\n  supported_formats:\n{sizes}{shown}{place}'


@pytest.fixture(scope="session", autouse=True)
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The board's camera, for this process and all it starts."""
    if "POSE_EDGE_PI_ROOT" not in os.environ:
        yield
        return
    patch = pytest.MonkeyPatch()
    patch.setenv(switches.FOLDER, str(tmp_path_factory.mktemp("board")))
    patch.setenv("PYTHONPATH", str(STARTUP))
    patch.setenv("LIBCAMERA_LOG_LEVELS", "*:FATAL")
    from tests.pi.board.install import InstallWhenImported

    sys.meta_path.insert(0, InstallWhenImported())
    with cameras("module3", "module2"):
        yield
    patch.undo()


@pytest.fixture
def camera() -> Iterator[Sensor]:
    """Camera Module 3, number 0. At the end nothing may be wrong any more, and nothing stream."""
    yield sensor("module3")
    gc.collect()
    assert switches.running() == set()


def configuration(source: Any) -> dict[str, Any]:
    """Return what picamera2 made of our wishes."""
    found: dict[str, Any] = source._camera.camera_configuration()
    return found
