"""What somebody who helps needs to see, in one file: no password, no picture."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import subprocess
import tarfile
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from pose_edge import __version__, about, health, throttling
from pose_edge.config import without_secrets
from pose_edge.doctor.board import memory_mb
from pose_edge.doctor.findings import Surroundings
from pose_edge.doctor.surroundings import UNIT
from pose_edge.errors import PoseEdgeError, UsageError
from pose_edge.sinks.mqtt_options import read_credentials
from pose_edge.state_directory import replace_file

FOLDER: Final = "pose-edge-doctor"
JOURNAL_LINES: Final = 500
JOURNAL_LIMIT_S: Final = 5.0
REMOVED: Final = b"<removed>"

PACKAGES: Final = (
    "mediapipe",
    "opencv-contrib-python",
    "opencv-python",
    "picamera2",
    "simplejpeg",
    "pyseccomp",
)
"""Beside those of `about.py`."""


def write_bundle(path: Path, report: Mapping[str, Any], around: Surroundings) -> dict[str, int]:
    """Write a .tar.gz for its owner alone; return the name and size in bytes of each file in it.

    Raises:
        UsageError: it cannot be written.
    """
    files = {name: _without(data, _secrets(around)) for name, data in _files(report, around).items()}
    if problem := replace_file(path, _packed(files), mode=0o600):
        raise UsageError(f"--bundle: {problem}")
    return {name: len(data) for name, data in files.items()}


def _files(report: Mapping[str, Any], around: Surroundings) -> dict[str, bytes]:
    found = {
        "doctor.json": _json(report),
        "config.json": _config(around),
        "versions.json": _json(_versions()),
        "health.json": _json(_health(around)),
        "status.json": _status(around),
        "journal.txt": _journal(around),
    }
    return {name: data for name, data in found.items() if data}


def _config(around: Surroundings) -> bytes:
    if around.config is None:
        return _json({"problems": around.config_problem.splitlines()})
    return _json(without_secrets(around.config))


def _versions() -> dict[str, str]:
    found = {"pose-edge": __version__, **about.software(None)}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _health(around: Surroundings) -> dict[str, Any]:
    """Return what can be said of `health` without the daemon, under the same names, and the unit."""
    board = throttling.read(around.sys)
    return {
        "board": health.board(),
        "system": health.system(),
        "soc_temperature_c": health.soc_temperature_c(),
        "throttled_bits": None if board is None else hex(board.bits),
        "clock_synced": health.clock_synced(),
        "disk_free_mb": health.disk_free_mb(around.state_directory),
        "memory_mb": memory_mb(around),
        "unit": around.unit,
    }


def _status(around: Surroundings) -> bytes:
    with contextlib.suppress(OSError):
        return around.status_path.read_bytes()
    return b""


def _journal(around: Surroundings) -> bytes:
    """Return the last lines of the service's log, where there is one we may read."""
    if not around.unit_installed:
        return b""
    command = ["journalctl", "-u", UNIT, "-n", str(JOURNAL_LINES), "--no-pager", "-q", "-o", "short-iso"]
    try:
        return subprocess.run(command, capture_output=True, timeout=JOURNAL_LIMIT_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return b""


def _secrets(around: Surroundings) -> list[bytes]:
    """Return the password as it might stand in a text, and in JSON."""
    with contextlib.suppress(PoseEdgeError):
        password = read_credentials(around.config.mqtt).password if around.config else None
        if password:
            escaped = json.dumps(password)[1:-1], json.dumps(password, ensure_ascii=False)[1:-1]
            return [form.encode() for form in (*escaped, password)]
    return []


def _without(data: bytes, secrets: list[bytes]) -> bytes:
    """Nothing here shows a password; this is for one that was used as a name somewhere, too."""
    for secret in secrets:
        data = data.replace(secret, REMOVED)
    return data


def _packed(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str).encode() + b"\n"
