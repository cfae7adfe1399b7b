"""The shipped unit agrees with the program; what systemd makes of it is in tests/systemd."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pose_edge.config import load
from pose_edge.errors import EXIT_CONFIG, EXIT_UNAVAILABLE
from pose_edge.health import SYNCHRONIZED
from pose_edge.sinks.mqtt_options import CREDENTIAL
from pose_edge.state_directory import SYSTEM_DIRECTORY
from pose_edge.supervisor import VisionOptions

ROOT = Path(__file__).resolve().parent.parent
UNIT = (ROOT / "systemd/pose-edge.service").read_text()
PROFILES = sorted((ROOT / "config").glob("*.yaml"))
UNITS_S = {"": 1, "s": 1, "min": 60}

# Words of systemd newer than 252 (its NEWS), which Bookworm would not know.
TOO_NEW = (
    "notify-reload",
    "RestartSteps",
    "RestartMaxDelaySec",
    "OpenFile",
    "MemoryKSM",
    "SetLoginEnvironment",
)


def values(name: str) -> list[str]:
    """Return every value of a setting."""
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


def seconds(name: str) -> int:
    [text] = values(name)
    number, unit = re.fullmatch(r"(\d+)(\D*)", text).groups()  # type: ignore[union-attr]  # it has to match
    return int(number) * UNITS_S[unit]


def test_errors_that_a_restart_cannot_cure_are_not_tried_again() -> None:
    [statuses] = values("RestartPreventExitStatus")

    assert {str(EXIT_CONFIG), str(EXIT_UNAVAILABLE)} <= set(statuses.split())
    assert "1" not in statuses.split()


def test_the_watchdog_lets_the_daemon_cure_what_it_can() -> None:
    options = VisionOptions()

    # Silence is noticed, the longest pause passes, and the new process takes all the time it may.
    cure_s = options.silence_limit_s + options.restart_max_s + options.start_limit_s
    assert seconds("WatchdogSec") > cure_s
    assert seconds("TimeoutStartSec") > 5 * options.start_limit_s


def test_crashes_alone_reach_the_limit_of_starts() -> None:
    [burst] = map(int, values("StartLimitBurst"))

    assert burst * seconds("RestartSec") < seconds("StartLimitIntervalSec")
    assert seconds("TimeoutStartSec") * burst > seconds("StartLimitIntervalSec")


def test_places_and_names_are_those_of_the_program() -> None:
    assert values("LoadCredential") == [f"{CREDENTIAL}:/etc/pose-edge/{CREDENTIAL}"]
    assert values("StateDirectory") == [SYSTEM_DIRECTORY.name]
    assert values("ExecStart") == [
        "/opt/pose-edge/current/bin/pose-edge run --config /etc/pose-edge/config.yaml"
    ]


def test_where_the_kernel_may_not_be_asked_for_the_clock_somebody_else_is() -> None:
    assert values("ProtectClock") == ["yes"]
    assert Path("/run/systemd/timesync/synchronized") == SYNCHRONIZED


def test_the_driver_of_cameras_is_loaded_before_systemd_looks_for_it() -> None:
    """Kinds of devices that /proc/devices lacks at the start are left out of DeviceAllow= without a word."""
    assert "char-video4linux rw" in values("DeviceAllow")
    assert values("Wants") == ["modprobe@videodev.service"]
    assert "modprobe@videodev.service" in " ".join(values("After"))


@pytest.mark.parametrize("word", TOO_NEW)
def test_the_systemd_of_bookworm_knows_every_word(word: str) -> None:
    assert word not in UNIT


def test_every_closed_door_has_its_reason() -> None:
    """A comment stands above each block; no more than five lines share one."""
    lines_since_comment = 0
    for line in UNIT.partition("[Service]")[2].splitlines():
        is_setting = bool(re.match(r"[A-Z]\w+=", line))
        lines_since_comment = lines_since_comment + 1 if is_setting else 0
        assert lines_since_comment <= 5, line


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_every_shipped_configuration_is_right(profile: Path) -> None:
    load(profile)


def test_the_profiles_are_there() -> None:
    assert {"fall", "desk", "presence"} <= {path.stem for path in PROFILES}
