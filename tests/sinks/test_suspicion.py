from __future__ import annotations

from pose_edge.sinks.suspicion import HOLD_S, LOSSES, Suspicion


def test_whatever_was_alone_often_enough_is_the_culprit() -> None:
    suspicion = Suspicion()
    assert [suspicion.lost({5}) for _ in range(LOSSES)] == [None] * (LOSSES - 1) + [5]
    assert not suspicion.careful


def test_among_several_nobody_is_blamed_but_each_is_then_sent_alone() -> None:
    suspicion = Suspicion()
    for _ in range(10):
        assert suspicion.lost({5, 6, "state"}) is None
    assert suspicion.careful
    suspicion.proven(["state", 5])
    assert suspicion.careful
    suspicion.proven([6])

    assert not suspicion.careful


def test_once_it_got_through_it_is_innocent() -> None:
    suspicion = Suspicion()
    for _ in range(LOSSES - 1):
        suspicion.lost({"landmarks"})
    suspicion.proven(["landmarks"])

    assert suspicion.lost({"landmarks"}) is None


def test_a_connection_lost_with_nothing_on_its_way_accuses_nobody() -> None:
    suspicion = Suspicion()
    assert suspicion.lost(set()) is None
    assert not suspicion.careful


def test_an_event_that_was_dropped_meanwhile_keeps_nobody_waiting() -> None:
    suspicion = Suspicion()
    suspicion.lost({5, 6})
    suspicion.passed(7)

    assert not suspicion.careful


def test_what_ended_connections_is_kept_out_for_a_while_unless_it_became_shorter() -> None:
    suspicion = Suspicion()
    suspicion.keep_out("info", 3000, now_s=100.0)

    assert suspicion.keeps_out("info", 3000, 101.0)
    assert suspicion.keeps_out("info", 4000, 101.0)
    assert not suspicion.keeps_out("info", 2999, 101.0)
    assert not suspicion.keeps_out("state", 9999, 101.0)
    assert not suspicion.keeps_out("info", 3000, 100.0 + HOLD_S)
    suspicion.forget()
    assert not suspicion.keeps_out("info", 3000, 101.0)
