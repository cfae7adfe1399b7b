"""How much of MediaPipe's own speed is left: `replay --mode video --speed max` against a bare loop.

    python bench/replay_vs_bare.py CLIP MODEL [RUNS]

All see the same clip with the same model and options, in turn, RUNS times each (default 5):

    predecoded  every frame is decoded before the clock starts, then MediaPipe and nothing else
    decoding    reads a frame, runs MediaPipe on it, reads the next: what a script would do
    replay      our two processes, events and landmarks made; the next frame is decoded meanwhile

Counted from the first result to the last, so that start-up is out of all of them. Prints one JSON object:
medians, and the ratios of each replay to the bare runs beside it.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def predecoded(clip: Path, model: Path) -> dict[str, float]:
    """Decode everything, then run VIDEO mode over it and nothing else."""
    return _bare(list(_frames(clip)), model)


def decoding(clip: Path, model: Path) -> dict[str, float]:
    """Decode and run VIDEO mode in turn, on one thread."""
    return _bare(_frames(clip), model)


def _frames(clip: Path) -> Iterator[Any]:
    import cv2

    capture = cv2.VideoCapture(str(clip))
    while (read := capture.read())[0]:
        yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)


def _bare(frames: Iterable[Any], model: Path) -> dict[str, float]:
    from pose_edge.landmarker import LandmarkerOptions
    from pose_edge.landmarker.mediapipe_import import import_mediapipe

    options = LandmarkerOptions().model_dump(exclude={"stall_limit_s"})
    mp = import_mediapipe()
    base = mp.base_options(model_asset_path=str(model))
    wanted = mp.landmarker_options(base_options=base, running_mode=mp.running_mode.VIDEO, **options)
    at_s = cpu_s = 0.0
    with mp.landmarker.create_from_options(wanted) as landmarker:
        for index, frame in enumerate(frames):
            image = mp.image(image_format=mp.image_format.SRGB, data=frame)
            landmarker.detect_for_video(image, index * 33)
            if index == 0:
                at_s, cpu_s = time.monotonic(), time.process_time()
        return {
            "frames": index + 1,
            "fps": index / (time.monotonic() - at_s),
            "cpu_ms": 1000 * (time.process_time() - cpu_s) / index,
        }


def replay(clip: Path, model: Path) -> dict[str, float]:
    """Run the vision process and the engine as `pose-edge replay` does, events and landmarks made."""
    from pose_edge.job import Job
    from pose_edge.landmarker import RunningMode
    from pose_edge.replay import Replay, watched
    from pose_edge.sources.video import VideoOptions
    from pose_edge.supervisor import VisionOptions

    job = Job(source=VideoOptions(path=clip), model_path=model, running_mode=RunningMode.VIDEO, speed=None)
    replayer = Replay(model.name, "video")
    count, at_s, cpu_s, last_s = 0, 0.0, 0.0, 0.0
    for result in watched(job, VisionOptions(), lambda _total: None):
        replayer.take(result)
        count += 1
        last_s = time.monotonic()
        if count == 1:
            at_s, cpu_s = last_s, time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "frames": count,
        "fps": (count - 1) / (last_s - at_s),
        "daemon_cpu_ms": 1000 * (time.process_time() - cpu_s) / (count - 1),
        "vision_cpu_ms_with_start": 1000 * (children.ru_utime + children.ru_stime) / count,
    }


PARTS = {"predecoded": predecoded, "decoding": decoding, "replay": replay}


def main() -> None:
    """Run all in turn, each in a process of its own."""
    if os.environ.get("BENCH_PART"):
        print(json.dumps(PARTS[os.environ["BENCH_PART"]](Path(sys.argv[1]), Path(sys.argv[2]))))
        return
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    found: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    for _ in range(runs):
        for part, results in found.items():
            results.append(_run(part))
    medians = {
        part: {key: round(statistics.median(one[key] for one in results), 3) for key in results[0]}
        for part, results in found.items()
    }
    ratios = {f"replay_to_{part}": _ratios(found, part) for part in ("predecoded", "decoding")}
    print(json.dumps({**medians, **ratios, "runs": runs}))


def _ratios(found: dict[str, list[dict[str, Any]]], part: str) -> dict[str, float]:
    pairs = zip(found["replay"], found[part], strict=True)
    ratios = sorted(mine["fps"] / theirs["fps"] for mine, theirs in pairs)
    return {
        "min": round(ratios[0], 3),
        "median": round(statistics.median(ratios), 3),
        "max": round(ratios[-1], 3),
    }


def _run(part: str) -> dict[str, Any]:
    environment = {**os.environ, "BENCH_PART": part}
    command = [sys.executable, __file__, *sys.argv[1:3]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


if __name__ == "__main__":
    main()
