"""The Debian packages of `make deb`: what they say, what they carry, and what their scripts do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pose_edge import __version__
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg-deb: not a Debian")

INSTALLER = "usr/share/pose-edge/deploy/install.sh"


def told(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The package of each architecture."""
    made = told(ROOT / "tools/deb", tmp_path_factory.mktemp("deb")).split()
    return {path.rsplit("_", 1)[1].removesuffix(".deb"): Path(path) for path in made}


@pytest.fixture(scope="module")
def unpacked(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies where on a machine that has it, and DEBIAN/ with its scripts."""
    folder = tmp_path_factory.mktemp("unpacked")
    told("dpkg-deb", "--raw-extract", packages["amd64"], folder)
    return folder


@pytest.mark.parametrize("architecture", ["arm64", "amd64"])
def test_it_says_what_it_is(packages: dict[str, Path], architecture: str) -> None:
    for name, expected in {
        "Package": "pose-edge",
        "Version": __version__,
        "Architecture": architecture,
    }.items():
        assert told("dpkg-deb", "--field", packages[architecture], name).strip() == expected


def test_it_asks_for_all_that_the_installer_would_fetch_from_apt(packages: dict[str, Path]) -> None:
    """apt is locked while a package is set up."""
    depends = told("dpkg-deb", "--field", packages["arm64"], "Depends", "Recommends")

    for package in ("python3-venv", "libegl1", "libgles2", "libseccomp2", "python3-picamera2"):
        assert package in depends


def test_everything_is_roots_and_nobody_elses_to_write(packages: dict[str, Path]) -> None:
    for line in told("dpkg-deb", "--contents", packages["arm64"]).splitlines():
        mode, owner, *_ = line.split()
        assert owner == "root/root", line
        assert mode.startswith("l") or mode[5] == mode[8] == "-", line
        assert ".pyc" not in line


def test_it_carries_what_the_installer_installs(unpacked: Path) -> None:
    source = unpacked / "usr/share/pose-edge"

    for name in ("pose_edge/__main__.py", "requirements/pi4-bookworm.lock", "systemd/pose-edge.service"):
        assert (source / name).read_bytes() == (ROOT / name).read_bytes()
    assert (unpacked / "usr/sbin/pose-edge-install").resolve() == (unpacked / INSTALLER).resolve()
    # It finds its parts and answers from there; what may be missing on this machine it says itself.
    answer = subprocess.run([unpacked / INSTALLER, "check"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0 or "install: " in answer.stderr


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
@pytest.mark.parametrize("argument", ["upgrade", "abort-upgrade", "failed-upgrade"])
def test_an_upgrade_takes_nothing_away(unpacked: Path, script: str, argument: str) -> None:
    path = unpacked / "DEBIAN" / script

    assert os.access(path, os.X_OK)
    # No program is on this path: whatever they tried to do would fail.
    done = subprocess.run(
        ["/bin/sh", path, argument, "0"], env={"PATH": "/nowhere"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
