"""A small disk of its own, to be filled up or put out of reach; needs root."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest


class SmallDisk:
    """A tmpfs at `path`. Skips the test where nothing can be mounted."""

    def __init__(self, path: Path, size_kb: int = 1024) -> None:
        self.path = path
        self._size_kb = size_kb
        self._filling = path / "filling"

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            pytest.skip("a disk can be filled up by root only, who may mount one")
        self.path.mkdir(exist_ok=True)
        done = self._mount("-t", "tmpfs", "-o", f"size={self._size_kb}k,mode=0700", "tmpfs")
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unmount()

    def fill(self) -> None:
        """Leave no byte free."""
        with contextlib.suppress(OSError), self._filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def make_room(self) -> None:
        self._filling.unlink()

    def lock(self) -> None:
        """Cover it by an empty one that cannot be written: what was open stays open and is out of reach.

        A kernel that makes a dying card read-only fails such writes; nobody can have it do so for a test.
        """
        done = self._mount("-t", "tmpfs", "-o", "ro,mode=0700", "tmpfs")
        assert done.returncode == 0, done.stderr.decode()

    def unlock(self) -> None:
        """Undo `lock`."""
        self._unmount()

    def _mount(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["mount", *words, str(self.path)], check=False, capture_output=True)

    def _unmount(self) -> None:
        # Lazily: somebody who was killed a moment ago may still be in it.
        subprocess.run(["umount", "--lazy", str(self.path)], check=False, capture_output=True)
