"""Can this processor run the installed MediaPipe? Asked before the crash, not after it.

mediapipe >= 1.0 is built for ARMv8.2-A. On older cores (Raspberry Pi 4, 3, Zero 2 W) it installs and
imports, and kills the process with SIGILL when a landmarker is created.
"""

from __future__ import annotations

from pose_edge.errors import UnavailableError

# What libmediapipe.so checks when it starts (lse crc aes sha2 rdm rcpc fp16 dotprod), in the words of
# /proc/cpuinfo (Linux: arch/arm64/kernel/cpuinfo.c).
NEEDED_ON_ARM64 = ("atomics", "crc32", "aes", "sha2", "asimdrdm", "lrcpc", "fphp", "asimdhp", "asimddp")


def missing_features(cpuinfo: str) -> tuple[str, ...]:
    """Return what some core in the text of /proc/cpuinfo lacks, in the order of `NEEDED_ON_ARM64`.

    Nothing is missing where the text lists no features at all: then nobody can tell.
    """
    cores = [
        set(value.split())
        for key, _, value in (line.partition(":") for line in cpuinfo.splitlines())
        if key.strip() == "Features"
    ]
    if not cores:
        return ()
    common = set.intersection(*cores)
    return tuple(feature for feature in NEEDED_ON_ARM64 if feature not in common)


def check_cpu(mediapipe_version: str, machine: str, cpuinfo: str) -> None:
    """Raise `UnavailableError` when this MediaPipe would die on this processor.

    `machine` is that of `platform.machine()`, `cpuinfo` the text of /proc/cpuinfo.
    """
    if machine != "aarch64" or mediapipe_version.startswith("0."):
        return
    missing = missing_features(cpuinfo)
    if missing:
        raise UnavailableError(
            f"mediapipe {mediapipe_version} needs an ARMv8.2 processor (Raspberry Pi 5), and this one lacks "
            f"{' '.join(missing)}; on a Raspberry Pi 4 or 3 install mediapipe 0.10.18 "
            "(Raspberry Pi OS Bookworm, Python 3.11, requirements/pi4-bookworm.lock)"
        )
