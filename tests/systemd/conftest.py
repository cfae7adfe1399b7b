"""Boxes for the tests: POSE_EDGE_SYSTEMD has what tools/systemd-boxes prints, `SUITE ROOT BUNDLE` a line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.systemd.box import Box
from tests.systemd.house import House, furnish

SUITES = ("bookworm", "trixie")
NEEDED = ("systemd-nspawn", "nsenter", "unshare", "setpriv", "ip")


@dataclass(frozen=True)
class Made:
    """What tools/systemd-boxes made for a suite."""

    suite: str
    root: Path
    bundle: Path


@pytest.fixture(scope="session", params=SUITES)
def made(request: pytest.FixtureRequest) -> Made:
    """A root to boot and the libraries for its Python; skips without."""
    boxes = {line.split()[0]: line.split() for line in os.environ.get("POSE_EDGE_SYSTEMD", "").splitlines()}
    if request.param not in boxes:
        pytest.skip(f"no {request.param} to boot (make test-systemd makes one; root, Linux, apt)")
    if os.geteuid() != 0 or not all(map(shutil.which, NEEDED)):
        pytest.skip(f"booting a system takes root and {', '.join(NEEDED)}")
    suite, root, bundle = boxes[request.param]
    return Made(suite, Path(root), Path(bundle))


@pytest.fixture(scope="session")
def house(made: Made, model_path: Path) -> Iterator[House]:
    """A box with a broker and pose-edge installed on a bare system, running."""
    shown = {"/checkout": ROOT, "/bundle": made.bundle, "/models": model_path.parent}
    with Box(made.root, shown) as box:
        found = furnish(box, made.suite, model_path)
        found.install()
        yield found
