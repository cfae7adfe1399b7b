"""The boards' own lock files, on their processor and Python, emulated: `make test-arm64`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml

from tests.arm64.conftest import PI4, PI5, Board
from tests.conftest import ROOT

pytestmark = pytest.mark.timeout(240)

Boards = Callable[[str, str], Board]


def locked(lock: str) -> dict[str, str]:
    """Return name and version of all that a lock file names."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


def poses(said: str) -> npt.NDArray[np.float64]:
    """Return x and y of the one person in what `detect` says, shape (33, 2)."""
    found: dict[str, Any] = json.loads(said)
    [pose] = found["poses"]
    return np.reshape(pose["landmarks"], (33, -1))[:, :2]


@pytest.fixture(scope="session")
def photo(person_photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of a person where the boards see it too, small: every pixel is decoded by emulation."""
    image = cv2.imread(str(person_photo))
    assert image is not None
    path = tmp_path_factory.mktemp("arm64") / "person.png"
    scale = 480 / max(image.shape[:2])
    assert cv2.imwrite(str(path), cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return path


@pytest.fixture(scope="session")
def seen_here(photo: Path, model_path: Path) -> npt.NDArray[np.float64]:
    """What the model finds on this machine."""
    command = [sys.executable, "-m", "pose_edge", "detect", "--model", str(model_path), str(photo)]
    return poses(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(
    ("suite", "lock", "mediapipe"),
    [("trixie", "pi5-trixie", "1.2.2"), ("bookworm", "pi4-bookworm", "0.10.18")],
)
def test_a_lock_is_installed_as_it_stands(board: Boards, suite: str, lock: str, mediapipe: str) -> None:
    done = board(suite, PI5).run("pip", "list", "--format=json", "--disable-pip-version-check")
    installed = {each["name"].lower().replace("_", "-"): each["version"] for each in json.loads(done.stdout)}

    assert locked(lock)["mediapipe"] == mediapipe
    assert {name: installed.get(name) for name in locked(lock)} == locked(lock)


@pytest.mark.parametrize(("suite", "processor"), [("trixie", PI5), ("bookworm", PI4)])
def test_the_person_is_found_where_this_machine_finds_them(
    board: Boards, suite: str, processor: str, photo: Path, seen_here: npt.NDArray[np.float64]
) -> None:
    done = board(suite, processor).run("python", "-m", "pose_edge", "detect", str(photo))

    assert done.returncode == 0, done.stderr
    # Other processors get other kernels: 1.3e-3 of the width between x86_64 and an A76 (lite).
    assert np.abs(poses(done.stdout) - seen_here).max() < 0.02


def test_the_daemon_refuses_a_pi_4_with_the_mediapipe_of_a_pi_5(board: Boards, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    options = {
        "device": {"id": "test"},
        "source": {"kind": "actor", "script": "demo"},
        "mqtt": {"host": "127.0.0.1", "port": 1},
        "homeassistant": {"enabled": False},
    }
    config.write_text(yaml.safe_dump(options))
    command = ("python", "-m", "pose_edge", "run", "--config", str(config))
    done = board("trixie", PI4).run(*command, STATE_DIRECTORY=str(tmp_path / "state"))

    # Not -SIGILL, and not 1, which systemd would try again.
    assert done.returncode == 69, done.stderr
    [told] = [line for line in done.stderr.splitlines() if line.startswith("pose-edge: ")]
    assert "mediapipe 1.2.2 needs an ARMv8.2 processor (Raspberry Pi 5), and this one lacks atomics" in told
    assert "install mediapipe 0.10.18 (Raspberry Pi OS Bookworm, Python 3.11" in told
