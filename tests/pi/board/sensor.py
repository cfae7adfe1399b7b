"""The clock of a camera: hands libcamera one queued request a frame period, as a sensor would."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from tests.pi.board import switches

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_PERIOD_US: Final = 33333
BEHIND_S: Final = 0.1
"""A machine that was busy for longer has missed pictures; they are not made up for in a burst."""


class Sensor:
    """One camera of the board, in this process."""

    def __init__(self, camera_id: str) -> None:
        self.camera_id = camera_id
        self.period_us = FIRST_PERIOD_US
        self.mode_px: tuple[int, int] | None = None
        self.orientation: Any = None
        self.started_s = 0.0
        self.controls: dict[str, Any] = {}
        """What the camera was told when it was started."""
        self.delivered = self.starved = 0
        """Since the start: pictures made, and frame periods in which there was no buffer to write to."""
        self._queued: deque[Any] = deque()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self, expose: Callable[[Any], None]) -> None:
        """Begin to hand requests to `expose`."""
        self.delivered = self.starved = 0
        self.started_s = time.monotonic()
        self._queued.clear()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(expose,), daemon=True)
        self._thread.start()
        switches.note_running(self.camera_id, on=True)

    def stop(self) -> None:
        """Expose no more. Hangs while its switch is on, as a driver may in the kernel."""
        while switches.is_on("hanging_stop"):
            time.sleep(0.02)
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._queued.clear()
        switches.note_running(self.camera_id, on=False)

    def queue(self, request: Any) -> None:
        """Take a request whose buffers may be written."""
        self._queued.append(request)

    def _run(self, expose: Callable[[Any], None]) -> None:
        next_s = time.monotonic()
        while not self._stop.is_set():
            next_s = max(next_s + self.period_us / 1e6, time.monotonic() - BEHIND_S)
            time.sleep(max(0.0, next_s - time.monotonic()))
            if self._stop.is_set() or switches.is_on("stalled"):
                continue
            if not self._queued:
                self.starved += 1
                continue
            expose(self._queued.popleft())
            self.delivered += 1


_SENSORS: dict[str, Sensor] = {}


def sensor(camera_id: str = "module3") -> Sensor:
    """Return the sensor of a camera."""
    return _SENSORS.setdefault(camera_id, Sensor(camera_id))


def streaming() -> Sensor:
    """Return the sensor that runs, or ran last: libcamera's requests do not tell whose they are."""
    return max(_SENSORS.values(), key=lambda each: each.started_s)
