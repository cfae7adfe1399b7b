from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import socket, sys
from pose_edge.sandbox import lock_network_out
print(lock_network_out())
socket.socketpair()
print("pair open")
for name, family, kind in {attempts!r}:
    try:
        socket.socket(family, kind).close()
        print(name, "open")
    except OSError as error:
        print(name, error.strerror)
"""

ATTEMPTS = [
    ("inet", 2, 1),
    ("inet6", 10, 2),
    ("packet", 17, 3),
    ("vsock", 40, 1),
    ("unix", 1, 1),
    ("netlink", 16, 3),
]


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    """What each attempt gives in a process that locked the network out; the lock cannot be undone."""
    probe = [sys.executable, "-c", PROBE.format(attempts=ATTEMPTS)]
    lines = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.splitlines()
    if lines[0] != "seccomp":
        pytest.skip(f"this kernel or system has no seccomp: {lines[0]}")
    return dict(line.split(" ", 1) for line in lines[1:])


@pytest.mark.parametrize("family", ["inet", "inet6", "packet", "vsock", "unix"])
def test_no_socket_that_may_leave_the_machine_can_be_opened(answers: dict[str, str], family: str) -> None:
    assert answers[family] == "Permission denied"


def test_what_stays_in_the_machine_can(answers: dict[str, str]) -> None:
    assert answers["netlink"] == "open"
    assert answers["pair"] == "open"


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize(("only_this_thread", "other"), [(False, "Permission denied"), (True, "open")])
def test_it_holds_for_threads_that_run_already_unless_one_is_meant(
    *, only_this_thread: bool, other: str
) -> None:
    code = (
        "import socket, threading\n"
        "from pose_edge.sandbox import lock_network_out\n"
        "locked = threading.Event()\n"
        "def attempt():\n"
        "    locked.wait()\n"
        "    try:\n"
        "        socket.socket().close()\n"
        "        print('open')\n"
        "    except OSError as error:\n"
        "        print(error.strerror)\n"
        "thread = threading.Thread(target=attempt)\n"
        "thread.start()\n"
        f"lock_network_out(only_this_thread={only_this_thread})\n"
        "locked.set()\n"
        "thread.join()\n"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.strip() == other


def test_children_are_locked_out_too() -> None:
    code = (
        "import subprocess, sys\n"
        "from pose_edge.sandbox import lock_network_out\n"
        "if lock_network_out() != 'seccomp': sys.exit(0)\n"
        "inner = 'import socket\\ntry:\\n socket.socket()\\nexcept PermissionError:\\n raise SystemExit(7)'\n"
        "sys.exit(0 if subprocess.run([sys.executable, '-c', inner]).returncode == 7 else 1)\n"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_library_it_says_so_and_goes_on() -> None:
    code = (
        "import sys\n"
        "sys.modules['pyseccomp'] = None\n"
        "from pose_edge.sandbox import lock_network_out\n"
        "print(lock_network_out())\n"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert answer.startswith("libseccomp cannot be loaded: ")


@pytest.mark.usefixtures("answers")
def test_where_a_filter_forbids_filters_it_says_so_and_goes_on() -> None:
    """As systemd 252 does with SystemCallFilter=@system-service."""
    code = (
        "import errno\n"
        "from pyseccomp import ALLOW, ERRNO, SyscallFilter\n"
        "outer = SyscallFilter(ALLOW)\n"
        "outer.add_rule(ERRNO(errno.EPERM), 'seccomp')\n"
        "outer.load()\n"
        "from pose_edge.sandbox import lock_network_out\n"
        "print(lock_network_out())\n"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert answer.startswith("the kernel refused the filter: ")
