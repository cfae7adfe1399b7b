"""Boards for the tests: POSE_EDGE_ARM64 has what tools/arm64-roots prints, `SUITE FOLDER` a line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

PI5, PI4 = "cortex-a76", "cortex-a72"
"""The processors of these boards, in QEMU's words."""


@dataclass(frozen=True)
class Board:
    """A processor, and the files of a system for it."""

    processor: str
    folder: Path
    model: Path

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, in this checkout; one start of Python takes ten seconds and more."""
        return subprocess.run(
            [self.folder / "run", self.processor, *command],
            cwd=ROOT,
            env={**os.environ, "POSE_EDGE_MODEL": str(self.model), **variables},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )


@pytest.fixture(scope="session")
def board(model_path: Path) -> Callable[[str, str], Board]:
    """`board(suite, processor)`; skips where that suite could not be made."""
    made = dict(line.split(maxsplit=1) for line in os.environ.get("POSE_EDGE_ARM64", "").splitlines())

    def find(suite: str, processor: str) -> Board:
        if suite not in made:
            pytest.skip(f"no {suite} for arm64 (make test-arm64 makes one; root, Linux 6.7, apt)")
        return Board(processor, Path(made[suite]), model_path)

    return find
