"""What a Raspberry Pi's firmware says about its power supply and about slowing down.

The bits are those of `vcgencmd get_throttled` (Raspberry Pi documentation, "vcgencmd"). The kernel gives
them as hexadecimal text without 0x (linux, rpi-6.12.y: drivers/firmware/raspberrypi.c); it asks the firmware
every 2 s itself, so that reading costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

SYS: Final = Path("/sys")

PLACE: Final = "devices/platform/*/*firmware/get_throttled"
"""Below /sys: soc/soc:firmware on a Raspberry Pi 4; other device trees put an address into the names."""

UNDERVOLTAGE: Final = 1 << 0
SLOWED: Final = (1 << 1) | (1 << 2) | (1 << 3)
"""Frequency capped, throttled, soft temperature limit: three ways of being slower than expected."""

EVER_SHIFT: Final = 16
"""The same bits, this much higher: it happened since boot."""


@dataclass(frozen=True, slots=True)
class Throttling:
    """How the board is, and was since it booted."""

    bits: int

    @property
    def undervoltage_now(self) -> bool:
        """The supply gives too little at this moment."""
        return bool(self.bits & UNDERVOLTAGE)

    @property
    def undervoltage_ever(self) -> bool:
        """It did so since boot; a dip is over too soon to be met by asking."""
        return bool((self.bits | self.bits >> EVER_SHIFT) & UNDERVOLTAGE)

    @property
    def throttled_now(self) -> bool:
        """The board is slower than it should be, because of heat or of its supply."""
        return bool(self.bits & SLOWED)

    @property
    def throttled_ever(self) -> bool:
        """It was so since boot."""
        return bool((self.bits | self.bits >> EVER_SHIFT) & SLOWED)

    def after(self, before: Throttling | None) -> Throttling:
        """Return this with what was so before added to what ever was: some kernels clear it by asking."""
        if before is None:
            return self
        past = before.bits >> EVER_SHIFT | (before.bits & (UNDERVOLTAGE | SLOWED))
        return Throttling(self.bits | past << EVER_SHIFT)


def parse(text: str) -> Throttling | None:
    """Return what `50005`, `0x50005` or `throttled=0x50005` means; None where it is none of these."""
    try:
        return Throttling(int(text.strip().removeprefix("throttled="), 16))
    except ValueError:
        return None


def read(sys: Path = SYS) -> Throttling | None:
    """Return what the kernel tells; None on boards that are no Raspberry Pi."""
    path = _place(sys)
    try:
        return None if path is None else parse(path.read_text())
    except OSError:
        return None


@cache
def _place(sys: Path) -> Path | None:
    """Look once: the daemon asks four times a second, and there are many devices."""
    return next(iter(sorted(sys.glob(PLACE))), None)
