"""Frame -> PoseResult: the model's view of one picture.

Three landmarkers, one per running mode of MediaPipe: `StillLandmarker` for photos, `VideoLandmarker` for
clips, where every frame counts, and `LiveLandmarker` for cameras, where only the newest does.

    options.py             what can be chosen; the guide's options, with their ranges checked
    blocking.py            IMAGE and VIDEO
    live.py slots.py       LIVE_STREAM, and the book-keeping of where each frame is
    steady_stamps.py       timestamps that must increase
    mediapipe_engine.py    MediaPipe with its silences broken
    mediapipe_import.py    MediaPipe without the rest of it
    mediapipe_c.py         MediaPipe 1's landmarker by its C functions
    mediapipe_result.py    MediaPipe's result -> ours
    cpu_features.py        processors that it would crash on

Here are the options only: the daemon and its configuration need no more.
"""

from pose_edge.landmarker.options import LandmarkerOptions, RunningMode

__all__ = ["LandmarkerOptions", "RunningMode"]
