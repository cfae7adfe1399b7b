"""A stand-in for picamera2 that has its traps; the real one is tested where a libcamera is.

It models what was measured on picamera2 0.3.31 to 0.3.38:

* a request returns its buffer only when released; with none left the camera stands still without a word;
* a job whose waiting timed out stays queued and takes a buffer all the same;
* stop() waits behind a stuck job, close() does not;
* rows are padded, and pixels change once the buffer is back in the camera;
* "BGR888" is R, G, B in memory and "RGB888" the other way round;
* a constructor that fails leaks a descriptor and says why only in __cause__.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest

PADDING = 77
COLOUR = (10, 120, 230)
"""R, G, B of every pixel but the first, whose R counts the frames."""

MODULE_3 = [  # imx708: what sensor_modes lists
    {"format": "SRGGB10_CSI2P", "bit_depth": 10, "size": (1536, 864), "fps": 120.13,
     "crop_limits": (768, 432, 3072, 1728)},
    {"format": "SRGGB10_CSI2P", "bit_depth": 10, "size": (2304, 1296), "fps": 56.03,
     "crop_limits": (0, 0, 4608, 2592)},
    {"format": "SRGGB10_CSI2P", "bit_depth": 10, "size": (4608, 2592), "fps": 14.35,
     "crop_limits": (0, 0, 4608, 2592)},
]  # fmt: skip


@dataclass
class Sensor:
    """The camera behind the library; a test steers and asks it."""

    cameras: list[dict[str, Any]] = field(
        default_factory=lambda: [{"Model": "imx708", "Id": "/base/i2c/imx708@1a"}]
    )
    sensor_modes: list[dict[str, Any]] | Exception = field(default_factory=lambda: [*MODULE_3])
    stalled: bool = False
    fail_init: Exception | None = None
    fail_start: Exception | None = None
    hang_at_close: threading.Event | None = None
    delivered: int = 0
    starved: int = 0
    """Periods in which the sensor had no buffer to write to."""
    leaked_descriptors: int = 0
    mapped: int = 0
    """How often somebody looked at pixels."""
    most_jobs: int = 0
    opened: list[FakePicamera2] = field(default_factory=list)

    @property
    def camera(self) -> FakePicamera2:
        """The one opened last."""
        return self.opened[-1]


class FakeJob:
    """An order for a request."""

    def __init__(self) -> None:
        self.future: Future[FakeRequest] = Future()

    def get_result(self, timeout: float | None = None) -> FakeRequest:
        return self.future.result(timeout)


class FakeRequest:
    """A finished picture; its buffer is the camera's again after release."""

    def __init__(self, camera: FakePicamera2, buffer: npt.NDArray[np.uint8], taken_ns: int) -> None:
        self.camera, self.buffer, self.taken_ns, self.references = camera, buffer, taken_ns, 1

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": self.taken_ns, "ExposureTime": 9000}

    def release(self) -> None:
        self.references -= 1
        assert self.references == 0, "CompletedRequest: lock now has negative ref_count"
        with self.camera.lock:
            self.camera.free.append(self.buffer)


class FakeMappedArray:
    """The pixels of a request while inside `with`."""

    def __init__(self, request: FakeRequest, stream: str, reshape: bool = True, write: bool = True) -> None:
        assert stream == "main"
        assert not write, "nobody may write into the camera's memory"
        assert request.references == 1, "this request was released"
        self._request, self._reshape = request, reshape
        self.array: npt.NDArray[np.uint8] | None = None

    def __enter__(self) -> Self:
        camera = self._request.camera
        camera.sensor.mapped += 1
        self.array = self._request.buffer
        if self._reshape:
            width_px, height_px = camera.stream["size"]
            rows = self.array.reshape(height_px, camera.stream["stride"])
            self.array = rows[:, : width_px * 3].reshape(height_px, width_px, 3)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.array = None


class FakePicamera2:
    """The part of Picamera2 that a source needs. `sensor` is set by `make_library`."""

    sensor: Sensor

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return cls.sensor.cameras

    def __init__(self, camera_num: int = 0) -> None:
        self.sensor.leaked_descriptors += 1
        try:
            if self.sensor.fail_init is not None:
                raise self.sensor.fail_init
        except Exception as error:
            msg = "Camera __init__ sequence did not complete."
            raise RuntimeError(msg) from error
        self.sensor.leaked_descriptors -= 1
        self.camera_num = camera_num
        self.camera_controls = {"FrameDurationLimits": (17849, 220535845, 33333)}
        self.lock = threading.Lock()
        self.jobs: list[FakeJob] = []
        self.free: list[npt.NDArray[np.uint8]] = []
        self.config: dict[str, Any] = {}
        self.closed = False
        self._running: threading.Thread | None = None
        self.sensor.opened.append(self)

    @property
    def stream(self) -> dict[str, Any]:
        """The main stream as configured."""
        main: dict[str, Any] = self.config["main"]
        return main

    @property
    def held(self) -> int:
        """Buffers that are neither free nor promised: somebody has their requests."""
        return int(self.config["buffer_count"]) - len(self.free)

    @property
    def sensor_modes(self) -> list[dict[str, Any]]:
        if isinstance(self.sensor.sensor_modes, Exception):
            raise self.sensor.sensor_modes
        return self.sensor.sensor_modes

    @property
    def _raw_modes(self) -> list[dict[str, Any]]:
        return [{"format": mode["format"], "size": mode["size"]} for mode in MODULE_3]

    def create_video_configuration(
        self,
        main: Mapping[str, Any],
        raw: Mapping[str, Any] | None,
        sensor: Mapping[str, Any],
        controls: Mapping[str, Any],
        buffer_count: int,
        queue: bool,
        display: str | None,
        encode: str | None,
        transform: FakeTransform | None = None,
    ) -> dict[str, Any]:
        return dict(locals())

    def configure(self, config: dict[str, Any]) -> None:
        width_px, height_px = config["main"]["size"]
        stride = (width_px * 3 + 127) // 64 * 64  # never without padding
        self.config = config | {"main": dict(config["main"], stride=stride, framesize=stride * height_px)}
        self.free = [np.zeros(stride * height_px, np.uint8) for _ in range(config["buffer_count"])]

    def camera_configuration(self) -> dict[str, Any]:
        return self.config

    def start(self) -> None:
        if self.sensor.fail_start is not None:
            raise self.sensor.fail_start
        self._running = threading.Thread(target=self._run, daemon=True)
        self._running.start()

    def capture_request(self, wait: bool | float = True) -> FakeJob | FakeRequest:
        job = FakeJob()
        with self.lock:
            self.jobs.append(job)
            self.sensor.most_jobs = max(self.sensor.most_jobs, len(self.jobs))
        return job.get_result(None if wait is True else wait) if wait else job

    def cancel_all_and_flush(self) -> None:
        with self.lock:
            for job in self.jobs:
                job.future.set_exception(CancelledError())
            self.jobs = []

    def stop(self) -> None:
        raise AssertionError("stop() would queue up behind a job that never ends")

    def close(self) -> None:
        if self.sensor.hang_at_close is not None:
            self.sensor.hang_at_close.wait(30)
        self.closed = True
        self.join()

    def join(self) -> None:
        """Wait until nothing is delivered any more."""
        while not self.closed or (self._running is not None and self._running.is_alive()):
            time.sleep(0.001)

    def _run(self) -> None:
        period_s = self.config["controls"]["FrameDurationLimits"][0] / 1e6
        while not self.closed:
            time.sleep(period_s)
            if not self.sensor.stalled:
                self._deliver()

    def _deliver(self) -> None:
        """Write a picture and give it to the oldest job; without one it goes straight back."""
        with self.lock:
            if not self.free:
                self.sensor.starved += 1
                return
            buffer = self.free.pop(0)
            job = self.jobs.pop(0) if self.jobs else None
        self._expose(buffer)
        request = FakeRequest(self, buffer, time.monotonic_ns())
        if job is None:
            request.release()
        else:
            job.future.set_result(request)

    def _expose(self, buffer: npt.NDArray[np.uint8]) -> None:
        self.sensor.delivered += 1
        buffer[:] = PADDING
        width_px, height_px = self.stream["size"]
        pixels = np.empty((height_px, width_px, 3), np.uint8)
        pixels[:] = COLOUR
        pixels[0, 0, 0] = self.sensor.delivered % 256
        if self.stream["format"] == "RGB888":
            pixels = pixels[:, :, ::-1]
        rows = buffer.reshape(height_px, self.stream["stride"])
        rows[:, : width_px * 3] = pixels.reshape(height_px, width_px * 3)


@dataclass(frozen=True)
class FakeTransform:
    """libcamera's, as far as needed."""

    hflip: bool = False
    vflip: bool = False


def install(monkeypatch: pytest.MonkeyPatch) -> Sensor:
    """Make `import picamera2` and `import libcamera` find the stand-ins; return the camera behind them."""
    sensor = Sensor()
    library, libcamera = ModuleType("picamera2"), ModuleType("libcamera")
    library.Picamera2 = type("Picamera2", (FakePicamera2,), {"sensor": sensor})  # type: ignore[attr-defined]  # a module made here
    library.MappedArray = FakeMappedArray  # type: ignore[attr-defined]  # the same
    libcamera.Transform = FakeTransform  # type: ignore[attr-defined]  # the same
    monkeypatch.setitem(sys.modules, "picamera2", library)
    monkeypatch.setitem(sys.modules, "libcamera", libcamera)
    return sensor
