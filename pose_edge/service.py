"""What systemd is told: READY, STATUS, WATCHDOG, STOPPING. Silent where nobody listens.

Twenty lines over a socket rather than a library: systemd-python is an extra, and this must work without.
"""

from __future__ import annotations

import contextlib
import os
import socket


class Notifier:
    """Sends state to the socket systemd names in NOTIFY_SOCKET (sd_notify(3))."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET") if address is None else address

    def ready(self) -> None:
        """Say that the first result has gone all the way."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send(f"STATUS={text}")

    def watchdog(self) -> None:
        """Say that results are flowing; called for progress, never by a timer."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end is meant."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A leading @ means the abstract namespace, whose names begin with a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(text.encode(), address)
