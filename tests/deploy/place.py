"""A machine with two versions installed, and a systemctl that says what a test wants to hear."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.conftest import ROOT

BEGIN: Final = """
set -eu
say() { echo "install: $*" >&2; }
fail() { say "$*"; exit 1; }
prefix=$1/opt state=$1/state config=$1/etc/config.yaml source=$2
ready_s=1 changed=no bundle='' wanted_config=''
. "$2/deploy/install/environment.sh"
. "$2/deploy/install/data.sh"
. "$2/deploy/install/service.sh"
unit=$1/unit drop_ins=$1/drop-ins version=$prefix/versions/new
# Nothing of a test belongs there.
ln() { [ "$3" = /usr/local/bin/pose-edge ] || command ln "$@"; }
"""


@dataclass(frozen=True)
class Place:
    """Where it is installed: version `old` was there, `new` runs."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "etc/config.yaml"

    @property
    def pending(self) -> Path:
        return self.root / "opt/pending"

    def links(self) -> tuple[str, str | None]:
        """Return what runs, and what a rollback leads to."""
        current, previous = (self.root / "opt" / name for name in ("current", "previous"))
        return current.readlink().name, previous.readlink().name if previous.is_symlink() else None

    def version(self, name: str) -> Path:
        """Make a version that can be switched to."""
        version = self.root / "opt/versions" / name
        self.write(version / "source/systemd/pose-edge.service", "[Unit]\n")
        self.write(version / ".complete", "")
        return version

    def write(self, path: Path, text: str, mode: int = 0o644) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a line with the functions of the installer."""
        command = ["sh", "-c", BEGIN + script, "sh", str(self.root), str(ROOT)]
        environment = {"PATH": f"{self.root}/bin:/usr/bin:/bin"}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=20, check=False
        )

    def answer(self, state: str, *, broken: str = "none", restarts: int = 0) -> None:
        """Let systemd be in this state, and `failed` of the version `broken`, whatever it is asked to do."""
        says = (
            f'case "$*-$(readlink {self.root}/opt/current)" in *ActiveState*/{broken}) echo failed ;; '
            f"*ActiveState*) echo {state} ;; show*) echo {restarts} ;; esac"
        )
        asked = f'echo "$*" >>{self.root}/asked'
        self.write(self.root / "bin/systemctl", f"#!/bin/sh\n{asked}\n{says}\n", 0o755)

    def started(self) -> bool:
        return "start pose-edge.service" in (self.root / "asked").read_text()


def furnish(root: Path) -> Place:
    """Make two versions, and what they were told."""
    place = Place(root)
    for link, name in (("previous", "old"), ("current", "new")):
        version = place.version(name)
        (root / "opt" / link).symlink_to(version)
    place.write(place.config, "mqtt: {host: localhost}\n")
    place.write(root / "etc/mqtt-password", "first\n")
    place.write(root / "unit", "[Unit]\n")
    place.write(root / "bin/sleep", "#!/bin/sh\n", 0o755)  # READY is looked at twice, 3 s apart
    place.answer("active")
    return place
