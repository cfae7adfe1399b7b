from __future__ import annotations

from pose_edge.records import Delivery, Message
from pose_edge.sinks.queue import EventQueue


def event(number: int) -> Message:
    return Message("events", str(number).encode(), Delivery.EVENT)


def filled(count: int, limit: int = 1000) -> EventQueue:
    queue = EventQueue(limit)
    for number in range(count):
        queue.put(event(number))
    return queue


def take(queue: EventQueue) -> tuple[int, bytes]:
    item = queue.next()
    assert item is not None
    return item[0], item[1].payload


def rest(queue: EventQueue) -> list[bytes]:
    found = []
    while (item := queue.next()) is not None:
        found.append(item[1].payload)
    return found


def test_events_leave_in_the_order_in_which_they_came() -> None:
    assert rest(filled(3)) == [b"0", b"1", b"2"]


def test_an_event_counts_until_it_is_acknowledged() -> None:
    queue = filled(2)
    key, _ = take(queue)

    assert len(queue) == 2
    queue.acked(key)
    queue.acked(key)
    assert len(queue) == 1


def test_after_a_lost_connection_what_was_not_acknowledged_comes_again_in_order() -> None:
    queue = filled(5)
    keys = [take(queue)[0] for _ in range(4)]
    queue.acked(keys[1])
    queue.refused(keys[2])

    queue.rewind()

    assert rest(queue) == [b"0", b"2", b"3", b"4"]


def test_a_refused_event_waits_for_the_next_connection_and_stops_nobody() -> None:
    queue = filled(2)
    key, _ = take(queue)
    queue.refused(key)

    assert rest(queue) == [b"1"]
    assert len(queue) == 2


def test_without_room_the_oldest_goes_and_is_counted() -> None:
    queue = filled(5, limit=3)

    assert queue.dropped == 2
    assert rest(queue) == [b"2", b"3", b"4"]


def test_what_is_on_its_way_is_not_dropped_and_what_was_refused_goes_first() -> None:
    queue = filled(3, limit=3)
    take(queue)
    refused, _ = take(queue)
    queue.refused(refused)

    queue.put(event(3))
    queue.put(event(4))
    queue.rewind()

    assert rest(queue) == [b"0", b"3", b"4"]
