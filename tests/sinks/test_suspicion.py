from __future__ import annotations

from pose_edge.sinks.suspicion import HOLD_S, LONGEST_HOLD_S, LOSSES, STEADY_S, Suspicion

LONG_S = STEADY_S + 1


def test_whatever_was_alone_often_enough_is_the_culprit() -> None:
    suspicion = Suspicion()
    for _ in range(LOSSES - 1):
        assert suspicion.lost({5}, LONG_S) is None

    assert suspicion.lost({5}, LONG_S) == (5, HOLD_S)
    assert not suspicion.careful


def test_a_connection_that_did_not_hold_anyway_accuses_nobody() -> None:
    suspicion = Suspicion()
    for _ in range(20):
        assert suspicion.lost({5}, STEADY_S / 2) is None
    assert suspicion.suspects(5), "though it is sent with care"


def test_among_several_nobody_is_blamed_but_each_is_then_sent_alone() -> None:
    suspicion = Suspicion()
    for _ in range(10):
        assert suspicion.lost({5, 6, "state"}, LONG_S) is None
    assert suspicion.careful
    suspicion.proven(["state", 5])
    assert suspicion.careful
    suspicion.proven([6])

    assert not suspicion.careful


def test_once_it_got_through_it_is_innocent() -> None:
    suspicion = Suspicion()
    for _ in range(LOSSES - 1):
        suspicion.lost({"landmarks"}, LONG_S)
    suspicion.proven(["landmarks"])

    assert suspicion.lost({"landmarks"}, LONG_S) is None


def test_the_second_time_once_is_enough_and_lasts_longer() -> None:
    suspicion = Suspicion()
    for _ in range(LOSSES):
        suspicion.lost({5}, LONG_S)

    holds_s = [found[1] for _ in range(10) if (found := suspicion.lost({5}, LONG_S)) is not None]

    assert holds_s[:3] == [2 * HOLD_S, 4 * HOLD_S, 8 * HOLD_S]
    assert holds_s[-1] == LONGEST_HOLD_S


def test_that_the_device_is_there_is_always_said() -> None:
    suspicion = Suspicion()
    assert all(suspicion.lost({"status"}, LONG_S) is None for _ in range(20))


def test_a_connection_lost_with_nothing_on_its_way_accuses_nobody() -> None:
    suspicion = Suspicion()
    assert suspicion.lost(set(), LONG_S) is None
    assert not suspicion.careful


def test_an_event_that_was_dropped_meanwhile_keeps_nobody_waiting() -> None:
    suspicion = Suspicion()
    suspicion.lost({5, 6}, LONG_S)
    suspicion.passed(7)

    assert not suspicion.careful


def test_a_stream_that_has_ended_keeps_nobody_waiting() -> None:
    suspicion = Suspicion()
    suspicion.lost({"landmarks", "info", 5}, LONG_S)
    suspicion.connected(retained={"info"})

    assert not suspicion.suspects("landmarks")
    assert suspicion.suspects("info")
    assert suspicion.suspects(5)


def test_what_ended_connections_is_kept_out_for_a_while_unless_it_became_shorter() -> None:
    suspicion = Suspicion()
    suspicion.keep_out("info", 3000, until_s=100.0)

    assert suspicion.keeps_out("info", 3000, 99.0)
    assert suspicion.keeps_out("info", 4000, 99.0)
    assert not suspicion.keeps_out("info", 2999, 99.0)
    assert not suspicion.keeps_out("state", 9999, 99.0)
    assert not suspicion.keeps_out("info", 3000, 100.0)
    suspicion.forget()
    assert not suspicion.keeps_out("info", 3000, 99.0)
