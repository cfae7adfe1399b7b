"""Real databases of a test's own, for the queries of the dashboards; a missing program skips the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import eventually, free_port


@contextmanager
def _running(command: list[str], folder: Path, user: str | None) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, user=user)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


class Postgres:
    """A PostgreSQL that listens on a socket in its own folder only."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._psql = [str(programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(folder)]
        self._psql += ["-U", "postgres", "-A", "-t", "-F", "\t"]
        self._user = user

    def run(self, sql: str) -> list[list[str]]:
        """Run SQL, and return the rows of what it selects."""
        done = subprocess.run(
            self._psql, input=sql, capture_output=True, text=True, timeout=30, check=False, user=self._user
        )
        assert done.returncode == 0, f"{sql}: {done.stderr}"
        return [line.split("\t") for line in done.stdout.splitlines()]

    def answers(self) -> bool:
        done = subprocess.run(
            [*self._psql, "-c", "SELECT 1"], capture_output=True, timeout=30, check=False, user=self._user
        )
        return done.returncode == 0


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL without any data."""
    found = [path for path in [shutil.which("initdb"), *_installed()] if path]
    if not found:
        pytest.skip("no initdb here (apt install postgresql)")
    programs = Path(found[0]).resolve().parent
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders may be read by their owner only
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        data = str(folder / "data")
        initdb = [str(programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N"]
        subprocess.run(initdb, check=True, capture_output=True, timeout=60, user=user, cwd=folder)
        settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-k", str(folder)]
        with _running([str(programs / "postgres"), "-D", data, *settings], folder, user):
            server = Postgres(programs, folder, user)
            assert eventually(server.answers, 20), (folder / "log").read_text()
            yield server


def _installed() -> list[str]:
    return [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]


class Influx:
    """An InfluxDB 1: the same query language as InfluxDB 2 and 3 speak beside their own."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def write(self, lines: str) -> None:
        """Write line protocol with times in milliseconds."""
        self._call("/write?db=pose-edge&precision=ms", lines.encode())

    def query(self, influxql: str) -> list[dict[str, Any]]:
        """Return the series a query finds."""
        arguments = urllib.parse.urlencode({"db": "pose-edge", "q": influxql})
        [result] = json.loads(self._call("/query", arguments.encode()))["results"]
        assert "error" not in result, f"{influxql}: {result['error']}"
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def answers(self) -> bool:
        try:
            self._call("/query", b"q=SHOW+DATABASES")
        except OSError:
            return False
        return True

    def _call(self, path: str, body: bytes) -> bytes:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        request = urllib.request.Request(self._url + path, body, kind)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}: {body.decode()}") from error


@contextmanager
def influx(folder: Path) -> Iterator[Influx]:
    """Run an InfluxDB 1 with an empty database `pose-edge`."""
    program = os.environ.get("POSE_EDGE_INFLUXD") or shutil.which("influxd")
    if program is None:
        pytest.skip("no influxd here (apt install influxdb; POSE_EDGE_INFLUXD names its program)")
    port = free_port()
    parts = [f'[{part}]\ndir = "{folder / part}"' for part in ("meta", "data")]
    config = "\n".join(
        [
            "reporting-disabled = true",
            f'bind-address = "127.0.0.1:{free_port()}"',
            *parts,
            f'wal-dir = "{folder / "wal"}"',
            f'[http]\nbind-address = "127.0.0.1:{port}"',
        ]
    )
    (folder / "influxdb.conf").write_text(config + "\n")
    with _running([program, "-config", str(folder / "influxdb.conf")], folder, None):
        server = Influx(port)
        assert eventually(server.answers, 20), (folder / "log").read_text()
        server.query('CREATE DATABASE "pose-edge"')
        yield server
