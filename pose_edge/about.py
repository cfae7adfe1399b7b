"""Versions of what this runs on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

PACKAGES: Final = ("paho-mqtt", "numpy", "opencv-python-headless")


def software(mediapipe: str | None) -> dict[str, str]:
    """Return name -> version; `mediapipe` is known to the vision process alone, which imports it."""
    found = {"python": platform.python_version()}
    if mediapipe is not None:
        found["mediapipe"] = mediapipe
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
