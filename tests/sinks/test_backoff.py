from __future__ import annotations

from pose_edge.sinks.backoff import EAGER_FOR_S, EAGER_MAX_S, SLOW_MAX_S, SLOW_MIN_S, Backoff


def test_pauses_double_and_differ_from_device_to_device() -> None:
    pauses = [Backoff(1.0, 30.0) for _ in range(20)]
    for expected_s in (1.0, 2.0):
        drawn = [pause.next_s() for pause in pauses]
        assert all(expected_s <= one <= 1.5 * expected_s for one in drawn)
        assert len(set(drawn)) > 10


def test_they_stay_short_for_minutes_and_then_grow_to_the_limit() -> None:
    backoff = Backoff(1.0, 30.0)
    passed_s, pauses = 0.0, []
    while passed_s < 600:
        pauses.append((passed_s, backoff.next_s()))
        passed_s += pauses[-1][1]

    assert max(pause_s for at_s, pause_s in pauses if at_s < EAGER_FOR_S) == EAGER_MAX_S
    assert pauses[-1][1] == 30.0


def test_a_limit_below_that_is_kept() -> None:
    backoff = Backoff(0.05, 0.2)
    assert max(backoff.next_s() for _ in range(50)) == 0.2


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
