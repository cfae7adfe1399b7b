"""The Debian package on a bare system: without network, set up later, removed, purged."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.systemd.box import Box, Done
from tests.systemd.conftest import Made
from tests.systemd.house import House, files, furnish

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def bare(made: Made, model_path: Path, tmp_path: Path) -> Iterator[House]:
    """A box with a broker, and the package not yet installed."""
    if made.suite != "bookworm":
        pytest.skip("the package is the same for both, and so are dpkg's steps")
    subprocess.run([ROOT / "tools/deb", tmp_path], check=True, capture_output=True)
    shown = {"/packages": tmp_path, "/bundle": made.bundle, "/models": model_path.parent}
    with Box(made.root, shown) as box:
        yield furnish(box, made.suite, model_path)


def dpkg(house: House, *arguments: str) -> Done:
    # The box has libegl1 and libgles2 as files only, which dpkg does not know of.
    return house.box.run("dpkg", "--force-depends", *arguments, timeout_s=150)


def test_offline_it_explains_itself_and_removing_keeps_what_purging_does_not(bare: House) -> None:
    architecture = bare.box.sh("dpkg --print-architecture").strip()
    package = bare.box.sh(f"echo /packages/*_{architecture}.deb").strip()
    first = dpkg(bare, "--install", package)

    assert "the service was not set up" in first.stderr
    assert "pose-edge-install --offline FOLDER" in first.stderr

    bare.box.run("env", "POSE_EDGE_READY_S=90", "pose-edge-install", "--offline", "/bundle", timeout_s=150)
    assert bare.show("ActiveState") == "active"

    before = bare.pids()
    dpkg(bare, "--install", package)
    assert bare.pids() == before

    dpkg(bare, "--remove", "pose-edge")
    assert bare.pids() == {}
    assert bare.box.run("test", "-e", "/opt/pose-edge", check=False).returncode != 0
    bare.box.run("test", "-e", "/etc/pose-edge/config.yaml")

    dpkg(bare, "--purge", "pose-edge")
    left = files(bare.box) - bare.bare
    assert {name for name in left if "pose-edge" in name} == set()
    assert bare.box.run("id", "pose-edge", check=False).returncode != 0
