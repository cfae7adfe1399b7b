"""Which model and which pictures the tests use; everything else stands in its own directory.

The pictures and the model of ../shared are used where they are. Without them a model may be named by
POSE_EDGE_MODEL or lie in models/, and the picture is matplotlib's sample photo; a test that finds
neither is skipped and says why.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PERSON_PHOTO = "photos/man_arms_out_lunge.jpg"


def pytest_configure() -> None:
    """Let Ctrl-C mean what it means at a terminal, also where the tests run in a shell's background.

    There it is ignored, and what the tests start would inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The directory with `clips/` and `photos/`; skips without it."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("no ../shared/data beside the checkout")
    return data


@pytest.fixture(scope="session")
def model_path() -> Path:
    """A pose landmarker model that exists; skips without one."""
    _require_inference()
    path = _find_model()
    if path is None:
        pytest.skip("no model: set POSE_EDGE_MODEL or run `pose-edge models fetch`")
    return path


def _require_inference() -> None:
    """Skip where MediaPipe's library cannot be loaded: since 1.1 it links these, needed or not."""
    for library in ("libEGL.so.1", "libGLESv2.so.2"):
        try:
            ctypes.CDLL(library)
        except OSError:
            pytest.skip(f"no {library}: apt install libegl1 libgles2")


@pytest.fixture(scope="session")
def person_photo() -> Path:
    """A photo of one person who is seen completely (or, without ../shared, down to the hips)."""
    path = _find_photo()
    if path is None:
        pytest.skip("no photo: neither ../shared/data nor matplotlib's sample data is here")
    return path


@pytest.fixture
def person_rgb(person_photo: Path) -> npt.NDArray[np.uint8]:
    """One person, R, G, B, at most 640 x 480 px, C-contiguous; the test may change it."""
    return _load_rgb(person_photo, 640, 480)


@pytest.fixture
def empty_rgb() -> npt.NDArray[np.uint8]:
    """A bare wall, 640 x 480 px: the photo of the empty porch will not do, the model sees somebody there."""
    wall = np.linspace(150, 190, 480, dtype=np.uint8)
    return np.ascontiguousarray(np.broadcast_to(wall[:, None, None], (480, 640, 3)))


def _find_model() -> Path | None:
    """Return the model to test with: the named one, the shared one, one that was fetched."""
    if named := os.environ.get("POSE_EDGE_MODEL"):
        path = Path(named).resolve()
        assert path.is_file(), f"POSE_EDGE_MODEL names no file: {named}"
        return path
    candidates = [SHARED / "models" / "pose_landmarker_lite.task", *sorted((ROOT / "models").glob("*.task"))]
    return next((path for path in candidates if path.is_file()), None)


def _find_photo() -> Path | None:
    """Return the shared photo, else the sample that comes in matplotlib's wheel."""
    candidates = [SHARED / "data" / PERSON_PHOTO]
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        package = Path(matplotlib.origin).parent
        candidates.append(package / "mpl-data" / "sample_data" / "grace_hopper.jpg")
    return next((path for path in candidates if path.is_file()), None)


def _load_rgb(path: Path, width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    """Read a photo and shrink it to fit, keeping its proportions."""
    image_bgr = cv2.imread(str(path))
    assert image_bgr is not None, f"OpenCV cannot read {path}"
    scale = min(width_px / image_bgr.shape[1], height_px / image_bgr.shape[0])
    small_bgr = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(cv2.cvtColor(small_bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
