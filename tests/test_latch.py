"""A fall stays ON until it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pose_edge.latch import Change, FallLatch, What
from pose_edge.records import ActiveFall, Event, Stage

FIRST = ActiveFall("den-1-000001", 1_000, 4_000, person_id=1, confidence=0.9, reason="descent")
SECOND = ActiveFall("den-1-000002", 9_000, 12_000, person_id=2)


def event(event_type: str, stage: Stage, kind: str = "fall", reason: str = "") -> Event:
    return Event(kind, event_type, stage, 1, 5_000, 1_000, reason=reason)


def confirm(latch: FallLatch, fall: ActiveFall, stage: Stage = Stage.UPDATE) -> Change:
    return latch.take(event("fall_confirmed", stage), fall)


def recover(latch: FallLatch, fall: ActiveFall) -> Change:
    return latch.take(event("fall_cleared", Stage.END, reason="stood_up"), fall)


@pytest.mark.parametrize("stage", [Stage.NEW, Stage.UPDATE])
def test_a_confirmed_fall_is_latched(stage: Stage) -> None:
    latch = FallLatch()

    assert confirm(latch, FIRST, stage) == Change(What.LATCHED, FIRST, reason="descent")
    assert latch.active == FIRST


@pytest.mark.parametrize(
    "other",
    [
        event("fall_suspected", Stage.NEW),
        event("fall_suspected", Stage.UPDATE),
        event("fall_cleared", Stage.END),
        event("posture_changed", Stage.END, kind="posture"),
        event("presence_ended", Stage.END, kind="presence"),
        event("fall_confirmed", Stage.UPDATE, kind="other"),
    ],
)
def test_nothing_else_latches(other: Event) -> None:
    latch = FallLatch()

    assert latch.take(other, FIRST).what is What.NOTHING
    assert latch.active is None


@pytest.mark.parametrize(
    "other",
    [
        event("presence_ended", Stage.END, kind="presence"),
        event("posture_changed", Stage.END, kind="posture"),
        event("fall_suspected", Stage.UPDATE),
    ],
)
def test_nothing_but_its_end_unlatches(other: Event) -> None:
    latch = FallLatch(FIRST)

    assert latch.take(other, FIRST) == Change(What.NOTHING, FIRST, reason=latch.take(other, FIRST).reason)
    assert latch.active == FIRST


def test_recovery_ends_it_and_the_engine_has_told() -> None:
    latch = FallLatch()
    confirm(latch, FIRST)

    assert recover(latch, FIRST) == Change(What.RECOVERED, None, (FIRST,), "stood_up")
    assert latch.active is None


def test_an_end_without_a_reason_says_recovered() -> None:
    latch = FallLatch(FIRST)

    assert latch.take(event("fall_cleared", Stage.END), FIRST).reason == "recovered"


def test_an_end_that_says_confirmed_is_an_end() -> None:
    latch = FallLatch(FIRST)

    assert latch.take(event("fall_confirmed", Stage.END), FIRST).what is What.RECOVERED


def test_what_was_stored_is_active_after_a_crash_and_can_be_cleared() -> None:
    latch = FallLatch(FIRST)

    assert (latch.active, latch.count) == (FIRST, 1)
    assert latch.clear("command") == Change(What.CLEARED, None, (FIRST,), "command")


def test_the_end_of_another_fall_leaves_the_restored_one() -> None:
    latch = FallLatch(FIRST)

    assert recover(latch, SECOND).what is What.NOTHING
    assert latch.active == FIRST


def test_later_news_of_a_fall_keep_its_times() -> None:
    latch = FallLatch()
    confirm(latch, FIRST)
    later = replace(FIRST, start_ms=7, confirmed_ms=64_000, confidence=0.99, reason="long_lie")

    change = confirm(latch, later)

    assert change.what is What.UPDATED
    assert change.active == replace(FIRST, confidence=0.99, reason="long_lie")


def test_with_two_people_down_the_first_is_shown_and_each_recovers_alone() -> None:
    latch = FallLatch()
    confirm(latch, FIRST)

    assert confirm(latch, SECOND) == Change(What.UPDATED, FIRST)
    assert latch.count == 2
    assert recover(latch, FIRST) == Change(What.RECOVERED, SECOND, (FIRST,), "stood_up")
    assert recover(latch, SECOND).active is None


def test_a_clear_ends_all_of_them() -> None:
    latch = FallLatch()
    confirm(latch, FIRST)
    confirm(latch, SECOND)

    assert latch.clear("command") == Change(What.CLEARED, None, (FIRST, SECOND), "command")
    assert (latch.active, latch.count) == (None, 0)


def test_a_clear_without_a_fall_does_nothing_and_says_so() -> None:
    assert FallLatch().clear("command") == Change(What.NOTHING, None, reason="no fall is active")


def test_what_was_cleared_does_not_come_back_but_the_next_fall_does() -> None:
    latch = FallLatch()
    confirm(latch, FIRST)
    latch.clear("command")

    assert confirm(latch, FIRST).what is What.NOTHING  # the engine reminds of the long lie
    assert recover(latch, FIRST).what is What.NOTHING
    assert confirm(latch, SECOND).what is What.LATCHED
