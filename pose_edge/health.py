"""What the machine says about itself: memory, temperature, disk, clock. None where it does not tell."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import shutil
import time
from functools import cache
from pathlib import Path
from typing import Final

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
M_ARENA_MAX: Final = -8
"""mallopt(3)."""
TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""
SYNCHRONIZED: Final = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd(8), which Raspberry Pi OS uses, when it has set the clock."""


def rss_mb(pid: int | None) -> float | None:
    """Return the resident memory of a process in MiB; None when it is gone."""
    if pid is None:
        return None
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * PAGE_BYTES / 2**20, 1)


def cpu_s(pid: int | None) -> float | None:
    """Return the processor seconds a process has used; None when it is gone."""
    if pid is None:
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime


def soc_temperature_c() -> float | None:
    """Return the temperature of the chip in degrees Celsius."""
    try:
        return round(int(Path("/sys/class/thermal/thermal_zone0/temp").read_text()) / 1000, 1)
    except (OSError, ValueError):
        return None


def disk_free_mb(path: Path) -> float | None:
    """Return what is free where `path` is, in MiB."""
    try:
        return round(shutil.disk_usage(path).free / 2**20)
    except OSError:
        return None


def clock_synced() -> bool:
    """Return whether the kernel believes its wall clock: a Pi has no battery and boots in the past."""
    # struct timex is 208 bytes on 64-bit Linux; modes = 0, its first field, only asks.
    state = _libc().adjtimex(ctypes.byref(ctypes.create_string_buffer(256)))
    if state == -1 and ctypes.get_errno() == errno.EPERM:  # the unit's ProtectClock= forbids even to ask
        return SYNCHRONIZED.exists()
    return state not in (-1, TIME_ERROR)


def keep_memory_together() -> None:
    """Let all threads share one heap, where the C library can: each would keep megabytes unused."""
    if hasattr(_libc(), "mallopt"):
        _libc().mallopt(M_ARENA_MAX, 1)


def give_memory_back() -> None:
    """Return what was needed only to start, some megabytes, to the system; where the C library can."""
    if hasattr(_libc(), "malloc_trim"):
        _libc().malloc_trim(0)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class Usage:
    """What our processes use, all together. The vision process tells its own: nobody may look into it."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def rss_mb(self, vision_mb: float) -> float:
        """Return the resident memory of this process and the other, in MiB."""
        return round((rss_mb(os.getpid()) or 0.0) + vision_mb, 1)

    def cpu_percent(self, vision_s: float) -> float | None:
        """Return their share of one core since this was last asked; None where that cannot be said."""
        total_s, now_s = (cpu_s(os.getpid()) or 0.0) + vision_s, time.monotonic()
        before, self._before = self._before, (now_s, total_s)
        if before is None or total_s < before[1] or now_s <= before[0]:
            return None  # the first time, or one of them is new
        return round(100 * (total_s - before[1]) / (now_s - before[0]), 1)


def serial() -> str | None:
    """Return the board's serial number; None where there is none."""
    try:
        return Path("/proc/device-tree/serial-number").read_text().strip("\0 \n") or None
    except OSError:
        return None


def board() -> str | None:
    """Return the name of the board as its device tree has it: `Raspberry Pi 5 Model B Rev 1.0`."""
    try:
        return Path("/proc/device-tree/model").read_text().rstrip("\0") or None
    except OSError:
        return None


def system() -> str:
    """Return distribution, kernel and architecture in a line."""
    try:
        distribution = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        distribution = platform.system()
    return f"{distribution}, kernel {platform.release()}, {platform.machine()}"
