from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pose_edge.config import load
from pose_edge.engine import Engine
from pose_edge.errors import ConfigError
from pose_edge.events import EventsOptions
from pose_edge.messages import Device, Messages
from pose_edge.quiet import QuietHours
from pose_edge.records import PoseResult, Timing
from pose_edge.reporter import Now, PublishOptions, Reporter
from pose_edge.wire import Status
from tests.bodies import timeline
from tests.seats import seat


def at(clock: str) -> int:
    return round(datetime.fromisoformat(f"2026-11-22T{clock}+00:00").timestamp() * 1000)


@pytest.mark.parametrize(
    ("hours", "clock", "quiet"),
    [
        ("22:00-07:00", "21:59:59", False),
        ("22:00-07:00", "22:00:00", True),
        ("22:00-07:00", "00:00:00", True),
        ("22:00-07:00", "06:59:59", True),
        ("22:00-07:00", "07:00:00", False),
        ("12:00-13:30", "12:00:00", True),
        ("12:00-13:30", "13:30:00", False),
        ("12:00-13:30", "23:00:00", False),
    ],
)
def test_hours_may_go_over_midnight(hours: str, clock: str, quiet: bool) -> None:
    found = QuietHours.parse(hours)

    assert found is not None
    assert found.cover(at(clock), UTC) is quiet


def test_hours_are_those_of_the_place() -> None:
    night = QuietHours.parse("22:00-07:00")

    assert night is not None
    assert night.cover(at("20:30:00"), timezone(timedelta(hours=2)))
    assert not night.cover(at("20:30:00"), UTC)


def test_nothing_is_no_hours() -> None:
    assert QuietHours.parse("") is None


@pytest.mark.parametrize("hours", ["22-7", "24:00-07:00", "22:00-07:60", "22:00", "late", "07:00-07:00"])
def test_wrong_hours_are_named_with_what_is_allowed(hours: str, tmp_path) -> None:  # type: ignore[no-untyped-def]  # pytest's
    path = tmp_path / "config.yaml"
    path.write_text(f'events:\n  desk:\n    quiet_hours: "{hours}"\n')

    with pytest.raises(ConfigError, match=rf"line 3.*quiet_hours.*{hours}.*allowed"):
        load(path)


def reported(clock: str, synced: bool, hours: str = "22:00-07:00") -> tuple[list[str], object]:
    """What is told of five minutes of slouching that begin at a time of the day, and what is withheld."""
    options = EventsOptions.model_validate({"desk": {"remind": True, "slouch_hold_s": 20}})
    reporter = Reporter(
        Engine(options),
        Messages(Device("test"), "boot", "lite", "live_stream"),
        PublishOptions(),
        QuietHours.parse(hours),
    )
    told: list[str] = []
    for one in timeline((15_000, seat()), (40_000, seat(neck_deg=40.0)), step_ms=200):
        available_ns = one.timestamp_ms * 1_000_000
        result = PoseResult(
            one.timestamp_ms, 640, 480, one.poses, timing=Timing(available_ns, available_ns, available_ns)
        )
        wall_ms = round(datetime.fromisoformat(f"2026-11-22T{clock}").timestamp() * 1000)  # local time
        now = Now(available_ns, wall_ms + one.timestamp_ms, synced)
        told += [event.event_type for event in reporter.result(result, now).events]
    return told, reporter.measured(Status(), now)["reminders_withheld_total"]


def test_a_reminder_in_quiet_hours_is_withheld_and_counted() -> None:
    told, withheld = reported("23:30:00", synced=True)

    assert "posture_reminder" not in told
    assert "slouch_started" in told
    assert withheld == 1


def test_a_reminder_at_any_other_time_is_told() -> None:
    told, withheld = reported("10:00:00", synced=True)

    assert told.count("posture_reminder") == 1
    assert withheld == 0
    assert reported("23:30:00", synced=True, hours="")[0].count("posture_reminder") == 1


def test_while_nobody_knows_the_time_of_day_reminders_are_told() -> None:
    told, withheld = reported("23:30:00", synced=False)

    assert told.count("posture_reminder") == 1
    assert withheld == 0
