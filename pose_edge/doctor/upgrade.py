"""An upgrade that was cut off: the installer notes it before it switches, and strikes it out after READY."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pose_edge.doctor.findings import Finding, Surroundings, ok, skipped, warning
from pose_edge.doctor.service import holder

PENDING: Final = "pending"
"""Lines: the new version, the last one that was READY ... (deploy/install/service.sh)."""

AGAIN: Final = "sudo {installed}/current/source/deploy/install.sh"


def upgrade(around: Surroundings) -> Finding:
    """Was the version that runs ever ready?"""
    current = around.installed / "current"
    if not current.is_symlink():
        return skipped("not installed by the installer")
    try:
        new, before = (around.installed / PENDING).read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, ValueError):
        return ok(f"{current.readlink().name} is what was installed")
    if (whose := holder(around.install_lock)) is not None:
        return ok(f"to {Path(new).name}: under way ({whose})")
    again = AGAIN.format(installed=around.installed)
    return warning(
        f"to {Path(new).name} was interrupted before it was ready: {again} keeps it if it gets ready, "
        f"else {Path(before).name} comes back"
    )
