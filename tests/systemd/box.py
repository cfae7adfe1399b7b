"""A small Debian with a real systemd, booted with systemd-nspawn in about a second; nothing it writes stays.

    with Box(root) as box:
        box.run("systemctl", "is-active", "dbus")

Root only. The cgroup tree of the host may be of the old kind: the box gets a unified one, in a
mount namespace of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

BOOT_S: Final = 60.0
OFF_S: Final = 8.0
CGROUPS: Final = Path("/sys/fs/cgroup")

PREPARE: Final = (
    "mount --make-rprivate / && umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && "
    "group=/sys/fs/cgroup/pose-edge-box-$$ && mkdir -p $group && echo $$ >$group/cgroup.procs && "
    'exec "$@"'
)
NSPAWN: Final = (
    *("systemd-nspawn", "--quiet", "--volatile=overlay", "--boot", "--register=no", "--keep-unit"),
    *("--private-network", "--notify-ready=yes", "--console=read-only"),
    # Without these DeviceAllow= and IPAddressDeny= are accepted and not enforced.
    *("--system-call-filter=bpf", "--capability=CAP_BPF"),
)
ENVIRONMENT: Final = (
    *("/usr/bin/env", "-i", "HOME=/root", "LC_ALL=C.UTF-8"),
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)

Done = subprocess.CompletedProcess[str]


class Box:
    """One boot of the system in `root`. `shown` are folders of ours: name inside -> here, read-only."""

    def __init__(self, root: Path, shown: Mapping[str, Path] | None = None) -> None:
        binds = [f"--bind-ro={here}:{inside}" for inside, here in (shown or {}).items()]
        # PID 1 asks the kernel line, whose options are the host's, unless it is told not to.
        nspawn = [*NSPAWN, f"--directory={root}", *binds, "systemd.show_status=no"]
        # However the tests end, the box goes with them.
        self._command = [
            "setpriv",
            "--pdeathsig=TERM",
            "unshare",
            "--mount",
            "sh",
            "-c",
            PREPARE,
            "sh",
            *nspawn,
        ]
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self.console = stack.enter_context((folder / "console").open("w+b"))
            notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            notify.bind(str(folder / "notify"))
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
                stdin=subprocess.DEVNULL,
                stdout=self.console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            stack.callback(self._off)
            self._leader = self._booted(notify)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, *command: str, timeout_s: float = 60, check: bool = True) -> Done:
        """Run a command inside and return what it said; an error shows that, unless `check` is off."""
        done = subprocess.run(
            [*self._inside("-m", "-u", "-i", "-n", "-p", "-C"), *ENVIRONMENT, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        said = f"{done.stdout}\n{done.stderr}"
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{said}"
        return done

    def sh(self, script: str, timeout_s: float = 60, *, check: bool = True) -> str:
        """Run a line of shell inside and return its output."""
        return self.run("sh", "-c", script, timeout_s=timeout_s, check=check).stdout.strip()

    def address(self, *addresses: str) -> None:
        """Give the box addresses that no rule takes for localhost, though they lead nowhere else."""
        for one in addresses:
            command = ["ip", "address", "add", one, "dev", "lo"]
            subprocess.run([*self._inside("-n"), *command], check=True, timeout=10)

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Write a file inside."""
        command = [
            *self._inside("-m", "-p", "-C"),
            "sh",
            "-c",
            f'mkdir -p "$(dirname {path})" && cat >{path} && chmod {mode} {path}',
        ]
        subprocess.run(command, input=text, text=True, check=True, timeout=10)

    def _inside(self, *namespaces: str) -> list[str]:
        return ["nsenter", "-t", str(self._leader), *namespaces, "--"]

    def _booted(self, notify: socket.socket) -> int:
        leader, ready, deadline_s = 0, False, time.monotonic() + BOOT_S
        while not (ready and leader):
            notify.settimeout(max(0.1, deadline_s - time.monotonic()))
            try:
                lines = notify.recv(4096).decode().splitlines()
            except TimeoutError:
                self.console.seek(0)
                raise AssertionError(
                    f"not booted in {BOOT_S:.0f} s: {self.console.read().decode(errors='replace')}"
                ) from None
            for line in lines:
                name, _, value = line.partition("=")
                leader = int(value) if name == "X_NSPAWN_LEADER_PID" else leader
                ready |= line == "READY=1"
        return leader

    def _said(self) -> str:
        self.console.seek(0)
        return self.console.read().decode(errors="replace")

    def _off(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)  # an orderly power-off
        try:
            self._process.wait(OFF_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(OFF_S)
        for top in (CGROUPS, CGROUPS / "unified"):
            for folder, _, _ in os.walk(top / f"pose-edge-box-{self._process.pid}", topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
