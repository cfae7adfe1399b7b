"""Puts the board's camera in place: before picamera2 is imported, and after."""

from __future__ import annotations

import importlib.util
import sys
import time
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from tests.pi.board import modules, switches
from tests.pi.board.modules import MODULES
from tests.pi.board.pixels import Layout
from tests.pi.board.sensor import sensor, streaming

if TYPE_CHECKING:
    from collections.abc import Sequence

TAKEN: Final = {"FrameDurationLimits", "FaceDetectMode"}
"""Controls the software camera really has; others are only written down."""


class InstallWhenImported(MetaPathFinder):
    """Puts the camera in place when picamera2 is imported for the first time."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return picamera2's own spec, with our work before and after."""
        if name != "picamera2":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_between(module: ModuleType) -> None:
            before()
            execute(module)
            after()

        spec.loader.exec_module = execute_between  # type: ignore[method-assign]  # this loader serves once
        return spec


def before() -> None:
    """Stand in for what picamera2 imports and never uses here, and for the sensor under libcamera."""
    _stub("pykms", PixelFormat=_AnyFormat())
    if importlib.util.find_spec("pidng") is None:
        _stub("pidng")
        _stub("pidng.core", PICAM2DNG=None)
        _stub("pidng.camdefs", Picamera2Camera=None)
    import libcamera

    _sensor_under(libcamera)
    _modes_of(libcamera)
    _controls_of(libcamera)


def after() -> None:
    """Give picamera2 memory and a Pi's pixel layout."""
    import picamera2.picamera2 as library

    from tests.pi.board.memory import MemoryAllocator

    library.DmaAllocator = MemoryAllocator
    update = library.Picamera2._update_stream_config

    def update_stream_config(camera: Any, stream: dict[str, Any], given: Any) -> None:
        wanted = stream["format"]
        update(camera, stream, given)
        width_px, height_px = stream["size"]
        shown = Layout(wanted, width_px, height_px)
        stream.update(format=wanted, stride=shown.stride, framesize=shown.size)
        camera.allocator.layouts.append((Layout("NV12", width_px, height_px), shown))

    library.Picamera2._update_stream_config = update_stream_config


def _sensor_under(libcamera: Any) -> None:
    """A clock, a cable, and a driver that may refuse."""
    camera = libcamera.Camera
    acquire, queue, start, stop = camera.acquire, camera.queue_request, camera.start, camera.stop

    def acquire_or_not(self: Any) -> None:
        if switches.is_on("busy"):
            msg = "Failed to acquire camera: Device or resource busy"
            raise RuntimeError(msg)
        acquire(self)

    def start_or_not(self: Any, controls: dict[Any, Any] | None = None) -> None:
        if switches.is_on("failing_start"):
            msg = "Failed to start camera: Input/output error"
            raise RuntimeError(msg)
        mine = sensor(self.id)
        mine.controls = {name.name: value for name, value in (controls or {}).items()}
        if "FrameDurationLimits" in mine.controls:
            shortest_us = MODULES[self.id].mode(mine.mode_px).shortest_us
            mine.period_us = max(mine.controls["FrameDurationLimits"][0], shortest_us)
        start(self, {name: value for name, value in (controls or {}).items() if name.name in TAKEN})
        mine.start(lambda request: queue(self, request))

    def stop_the_clock(self: Any) -> None:
        sensor(self.id).stop()
        stop(self)

    camera.acquire, camera.start, camera.stop = acquire_or_not, start_or_not, stop_the_clock
    camera.queue_request = lambda self, request: sensor(self.id).queue(request)


def _modes_of(libcamera: Any) -> None:
    """Raw streams, sensor modes and flips, of which the software camera has none."""
    camera = libcamera.Camera
    generate, configure = camera.generate_configuration, camera.configure
    validate = libcamera.CameraConfiguration.validate
    raw, upright = libcamera.StreamRole.Raw, libcamera.Orientation.Rotate0

    def copied(orientation: Any) -> Any:
        return libcamera.Orientation(int(orientation))  # what libcamera gives out follows every change

    def generate_configuration(self: Any, roles: list[Any]) -> Any:
        if roles == [raw]:
            return _raw_configuration(libcamera, self.id)
        return generate(self, [libcamera.StreamRole.Viewfinder if role == raw else role for role in roles])

    def validate_upright(self: Any) -> Any:
        wanted = copied(self.orientation)
        self.orientation = upright
        status = validate(self)
        if not switches.is_on("no_flips"):  # then it stays adjusted, which is how libcamera tells
            self.orientation = wanted
        return status

    def configure_upright(self: Any, config: Any) -> Any:
        mine = sensor(self.id)
        mine.orientation = copied(config.orientation)
        config.orientation = upright
        size = None if config.sensor_config is None else config.sensor_config.output_size
        mine.mode_px = None if size is None else (size.width, size.height)
        failed = configure(self, config)
        config.orientation = mine.orientation
        return failed

    camera.generate_configuration, camera.configure = generate_configuration, configure_upright
    libcamera.CameraConfiguration.validate = validate_upright


def _raw_configuration(libcamera: Any, camera_id: str) -> Any:
    """Return what picamera2 reads of a raw stream: formats and their sizes."""
    module = MODULES[camera_id]
    formats = SimpleNamespace(
        pixel_formats=[module.raw_format],
        sizes=lambda _format: [libcamera.Size(*mode.size_px) for mode in module.modes],
    )
    return SimpleNamespace(at=lambda _index: SimpleNamespace(formats=formats))


def _controls_of(libcamera: Any) -> None:
    """The controls and properties of a Pi's camera, and what it writes beside each picture."""
    camera, names, properties = libcamera.Camera, libcamera.controls, libcamera.properties
    own_properties, own_controls = camera.properties.fget, camera.controls.fget
    own_metadata = libcamera.Request.metadata.fget

    def properties_of(self: Any) -> dict[Any, Any]:
        more = {
            properties.draft.ColorFilterArrangement: 0,
            properties.UnitCellSize: libcamera.Size(1400, 1400),
        }
        return dict(own_properties(self).items()) | more | {properties.Rotation: 0}

    def controls_of(self: Any) -> dict[Any, Any]:
        module = MODULES[self.id]
        mine = modules.controls(libcamera, module, module.mode(sensor(self.id).mode_px))
        return dict(own_controls(self).items()) | mine

    def metadata_of(self: Any) -> dict[Any, Any]:
        found = dict(own_metadata(self).items())
        period_us = streaming().period_us
        taken_ns = next((value for name, value in found.items() if name.name == "SensorTimestamp"), 0)
        wall_ns = taken_ns + time.time_ns() - time.monotonic_ns()
        wall_clock = {} if switches.is_on("no_wall_clock") else {names.FrameWallClock: wall_ns}
        more = {
            names.ExposureTime: min(10000, period_us),
            names.AnalogueGain: 2.0,
            names.FrameDuration: period_us,
        }
        return found | more | wall_clock

    camera.properties, camera.controls = property(properties_of), property(controls_of)
    libcamera.Request.metadata = property(metadata_of)


class _AnyFormat:
    """The formats of a screen, by any name; there is no screen."""

    def __getattr__(self, name: str) -> str:
        return name


def _stub(name: str, **contents: Any) -> None:
    module = ModuleType(name)
    module.__dict__.update(contents)
    sys.modules.setdefault(name, module)
