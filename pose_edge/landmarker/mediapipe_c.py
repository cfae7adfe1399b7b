"""MediaPipe 1's landmarker, called without its Python classes: the same C functions, on the caller's thread.

Those classes pass every call to a thread of their own, every live result through a pipe to another, and make
66 objects of a pose: 0.3 ms a frame where inference takes 7 (measured, lite model). Here a result is two
arrays. Structures and signatures are MediaPipe's own, and all of them are looked up and checked below, so a
change of layout is followed or fails on import, which `mediapipe_import.py` answers with the public classes.

MediaPipe's thread is there because its functions must not be called two at a time; here a lock sees to it.
"""

# ruff: noqa: SLF001 - signatures and callback types are private there

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from mediapipe.tasks.python.core.base_options import BaseOptions
from mediapipe.tasks.python.core.mediapipe_c_bindings import load_raw_library
from mediapipe.tasks.python.core.mediapipe_c_utils import convert_to_exception, handle_status
from mediapipe.tasks.python.vision import pose_landmarker
from mediapipe.tasks.python.vision.core import image as mediapipe_image
from mediapipe.tasks.python.vision.core.vision_task_running_mode import validate_running_mode

logger = logging.getLogger(__name__)

_POINT = pose_landmarker.landmark_c_lib.MpNormalizedLandmarkC
_WORLD_POINT = pose_landmarker.landmark_c_lib.MpLandmarkC
_RESULT = pose_landmarker.MpPoseLandmarkerResultC
_CALLBACK = pose_landmarker._C_TYPES_RESULT_CALLBACK
_SIGNATURES = (*pose_landmarker._CTYPES_SIGNATURES, *mediapipe_image._CTYPES_SIGNATURES)
_options_of = pose_landmarker.MpPoseLandmarkerOptionsC.from_c_options
_base_options_of = BaseOptions.to_ctypes
_image_of = mediapipe_image.Image.create_from_ctypes
_BYTES = ctypes.POINTER(ctypes.c_uint8)
_NUMBERS = ("x", "y", "z", "visibility", "presence")
_ARGUMENTS = {
    "MpImageCreateFromUint8Data": 7,
    "MpImageFree": 1,
    "MpPoseLandmarkerCreate": 3,
    "MpPoseLandmarkerDetectImage": 5,
    "MpPoseLandmarkerDetectForVideo": 6,
    "MpPoseLandmarkerDetectAsync": 5,
    "MpPoseLandmarkerCloseResult": 1,
    "MpPoseLandmarkerClose": 2,
}
"""How many arguments the functions take that are called here."""


def _as_numpy(point: type[ctypes.Structure]) -> np.dtype[np.void]:
    """Return the layout of one point of MediaPipe."""
    kinds = {**dict.fromkeys(_NUMBERS, np.float32), "has_visibility": np.bool_, "has_presence": np.bool_}
    offsets = [getattr(point, name).offset for name in kinds]
    if any(getattr(point, name).size != np.dtype(kind).itemsize for name, kind in kinds.items()):
        raise AttributeError(f"{point.__name__} is laid out differently")
    return np.dtype(
        {
            "names": list(kinds),
            "formats": list(kinds.values()),
            "offsets": offsets,
            "itemsize": ctypes.sizeof(point),
        }
    )


def _require_arguments() -> None:
    """Raise `AttributeError` when a function that is called here is missing or takes other arguments."""
    takes = {signature.func_name: len(signature.argtypes) for signature in _SIGNATURES}
    changed = [name for name, count in _ARGUMENTS.items() if takes.get(name) != count]
    if changed:
        raise AttributeError(f"{', '.join(changed)}: missing, or called differently")


_require_arguments()
_POINT_AS_NUMPY, _WORLD_POINT_AS_NUMPY = _as_numpy(_POINT), _as_numpy(_WORLD_POINT)


@dataclass(frozen=True, slots=True)
class Result:
    """What MediaPipe saw: `RawResult` in arrays, shape (landmarks, 5), float32."""

    pose_landmarks: list[npt.NDArray[np.float32]]
    pose_world_landmarks: list[npt.NDArray[np.float32]]
    segmentation_masks: list[Any] | None


@cache
def _library() -> ctypes.CDLL:
    library: ctypes.CDLL = load_raw_library(_SIGNATURES)
    return library


def _call(name: str, *arguments: Any) -> None:
    """Call a function that returns a status; if not OK, raise what MediaPipe has for it."""
    library, message = _library(), ctypes.c_char_p()
    status = getattr(library, name)(*arguments, ctypes.byref(message))
    if status:
        try:
            handle_status(status, message)
        finally:
            if message.value is not None:
                library.MpErrorFree(message)


class Image:
    """A picture in MediaPipe's memory: a copy."""

    def __init__(self, image_format: int, data: npt.NDArray[np.uint8]) -> None:
        """Copy `data`, uint8, shape (height_px, width_px, 3), C-contiguous."""
        self.pointer = ctypes.c_void_p()
        height_px, width_px, _ = data.shape
        pixels = ctypes.cast(data.ctypes.data, _BYTES)
        size_px = image_format, width_px, height_px
        _call("MpImageCreateFromUint8Data", *size_px, pixels, data.size, ctypes.byref(self.pointer))

    def __del__(self) -> None:
        if self.pointer:
            _library().MpImageFree(self.pointer)


class PoseLandmarker:
    """The methods of MediaPipe's class of this name that pose-edge uses."""

    def __init__(self, handle: ctypes.c_void_p, callback: object) -> None:
        """See `create_from_options`."""
        self._lock = threading.Lock()
        self._handle: ctypes.c_void_p | None = handle
        self._callback = callback
        """Kept, because MediaPipe calls it."""

    @classmethod
    def create_from_options(cls, options: Any) -> Self:
        """Create it from MediaPipe's `PoseLandmarkerOptions`; raises what MediaPipe's class raises."""
        on_result = options.result_callback
        validate_running_mode(options.running_mode, on_result)
        callback = _CALLBACK(*([_receiver(on_result)] if on_result else []))
        wanted = _options_of(
            base_options=_base_options_of(options.base_options),
            running_mode=options.running_mode,
            num_poses=options.num_poses,
            min_pose_detection_confidence=options.min_pose_detection_confidence,
            min_pose_presence_confidence=options.min_pose_presence_confidence,
            min_tracking_confidence=options.min_tracking_confidence,
            output_segmentation_masks=options.output_segmentation_masks,
            result_callback=callback,
        )
        handle = ctypes.c_void_p()
        _call("MpPoseLandmarkerCreate", ctypes.byref(wanted), ctypes.byref(handle))
        return cls(handle, callback)

    def detect(self, image: Image) -> Result:
        """IMAGE mode."""
        return self._detect("MpPoseLandmarkerDetectImage", image)

    def detect_for_video(self, image: Image, timestamp_ms: int) -> Result:
        """VIDEO mode."""
        return self._detect("MpPoseLandmarkerDetectForVideo", image, timestamp_ms)

    def detect_async(self, image: Image, timestamp_ms: int) -> None:
        """LIVE_STREAM mode."""
        self._work("MpPoseLandmarkerDetectAsync", image, timestamp_ms)

    def close(self) -> None:
        """Wait for what is being worked on and let go of everything."""
        with self._lock:
            handle, self._handle = self._handle, None
            if handle is not None:
                _call("MpPoseLandmarkerClose", handle)

    def _detect(self, function: str, image: Image, *timestamp_ms: int) -> Result:
        found = _RESULT()
        self._work(function, image, *timestamp_ms, ctypes.byref(found))
        try:
            return _copy(found)
        finally:
            _library().MpPoseLandmarkerCloseResult(ctypes.byref(found))

    def _work(self, function: str, image: Image, *arguments: Any) -> None:
        with self._lock:
            if self._handle is None:
                msg = "the landmarker is closed"
                raise ValueError(msg)
            _call(function, self._handle, image.pointer, None, *arguments)


def _receiver(on_result: Callable[[Result, None, int], None]) -> Callable[..., None]:
    """Return what MediaPipe calls on a thread of its own; the result is its memory, and gone afterwards."""

    def receive(status: int, result: Any, _image: object, timestamp_ms: int) -> None:
        if status:
            logger.error("MediaPipe failed: %r", convert_to_exception(status))
            return
        on_result(_copy(result[0]), None, timestamp_ms)

    return receive


def _copy(found: Any) -> Result:
    """Return a result that holds no memory of MediaPipe's."""
    lists, world_lists = found.pose_landmarks, found.pose_world_landmarks
    masks = [_image_of(found.segmentation_masks[index]) for index in range(found.segmentation_masks_count)]
    return Result(
        [_points(lists[index], _POINT_AS_NUMPY) for index in range(found.pose_landmarks_count)],
        [
            _points(world_lists[index], _WORLD_POINT_AS_NUMPY)
            for index in range(found.pose_world_landmarks_count)
        ],
        masks or None,
    )


def _points(points: Any, layout: np.dtype[np.void]) -> npt.NDArray[np.float32]:
    """Return landmarks as shape (landmarks, 5); what MediaPipe does not know is 0."""
    count = points.landmarks_count
    table = np.frombuffer(ctypes.string_at(points.landmarks, count * layout.itemsize), layout)
    numbers = np.empty((count, len(_NUMBERS)), np.float32)
    for column, name in enumerate(_NUMBERS):
        numbers[:, column] = table[name]
    for column, name in enumerate(_NUMBERS[3:], 3):
        numbers[~table[f"has_{name}"], column] = 0
    return numbers
