"""`doctor`'s questions to the camera, answered by the real picamera2."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_edge import doctor
from pose_edge.config import Config
from pose_edge.doctor import Result, Surroundings, libraries
from pose_edge.sources.picamera2 import Picamera2Options, Picamera2Source
from pose_edge.state_directory import StateDirectory
from tests.pi.conftest import STARTUP, cameras

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def for_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board's camera lies below `tests`, and doctor's children do not import from where they are."""
    monkeypatch.setenv("PYTHONPATH", f"{STARTUP}:{ROOT}")


def look(name: str, directory: Path, wanted: int | str = 0) -> Result:
    config = Config.model_validate({"source": {"kind": "picamera2", "camera": wanted}})
    here = Surroundings(config, state_directory=directory)
    [found] = doctor.examine(here, [(name, doctor.CHECKS[name])])
    return found


def test_the_camera_is_named(tmp_path: Path) -> None:
    found = look("camera", tmp_path)

    assert (found.verdict, found.text) == ("ok", "camera 0 (imx708)")
    assert look("camera", tmp_path, "imx219").text == "camera 1 (imx219)"


def test_no_camera_or_another_one_is_a_fault_with_what_to_do(tmp_path: Path) -> None:
    other = look("camera", tmp_path, "imx477")
    assert (other.verdict, "no camera 'imx477'; found 0: imx708" in other.text) == ("fault", True)

    with cameras():
        none = look("camera", tmp_path)
        assert look("sensor modes", tmp_path).verdict == "skipped"
    assert (none.verdict, "check the ribbon cable" in none.text) == ("fault", True)


def test_the_modes_of_the_sensor_are_weighed(tmp_path: Path) -> None:
    found = look("sensor modes", tmp_path)

    assert (found.verdict, "for 640 x 480 px at 15 Hz" in found.text) == ("ok", True), found.text
    assert "modes" in found.text


def test_a_camera_in_use_is_named_all_the_same(tmp_path: Path) -> None:
    with StateDirectory(tmp_path), Picamera2Source(Picamera2Options()):
        assert look("camera", tmp_path).verdict == "ok"
        assert look("sensor modes", tmp_path) == Result(
            "sensor modes", "skipped", "the running daemon has the camera"
        )


def test_the_numpy_of_the_lock_fits_the_libraries_of_picamera2() -> None:
    assert libraries.numpy_abi(Surroundings(Config())).verdict == "ok"
