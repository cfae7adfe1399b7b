"""Files in the configuration that root sees and the service does not: its unit closes homes and /tmp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from pose_edge.config import Config

CLOSED: Final = {
    "ProtectHome": ("/home", "/root", "/run/user"),
    "PrivateTmp": ("/tmp", "/var/tmp"),  # noqa: S108  # nothing is written there: they are what is looked for
}
"""Setting of the unit -> what is empty for the service where it is `yes` (systemd.exec(5))."""


def hidden(config: Config, unit: Mapping[str, str] | None, file: Path | None = None) -> list[str]:
    """Return a complaint for each file the service cannot see, with what to do.

    `unit` is what systemd says of the service; where it is not installed, the unit as it is shipped counts.
    `file` is the configuration itself.
    """
    told = unit if unit is not None and unit.get("LoadState") == "loaded" else {}
    closed = [Path(one) for name, below in CLOSED.items() if told.get(name, "yes") == "yes" for one in below]
    named = [*_paths(config), *([] if file is None else [("the configuration itself", file)])]
    return [
        f"{key}: {path} {where}, which is closed to the service: move it to /etc/pose-edge or "
        "/var/lib/pose-edge, readable for the user pose-edge, and name it there"
        for key, path in named
        if (where := _where(path, closed)) is not None
    ]


def _where(path: Path, closed: list[Path]) -> str | None:
    """Say where it is, or where a link of that name leads; None: where the service sees it."""
    for folder in closed:
        if path.is_relative_to(folder):
            return f"is below {folder}"
    real = path.resolve() if path.is_absolute() else path
    for folder in closed:
        if real.is_relative_to(folder.resolve()):
            return f"leads to {real}"
    return None


def _paths(options: BaseModel, above: str = "") -> Iterator[tuple[str, Path]]:
    for name in type(options).model_fields:
        value = getattr(options, name)
        if isinstance(value, BaseModel):
            yield from _paths(value, f"{above}{name}.")
        else:
            several = value if isinstance(value, tuple) else (value,)
            yield from ((f"{above}{name}", Path(one)) for one in several if _is_path(one))


def _is_path(value: object) -> bool:
    """Some options take a name or a path, as tuning_file."""
    return isinstance(value, Path) or (isinstance(value, str) and value.startswith("/"))
