"""The camera as a device: finding it, asking what it can do, giving it back."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import CancelledError
from typing import Any, Final

from pose_edge.errors import SourceError
from pose_edge.sources.sensor_modes import SensorMode, read_modes

logger = logging.getLogger(__name__)

CLOSE_LIMIT_S: Final = 5.0
"""A close that takes longer is stuck in the kernel."""

JOB_LIMIT_S: Final = 0.5
"""How long picamera2 may take to hand over the picture of a job it has finished."""


def import_picamera2() -> Any:
    """Return the library; it belongs to the system, not to this package."""
    try:
        import picamera2
    except (ImportError, ValueError) as error:  # ValueError: compiled for another numpy
        msg = (
            f"picamera2 cannot be imported ({error}): sudo apt install python3-picamera2, "
            "and make the environment with --system-site-packages"
        )
        raise SourceError(msg) from error
    logging.getLogger("picamera2").setLevel(logging.WARNING)  # it tells of each sensor mode it tries out
    return picamera2


def find(cameras: list[dict[str, Any]], wanted: int | str) -> tuple[int, str]:
    """Return (number, name) of the camera wanted, by number, id or model."""
    if not cameras:
        msg = "no camera found: check the ribbon cable, reboot, and see `rpicam-hello --list-cameras`"
        raise SourceError(msg)
    for number, camera in enumerate(cameras):
        model = camera.get("Model", "unknown model")
        if str(wanted) in {str(number), camera["Id"], model}:
            return number, f"camera {number} ({model})"
    found = ", ".join(
        f"{number}: {camera.get('Model')} {camera['Id']}" for number, camera in enumerate(cameras)
    )
    msg = f"no camera {wanted!r}; found {found}"
    raise SourceError(msg)


def modes_of(camera: Any) -> list[SensorMode]:
    """Return what the sensor can do. Asking tries each mode out, which takes a second and may fail."""
    modes = []
    try:
        modes = read_modes(camera.sensor_modes)
    except (KeyError, OSError, RuntimeError) as error:  # a control is missing; no memory for the largest
        logger.warning("the modes of the camera cannot be tried out (%r); chosen by size", error)
    return modes or read_modes(getattr(camera, "_raw_modes", []))


def close(camera: Any, job: Any, requests: Iterable[Any]) -> bool:
    """Give everything back, in a thread, for a wedged driver hangs whoever closes it; False: it does hang."""
    thread = threading.Thread(target=_shut, args=(camera, job, requests), name="camera-close", daemon=True)
    thread.start()
    thread.join(CLOSE_LIMIT_S)
    if thread.is_alive():
        logger.error("closing the camera hangs; only ending the process helps, or a reboot")
    return not thread.is_alive()


def _shut(camera: Any, job: Any, requests: Iterable[Any]) -> None:
    """Release what is held and close. Not stop(): that would queue up behind a job that never ends.

    Whatever fails before, `close` must be called: a camera left open is busy for whoever opens it next.
    """
    releases = [request.release for request in requests]
    for step in (camera.cancel_all_and_flush, lambda: _release_result(job), *releases, camera.close):
        try:
            step()
        except Exception as error:  # noqa: BLE001  # libcamera raises anything, and nobody is here to tell
            logger.warning("closing the camera failed: %r", error)


def _release_result(job: Any) -> None:
    """Release the picture of a job that was finished but not asked; a job cancelled in time has none."""
    if job is not None:
        with contextlib.suppress(TimeoutError, CancelledError):
            job.get_result(timeout=JOB_LIMIT_S).release()
