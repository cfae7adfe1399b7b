"""Each import gets an interpreter of its own: there is one `sys.modules` a process."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.landmarker.mediapipe_import import installed_version

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"matplotlib", "cv2", "sounddevice", "jax", "PIL"}

DETECT = """
import json, sys
from pathlib import Path
import numpy
from pose_edge.landmarker import mediapipe_import
from pose_edge.landmarker.blocking import StillLandmarker
from pose_edge.records import Frame
from pose_edge.sandbox import lock_network_out

lock_network_out()
{before}
mediapipe = mediapipe_import.import_mediapipe()
with StillLandmarker(Path({model!r})) as landmarker:
    result = landmarker.detect(Frame(numpy.load({picture!r}), 0))
print(json.dumps({{
    "lean": mediapipe.lean,
    "version": mediapipe.version,
    "poses": len(result.poses),
    "nose": result.poses[0].landmarks[0, :2].tolist(),
    "modules": sorted({{name.partition(".")[0] for name in sys.modules}}),
    "tasks": sorted(name for name in sys.modules if name.startswith("mediapipe.")),
}}))
"""

BREAK_LAST_PLACE = """
places = "PLACES_0_10" if mediapipe_import.installed_version().startswith("0.") else "PLACES_1"
broken = dict(getattr(mediapipe_import, places)) | {"image_format": "mediapipe.moved.elsewhere:ImageFormat"}
setattr(mediapipe_import, places, broken)
"""
IMPORT_PLAINLY_FIRST = "import mediapipe; from mediapipe.tasks.python import vision"

needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None,
    reason="the plain import needs matplotlib, and this environment leaves it out",
)


@pytest.fixture
def picture(person_rgb: npt.NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "person.npy"
    np.save(path, person_rgb)
    return path


def detect(model: Path, picture: Path, before: str = "") -> Mapping[str, Any]:
    code = DETECT.format(before=before, model=str(model), picture=str(picture))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_lean_import_detects_without_matplotlib_opencv_and_sound(model_path: Path, picture: Path) -> None:
    """F1.2: Tasks API only."""
    found = detect(model_path, picture)

    assert found["lean"]
    assert found["version"] == installed_version()
    assert found["poses"] == 1
    assert not HEAVY & set(found["modules"])
    assert not [name for name in found["tasks"] if "solutions" in name]
    assert "mediapipe.tasks.python.audio" not in found["tasks"]
    assert "mediapipe.tasks.python.vision.hand_landmarker" not in found["tasks"]


@needs_matplotlib
def test_when_the_layout_moved_the_plain_import_takes_over(model_path: Path, picture: Path) -> None:
    lean, plain = detect(model_path, picture), detect(model_path, picture, BREAK_LAST_PLACE)

    assert not plain["lean"]
    assert "mediapipe.tasks.python.vision.hand_landmarker" in plain["tasks"]
    assert plain["nose"] == lean["nose"]


@needs_matplotlib
def test_a_process_that_imported_all_of_mediapipe_before_works_too(model_path: Path, picture: Path) -> None:
    found = detect(model_path, picture, IMPORT_PLAINLY_FIRST)

    assert found["poses"] == 1


def test_without_mediapipe_one_line_says_so(tmp_path: Path) -> None:
    """An environment with everything but MediaPipe."""
    for package in Path(np.__file__).parent.parent.iterdir():
        if not package.name.startswith("mediapipe"):
            (tmp_path / package.name).symlink_to(package)
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]\n"
        "from pose_edge.errors import UnavailableError\n"
        "from pose_edge.landmarker.mediapipe_import import import_mediapipe\n"
        "try:\n    import_mediapipe()\nexcept UnavailableError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip() == "mediapipe is not installed: pip install pose-edge", done.stderr
