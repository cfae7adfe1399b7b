"""A camera on the ribbon cable of a Raspberry Pi, through picamera2 and libcamera.

What this file does and does not do follows from measurements: a timed-out capture leaves its job behind,
which later takes a buffer for ever; a dead camera raises nothing; a failed constructor leaks a
descriptor; stop() hangs behind a stuck job where close() does not.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from types import TracebackType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from pose_edge.errors import SourceError
from pose_edge.records import Frame
from pose_edge.sources import picamera2_device as device
from pose_edge.sources.base import SourceInfo
from pose_edge.sources.picamera2_controls import ControlOptions, controls_for, tuning
from pose_edge.sources.pixels import from_padded_rgb
from pose_edge.sources.sensor_modes import best_mode
from pose_edge.sources.turning import Turning

logger = logging.getLogger(__name__)

# libcamera's "BGR888" is R, G, B in memory (its names read from the highest byte); MediaPipe wants RGB.
STREAM_FORMAT: Final = "BGR888"

STALL_FRAMES: Final = 5
"""libcamera itself gives a slow sensor so many frames (pipeline timeout)."""

PLAUSIBLE_NS: Final = 1_000_000_000
"""A picture that has just come was not taken longer ago; a stamp that says so is of another clock."""

STALE_MS: Final = 500
"""A picture this old is no news."""


class Picamera2Options(ControlOptions):
    """A camera on the ribbon cable. For a USB camera take kind v4l2."""

    kind: Literal["picamera2"] = "picamera2"

    camera: Annotated[int, Field(ge=0)] | str = 0
    """Number, id or model as `rpicam-hello --list-cameras` tells them."""

    width_px: int = Field(640, ge=64, le=4608)
    """Of the camera's picture, before it is turned. The camera scales for nothing."""

    height_px: int = Field(480, ge=64, le=3496)

    fps: float = Field(15.0, gt=0, le=120)
    """Pictures a second. Fewer save work: each costs some, wanted or not."""

    buffer_count: int = Field(4, ge=3, le=16)
    """One is kept for the model and one on its way, so the sensor needs at least one more."""

    stall_s: float = Field(5.0, gt=0)
    """No picture for so long, and for five frames, means that the camera is dead."""

    @model_validator(mode="after")
    def _exposure_fits(self) -> Self:
        longest_us = int(1e6 / self.fps)
        if self.exposure_us is not None and self.exposure_us > longest_us:
            msg = f"exposure_us {self.exposure_us}: at fps {self.fps:g} a picture lasts {longest_us} us"
            raise ValueError(msg)
        return self


class Picamera2Source:
    """The newest picture of a camera. See `Source`.

    Timestamps are CLOCK_MONOTONIC at the start of read-out. The current picture is held where the camera
    wrote it and copied by `retrieve`, once per `grab`; one that is replaced before costs nothing.
    """

    info: SourceInfo

    def __init__(self, options: Picamera2Options) -> None:
        self._options = options
        self._camera: Any = None
        self._job: Any = None  # the one outstanding capture, kept over timeouts
        self._job_since_s = 0.0
        self._arrived: _Shot | None = None
        self._current: _Shot | None = None
        self._last_ms = 0
        self._on_our_clock: bool | None = None
        self.wedged = False
        """The last close did not come back: only leaving the process helps, or a reboot."""

    def __enter__(self) -> Self:
        library = device.import_picamera2()
        self._mapped_array = library.MappedArray
        name = "camera"
        self._on_our_clock = None
        try:
            # Look before constructing: every constructor that fails leaks a descriptor.
            number, name = device.find(library.Picamera2.global_camera_info(), self._options.camera)
            tuned = tuning(self._options.tuning_file, library.Picamera2)
            self._camera = library.Picamera2(number, **({} if tuned is None else {"tuning": tuned}))
            self._start(self._camera, name)
            self._describe(self._camera.camera_configuration(), name)
        except SourceError:
            self._close()
            raise
        except Exception as error:
            # Anything at all: RuntimeError, IndexError, OSError, SystemError, by version and driver. Where
            # picamera2 says "Camera __init__ sequence did not complete." the reason is one further.
            self._close()
            reason = error.__cause__ or error.__context__ or error
            hint = "; another program is using it" if "busy" in str(reason).lower() else ""
            msg = f"{name}: cannot be opened: {reason}{hint}"
            raise SourceError(msg) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def wait(self, timeout_s: float) -> bool:
        """See `Source.wait`. Raises `SourceError` when nothing came for `stall_s`: nobody else would tell."""
        if self._arrived is not None:
            return True
        if self._job is None:
            self._job = self._camera.capture_request(wait=False)
            self._job_since_s = time.monotonic()
        try:
            request = self._job.get_result(timeout=timeout_s)
        except TimeoutError:
            # The job stays: a second one would take a buffer that nobody releases.
            self._check_stall()
            return False
        except (CancelledError, RuntimeError) as error:
            msg = f"{self.info.name}: the capture failed: {error!r}"
            raise SourceError(msg) from error
        self._job = None
        self._arrived = self._shot(request)
        return True

    def grab(self) -> int | None:
        """See `Source.grab`. Waits for a picture if none has come, but no longer than a stall."""
        newest = self._newest()
        if time.monotonic() * 1000 - newest.timestamp_ms > STALE_MS:  # the caller had paused
            newest.request.release()
            newest = self._newest()
        self._drop_current()
        self._current = newest
        return newest.timestamp_ms

    def retrieve(self) -> Frame:
        """See `Source.retrieve`. Copies the picture and gives its buffer back to the camera, so only once."""
        shot = self._current
        if shot is None:
            msg = f"{self.info.name}: no picture was grabbed yet, or it was retrieved already"
            raise SourceError(msg)
        try:
            # The copy must be made in here: pixels change, and a view kept longer leaks all buffers.
            with self._mapped_array(shot.request, "main", reshape=False, write=False) as mapped:
                image_rgb = from_padded_rgb(mapped.array, *self._layout)
        except (RuntimeError, ValueError) as error:  # its buffer is gone, or shorter than it must be
            msg = f"{self.info.name}: a picture cannot be read: {error}"
            raise SourceError(msg) from error
        finally:
            self._drop_current()
        for turning in self._turnings:
            image_rgb = turning.apply(image_rgb)
        return Frame(image_rgb, shot.timestamp_ms, shot.wall_ms)

    def set_rate_hz(self, rate_hz: float) -> None:
        """See `Adjustable.set_rate_hz`."""
        period_us = round(1e6 / rate_hz)
        if self._camera is not None:
            self._camera.set_controls({"FrameDurationLimits": (period_us, period_us)})

    def _start(self, camera: Any, name: str) -> None:
        """Configure what is needed and nothing else, and start."""
        options = self._options
        size_px = (options.width_px, options.height_px)
        mode = best_mode(device.modes_of(camera), size_px, options.fps)
        camera.configure(
            camera.create_video_configuration(
                main={"size": size_px, "format": STREAM_FORMAT},
                raw=None,  # no raw buffers in the memory that cameras share
                sensor={"output_size": mode.size_px, "bit_depth": mode.bit_depth} if mode else {},
                controls=controls_for(options, options.fps, camera.camera_controls, name),
                buffer_count=options.buffer_count,
                queue=False,  # a picture from after the asking, not one that lay ready
                display=None,
                encode=None,
                **self._transform(),
            )
        )
        camera.start()
        if mode is not None:
            logger.info("sensor read at %d x %d px, %d bits", *mode.size_px, mode.bit_depth)

    def _transform(self) -> dict[str, Any]:
        """Return the flips as libcamera wants them; nothing where nothing is to be flipped."""
        horizontal, vertical, _ = self._options.turning.split()
        if not (horizontal or vertical):
            return {}
        from libcamera import Transform

        return {"transform": Transform(hflip=horizontal, vflip=vertical)}

    def _describe(self, configuration: dict[str, Any], name: str) -> None:
        """Take over what the camera really does."""
        horizontal, vertical, turning = self._options.turning.split()
        flipped = configuration.get("transform")  # not every sensor can
        left = Turning(
            flip_horizontal=horizontal != bool(flipped and flipped.hflip),
            flip_vertical=vertical != bool(flipped and flipped.vflip),
        )
        self._turnings = [each for each in (left, turning) if each != Turning()]
        stream = configuration["main"]
        if stream["format"] != STREAM_FORMAT:
            hint = "a USB camera is source.kind: v4l2"
            msg = f"{name}: gives {stream['format']}, only {STREAM_FORMAT} is understood; {hint}"
            raise SourceError(msg)
        width_px, height_px = stream["size"]
        self._layout = (width_px, height_px, stream["stride"])
        width_px, height_px = turning.size_px(width_px, height_px)
        self.info = SourceInfo(name, width_px, height_px, self._options.fps, live=True)
        logger.info("camera %s: %d x %d px at %.1f Hz", name, width_px, height_px, self._options.fps)

    def _newest(self) -> _Shot:
        """Return the picture that has arrived, or the first that does."""
        while not self.wait(self._options.stall_s):
            pass
        newest, self._arrived = self._arrived, None
        assert newest is not None
        return newest

    def _check_stall(self) -> None:
        limit_s = max(self._options.stall_s, STALL_FRAMES / self._options.fps)
        if time.monotonic() - self._job_since_s > limit_s:
            msg = f"{self.info.name}: no picture for {limit_s:g} s; is the cable loose?"
            raise SourceError(msg)

    def _shot(self, request: Any) -> _Shot:
        """Note when reading the sensor began; drivers tell it on CLOCK_MONOTONIC. Later than all before."""
        now_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        metadata = request.get_metadata()
        taken_ns = metadata.get("SensorTimestamp", now_ns)
        if self._on_our_clock is None:  # the first picture is new, later ones may have lain about
            self._on_our_clock = abs(now_ns - taken_ns) <= PLAUSIBLE_NS
        if not self._on_our_clock:
            taken_ns = now_ns
        taken_wall_ns = wall_ns - (now_ns - taken_ns)
        camera_wall_ns = metadata.get(
            "FrameWallClock", taken_wall_ns
        )  # steadier, but slow when the clock is set
        if abs(camera_wall_ns - taken_wall_ns) <= PLAUSIBLE_NS:
            taken_wall_ns = camera_wall_ns
        self._last_ms = max(self._last_ms + 1, taken_ns // 1_000_000)
        return _Shot(request, self._last_ms, taken_wall_ns // 1_000_000)

    def _drop_current(self) -> None:
        if self._current is not None:
            self._current.request.release()
        self._current = None

    def _close(self) -> None:
        if self._camera is None:
            return
        held = [shot.request for shot in (self._arrived, self._current) if shot is not None]
        self.wedged = not device.close(self._camera, self._job, held)
        self._camera = self._job = self._arrived = self._current = None


@dataclass(frozen=True, slots=True)
class _Shot:
    """A picture where the camera wrote it; `request` must be released."""

    request: Any
    timestamp_ms: int
    wall_ms: int
