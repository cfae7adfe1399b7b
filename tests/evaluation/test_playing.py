from __future__ import annotations

import pytest

from pose_edge.evaluation.playing import Played, held, play, posture_at, reported_postures
from pose_edge.events import EventsOptions
from pose_edge.records import PostureClass, Stage
from tests.bodies import pose, timeline
from tests.evaluation.material import event, posture_event

STANDING, LYING = pose("standing"), pose("lying")


def played(*stretches: tuple[int, object], hold_s: float = 12.0, start_ms: int = 0) -> Played:
    results = [*timeline(*stretches, start_ms=start_ms)]  # type: ignore[arg-type]  # poses or None
    return play(results, EventsOptions(), hold_s)


def test_the_hold_shows_what_the_clip_was_too_short_for() -> None:
    clip = played((3000, STANDING), (600, LYING))

    told = [(e.details["posture"], clip.in_hold(e)) for e in clip.events if e.event_type == "posture_started"]
    assert told == [("standing", False), ("lying", True)]
    assert [e.details["posture"] for e in clip.own_events if e.kind == "posture"] == ["standing"]


def test_the_clip_as_it_is_is_the_clip_without_hold() -> None:
    stretches = ((3000, STANDING), (600, LYING))

    assert played(*stretches).own_events == played(*stretches, hold_s=0).events
    assert played(*stretches).moments == played(*stretches, hold_s=0).moments


def test_times_count_from_the_first_picture() -> None:
    shifted, plain = played((3000, STANDING), start_ms=777_777), played((3000, STANDING))

    assert [(e.timestamp_ms, e.start_ms) for e in shifted.events] == [
        (e.timestamp_ms, e.start_ms) for e in plain.events
    ]
    assert shifted.moments[-1].at_s == 2.9
    assert shifted.duration_s == pytest.approx(3.0)


def test_the_last_frame_is_held_at_the_rate_of_the_clip() -> None:
    last = [*timeline((1000, STANDING))][-1]
    frames = held(last, 66.7, 12.0)

    assert len(frames) == 179
    assert frames[0].timestamp_ms == last.timestamp_ms + 67
    assert 11_900 < frames[-1].timestamp_ms - last.timestamp_ms <= 12_000
    assert all(frame.poses is last.poses for frame in frames)


def test_each_moment_knows_what_was_told_and_what_is_seen() -> None:
    clip = played((3000, STANDING), (500, LYING))

    assert (clip.moments[0].people, clip.moments[0].told, clip.moments[0].seen) == (0, None, None)
    assert (clip.moments[-1].told, clip.moments[-1].seen) == (PostureClass.STANDING, PostureClass.LYING)
    assert clip.moments[-1].occupied is True


def test_a_posture_is_reported_from_its_beginning_to_its_end() -> None:
    standing = posture_event("standing", 1.0, 2.0, number=1)
    ended = event(
        "posture_ended",
        5.0,
        kind="posture",
        stage=Stage.END,
        number=1,
        start_s=1.0,
        details=dict(standing.details),
    )
    stretches = reported_postures([standing, ended, posture_event("lying", 5.0, 6.0, number=2)], 9.0)

    told = [posture_at(stretches, at_s) for at_s in (0.9, 1.0, 4.9, 5.0, 8.9, 9.0)]

    assert told == [
        None,
        PostureClass.STANDING,
        PostureClass.STANDING,
        PostureClass.LYING,
        PostureClass.LYING,
        None,
    ]
