"""The machine: clock, supply, heat, memory."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from typing import Final

from pose_edge import health, throttling
from pose_edge.diagnosis import powering
from pose_edge.doctor.findings import Finding, Surroundings, fault, ok, skipped, warning
from pose_edge.doctor.service import holds
from pose_edge.sinks.trouble import BUILD_S
from pose_edge.throttling import Throttling

WARM_C: Final = 80.0
HOT_C: Final = 85.0
"""A Raspberry Pi slows its cores from 80 degrees on, and everything at 85 (Raspberry Pi documentation,
"Frequency management and thermal control")."""

LEAST_MB: Final = 800
"""What a board of 1 GB leaves after its graphics share; smaller ones are not supported (README)."""

WANTED_MB: Final = 300
"""The vision process needs up to 176 MB (measured when the landmarker is made), the daemon a third of it."""

ASK_LIMIT_S: Final = 2.0


def clock(_around: Surroundings) -> Finding:
    """Are the times in alerts right?"""
    now = datetime.now(UTC)
    if now.timestamp() < BUILD_S:
        return fault(f"the clock shows {now:%Y-%m-%d}: let NTP set it (timedatectl set-ntp true)")
    if not health.clock_synced():
        return warning("the clock is not synchronised: see `timedatectl`; times in alerts may be wrong")
    return ok("synchronised")


def power(around: Surroundings) -> Finding:
    """Is the supply strong enough, and the board at full speed?"""
    found = throttling.read(around.sys) or _ask_firmware()
    if found is None:
        return skipped("this board does not tell (no Raspberry Pi)")
    if problems := "; ".join(powering(found).values()):
        return fault(problems) if found.undervoltage_now else warning(problems)
    if found.throttled_ever:
        return warning("the board slowed itself down since it booted: give it a fan or more air")
    return ok("enough voltage and full speed since it booted")


def _ask_firmware() -> Throttling | None:
    """Ask as `vcgencmd` does, where the kernel does not tell."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        asked = subprocess.run(
            [program, "get_throttled"], capture_output=True, text=True, timeout=ASK_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return throttling.parse(asked.stdout)


def temperature(_around: Surroundings) -> Finding:
    """Is it too hot to be fast?"""
    chip_c = health.soc_temperature_c()
    if chip_c is None:
        return skipped("this machine does not tell its temperature")
    text = f"{chip_c:.0f} °C"
    if chip_c >= HOT_C:
        return fault(f"{text}: the board is slowed down from {HOT_C:.0f} °C on; give it a fan or more air")
    if chip_c >= WARM_C:
        return warning(f"{text}: from {WARM_C:.0f} °C on it slows itself down; give it a fan or more air")
    return ok(text)


def memory(around: Surroundings) -> Finding:
    """Is there enough?"""
    sizes = memory_mb(around)
    total_mb, free_mb = sizes.get("MemTotal"), sizes.get("MemAvailable")
    if total_mb is None or free_mb is None:
        return skipped("this system does not tell its memory")
    text = f"{free_mb} of {total_mb} MB available"
    if total_mb < LEAST_MB:
        return fault(f"{text}: at least 1 GB is needed, take another board")
    if free_mb < WANTED_MB and not holds(around):
        return warning(f"{text}, about {WANTED_MB} MB are wanted: end other programs")
    return ok(text)


def memory_mb(around: Surroundings) -> dict[str, int]:
    """Return `MemTotal` and the others of /proc/meminfo, which has them in KiB."""
    try:
        lines = (around.proc / "meminfo").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":")[::2] for line in lines if line.endswith(" kB"))
    return {name: int(value.split()[0]) // 1024 for name, value in pairs}
