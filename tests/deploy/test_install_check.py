"""`install.sh check` shown machines that are not here: the files of theirs that it looks at."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

# `Features` of /proc/cpuinfo: Cortex-A76 (Raspberry Pi 5) and Cortex-A72 (Pi 4).
A76 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
A72 = "fp asimd evtstrm crc32 cpuid"
SCRIPTS = ("deploy/install.sh", "tools/bundle", "tools/systemd-boxes", "tools/arm64-roots", "tools/deb")


@dataclass(frozen=True)
class Machine:
    """What is looked at."""

    features: str = A76
    release: str = "trixie"
    python: str = "3.13"
    glibc: str = "2.41"
    memory_kb: int = 4_000_000
    free_kb: int = 8_000_000
    loader: str = "lib/ld-linux-aarch64.so.1"
    camera: bool = True

    def check(self, root: Path) -> subprocess.CompletedProcess[str]:
        """Write the files below `root` and ask."""
        cores = "".join(f"processor : {core}\nFeatures\t: {self.features}\n\n" for core in range(4))
        self._file(root / "proc/cpuinfo", cores)
        self._file(root / "proc/meminfo", f"MemTotal:       {self.memory_kb} kB\n")
        self._file(root / "proc/device-tree/model", "Raspberry Pi\0")
        self._file(root / "etc/os-release", f'PRETTY_NAME="Debian"\nVERSION_CODENAME={self.release}\n')
        self._file(root / self.loader, "")
        if self.python:
            self._program(root / "usr/bin/python3", self.python)
        self._program(root / "usr/bin/getconf", f"glibc {self.glibc}")
        if self.camera:
            self._file(root / "dev/video0", "")
        environment = {**os.environ, "POSE_EDGE_ROOT": str(root), "POSE_EDGE_FREE_KB": str(self.free_kb)}
        command = [str(ROOT / "deploy/install.sh"), "check"]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=20, check=False
        )

    def _file(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _program(self, path: Path, says: str) -> None:
        self._file(path, f"#!/bin/sh\necho {says}\n")
        path.chmod(0o755)


@pytest.mark.parametrize(
    ("machine", "lock"),
    [
        (Machine(), "pi5-trixie"),
        (Machine(release="bookworm", python="3.11", glibc="2.36"), "pi5-bookworm"),
        (Machine(features=A72, release="bookworm", python="3.11", glibc="2.36"), "pi4-bookworm"),
        (Machine(loader="lib64/ld-linux-x86-64.so.2", features=""), "laptop"),
        (Machine(release="noble", python="3.12"), "laptop"),
        (Machine(memory_kb=905_000), "pi5-trixie"),  # a board of 1 GB
    ],
)
def test_each_board_gets_its_lock_file(tmp_path: Path, machine: Machine, lock: str) -> None:
    done = machine.check(tmp_path)

    assert (done.returncode, done.stdout.strip()) == (0, lock), done.stderr
    assert (ROOT / f"requirements/{lock}.lock").exists()


@pytest.mark.parametrize(
    ("machine", "what", "remedy"),
    [
        (Machine(features=A72), "no MediaPipe exists for this processor with Python 3.13", "Bookworm"),
        (Machine(loader="lib/ld-linux-armhf.so.3"), "not 64-bit", "Raspberry Pi OS (64-bit)"),
        (Machine(memory_kb=430_000), "430 MB of memory", "1 GB"),
        (Machine(python="3.9"), "Python 3.9", "3.11"),
        (Machine(python=""), "no Python", "apt install python3"),
        (Machine(glibc="2.27"), "the C library is 2.27", "Bookworm"),
        (Machine(free_kb=300_000), "300 MB free in /opt", "larger card"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(
    tmp_path: Path, machine: Machine, what: str, remedy: str
) -> None:
    done = machine.check(tmp_path)

    assert done.returncode == 1
    assert what in done.stderr
    assert remedy in done.stderr
    assert done.stdout == ""


def test_one_old_core_is_enough_to_need_the_old_mediapipe(tmp_path: Path) -> None:
    mixed = f"{A76}\n\nprocessor : 9\nFeatures\t: {A72}"

    done = Machine(features=mixed, release="bookworm", python="3.11", glibc="2.36").check(tmp_path)

    assert done.stdout.strip() == "pi4-bookworm"


def test_an_upgrade_that_was_cut_off_is_told_with_what_to_do(tmp_path: Path) -> None:
    prefix = tmp_path / "opt/pose-edge"
    prefix.mkdir(parents=True)
    (prefix / "pending").write_text(f"{prefix}/versions/0.2.0-b\n{prefix}/versions/0.1.0-a\n\nactive\n")

    done = Machine().check(tmp_path)

    assert done.returncode == 0
    assert "the upgrade to 0.2.0-b was interrupted" in done.stderr
    assert "Run the installer again: 0.2.0-b stays if it gets ready, else 0.1.0-a comes back" in done.stderr


def test_everything_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    done = Machine(features=A72, memory_kb=430_000, free_kb=1000, camera=False).check(tmp_path)

    for word in ("no MediaPipe exists", "MB of memory", "MB free", "no camera is there"):
        assert word in done.stderr


def test_a_missing_camera_alone_is_no_obstacle(tmp_path: Path) -> None:
    assert Machine(camera=False).check(tmp_path).returncode == 0


def test_a_word_it_does_not_know_is_refused_before_anything_is_done() -> None:
    done = subprocess.run(
        [str(ROOT / "deploy/install.sh"), "instal"], capture_output=True, text=True, timeout=20, check=False
    )

    assert done.returncode == 2
    assert "instal is no word it knows" in done.stderr
    assert "deploy/install.sh uninstall" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here (apt install shellcheck)")
    command = ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", str(ROOT / script)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout == ""
