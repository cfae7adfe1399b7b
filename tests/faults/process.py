"""A publisher's process: started, ended as the test likes, and read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.brokers import eventually
from tests.faults.publisher import Plan

ROOT = Path(__file__).resolve().parents[2]


class Publisher:
    """One life of it; what it said is kept for the next."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan = plan
        self.said_path = folder / f"{plan.device}-{plan.boot_id}.said"
        self.log_path = folder / f"{plan.device}-{plan.boot_id}.log"
        self._plan_path = folder / f"{plan.device}-{plan.boot_id}.json"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._plan_path.write_text(json.dumps(asdict(self.plan)))
        with self.said_path.open("ab") as said, self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.publisher", str(self._plan_path)],
                stdout=said,
                stderr=log,
                cwd=ROOT,
            )

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self, timeout_s: float = 10.0) -> int:
        """Ask it to end, as systemd would, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout_s)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def said(self, what: str) -> list[Any]:
        """Return what it said under a key, in order; a line cut off by kill -9 is left out."""
        lines = self.said_path.read_bytes().split(b"\n")[:-1]
        return [found[what] for found in map(json.loads, lines) if what in found]

    def status(self) -> dict[str, Any]:
        """Return the newest word about how things stand; empty before the first."""
        lines = self.said_path.read_bytes().split(b"\n")[:-1]
        found = [one for one in map(json.loads, lines) if "state" in one]
        return found[-1] if found else {}

    def wait_for_state(self, state: str, timeout_s: float = 15.0) -> dict[str, Any]:
        assert eventually(lambda: self.status().get("state") == state, timeout_s), (
            f"{self.status()}\n{self.log}"
        )
        return self.status()

    def wait_for_log(self, words: str, timeout_s: float = 15.0) -> None:
        assert eventually(lambda: words in self.log, timeout_s), f"{words!r} is not in the log:\n{self.log}"


@contextmanager
def publisher(folder: Path, plan: Plan, **changes: Any) -> Iterator[Publisher]:
    """Run a publisher until the block ends, or somebody ended it before."""
    one = Publisher(folder, replace(plan, **changes))
    one.start()
    try:
        yield one
    finally:
        one.kill()
