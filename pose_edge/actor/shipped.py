"""The scripts that come with pose-edge, by name. All that a configuration needs to know of the actor."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pose_edge.spelling import nearest

SHIPPED_DIR: Final = Path(__file__).parent / "scripts"


def shipped_names() -> list[str]:
    """Return the scripts that come with pose-edge."""
    return sorted(path.stem for path in SHIPPED_DIR.glob("*.yaml"))


def is_path(script: str) -> bool:
    """Whether a file is meant and not a shipped script."""
    return "/" in script or script.endswith((".yaml", ".yml"))


def unknown_script(script: str) -> str:
    """Return the complaint about a name that no shipped script has."""
    known = shipped_names()
    near = nearest(script, known)
    hint = f", did you mean {near!r}?" if near else ""
    return f"{script!r} is no script{hint}; allowed: {', '.join(known)}, or the path of a .yaml file"
