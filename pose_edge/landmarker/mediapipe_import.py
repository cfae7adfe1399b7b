"""Import the pose landmarker without the rest of MediaPipe.

`import mediapipe` runs package `__init__`s that import matplotlib, OpenCV and every other task: 1-2 s and
99 MiB, of which the pose landmarker needs 0.2 s and 30 MiB. Here empty packages take the place of those
`__init__`s, and only the modules that are needed run. That leans on MediaPipe's private layout, so the
plain import follows when it fails, and each supported version has a test.

Once this has run, `import mediapipe` elsewhere in the process finds an empty package.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ExtensionFileLoader, PathFinder
from types import MappingProxyType, ModuleType
from typing import Any

from pose_edge.errors import UnavailableError

logger = logging.getLogger(__name__)

PACKAGES = ("mediapipe", "mediapipe.tasks", "mediapipe.tasks.python", "mediapipe.tasks.python.vision")
"""Whose `__init__` is left out, outermost first."""

_TASKS = "mediapipe.tasks.python"
_COMMON = {
    "base_options": f"{_TASKS}.core.base_options:BaseOptions",
    "running_mode": f"{_TASKS}.vision.core.vision_task_running_mode:VisionTaskRunningMode",
    "landmarker_options": f"{_TASKS}.vision.pose_landmarker:PoseLandmarkerOptions",
}
PLACES_0_10: Mapping[str, str] = MappingProxyType(
    _COMMON
    | {
        "landmarker": f"{_TASKS}.vision.pose_landmarker:PoseLandmarker",
        "image": "mediapipe.python._framework_bindings.image:Image",
        "image_format": "mediapipe.python._framework_bindings.image_frame:ImageFormat",
    }
)
"""Field of `MediaPipe` -> module:class, in 0.10.18."""
PLACES_1: Mapping[str, str] = MappingProxyType(
    _COMMON
    | {
        "landmarker": "pose_edge.landmarker.mediapipe_c:PoseLandmarker",
        "image": "pose_edge.landmarker.mediapipe_c:Image",
        "image_format": f"{_TASKS}.vision.core.image:ImageFormat",
    }
)
"""The same since 1.0, where the C++ bindings became ctypes; two of them are called more directly."""


@dataclass(frozen=True, slots=True)
class MediaPipe:
    """The classes of MediaPipe that pose-edge uses."""

    version: str
    lean: bool
    """False: the plain import was needed."""
    base_options: Any
    running_mode: Any
    landmarker: Any
    landmarker_options: Any
    image: Any
    image_format: Any


@cache
def import_mediapipe() -> MediaPipe:
    """Import what the pose landmarker needs; the second call costs nothing.

    Raises:
        UnavailableError: mediapipe is not installed, or cannot be imported.
    """
    version = installed_version()
    return load(version, PLACES_0_10 if version.startswith("0.") else PLACES_1)


def installed_version() -> str:
    """Return MediaPipe's version without importing it; `UnavailableError` when it is not installed."""
    try:
        return importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError as error:
        raise UnavailableError("mediapipe is not installed: pip install pose-edge") from error


def load(version: str, places: Mapping[str, str]) -> MediaPipe:
    """Import the classes from `places`, or all of MediaPipe when one is not there."""
    before = set(sys.modules)
    try:
        _leave_out_inits()
        return MediaPipe(version, lean=True, **{field: _find(place) for field, place in places.items()})
    except Exception as error:  # noqa: BLE001 - whatever breaks in a private layout, the public one is next
        logger.warning("mediapipe %s is laid out differently (%s), importing all of it", version, error)
        _forget(set(sys.modules) - before)
    try:
        return _load_plainly(version)
    except ImportError as error:
        raise UnavailableError(f"mediapipe {version} cannot be imported: {error}") from error


def _leave_out_inits() -> None:
    """Put an empty package with the right path in the place of each of `PACKAGES`."""
    if PACKAGES[0] in sys.modules:
        return
    path = None
    for name in PACKAGES:
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError(name)
        package = ModuleType(name)
        package.__spec__ = spec
        package.__path__ = path = list(spec.submodule_search_locations)
        sys.modules[name] = package
        parent, _, leaf = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], leaf, package)


def _find(place: str) -> Any:
    """Import the class at `module:class`."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _forget(names: Iterable[str]) -> None:
    """Take MediaPipe's modules out of `sys.modules`, so that the plain import starts from nothing.

    Except compiled ones and those within them, which have no spec: their types register once in a process.
    """
    for name in names:
        spec = sys.modules[name].__spec__
        compiled = spec is None or isinstance(spec.loader, ExtensionFileLoader)
        if name.partition(".")[0] == PACKAGES[0] and not compiled:
            del sys.modules[name]


def _load_plainly(version: str) -> MediaPipe:
    """Import as MediaPipe's guide does."""
    import mediapipe
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    return MediaPipe(
        version,
        lean=False,
        base_options=tasks.BaseOptions,
        running_mode=vision.RunningMode,
        landmarker=vision.PoseLandmarker,
        landmarker_options=vision.PoseLandmarkerOptions,
        image=mediapipe.Image,
        image_format=mediapipe.ImageFormat,
    )
