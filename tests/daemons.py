"""The daemon as a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml


def write_config(folder: Path, port: int, model_path: Path, **changes: Any) -> Path:
    """Write a configuration with an actor, a broker on this port and a state directory in `folder`."""
    config: dict[str, Any] = {
        "device": {"id": "test"},
        "source": {"kind": "actor", "script": "demo", "rate_hz": 10},
        "model": {"path": str(model_path)},
        "vision": {"restart_min_s": 0.2, "silence_limit_s": 3},
        "mqtt": {"host": "127.0.0.1", "port": port, "reconnect_min_s": 0.2, "reconnect_max_s": 1},
        "publish": {"health_interval_s": 1},
        "homeassistant": {"republish_delay_s": 0.2},
        "service": {"state_dir": str(folder / "state")},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**config, **changes}))
    return path


@contextmanager
def daemon(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run it; what it says is appended to `log` beside the configuration. Killed at the end."""
    command = [sys.executable, "-m", "pose_edge", "run", "--config", str(config)]
    with (config.parent / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def log_of(config: Path) -> str:
    """Return what all daemons of this configuration have said."""
    return (config.parent / "log").read_text()


def children(pid: int) -> list[int]:
    """Return the process ids of its children: the vision process, if there is one."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
