"""What systemd itself says about the shipped unit."""

from __future__ import annotations

import re

from tests.systemd.house import UNIT, House

MOST_EXPOSURE = 1.5


def test_systemd_has_nothing_to_say_about_the_unit(house: House) -> None:
    done = house.box.run("systemd-analyze", "verify", f"/etc/systemd/system/{UNIT}")

    assert done.stdout + done.stderr == ""  # unknown keys are no error to it, only words


def test_the_unit_as_it_is_in_force_is_closed(house: House) -> None:
    """With the installer's drop-in."""
    said = house.box.run("systemd-analyze", "security", "--no-pager", UNIT).stdout

    [exposure] = re.findall(r"Overall exposure level for pose-edge\.service: ([\d.]+)", said)
    assert float(exposure) <= MOST_EXPOSURE
