"""Signals, and anybody else who wants the loop's attention: they set a flag and ring a bell."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType, TracebackType
from typing import Self


class Wake:
    """While open, SIGTERM and SIGINT set `stop`, SIGHUP sets `reload`; each makes `descriptor` readable."""

    def __init__(self) -> None:
        self.stop = False
        self.reload = False

    def __enter__(self) -> Self:
        self.descriptor, self._bell = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._bell, False)
        self._before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self.descriptor)
        os.close(self._bell)

    def ring(self) -> None:
        """Wake the loop; from any thread, never blocks."""
        with contextlib.suppress(BlockingIOError, OSError):  # full: it is awake already; closed: it is over
            os.write(self._bell, b"\0")

    def quiet(self) -> None:
        """Take note that the bell rang."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.descriptor, 4096):
                pass

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # Python's signature
        if number == signal.SIGHUP:
            self.reload = True
        else:
            self.stop = True
        self.ring()
