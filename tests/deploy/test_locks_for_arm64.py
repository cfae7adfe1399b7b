"""Every lock file can be had as wheels for its board: nothing is built on a Pi."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

UV = ROOT / ".uv/bin/uv"
"""What `tools/uv` makes; with it `make test` made the environment that runs this."""

# Raspberry Pi OS Bookworm has glibc 2.36, Trixie 2.41.
LOCKS = [
    ("pi5-trixie", "3.13", "aarch64-manylinux_2_40"),
    ("pi5-bookworm", "3.11", "aarch64-manylinux_2_36"),
    ("pi4-bookworm", "3.11", "aarch64-manylinux_2_36"),
    ("laptop", "3.11", "aarch64-manylinux_2_36"),
    ("laptop", "3.12", "aarch64-manylinux_2_36"),
    ("laptop", "3.13", "aarch64-manylinux_2_40"),
]


def dry_run(lock: Path, python: str, platform: str, target: Path) -> subprocess.CompletedProcess[str]:
    """Let uv say what it would install for that machine; nothing is downloaded but descriptions."""
    command = [str(ROOT / "tools/uv"), "pip", "install", "--dry-run", "--target", str(target), "--no-deps"]
    wheels = ["--require-hashes", "--only-binary", ":all:", "--python-version", python]
    return subprocess.run(
        [*command, *wheels, "--python-platform", platform, "-r", str(lock)],
        env={**os.environ, "UV_NO_PROGRESS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.skipif(not UV.exists(), reason="needs the project's uv, and with it a package index: make test")
@pytest.mark.parametrize(("lock", "python", "platform"), LOCKS)
def test_a_lock_resolves_to_wheels(lock: str, python: str, platform: str, tmp_path: Path) -> None:
    done = dry_run(ROOT / "requirements" / f"{lock}.lock", python, platform, tmp_path)

    assert done.returncode == 0, done.stderr
    assert "+ mediapipe==" + ("0.10.18" if lock.startswith("pi4") else "1.2.2") in done.stderr


@pytest.mark.skipif(not UV.exists(), reason="needs the project's uv, and with it a package index: make test")
def test_a_lock_without_a_wheel_is_noticed(tmp_path: Path) -> None:
    """0.10.18 has no wheel for Python 3.13: what a Pi 4 with Trixie would need does not exist."""
    done = dry_run(ROOT / "requirements/pi4-bookworm.lock", "3.13", "aarch64-manylinux_2_40", tmp_path)

    assert done.returncode != 0
    assert "mediapipe" in done.stderr
