"""The real MediaPipe, where nobody hears it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pose_edge.landmarker import LandmarkerOptions, RunningMode
from pose_edge.landmarker.mediapipe_engine import RawCallback, RawLandmarker, create_mediapipe
from pose_edge.sandbox import lock_network_out


def create_unheard(
    model_path: Path, options: LandmarkerOptions, mode: RunningMode, on_result: RawCallback | None
) -> RawLandmarker:
    """Create MediaPipe's landmarker on a thread that may not open network sockets.

    The lock holds for the threads it starts, and so for all of MediaPipe (>= 1.0), which otherwise reports to
    its maker and, where no name server answers, keeps `close` waiting for seconds. The vision process locks
    itself as a whole; a test process needs its sockets.
    """
    lock = partial(lock_network_out, only_this_thread=True)
    with ThreadPoolExecutor(1, initializer=lock) as locked:
        return locked.submit(create_mediapipe, model_path, options, mode, on_result).result()
