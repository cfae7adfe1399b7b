"""Configuration, systemd's service, the daemon that runs, and where it keeps things."""

from __future__ import annotations

import fcntl
import os
import pwd
import tempfile
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pose_edge.config import DEFAULT_PATH
from pose_edge.doctor.findings import Finding, Surroundings, fault, ok, skipped, warning
from pose_edge.doctor.hidden import hidden
from pose_edge.doctor.surroundings import UNIT
from pose_edge.health import disk_free_mb
from pose_edge.sinks.mqtt_options import read_credentials
from pose_edge.state_directory import why
from pose_edge.status_file import Status

LITTLE_MB: Final = 500
"""An upgrade puts a second environment beside the first: 400 MB with MediaPipe and OpenCV (du, x86_64)."""

TOO_LITTLE_MB: Final = 50
"""10,000 waiting alerts of 2 kB and SQLite's journal beside them."""

LOG: Final = f"journalctl -u {UNIT.removesuffix('.service')} -n 50"


def configuration(around: Surroundings) -> Finding:
    """Can the daemon start with it?"""
    if around.config is None:
        return fault("; ".join(around.config_problem.splitlines()))
    if around.config_path is None:
        return warning(f"no {DEFAULT_PATH}, and no --config was given: the defaults are looked at")
    installed = around.unit_installed and around.config_path == DEFAULT_PATH
    if installed and (complaints := hidden(around.config, around.unit, DEFAULT_PATH)):
        return fault("; ".join(complaints))
    read_credentials(around.config.mqtt)
    return ok(f"{around.config_path} is valid")


def unit(around: Surroundings) -> Finding:
    """What systemd thinks of it."""
    if around.unit is None:
        return skipped("no systemd runs here")
    if not around.unit:
        return warning(f"systemd does not answer about {UNIT}: look at `systemctl status`")
    if not around.unit_installed:
        state = around.unit.get("LoadState", "unknown")
        return skipped(f"{UNIT} is not installed") if state == "not-found" else fault(_broken(state))
    return _activity(around.unit.get("ActiveState", ""), around)


def _broken(state: str) -> str:
    return f"{UNIT} is {state}: `systemctl status {UNIT}` says why"


def _activity(active: str, around: Surroundings) -> Finding:
    told = around.unit or {}
    restarts = int(told.get("NRestarts") or 0)
    again = f", restarted {restarts} times" if restarts else ""
    match active:
        case "active" | "reloading":
            text = f"{told.get('SubState')}{again}: {told.get('StatusText') or 'no status yet'}"
            return warning(f"{text}; see {LOG}") if restarts else ok(text)
        case "activating":
            return warning(f"starting{again}: if that takes longer than a minute, see {LOG}")
        case "failed":
            return fault(f"failed ({told.get('Result')}){again}: see {LOG}, then systemctl restart pose-edge")
        case _:
            return warning(f"{active or 'unknown'}: start it with systemctl enable --now pose-edge")


def daemon(around: Surroundings) -> Finding:
    """What the running daemon says about itself."""
    try:
        status = Status.model_validate_json(around.status_path.read_bytes())
    except FileNotFoundError:
        return skipped("no daemon runs here")
    except OSError as error:
        return warning(f"{around.status_path} cannot be read ({why(error)}): try again with sudo")
    except ValidationError:
        return warning(f"{around.status_path} cannot be understood: is it of another version?")
    ended = status.vision.state == "ended"
    if not ended and not (around.proc / str(status.pid)).exists():
        return warning(f"process {status.pid} was there since {status.since} and was killed: see {LOG}")
    if problems := "; ".join(status.problems.values()):
        return fault(problems) if ended or status.vision.state == "down" else warning(problems)
    return ok(f"process {status.pid}: vision {status.vision.state}, broker {status.broker.state}")


def state_directory(around: Surroundings) -> Finding:
    """Can alerts and memory be kept?"""
    path = around.state_directory
    if not path.exists():
        above = _existing(path)
        if os.access(above, os.W_OK | os.X_OK):
            return ok(f"{path} is not there yet; the daemon makes it")
        return fault(f"{path} is not there, and {above} is not writable for you: set service.state_dir")
    if (whose := holder(path / "lock")) is not None:
        return ok(f"{path} is in use by the running daemon ({whose})")
    if not os.access(path, os.R_OK | os.X_OK):
        return _not_yours(path)
    return _wrong_owner(path, around) or _unwritable(path) or ok(f"{path} is writable and free")


def holds(around: Surroundings) -> bool:
    """Say whether a daemon runs: it has the camera then, too."""
    return holder(around.state_directory / "lock") is not None


def holder(lock: Path) -> str | None:
    """Return who holds a lock of ours. It is shared for a moment and nothing is made or written."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return f"process {pid}" if pid.isdigit() else "its process"
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _wrong_owner(path: Path, around: Surroundings) -> Finding | None:
    """Whoever tries the daemon as root leaves files that the service's user may not open."""
    user = (around.unit or {}).get("User", "") if around.unit_installed else ""
    try:
        expected = pwd.getpwnam(user).pw_uid
    except KeyError:
        return None
    others = [one for one in (path, *path.iterdir()) if one.lstat().st_uid != expected]
    if not others:
        return None
    return fault(f"{others[0]} does not belong to {user}, whom the service runs as: chown -R {user}: {path}")


def _not_yours(path: Path) -> Finding:
    return warning(f"{path} is not yours: look again with sudo, or as the user of the service")


def _unwritable(path: Path) -> Finding | None:
    try:
        with tempfile.TemporaryFile(dir=path) as file:  # without a name: nothing stays behind
            file.write(b"\0" * 4096)
    except PermissionError:
        return _not_yours(path)
    except OSError as error:
        return fault(f"{path} cannot be written: {why(error)}; see the disk and service.state_dir")
    return None


def disk(around: Surroundings) -> Finding:
    """Is there room for alerts that wait?"""
    place = _existing(around.state_directory)
    free_mb = disk_free_mb(place)
    if free_mb is None:
        return fault(f"{place} does not say how much is free: is the disk there?")
    text = f"{free_mb:.0f} MB free at {place}"
    if free_mb < TOO_LITTLE_MB:
        return fault(f"{text}, {TOO_LITTLE_MB} MB are needed for alerts that wait: make room")
    if free_mb < LITTLE_MB:
        return warning(f"{text}, too little for an upgrade ({LITTLE_MB} MB): make room")
    return ok(text)


def _existing(path: Path) -> Path:
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
