from __future__ import annotations

from pose_edge.sinks.backoff import SLOW_MAX_S, SLOW_MIN_S, Backoff


def test_pauses_double_up_to_the_limit_and_differ_from_device_to_device() -> None:
    pauses = [Backoff(1.0, 30.0) for _ in range(20)]
    for expected_s in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        drawn = [pause.next_s() for pause in pauses]
        assert all(expected_s <= one <= min(1.5 * expected_s, 30.0) for one in drawn)
        assert len(set(drawn)) > 10 or expected_s == 30.0


def test_after_a_success_the_next_pause_is_the_shortest() -> None:
    backoff = Backoff(1.0, 30.0)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()

    assert backoff.next_s() <= 1.5


def test_where_trying_does_not_help_it_is_tried_slowly() -> None:
    backoff = Backoff(0.1, 1.0)
    pauses = [backoff.next_s(slow=True) for _ in range(10)]

    assert SLOW_MIN_S <= pauses[0] <= 1.5 * SLOW_MIN_S
    assert pauses[-1] == SLOW_MAX_S


def test_no_number_of_failures_overflows() -> None:
    backoff = Backoff(1.0, 30.0)

    assert max(backoff.next_s() for _ in range(2000)) == 30.0


def test_an_outage_does_not_lengthen_the_slow_pause_nor_the_other_way_round() -> None:
    backoff = Backoff(1.0, 30.0)
    for _ in range(10):
        backoff.next_s()
    assert backoff.next_s(slow=True) <= 1.5 * SLOW_MIN_S

    assert backoff.next_s() <= 1.5
