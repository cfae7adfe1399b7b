"""MediaPipe's pose landmarker with its silences broken.

Left alone it scrambles pictures that are not contiguous, answers calls after `close` with nothing, may
never come back from `close`, and tells what is wrong with a model in several lines that do not name it.
"""

from __future__ import annotations

import ctypes
import logging
import platform
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from pose_edge.errors import LandmarkerError, ModelError, UnavailableError
from pose_edge.landmarker.cpu_features import check_cpu
from pose_edge.landmarker.mediapipe_import import import_mediapipe
from pose_edge.landmarker.mediapipe_result import RawResult
from pose_edge.landmarker.options import LandmarkerOptions, RunningMode
from pose_edge.records import Frame

logger = logging.getLogger(__name__)

# It closes in 0.1 s, or never (google-ai-edge/mediapipe issue 6233), or, since 1.0, when its report to its
# maker has failed: after seconds where no name server answers, at once where sockets are refused.
CLOSE_LIMIT_S = 5.0

# By status code, 1.0 raises the built-in error that sounds nearest (mediapipe_c_utils.py); 0.10 raises
# ValueError or RuntimeError, and TypeError for a timestamp that is too large.
MEDIAPIPE_ERRORS = (ValueError, RuntimeError, OSError, IndexError, TypeError)

RawCallback: TypeAlias = Callable[[RawResult, object, int], None]
"""(result, picture, timestamp_ms), on MediaPipe's thread; what it raises is lost, or ends the process."""


class RawLandmarker(Protocol):
    """What is used of `mediapipe.tasks.python.vision.PoseLandmarker`."""

    def detect(self, image: Any) -> RawResult:
        """Only in IMAGE mode."""

    def detect_for_video(self, image: Any, timestamp_ms: int) -> RawResult:
        """Only in VIDEO mode."""

    def detect_async(self, image: Any, timestamp_ms: int) -> None:
        """Only in LIVE_STREAM mode."""

    def close(self) -> None:
        """Wait for what is being worked on and let go of everything."""


Create: TypeAlias = Callable[[Path, LandmarkerOptions, RunningMode, RawCallback | None], RawLandmarker]
"""Makes a landmarker; tests hand in one that falls silent."""


def create_mediapipe(
    model_path: Path, options: LandmarkerOptions, mode: RunningMode, on_result: RawCallback | None
) -> RawLandmarker:
    """Create MediaPipe's landmarker on the CPU; see `Engine.open` for what is raised."""
    if not model_path.is_file():
        raise ModelError(f"model {model_path}: no such file")
    mediapipe = import_mediapipe()
    check_cpu(mediapipe.version, platform.machine(), _read_cpuinfo())
    # The delegate by name: its number is 0 in 0.10.18 and 1 in 1.2.2.
    base = mediapipe.base_options(
        model_asset_path=str(model_path.absolute()), delegate=mediapipe.base_options.Delegate.CPU
    )
    wanted = mediapipe.landmarker_options(
        base_options=base,
        running_mode=mediapipe.running_mode[mode.name],
        result_callback=on_result,
        **options.model_dump(exclude={"stall_limit_s"}),
    )
    try:
        landmarker: RawLandmarker = mediapipe.landmarker.create_from_options(wanted)
    except MEDIAPIPE_ERRORS as error:
        raise creation_error(model_path, error) from error
    return landmarker


def creation_error(model_path: Path, error: Exception) -> ModelError | UnavailableError:
    """Return what to tell about a landmarker that could not be created."""
    if "shared object" in str(error):
        return UnavailableError(
            f"MediaPipe's library cannot be loaded: {reason(error)}; "
            "on Debian and Raspberry Pi OS: apt install libegl1 libgles2"
        )
    return ModelError(f"model {model_path} cannot be used: {reason(error)}")


def reason(error: Exception) -> str:
    """Return the first line of MediaPipe's status that is more than a heading ("... failed:")."""
    lines = [line.strip().rstrip(".") for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.endswith((":", "failed"))]
    first = next(iter(telling or lines), "")
    return first.rpartition(" failed: ")[2].lstrip("; ") or type(error).__name__


def check_picture(image_rgb: npt.NDArray[np.uint8]) -> None:
    """Raise `LandmarkerError` for an array that MediaPipe would misread without a word."""
    shape, contiguous = image_rgb.shape, image_rgb.flags.c_contiguous
    if image_rgb.dtype == np.uint8 and len(shape) == 3 and shape[2] == 3 and contiguous and image_rgb.size:
        return
    layout = "C-contiguous" if contiguous else "not C-contiguous"
    raise LandmarkerError(
        "a picture must be uint8, shape (height, width, 3), C-contiguous; "
        f"found {image_rgb.dtype}, shape {shape}, {layout}"
    )


def _read_cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class Engine:
    """One landmarker of MediaPipe between `open` and `close`. Errors are `LandmarkerError`s of one line."""

    def __init__(
        self,
        model_path: Path,
        options: LandmarkerOptions,
        mode: RunningMode,
        on_result: RawCallback | None = None,
        create: Create = create_mediapipe,
    ) -> None:
        self._model_path = model_path
        self._options = options
        self._mode = mode
        self._on_result = on_result
        self._create = create
        self._raw: RawLandmarker | None = None
        self._prepared: tuple[Frame, Any] | None = None
        self.wedged = False
        """`close` never came back. MediaPipe's threads then also block the interpreter's exit: leave the
        process by `os._exit`."""

    def open(self) -> None:
        """Create the landmarker.

        Raises:
            ModelError: the model is missing, damaged or of another task.
            UnavailableError: MediaPipe is not installed or cannot run on this machine.
            LandmarkerError: this engine is open or wedged.
        """
        if self._raw is not None or self.wedged:
            raise LandmarkerError(
                f"the {self._mode} landmarker is {'wedged' if self.wedged else 'open'} already"
            )
        self._raw = self._create(self._model_path, self._options, self._mode, self._on_result)

    def detect(self, frame: Frame) -> RawResult:
        """IMAGE mode: return what is seen."""
        result: RawResult = self._call("detect", frame)
        return result

    def detect_for_video(self, frame: Frame, stamp_ms: int) -> RawResult:
        """VIDEO mode: return what is seen; `stamp_ms` must be above the last one."""
        result: RawResult = self._call("detect_for_video", frame, stamp_ms)
        return result

    def prepare(self, frame: Frame) -> None:
        """Copy a picture into MediaPipe's memory, so that the call with this very frame need not.

        Raises:
            LandmarkerError: the picture is not what `Frame` promises.
        """
        self._prepared = frame, _picture(frame)

    def detect_async(self, frame: Frame, stamp_ms: int) -> None:
        """LIVE_STREAM mode: hand over and return; `stamp_ms` must be above the last one."""
        self._call("detect_async", frame, stamp_ms)

    def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Close within `limit_s`, or give MediaPipe up and set `wedged`. Never raises; safe to repeat."""
        raw, self._raw, self._prepared = self._raw, None, None
        if raw is None:
            return
        closing = threading.Thread(target=_close, args=(raw,), name="landmarker-close", daemon=True)
        closing.start()
        closing.join(limit_s)
        self.wedged = closing.is_alive()
        if self.wedged:
            logger.error("MediaPipe did not close within %.1f s; given up", limit_s)

    def _call(self, method: str, frame: Frame, *stamp_ms: int) -> Any:
        raw = self._raw
        if raw is None:
            raise LandmarkerError(f"the {self._mode} landmarker is not open: use it inside `with`")
        prepared, self._prepared = self._prepared, None
        image = prepared[1] if prepared is not None and prepared[0] is frame else _picture(frame)
        try:
            return getattr(raw, method)(image, *stamp_ms)
        except MEDIAPIPE_ERRORS as error:
            raise LandmarkerError(f"MediaPipe refused {method}: {reason(error)}") from error


def _picture(frame: Frame) -> Any:
    check_picture(frame.image_rgb)
    mediapipe = import_mediapipe()
    try:
        return mediapipe.image(image_format=mediapipe.image_format.SRGB, data=frame.image_rgb)
    except MEDIAPIPE_ERRORS as error:
        raise LandmarkerError(f"MediaPipe refused a picture: {reason(error)}") from error


def _close(raw: RawLandmarker) -> None:
    try:
        raw.close()
    except MEDIAPIPE_ERRORS as error:
        # After an error in the graph `close` repeats it; whoever got the first one knows.
        logger.info("MediaPipe closed with an error: %s", reason(error))
        _never_collect(raw)


def _never_collect(raw: RawLandmarker) -> None:
    """Give up the memory of a landmarker that could not be closed, by one reference too many.

    MediaPipe 1.2.2 would try again in `__del__` and wait for a thread that the garbage collector has just
    ended, for ever; at exit it would print a traceback.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(raw))
