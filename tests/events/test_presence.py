from __future__ import annotations

from collections.abc import Iterable

import pytest

from pose_edge.engine import Engine
from pose_edge.events import EventsOptions
from pose_edge.records import Event, PoseResult
from tests.bodies import pose, timeline

STANDING = pose("standing")
AT_THE_EDGE = pose("standing", at=(0.97, 0.5))


def presence(results: Iterable[PoseResult], **options: float) -> list[Event]:
    engine = Engine(EventsOptions.model_validate({"presence": options}))
    return [event for one in results for event in engine.update(one).events if event.kind == "presence"]


def told(results: Iterable[PoseResult], **options: float) -> list[tuple[float, str]]:
    return [(event.timestamp_ms / 1000, event.event_type) for event in presence(results, **options)]


def test_an_empty_room_is_said_to_be_empty_once() -> None:
    assert told(timeline((20_000, None))) == [(1.0, "presence_ended")]


def test_somebody_who_comes_and_goes_is_two_reports_of_one_event() -> None:
    events = presence(timeline((3000, None), (5000, AT_THE_EDGE), (3000, None)))

    assert [event.event_type for event in events] == ["presence_ended", "presence_started", "presence_ended"]
    assert events[1].number == events[2].number != events[0].number


def test_the_event_knows_when_it_really_began_and_ended() -> None:
    _, came, went = presence(timeline((3000, None), (5000, AT_THE_EDGE), (3000, None)))

    assert (came.start_ms, came.timestamp_ms) == (3000, 3500)  # first sighting, then on_delay_s
    assert (went.end_ms, went.timestamp_ms) == (8000, 9000)  # last seen, then off_delay_s


def test_somebody_who_vanishes_inside_the_picture_is_waited_for() -> None:
    assert told(timeline((2000, STANDING), (9000, None), (2000, STANDING)))[1:] == []
    assert told(timeline((2000, STANDING), (12_000, None)))[-1] == (12.0, "presence_ended")


def test_silence_on_the_floor_is_not_absence() -> None:
    lying = pose("lying")

    assert told(timeline((3000, lying), (55_000, None)))[-1][1] == "presence_started"
    assert told(timeline((3000, lying), (65_000, None)))[-1] == (63.0, "presence_ended")


@pytest.mark.parametrize("step_ms", [33, 66, 100, 200, 400])
def test_the_frame_rate_does_not_move_the_event(step_ms: int) -> None:
    came = next(
        event
        for event in presence(timeline((3000, None), (5000, STANDING), step_ms=step_ms))
        if event.event_type == "presence_started"
    )

    assert 3000 <= came.start_ms <= 3000 + 3 * step_ms
    assert came.start_ms + 500 <= came.timestamp_ms <= came.start_ms + 500 + step_ms


def test_a_short_glimpse_is_nobody() -> None:
    assert told(timeline((2000, None), (400, STANDING), (5000, None))) == [(1.0, "presence_ended")]


def test_time_without_results_proves_nothing() -> None:
    before = [*timeline((2000, AT_THE_EDGE))]
    after_a_minute = [*timeline((400, None), start_ms=62_000)]

    assert [event.event_type for event in presence([*before, *after_a_minute])] == ["presence_started"]


def test_a_second_person_changes_the_count() -> None:
    left, right = pose(at=(0.25, 0.5)), pose(at=(0.75, 0.5))
    alone = [*timeline((2000, left))]
    both = [
        PoseResult(one.timestamp_ms, 640, 480, (left, right)) for one in timeline((2000, left), start_ms=2000)
    ]

    events = presence([*alone, *both])

    assert [(event.event_type, event.details["person_count"]) for event in events] == [
        ("presence_started", 1),
        ("presence_changed", 2),
    ]


def test_delays_are_options() -> None:
    assert told(timeline((2000, STANDING)), on_delay_s=0.0)[0] == (0.2, "presence_started")


def test_adding_a_constant_to_all_times_changes_nothing_else() -> None:
    def shifted(by_ms: int) -> list[tuple[int, int]]:
        events = presence(timeline((3000, None), (5000, AT_THE_EDGE), (3000, None), start_ms=by_ms))
        return [(event.timestamp_ms - by_ms, event.start_ms - by_ms) for event in events]

    assert shifted(0) == shifted(123_456_789)


def test_single_frames_without_anybody_do_not_hide_somebody() -> None:
    everything = [*timeline((10_000, STANDING))]
    blinking = [
        PoseResult(one.timestamp_ms, 640, 480, one.poses if index % 5 else ())
        for index, one in enumerate(everything)
    ]

    assert [name for _, name in told(blinking)] == ["presence_started"]


def test_somebody_seen_twice_for_a_moment_is_not_two_people() -> None:
    one, twice = pose(at=(0.3, 0.5)), pose(at=(0.7, 0.5))
    results = [*timeline((3000, one))]
    for burst in range(4):
        begin_ms = 3000 + 2000 * burst
        both = timeline((800, one), start_ms=begin_ms)
        results += [PoseResult(now.timestamp_ms, 640, 480, (one, twice)) for now in both]
        results += timeline((1200, one), start_ms=begin_ms + 800)

    assert [event.event_type for event in presence(results)] == ["presence_started"]
