"""MediaPipe alone: the ten lines of a tutorial, with a stopwatch. What pose-edge is held against.

Run by its path, so that nothing of pose-edge is imported: `python bare.py MODE CLIP MODEL POSES`, MODE
being `video`, `live`, or `predecoded`, where all frames are in memory before the clock starts. Prints JSON
lines: the moment of the first pose, then the figures. Memory and processor time are those of this process,
all threads.
"""
# ruff: noqa: T201 - stdout is where the figures go

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

WARM, WARM_S = 10, 0.5
"""Results, and seconds since the first of them, before the stopwatch starts."""


def main(mode: str, clip: str, model: str, poses: str) -> None:
    """Run one clip and print what it took."""
    import cv2
    import mediapipe as mp

    vision = mp.tasks.vision
    seen = Seen()
    options = vision.PoseLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=model),
        running_mode=vision.RunningMode.LIVE_STREAM if mode == "live" else vision.RunningMode.VIDEO,
        num_poses=int(poses),
        min_pose_detection_confidence=0.3,
        min_pose_presence_confidence=0.3,
        min_tracking_confidence=0.3,
        result_callback=(lambda result, _image, _stamp: seen.take(result)) if mode == "live" else None,
    )
    capture = cv2.VideoCapture(clip)
    period_s = 1 / capture.get(cv2.CAP_PROP_FPS)
    ready = _decoded(capture) if mode == "predecoded" else None
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        began_s = time.monotonic()
        index = 0
        while True:
            if ready is not None:
                frame = ready[index] if index < len(ready) else None
            else:
                ok, image = capture.read()
                frame = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if ok else None
            if frame is None:
                break
            picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame)
            stamp_ms = round(index * period_s * 1000)
            index += 1
            if mode != "live":
                seen.take(landmarker.detect_for_video(picture, stamp_ms))
                continue
            early_s = began_s + index * period_s - time.monotonic()
            if early_s > 0:
                time.sleep(early_s)
            landmarker.detect_async(picture, stamp_ms)
        seen.tell()
        os._exit(0)  # closing takes seconds where there is no network, and is not what is measured


def _decoded(capture: Any) -> list[Any]:
    import cv2

    frames = []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    return frames


class Seen:
    """Counts results and times them."""

    def __init__(self) -> None:
        self.count = self.found = 0
        self._lock = threading.Lock()
        self._first_s: float | None = None
        self._from: tuple[float, float] | None = None
        self._to = (0.0, 0.0)
        self._left_out = 0

    def take(self, result: object) -> None:
        """Note one result of MediaPipe."""
        with self._lock:
            self.count += 1
            if getattr(result, "pose_landmarks", None):
                self.found += 1
                if self.found == 1:
                    print(json.dumps({"first_pose_s": time.monotonic()}), flush=True)
            self._to = (time.monotonic(), time.process_time())
            self._first_s = self._first_s or self._to[0]
            if self._from is None and self.count >= WARM and self._to[0] - self._first_s >= WARM_S:
                self._from, self._left_out = self._to, self.count

    def tell(self) -> None:
        """Print what it took after the first frames; exits when there were no others."""
        with self._lock:
            frames = self.count - self._left_out
            if self._from is None or not frames:
                sys.exit(f"{self.count} results are too few: the first ones do not count")
            wall_s, cpu_s = (to - since for to, since in zip(self._to, self._from, strict=True))
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
            figures = {
                "frames": self.count,
                "rate_hz": frames / wall_s,
                "cpu_ms": 1000 * cpu_s / frames,
                "rss_mb": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            }
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:5])
