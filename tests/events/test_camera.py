from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_edge.actor.script import load_script
from pose_edge.engine import Engine
from pose_edge.evaluation.stress import Change, changed
from pose_edge.events import EventsOptions
from pose_edge.glance import Glances
from pose_edge.records import (
    Calibration,
    Event,
    PictureStats,
    PoseResult,
    Stage,
    Surroundings,
    View,
)
from pose_edge.sources.actor import ActorOptions, ActorSource
from tests.bodies import pose, result, timeline

ROOM = PictureStats(120.0, 5.0, 30.0, 0.98)
DARK = PictureStats(3.0, 0.0, 0.4, None)
COVERED = PictureStats(70.0, 0.0, 2.0, None)
BLURRED = PictureStats(119.0, 0.8, 29.0, 0.6)
MOVED = PictureStats(121.0, 5.2, 30.0, 0.05)


def seconds(*stretches: tuple[int, PictureStats | None], step_ms: int = 1000) -> list[PoseResult]:
    """A result every `step_ms`, one a second with what is told of the picture."""
    found, at_ms, until_ms, told_ms = [], 0, 0, -1000
    for duration_s, picture in stretches:
        until_ms += duration_s * 1000
        while at_ms < until_ms:
            due = picture is not None and at_ms - told_ms >= 1000
            told_ms = at_ms if due else told_ms
            found.append(PoseResult(at_ms, 640, 480, (), picture=picture if due else None))
            at_ms += step_ms
    return found


def problems(
    results: Iterable[PoseResult], calibration: Calibration | None = None, **options: float
) -> list[Event]:
    around = Surroundings(calibration=calibration or Calibration())
    engine = Engine(EventsOptions.model_validate({"camera": options}), surroundings=around)
    return [event for one in results for event in engine.update(one).events if event.kind == "camera"]


def told(events: Iterable[Event]) -> list[tuple[str, str, float]]:
    return [(str(e.details["problem"]), e.stage.value, e.timestamp_ms / 1000) for e in events]


@pytest.mark.parametrize(
    ("word", "picture"), [("dark", DARK), ("covered", COVERED), ("blurred", BLURRED), ("moved", MOVED)]
)
@pytest.mark.parametrize("step_ms", [33, 66, 125, 200, 1000])
def test_each_problem_is_told_after_ten_seconds_and_when_it_is_over(
    word: str, picture: PictureStats, step_ms: int
) -> None:
    begun, ended = problems(seconds((40, ROOM), (30, picture), (30, ROOM), step_ms=step_ms))

    assert (begun.details["problem"], begun.stage, ended.stage) == (word, Stage.NEW, Stage.END)
    assert begun.number == ended.number
    assert begun.event_type == "camera_problem"
    assert begun.severity == "warning"
    assert begun.timestamp_ms / 1000 == pytest.approx(50, abs=2.2)
    assert begun.start_ms / 1000 == pytest.approx(40, abs=1.5)
    assert ended.timestamp_ms / 1000 == pytest.approx(75, abs=2.2)
    assert ended.end_ms is not None
    assert ended.end_ms / 1000 == pytest.approx(70, abs=1.5)
    assert begun.confidence is not None
    assert 0.5 < begun.confidence <= 1
    assert f"limit_{begun.reason}" in begun.evidence


def test_a_hand_that_passes_is_no_problem_and_one_bright_picture_ends_none() -> None:
    assert problems(seconds((40, ROOM), (6, COVERED), (20, ROOM))) == []
    assert problems(seconds((40, ROOM), *[(5, DARK), (5, ROOM)] * 6)) == []
    flicker = problems(seconds((40, ROOM), (20, DARK), (1, ROOM), (20, DARK)))
    assert [event.stage for event in flicker] == [Stage.NEW]


def test_between_the_limits_a_problem_stays() -> None:
    dusk = PictureStats(14.0, 0.3, 2.0, None)  # above where dark begins, below where it ends

    assert problems(seconds((40, ROOM), (60, dusk))) == []
    assert told(problems(seconds((40, ROOM), (20, DARK), (60, dusk)))) == [("dark", "new", 50.0)]


def test_a_problem_that_comes_back_at_once_is_the_same_nuisance() -> None:
    events = problems(seconds((40, ROOM), (20, DARK), (8, ROOM), (60, DARK)))

    first, over, again = told(events)
    assert (first[2], over[2]) == (50.0, 65.0)
    assert again == ("dark", "new", 95.0)  # 30 s after the end


def test_a_dark_room_is_neither_covered_nor_moved_and_a_covered_lens_not_moved() -> None:
    night = PictureStats(3.0, 0.0, 0.4, 0.0)

    assert {word for word, *_ in told(problems(seconds((40, ROOM), (60, night))))} == {"dark"}
    assert {word for word, *_ in told(problems(seconds((40, ROOM), (60, COVERED))))} == {"covered"}


def test_half_the_light_is_no_problem() -> None:
    evening = PictureStats(40.0, 1.2, 9.5, 0.95)

    assert problems(seconds((60, ROOM), (120, evening), (60, ROOM))) == []


def test_a_silence_proves_nothing() -> None:
    before = seconds((40, ROOM), (5, DARK))
    after = [replace(one, timestamp_ms=one.timestamp_ms + 3_600_000) for one in seconds((8, DARK))]

    assert problems([*before, *after]) == []


def test_recordings_say_nothing_and_off_is_off() -> None:
    assert problems(seconds((300, None))) == []
    assert problems(seconds((40, ROOM), (30, DARK)), enabled=False) == []


def test_where_nothing_is_known_any_more_a_problem_is_over() -> None:
    *_, last = problems(seconds((40, ROOM), (20, DARK), (90, None)))

    assert (last.stage, last.reason, last.end_ms) == (Stage.END, "unknown", 59_000)


def walking(roll_deg: float, duration_ms: int, start_ms: int = 0) -> Sequence[PoseResult]:
    return changed(
        [*timeline((duration_ms, pose("standing")), step_ms=250, start_ms=start_ms)],
        Change("rotate", roll_deg) if roll_deg else None,
        "seed",
    )


def test_people_who_lean_all_at_once_mean_a_camera_that_hangs_askew() -> None:
    straight = walking(0.0, 120_000)

    assert problems([*straight, *walking(5.0, 120_000, 120_000)]) == []
    [event] = problems([*straight, *walking(9.0, 120_000, 120_000)])
    assert (event.details["problem"], event.reason) == ("moved", "lean_deg")
    assert event.evidence["lean_deg"] == pytest.approx(9.0, abs=0.2)
    assert 135_000 < event.timestamp_ms < 160_000  # half of half a minute, then ten seconds


def test_a_calibrated_camera_knows_at_once_how_people_should_lean() -> None:
    def calibrated(roll_deg: float) -> Calibration:
        return Calibration(view=View(640, 480, roll_deg, 0.0, 1.0))

    assert problems(walking(10.0, 90_000), calibrated(10.0)) == []
    assert problems(walking(2.0, 90_000), calibrated(2.0)) == []
    [event] = problems(walking(0.0, 90_000), calibrated(10.0))
    assert event.reason == "lean_deg"


def test_somebody_too_far_away_to_be_judged_is_told_as_information() -> None:
    near, far = pose("standing", torso_px=60), pose("standing", torso_px=25)
    events = problems(timeline((3000, near), (60_000, far), (70_000, None)))

    begun, ended = events
    assert (begun.details["problem"], begun.severity, begun.reason) == ("too_far", "info", "torso_share")
    assert begun.evidence["torso_share"] == pytest.approx(25 / 480, abs=0.006)
    assert ended.reason == "unknown"
    assert problems(timeline((60_000, near))) == []


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 5000),
            st.none()
            | st.builds(
                PictureStats,
                st.floats(0, 255),
                st.floats(0, 40),
                st.floats(0, 128),
                st.none() | st.floats(-1, 1),
            ),
        ),
        max_size=80,
    ),
    st.integers(0, 10**9),
)
def test_adding_a_constant_to_all_times_changes_nothing(
    story: list[tuple[int, PictureStats | None]], shift_ms: int
) -> None:
    at_ms, results = 0, []
    for step_ms, picture in story:
        at_ms += step_ms
        results.append(replace(result(at_ms, pose("standing")), picture=picture))
    later = [replace(one, timestamp_ms=one.timestamp_ms + shift_ms) for one in results]

    assert [(e.number, e.stage, e.timestamp_ms + shift_ms, dict(e.details)) for e in problems(results)] == [
        (e.number, e.stage, e.timestamp_ms, dict(e.details)) for e in problems(later)
    ]


def test_a_month_leaves_nothing_behind() -> None:
    engine = Engine()
    for visit in range(200):
        start_ms = visit * 13_000_000
        for one in timeline((3000, pose("standing")), (3000, None), start_ms=start_ms):
            engine.update(replace(one, picture=ROOM if one.timestamp_ms % 1000 == 0 else None))
    camera = next(detector for detector in engine._detectors if detector.kind == "camera")

    assert len(camera._gravity.latest) <= 60  # type: ignore[attr-defined]
    assert len(camera._gravity.first) < 120  # type: ignore[attr-defined]


@cache
def drawn(side: str, width_px: int) -> tuple[PoseResult, ...]:
    """The actor's camera in trouble, looked at once a second as the vision process does."""
    glances, found = Glances(), []
    options = ActorOptions(
        script="camera",
        rate_hz=1,
        side="left" if side == "left" else "right",
        loop=False,
        width_px=width_px,
        height_px=width_px * 3 // 4,
    )
    with ActorSource(options) as source:
        while (at_ms := source.grab()) is not None:
            stats = glances.look(source.retrieve().image_rgb, at_ms)
            found.append(PoseResult(at_ms, options.width_px, options.height_px, (), picture=stats))
    return tuple(found)


@pytest.mark.parametrize(("side", "width_px"), [("left", 640), ("right", 640), ("left", 320)])
@pytest.mark.parametrize("lost", [0.0, 0.3])
def test_the_actor_puts_out_the_light_covers_and_knocks_the_camera(
    side: str, width_px: int, lost: float
) -> None:
    results = drawn(side, width_px)
    if lost:
        results = changed(results, Change("drop", lost), "seed")
    periods = [period for period in load_script("camera").periods if period.truth.camera]

    events = problems(results)

    assert [(e.details["problem"], e.stage) for e in events] == [
        (period.truth.camera, stage) for period in periods for stage in (Stage.NEW, Stage.END)
    ]
    for begun, ended, period in zip(events[::2], events[1::2], periods, strict=True):
        assert abs(begun.start_ms - period.start_ms) <= 3000
        assert period.start_ms + 9000 <= begun.timestamp_ms <= period.start_ms + 14_000
        assert period.end_ms < ended.timestamp_ms <= period.end_ms + 12_000
