from __future__ import annotations

from pose_edge.sinks.flight import WINDOW, Answer, Beat, Flight, Sent


def test_the_window_leaves_a_place_for_the_heartbeat() -> None:
    flight = Flight(receive_maximum=4)
    for number in range(3):
        assert flight.has_room()
        flight.sent(number, number, 0.0)

    assert not flight.has_room()
    assert flight.has_room_for_beat()
    flight.sent(9, Beat(), 0.0)
    assert not flight.has_room_for_beat()
    assert len(flight) == 4


def test_a_broker_that_takes_one_at_a_time_gets_one_at_a_time() -> None:
    flight = Flight(receive_maximum=1)
    assert flight.has_room()
    flight.sent(1, 1, 0.0)

    assert not flight.has_room()
    assert not flight.has_room_for_beat()
    assert flight.acked(1, 0.1) == (1, [])
    assert flight.has_room()


def test_a_generous_broker_does_not_widen_the_window() -> None:
    flight = Flight(receive_maximum=65535)
    for number in range(WINDOW):
        flight.sent(number, number, 0.0)

    assert not flight.has_room()


def test_carefully_means_one_at_a_time() -> None:
    flight = Flight(receive_maximum=20)
    flight.sent(1, "state", 0.0)

    assert flight.has_room()
    assert not flight.has_room(careful=True)


def test_without_a_connection_there_is_no_room() -> None:
    assert not Flight().has_room()
    assert not Flight().has_room_for_beat()


def test_silence_counts_from_the_last_answer_or_from_what_is_owed() -> None:
    flight = Flight(receive_maximum=20)
    assert flight.silent_s(100.0) == 0.0
    flight.sent(1, 1, 10.0)
    assert flight.silent_s(14.0) == 4.0
    flight.sent(2, Beat(), 14.0)
    flight.acked(2, 15.0)

    assert flight.silent_s(17.0) == 2.0, "it answers, though not to the first"
    assert flight.oldest_s(17.0) == 7.0
    flight.acked(1, 18.0)
    assert flight.silent_s(60.0) == 0.0, "nothing is owed"


def test_an_answer_that_comes_twice_is_none() -> None:
    flight = Flight(receive_maximum=20)
    flight.sent(1, 7, 0.0)

    assert flight.acked(1, 1.0) == (7, [])
    assert flight.acked(1, 1.0) == (None, [])


def test_what_was_sent_unacknowledged_is_proven_by_what_was_sent_after_it() -> None:
    flight = Flight(receive_maximum=20)
    flight.sent(1, Beat(), 1.0)
    flight.sent_unproven("landmarks", 2.0)
    assert flight.acked(1, 2.5) == (Beat(), [])
    assert flight.suspects() == {"landmarks"}
    flight.sent(2, Beat(), 3.0)

    assert flight.acked(2, 3.5) == (Beat(), ["landmarks"])
    assert flight.suspects() == set()


def test_only_events_and_states_are_suspects() -> None:
    flight = Flight(receive_maximum=20)
    everything: list[Sent] = [5, "state", Beat(), Answer("a/b")]
    for number, what in enumerate(everything):
        flight.sent(number, what, 0.0)

    assert flight.suspects() == {5, "state"}


def test_a_slow_line_is_given_time_for_what_is_on_its_way() -> None:
    flight = Flight(receive_maximum=20)
    assert flight.patience_s() == 0.0
    flight.sent(1, 1, 0.0, length=10_000)
    flight.sent_unproven("health", 0.0, length=2_000)
    assert flight.patience_s() == 6.0
    flight.acked(1, 1.0)

    assert flight.patience_s() == 0.0


def test_that_something_was_written_is_no_answer() -> None:
    flight = Flight(receive_maximum=20)
    flight.sent(1, 1, 0.0)

    assert flight.acked(77, 4.0) == (None, []), "paho tells of QoS 0 in the same way"
    assert flight.silent_s(5.0) == 5.0
    assert flight.last_ack_age_s(5.0) is None
