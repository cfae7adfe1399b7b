"""What every user of OpenCV here needs: silence."""

from __future__ import annotations

import os
from typing import Final

AV_LOG_QUIET: Final = "-8"  # FFmpeg, libavutil/log.h
LOG_LEVEL_ERROR: Final = 2  # OpenCV, core/utils/logger.defines.hpp


def quieten() -> None:
    """Keep OpenCV and its FFmpeg from writing about files and devices; our own errors name those.

    Holds for the whole process. Whoever sets OPENCV_LOG_LEVEL or OPENCV_FFMPEG_LOGLEVEL still gets
    what they ask for.
    """
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", AV_LOG_QUIET)
    if "OPENCV_LOG_LEVEL" in os.environ:
        return
    # OpenCV 5 keeps it in a module of its own, OpenCV 4 at the top.
    home = getattr(cv2.utils, "logging", cv2)
    home.setLogLevel(LOG_LEVEL_ERROR)
