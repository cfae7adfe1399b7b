"""What the firmware of a Raspberry Pi says; the bits are those of its documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_edge import diagnosis, throttling
from pose_edge.daemon import _throttling_values
from pose_edge.payloads import HealthValues
from pose_edge.throttling import Throttling

SOC = {"pi4": "soc/soc:firmware", "with an address": "soc@107c000000/soc@107c000000:firmware"}


def flags(board: Throttling | None) -> tuple[bool, bool, bool, bool]:
    assert board is not None
    return board.undervoltage_now, board.undervoltage_ever, board.throttled_now, board.throttled_ever


@pytest.mark.parametrize("place", SOC.values(), ids=SOC.keys())
def test_the_kernel_gives_it_as_hexadecimal_text(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "devices/platform" / place
    folder.mkdir(parents=True)
    (folder / "get_throttled").write_text("50005\n")

    assert throttling.read(tmp_path) == Throttling(0x50005)


def test_a_board_that_says_nothing_is_no_raspberry_pi(tmp_path: Path) -> None:
    assert throttling.read(tmp_path) is None
    assert throttling.parse('error=1 error_msg="Command not registered"') is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("throttled=0x0", (False, False, False, False)),
        ("throttled=0x50000", (False, True, False, True)),  # both since boot, neither now
        ("0x10000", (False, True, False, False)),
        ("1", (True, True, False, False)),  # now is also ever
        ("2", (False, False, True, True)),
        ("4", (False, False, True, True)),
        ("8", (False, False, True, True)),
        ("80000", (False, False, False, True)),
    ],
)
def test_bits(told: str, expected: tuple[bool, bool, bool, bool]) -> None:
    assert flags(throttling.parse(told)) == expected


def test_what_was_so_once_stays_although_the_kernel_forgets_it() -> None:
    first = Throttling(0x5)

    assert flags(Throttling(0).after(first)) == (False, True, False, True)
    assert flags(Throttling(0).after(Throttling(0).after(first))) == (False, True, False, True)
    assert Throttling(0x4).after(None) == Throttling(0x4)


def test_health_names_each_with_what_to_do() -> None:
    assert diagnosis.powering(None) == diagnosis.powering(Throttling(0)) == {}
    assert diagnosis.powering(Throttling(0x20000)) == {}  # slowed down once: over, and no harm done

    both = diagnosis.powering(Throttling(0x50005))
    assert list(both) == ["undervoltage", "throttled"]
    assert "too little voltage now: use its own power supply" in both["undervoltage"]
    assert "fan" in both["throttled"]
    assert "since it booted" in diagnosis.powering(Throttling(0x10000))["undervoltage"]


def test_health_has_all_three_or_none() -> None:
    values = HealthValues(status="ok", **_throttling_values(Throttling(0x50004)))

    assert (values.throttled_now, values.throttled_ever, values.undervoltage_ever) == (True, True, True)
    assert _throttling_values(None) == {}
