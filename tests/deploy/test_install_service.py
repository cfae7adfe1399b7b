"""The installer's switch between versions, with a systemctl that says what a test wants to hear."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

BEGIN = """
set -eu
say() { echo "install: $*" >&2; }
fail() { say "$*"; exit 1; }
prefix=$1/opt state=$1/state config=$1/etc/config.yaml ready_s=1 changed=no
. "$2/deploy/install/service.sh"
unit=$1/unit drop_ins=$1/drop-ins
"""


@dataclass(frozen=True)
class Place:
    """Where it is installed: version `old` was there, `new` runs."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "etc/config.yaml"

    def link(self, name: str) -> str:
        return (self.root / "opt" / name).readlink().name

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a line with the functions of the installer."""
        command = ["sh", "-c", BEGIN + script, "sh", str(self.root), str(ROOT)]
        environment = {"PATH": f"{self.root}/bin:/usr/bin:/bin"}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=20, check=False
        )

    def answer(self, state: str) -> None:
        """Let systemd be in this state, whatever it is asked to do."""
        program = self.root / "bin/systemctl"
        program.parent.mkdir(exist_ok=True)
        says = f'case "$*" in *ActiveState*) echo {state} ;; show*) echo 0 ;; esac'
        program.write_text(f'#!/bin/sh\necho "$*" >>{self.root}/asked\n{says}\n')
        program.chmod(0o755)

    def started(self) -> bool:
        return "start pose-edge.service" in (self.root / "asked").read_text()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Make two versions, and what they were told."""
    for name in ("old", "new"):
        version = tmp_path / "opt/versions" / name
        (version / "source/systemd").mkdir(parents=True)
        (version / "source/systemd/pose-edge.service").write_text("[Unit]\n")
        (version / ".complete").touch()
    for link, name in (("previous", "old"), ("current", "new")):
        (tmp_path / "opt" / link).symlink_to(tmp_path / "opt/versions" / name)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/config.yaml").write_text("mqtt: {host: localhost}\n")
    (tmp_path / "etc/mqtt-password").write_text("first\n")
    (tmp_path / "unit").write_text("[Unit]\n")
    made = Place(tmp_path)
    made.answer("active")
    return made


def again(place: Place) -> subprocess.CompletedProcess[str]:
    """Install the version that runs once more; without /usr/local/bin, where nothing of a test belongs."""
    return place.run(
        'ln() { [ "$3" = /usr/local/bin/pose-edge ] || command ln "$@"; }\nswitch_to "$prefix/versions/new"'
    )


def test_a_full_disk_does_not_cut_the_configuration_short(place: Place) -> None:
    before = place.config.read_text()

    done = place.run('ulimit -f 1; head -c 100000 /dev/zero | replace "$config" 644 || exit 1')

    assert done.returncode == 1
    assert "could not be written and is as it was" in done.stderr
    assert place.config.read_text() == before
    assert not place.config.with_name("config.yaml.new").exists()


def test_what_was_not_edited_is_not_started_again(place: Place) -> None:
    place.run("told >$prefix/told")

    done = again(place)

    assert "nothing to do" in done.stderr
    assert not place.started()


@pytest.mark.parametrize("name", ["config.yaml", "mqtt-password"])
def test_what_was_edited_by_hand_is_in_force_afterwards(place: Place, name: str) -> None:
    place.run("told >$prefix/told")
    (place.root / "etc" / name).write_text("device: {id: hall}\n")

    done = again(place)

    assert "nothing to do" not in done.stderr
    assert place.started()


def test_a_rollback_that_fails_can_be_rolled_back(place: Place) -> None:
    place.answer("failed")

    done = place.run("ready_s=0; rollback")

    assert done.returncode == 1
    assert (place.link("current"), place.link("previous")) == ("old", "new")
