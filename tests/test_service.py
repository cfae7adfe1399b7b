from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path
from select import select

import pytest

from pose_edge.service import Notifier
from pose_edge.wake import Wake


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_what_it_is_told(tmp_path: Path, abstract: bool) -> None:
    address = f"@pose-edge-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        systemd.settimeout(2)
        notifier = Notifier(address)
        notifier.ready()
        notifier.status("9.8 poses/s")
        notifier.watchdog()
        notifier.stopping()

        heard = [systemd.recv(100) for _ in range(4)]

    assert heard == [b"READY=1", b"STATUS=9.8 poses/s", b"WATCHDOG=1", b"STOPPING=1"]


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    Notifier("").ready()
    Notifier(str(tmp_path / "gone")).ready()


@pytest.mark.parametrize(
    ("number", "flag"), [(signal.SIGTERM, "stop"), (signal.SIGINT, "stop"), (signal.SIGHUP, "reload")]
)
def test_a_signal_sets_a_flag_and_wakes_the_loop(number: signal.Signals, flag: str) -> None:
    with Wake() as wake:
        signal.raise_signal(number)

        assert select([wake.descriptor], [], [], 1)[0]
        assert getattr(wake, flag)
        wake.quiet()
        assert not select([wake.descriptor], [], [], 0)[0]


def test_handlers_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Wake():
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before


def test_the_bell_never_blocks_whoever_rings_it() -> None:
    with Wake() as wake:
        ringer = threading.Thread(target=_ring_often, args=(wake,), daemon=True)
        ringer.start()
        ringer.join(10)
        assert not ringer.is_alive()
    wake.ring()  # it is over: no error either


def _ring_often(wake: Wake) -> None:
    for _ in range(100_000):
        wake.ring()
