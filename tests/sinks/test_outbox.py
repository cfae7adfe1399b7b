"""The queue's rules: order, back-off, parking, room, receipts, and what the clocks may do to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from pydantic import ValidationError

from pose_edge.records import Delivery, Message
from pose_edge.sinks.outbox import Outbox
from pose_edge.sinks.outbox_options import OutboxOptions
from pose_edge.sinks.outgoing import Outgoing, Waiting

T = TypeVar("T")

NOW_S = 1_800_000_000.0
HOUR_S = 3600.0


@dataclass
class Clock:
    """A hand that only the test moves."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def event(number: int, *, critical: bool = False, size: int = 10, event_id: str = "") -> Message:
    payload = str(number).encode().ljust(size, b" ")
    return Message("events", payload, Delivery.EVENT, event_id=event_id, critical=critical)


def alert(number: int, event_id: str = "") -> Message:
    return event(number, critical=True, event_id=event_id)


def filled(*messages: Message, clock: Callable[[], float] | None = None, **options: object) -> Outbox:
    outbox = Outbox(None, options=OutboxOptions.model_validate(options), clock=clock or Clock())
    for message in messages:
        outbox.put(message)
    return outbox


def take(outbox: Outgoing) -> Waiting:
    item = outbox.next()
    assert item is not None
    return item


def wait_for(look: Callable[[], T | None], limit_s: float = 5.0) -> T:
    """Return what `look` finds, as soon as it finds something."""
    deadline_s = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.002)
    return found


def rest(outbox: Outgoing) -> list[int]:
    found = []
    while (item := outbox.next()) is not None:
        found.append(int(item.message.payload))
    return found


def refuse_all(outbox: Outgoing, reason: str = "quota exceeded") -> int:
    count = 0
    while (item := outbox.next()) is not None:
        outbox.refused(item.key, reason)
        count += 1
    return count


# Order


def test_events_leave_in_the_order_in_which_they_came() -> None:
    assert rest(filled(*map(event, range(4)))) == [0, 1, 2, 3]


def test_an_event_counts_until_it_is_acknowledged_and_a_second_acknowledgement_changes_nothing() -> None:
    outbox = filled(event(0), event(1))
    key = take(outbox).key

    assert len(outbox) == 2
    outbox.acked(key)
    outbox.acked(key)
    assert len(outbox) == outbox.counts().waiting == 1


def test_after_a_lost_connection_what_was_not_acknowledged_comes_again_in_order() -> None:
    outbox = filled(*map(event, range(5)))
    keys = [take(outbox).key for _ in range(4)]
    outbox.acked(keys[1])

    outbox.rewind()

    again = [take(outbox) for _ in range(4)]
    assert [int(item.message.payload) for item in again] == [0, 2, 3, 4]
    assert not any(item.late for item in again), "a moment later it still happens now"


def test_an_acknowledgement_after_the_connection_was_lost_still_counts() -> None:
    outbox = filled(event(0), event(1))
    key = take(outbox).key
    outbox.rewind()

    outbox.acked(key)

    assert rest(outbox) == [1]


def test_the_age_is_told_and_an_event_that_waited_long_is_late() -> None:
    clock = Clock(100.0)
    outbox = filled(event(0), clock=clock, late_after_s=5)
    clock.now_s = 104.0
    outbox.put(event(1))
    clock.now_s = 106.0

    old, young = take(outbox), take(outbox)

    assert (old.age_s, old.late) == (6.0, True)
    assert (young.age_s, young.late) == (2.0, False)


# Refusals


def test_a_refused_event_waits_and_stops_nobody() -> None:
    clock = Clock()
    outbox = filled(event(0), event(1), clock=clock)
    outbox.refused(take(outbox).key, "quota exceeded")

    assert rest(outbox) == [1]
    clock.now_s = 1.3
    assert rest(outbox) == [0]


def test_pauses_double_from_the_shortest_to_the_longest_give_or_take_a_fifth() -> None:
    clock = Clock()
    outbox = filled(event(0), clock=clock, retry_min_s=1, retry_max_s=60, park_after_tries=100)

    for nominal_s in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        outbox.refused(take(outbox).key, "not authorized")
        refused_s = clock.now_s
        clock.now_s = refused_s + 0.79 * nominal_s
        assert outbox.next() is None
        clock.now_s = refused_s + 1.21 * nominal_s


def test_a_lost_connection_does_not_shorten_the_pause() -> None:
    outbox = filled(event(0))
    outbox.refused(take(outbox).key, "quota exceeded")

    outbox.rewind()

    assert outbox.next() is None


def test_after_many_refusals_an_event_is_parked_told_of_and_tried_again_much_later() -> None:
    clock = Clock()
    outbox = filled(alert(0), clock=clock, park_after_tries=3, parked_retry_s=HOUR_S)
    while not outbox.counts().parked:
        clock.now_s += 61
        refuse_all(outbox, "payload format invalid")

    assert clock.now_s == 3 * 61
    assert outbox.counts().parked_reason == "payload format invalid"
    assert len(outbox) == 1
    clock.now_s += HOUR_S - 1
    assert outbox.next() is None
    clock.now_s += 1
    outbox.refused(take(outbox).key, "still invalid")
    assert (outbox.counts().parked, outbox.counts().parked_reason) == (1, "still invalid")
    clock.now_s += HOUR_S
    outbox.acked(take(outbox).key)
    assert (outbox.counts().parked, outbox.counts().parked_reason, len(outbox)) == (0, None, 0)


def test_parking_is_at_once_and_the_others_go_on() -> None:
    outbox = filled(event(0), event(1))
    outbox.park(take(outbox).key, "larger than the broker takes")

    assert outbox.counts().parked == 1
    assert rest(outbox) == [1]


def test_unparked_events_come_first_and_have_all_their_tries_again() -> None:
    clock = Clock()
    outbox = filled(event(0), event(1), clock=clock, park_after_tries=2)
    outbox.park(take(outbox).key, "larger than the broker takes")

    outbox.unpark()

    assert outbox.counts().parked == 0
    item = take(outbox)
    assert int(item.message.payload) == 0
    outbox.refused(item.key, "quota exceeded")
    assert outbox.counts().parked == 0


def test_an_earlier_parking_does_not_shorten_a_later_one() -> None:
    clock = Clock()
    outbox = filled(event(0), clock=clock, parked_retry_s=10)
    outbox.park(take(outbox).key, "larger than the broker takes")
    clock.now_s = 5
    outbox.unpark()
    outbox.park(take(outbox).key, "larger than the broker takes")

    clock.now_s = 14
    assert outbox.next() is None
    clock.now_s = 15
    assert rest(outbox) == [0]


def test_thousands_of_refused_events_cost_nothing_while_they_wait() -> None:
    clock = Clock()
    outbox = filled(*map(event, range(10_000)), clock=clock)

    assert refuse_all(outbox) == 10_000
    began_s = time.monotonic()
    assert not any(outbox.next() for _ in range(10_000))
    assert time.monotonic() - began_s < 2  # 10 s and more, if each looked at all of them


# Room


def test_without_room_the_oldest_that_is_no_alert_goes_and_is_counted() -> None:
    outbox = filled(alert(0), *map(event, range(1, 6)), max_events=3)

    assert outbox.counts().dropped_total == 3
    assert rest(outbox) == [0, 4, 5]


def test_what_is_on_its_way_is_not_dropped() -> None:
    outbox = filled(event(0), event(1), max_events=2)
    take(outbox)

    outbox.put(event(2))
    outbox.rewind()

    assert rest(outbox) == [0, 2]


def test_what_is_parked_goes_after_what_is_not() -> None:
    outbox = filled(event(0), event(1), max_events=2)
    outbox.park(take(outbox).key, "larger than the broker takes")

    outbox.put(alert(2))
    outbox.put(alert(3))
    outbox.unpark()

    assert rest(outbox) == [2, 3]


@pytest.mark.parametrize("new", [event(9), alert(9)], ids=["event", "alert"])
def test_no_alert_ever_goes_to_make_room_so_the_new_one_does(
    new: Message, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = filled(alert(0), alert(1), max_events=2)
    outbox.park(take(outbox).key, "larger than the broker takes")
    caplog.clear()

    outbox.put(new)
    outbox.unpark()

    assert rest(outbox) == [0, 1]
    assert outbox.counts().dropped_total == 1
    [record] = caplog.records
    assert record.levelno == (logging.ERROR if new.critical else logging.WARNING)


def test_bytes_are_bounded_too_and_one_event_too_large_for_all_of_it_drives_nobody_out() -> None:
    outbox = filled(*(event(number, size=1000) for number in range(4)), max_bytes=3100)
    outbox.put(event(9, size=5000))

    assert outbox.counts().dropped_total == 2
    assert rest(outbox) == [1, 2, 3]


def test_room_comes_back_with_what_leaves() -> None:
    outbox = filled(alert(0), alert(1), max_bytes=2048, max_events=2)
    outbox.acked(take(outbox).key)
    outbox.put(event(2, size=2000))

    assert outbox.counts().dropped_total == 0


def test_drops_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outbox = filled(clock=clock, max_events=1)

    for clock.now_s in range(0, 90, 10):
        outbox.put(event(int(clock.now_s)))

    assert [record.getMessage() for record in caplog.records] == [
        "no room for an event: 1 events given up so far",
        "no room for an event: 7 events given up so far",
    ]


# Receipts


def test_an_alert_is_sent_again_on_the_schedule_until_the_receipt_comes() -> None:
    clock = Clock()
    outbox = filled(alert(0, "fall-1"), clock=clock, receipts=True)
    outbox.acked(take(outbox).key)

    sent_s = []
    for clock.now_s in range(1, 2500):
        if (item := outbox.next()) is not None:
            assert item.late
            sent_s.append(clock.now_s)
            outbox.acked(item.key)

    assert sent_s == [30, 120, 600, 1200, 1800, 2400]
    assert len(outbox) == 0
    assert outbox.receipt("fall-1")
    clock.now_s = 3000
    assert outbox.next() is None
    assert not outbox.receipt("fall-1")


def test_a_receipt_that_never_comes_is_given_up_after_a_day(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outbox = filled(alert(0, "fall-1"), clock=clock, receipts=True)
    outbox.acked(take(outbox).key)
    for clock.now_s in range(60, 24 * 3600, 60):
        if (item := outbox.next()) is not None:
            outbox.acked(item.key)

    clock.now_s = 24 * HOUR_S
    assert outbox.next() is None

    assert not outbox.receipt("fall-1")
    assert "no receipt came for event fall-1" in caplog.text


@pytest.mark.parametrize(
    ("message", "receipts"),
    [(event(0, event_id="e"), True), (alert(0, "e"), False), (alert(0, ""), True)],
    ids=["no alert", "not asked for", "cannot be named"],
)
def test_only_alerts_wait_for_a_receipt_if_asked_for_and_possible(message: Message, receipts: bool) -> None:
    clock = Clock()
    outbox = filled(message, clock=clock, receipts=receipts)
    outbox.acked(take(outbox).key)

    assert not outbox.receipt(message.event_id)
    clock.now_s = 30
    assert outbox.next() is None


def test_a_receipt_takes_all_stages_of_its_event_that_were_sent_and_no_other() -> None:
    outbox = filled(alert(0, "fall-1"), alert(1, "fall-2"), alert(2, "fall-1"), receipts=True)
    for _ in range(3):
        outbox.acked(take(outbox).key)

    assert outbox.receipt("fall-1")
    assert not outbox.receipt("fall-1")
    assert outbox.receipt("fall-2")


def test_a_stage_that_was_not_sent_yet_still_goes_out_after_the_receipt_for_an_earlier_one() -> None:
    clock = Clock()
    outbox = filled(alert(0, "fall-1"), clock=clock, receipts=True)
    outbox.acked(take(outbox).key)
    outbox.put(alert(1, "fall-1"))

    outbox.receipt("fall-1")

    outbox.acked(take(outbox).key)
    clock.now_s = 30
    assert rest(outbox) == [1]


def test_a_receipt_that_overtakes_the_acknowledgement_counts_but_loses_nothing() -> None:
    clock = Clock()
    outbox = filled(alert(0, "fall-1"), clock=clock, receipts=True)
    take(outbox)

    assert outbox.receipt("fall-1")
    outbox.rewind()
    outbox.acked(take(outbox).key)

    clock.now_s = 30
    assert outbox.next() is None
    assert not outbox.receipt("fall-1")


def test_a_repetition_the_broker_refuses_is_neither_waiting_nor_parked() -> None:
    clock = Clock()
    outbox = filled(alert(0, "fall-1"), clock=clock, receipts=True, park_after_tries=1)
    outbox.acked(take(outbox).key)
    clock.now_s = 30
    outbox.refused(take(outbox).key, "quota exceeded")

    assert (len(outbox), outbox.counts().parked) == (0, 0)
    clock.now_s = 120
    assert rest(outbox) == [0]


def test_waiting_for_a_receipt_makes_room_for_a_new_alert() -> None:
    outbox = filled(alert(0, "fall-1"), max_events=1, receipts=True)
    outbox.acked(take(outbox).key)

    outbox.put(alert(1))

    assert rest(outbox) == [1]


# Over a restart


def restarted(path: Path, *, away_s: float, wall_moves_s: float = 0.0, **options: object) -> Outbox:
    """Put one alert in and have it refused, then open the outbox again after `away_s`."""
    with Outbox(path, wall=lambda: NOW_S) as outbox:
        outbox.put(alert(0, "fall-1"))
    wall_s = NOW_S + away_s + wall_moves_s
    return Outbox(
        path, options=OutboxOptions.model_validate(options), clock=Clock(50_000.0), wall=lambda: wall_s
    )


@pytest.mark.parametrize(
    ("away_s", "wall_moves_s", "age_s"),
    [
        (60.0, 0.0, 60.0),
        (60.0, HOUR_S, 60.0 + HOUR_S),
        (60.0, -HOUR_S, 0.0),
        (60.0, -NOW_S, 0.0),
        (60.0, 40 * 24 * HOUR_S, 0.0),
    ],
    ids=["right", "an hour ahead", "an hour back", "1970", "years ahead"],
)
def test_an_event_of_an_earlier_run_is_late_whatever_the_wall_clock_did(
    tmp_path: Path, away_s: float, wall_moves_s: float, age_s: float
) -> None:
    with restarted(tmp_path / "outbox.db", away_s=away_s, wall_moves_s=wall_moves_s) as outbox:
        item = take(outbox)

        assert item.late
        assert item.age_s == pytest.approx(age_s)
        assert item.message == alert(0, "fall-1")


def test_keys_go_on_rising_after_a_restart_even_when_nothing_was_left(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    keys = []
    for _ in range(2):
        with Outbox(path) as outbox:
            outbox.put(event(0))
            keys.append(wait_for(outbox.next).key)
            outbox.acked(keys[-1])

    assert keys == [1, 2]


def test_a_restart_unparks(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path, clock=Clock(), options=OutboxOptions(park_after_tries=1)) as outbox:
        outbox.put(event(0))
        outbox.refused(wait_for(outbox.next).key, "not authorized")
        assert outbox.counts().parked == 1

    with Outbox(path) as outbox:
        assert outbox.counts().parked == 0
        assert rest(outbox) == [0]


def test_waiting_for_a_receipt_goes_on_after_a_restart(tmp_path: Path) -> None:
    path, options = tmp_path / "outbox.db", OutboxOptions(receipts=True)
    with Outbox(path, options=options, wall=lambda: NOW_S) as outbox:
        outbox.put(alert(0, "fall-1"))
        outbox.acked(1)

    clock = Clock()
    with Outbox(path, options=options, clock=clock, wall=lambda: NOW_S + 100) as outbox:
        assert (len(outbox), outbox.next()) == (0, None)
        clock.now_s = 20.0  # 120 s after the acknowledgement
        assert rest(outbox) == [0]
        assert outbox.receipt("fall-1")


def test_receipts_that_are_no_longer_asked_for_are_no_longer_awaited(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path, options=OutboxOptions(receipts=True)) as outbox:
        outbox.put(alert(0, "fall-1"))
        outbox.acked(1)

    with Outbox(path) as outbox:
        assert not outbox.receipt("fall-1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"retry_min_s": 10, "retry_max_s": 5},
        {"receipt_schedule_s": [30, 20]},
        {"receipt_schedule_s": [0]},
        {"receipt_schedule_s": []},
        {"max_events": 0},
    ],
    ids=str,
)
def test_options_that_cannot_be_meant_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OutboxOptions.model_validate(wrong)
