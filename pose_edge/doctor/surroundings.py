"""Finds what is to be looked at: the service's configuration and directories, not those of who asks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pose_edge.config import DEFAULT_PATH, Config, load
from pose_edge.doctor.findings import Surroundings
from pose_edge.errors import ConfigError
from pose_edge.sinks.mqtt_options import HANDED_OVER, password_path
from pose_edge.state_directory import default_directory
from pose_edge.status_file import status_path

UNIT: Final = "pose-edge.service"
LIMIT_S: Final = 3.0

PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "NRestarts",
    "StatusText",
    "User",
    "SupplementaryGroups",
    "StateDirectory",
    "RuntimeDirectory",
    "ProtectHome",
    "PrivateTmp",
)

FOLDERS: Final = {
    "STATE_DIRECTORY": ("StateDirectory", Path("/var/lib")),
    "RUNTIME_DIRECTORY": ("RuntimeDirectory", Path("/run")),
}
"""What systemd sets for the service -> its property, and what that is relative to (systemd.exec(5))."""


def look_around(config: Path | None) -> Surroundings:
    """Find out what to look at; `config` None: the usual file if it is there, else the defaults."""
    unit = ask_systemd()
    environment = service_environment(os.environ, unit)
    path = config if config is not None else DEFAULT_PATH if DEFAULT_PATH.exists() else None
    loaded, problem = _loaded(path)
    if loaded is not None and path == DEFAULT_PATH and (unit or {}).get("LoadState") == "loaded":
        loaded = with_service_password(loaded)
    given = loaded.service.state_dir if loaded is not None else None
    state = given or default_directory(environment)
    return Surroundings(loaded, problem, path, state, status_path(state, environment), unit)


def with_service_password(config: Config, password: Path = HANDED_OVER) -> Config:
    """Return it with the password the service gets from systemd, where we may read that and it is used."""
    mqtt = config.mqtt
    if mqtt.username is None or password_path(mqtt) is not None or not os.access(password, os.R_OK):
        return config
    return config.model_copy(update={"mqtt": mqtt.model_copy(update={"password_file": password})})


def ask_systemd() -> dict[str, str] | None:
    """Return what systemd says about the service; None: it does not run here."""
    if not Path("/run/systemd/system").is_dir() or shutil.which("systemctl") is None:  # sd_booted(3)
        return None
    command = ["systemctl", "show", UNIT, f"--property={','.join(PROPERTIES)}"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return read_properties(shown)


def read_properties(shown: str) -> dict[str, str]:
    """Return name -> value of what `systemctl show` prints."""
    return {
        name: value for name, found, value in (line.partition("=") for line in shown.splitlines()) if found
    }


def service_environment(mine: Mapping[str, str], unit: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment with the directories the service gets, where it is installed."""
    names = {} if unit is None or unit.get("LoadState") != "loaded" else dict(unit)
    folders = {
        variable: str(above / names[name].split()[0])
        for variable, (name, above) in FOLDERS.items()
        if names.get(name)
    }
    return {**folders, **mine}


def _loaded(path: Path | None) -> tuple[Config | None, str]:
    if path is None:
        return Config(), ""
    try:
        return load(path), ""
    except ConfigError as error:
        return None, str(error)
