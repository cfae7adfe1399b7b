"""How many pictures are looked at: few while nobody is there, fewer while the board is hot, never too few."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pose_edge.tempo import LEAST_HZ, SENSOR_LEAST_HZ, SensorRate, Tempo, TempoOptions, Throttle


def after(tempo: Tempo, seconds: float, *, found: bool, from_ms: int = 0) -> int:
    """Give it results at 15 a second; return when the last one was."""
    at_ms = from_ms
    for at_ms in range(from_ms, from_ms + round(seconds * 1000), 67):
        tempo.result(at_ms, found=found)
    return at_ms


def test_it_idles_after_nobody_was_seen_for_long_and_wakes_with_the_first_pose() -> None:
    tempo = Tempo(TempoOptions(idle_fps=4, idle_after_s=10))
    at_ms = after(tempo, 9.9, found=False)
    assert (tempo.pace, tempo.limit_hz) == ("full", None)
    at_ms = after(tempo, 0.5, found=False, from_ms=at_ms)
    assert (tempo.pace, tempo.limit_hz) == ("idle", 4)
    tempo.result(at_ms + 250, found=True)
    assert (tempo.pace, tempo.limit_hz) == ("full", None)


def test_somebody_seen_now_and_then_keeps_it_awake() -> None:
    tempo, at_ms = Tempo(TempoOptions(idle_after_s=2)), 0
    for _ in range(20):
        tempo.result(at_ms, found=True)
        at_ms = after(tempo, 1.9, found=False, from_ms=at_ms + 67)
        assert tempo.pace == "full"


def test_always_on_when_told_so() -> None:
    tempo = Tempo(TempoOptions(idle_fps=None, idle_after_s=1))
    after(tempo, 60, found=False)

    assert tempo.limit_hz is None


def test_pictures_that_begin_anew_do_not_count_as_long_ago() -> None:
    """A vision process may be handed a file that starts at 0 again."""
    tempo = Tempo(TempoOptions(idle_after_s=2))
    after(tempo, 1, found=True, from_ms=1_000_000)
    after(tempo, 1.5, found=False)

    assert tempo.pace == "full"


@pytest.mark.parametrize(
    ("temperatures_c", "limit_hz"),
    [
        ([79.9], None),
        ([80.0], 10.0),
        ([83.0], LEAST_HZ),
        ([83.0, 79.5], LEAST_HZ),
        ([83.0, 78.9], 10.0),
        ([83.0, 78.9, 76.5], 10.0),
        ([83.0, 75.9], None),
        ([95.0, None], None),
        ([80.0, 79.0, 80.0, 79.0], 10.0),
    ],
)
def test_heat_lowers_the_rate_in_steps_and_lets_go_of_them_later(
    temperatures_c: list[float | None], limit_hz: float | None
) -> None:
    tempo = Tempo(TempoOptions(hot_c=80))
    tempo.result(0, found=True)
    for temperature_c in temperatures_c:
        tempo.heat(temperature_c)

    assert tempo.limit_hz == limit_hz
    assert tempo.pace == ("full" if limit_hz is None else "hot")


def test_heat_holds_also_after_somebody_came_in() -> None:
    tempo = Tempo(TempoOptions(idle_after_s=1))
    tempo.heat(90)
    at_ms = after(tempo, 2, found=False)
    assert tempo.pace == "idle"
    tempo.result(at_ms + 1, found=True)

    assert (tempo.pace, tempo.limit_hz) == ("hot", LEAST_HZ)


@pytest.mark.parametrize("camera_hz", [10, 15, 30, 60])
@pytest.mark.parametrize("limit_hz", [4.0, 5.0, 10.0])
def test_as_many_pictures_pass_as_wanted(camera_hz: int, limit_hz: float) -> None:
    throttle = Throttle()
    stamps = [round(index * 1000 / camera_hz) for index in range(20 * camera_hz)]
    passed = [stamp for stamp in stamps if throttle.admits(stamp, limit_hz)]

    assert limit_hz * 0.7 <= len(passed) / 20 <= limit_hz * 1.25
    assert throttle.skipped == len(stamps) - len(passed)
    longest_ms = max(later - earlier for earlier, later in pairwise(passed))
    assert longest_ms <= 1000 / limit_hz + 1000 / camera_hz


@pytest.mark.parametrize("limit_hz", [4.0, LEAST_HZ, 10.0])
def test_a_camera_that_follows_gives_as_many_pictures_as_are_wanted(limit_hz: float) -> None:
    """A hot board and somebody in view: of a camera at 8 Hz every second picture would be 4 a second."""
    camera_hz = SensorRate(30).change(limit_hz)
    assert camera_hz is not None
    throttle = Throttle()
    stamps = [round(index * 1000 / camera_hz) for index in range(round(20 * camera_hz))]
    passed = [stamp for stamp in stamps if throttle.admits(stamp, limit_hz)]

    assert len(passed) / 20 == pytest.approx(limit_hz, rel=0.02)


def test_after_a_gap_pictures_do_not_come_in_a_burst() -> None:
    throttle = Throttle()
    stamps = [*range(0, 1000, 50), *range(60_000, 61_000, 50)]
    passed = [stamp for stamp in stamps if throttle.admits(stamp, 5.0)]

    assert min(later - earlier for earlier, later in pairwise(passed)) >= 100
    assert len(passed) <= 11


def test_nobody_in_view_on_a_hot_board_is_looked_at_no_more_often_than_somebody() -> None:
    tempo = Tempo(TempoOptions(idle_fps=30, idle_after_s=1, hot_c=80))
    tempo.heat(84.0)
    after(tempo, 2.0, found=False)

    assert (tempo.pace, tempo.limit_hz) == ("idle", LEAST_HZ)


def test_without_a_limit_all_pass_and_a_clock_that_goes_back_stops_nothing() -> None:
    throttle = Throttle()
    assert all(throttle.admits(stamp, None) for stamp in range(100))
    assert throttle.admits(5000, 4.0)
    assert throttle.admits(10, 4.0)
    assert throttle.skipped == 0


def test_the_camera_takes_little_more_than_is_looked_at() -> None:
    sensor = SensorRate(30)
    for _ in range(50):
        sensor.result(0.1)
    assert sensor.change(None) == pytest.approx(15)
    assert sensor.change(None) is None, "told already"
    assert sensor.change(4.0) == SENSOR_LEAST_HZ
    assert sensor.change(None) == pytest.approx(15)


def test_a_model_that_is_fast_enough_leaves_the_camera_as_it_is() -> None:
    sensor = SensorRate(15)
    for inference_s in (0.02, 0.03, 0.025):
        sensor.result(inference_s)
        assert sensor.change(None) is None
    assert sensor.change(4.0) == SENSOR_LEAST_HZ
    assert sensor.change(None) == 15, "all the way back"


def test_small_differences_do_not_unsettle_the_camera() -> None:
    sensor = SensorRate(30)
    told = []
    for turn in range(200):
        sensor.result(0.1 + 0.01 * (turn % 2))
        told += [rate] if (rate := sensor.change(None)) is not None else []
    assert len(told) == 1


def test_a_source_without_a_rate_is_left_alone() -> None:
    sensor = SensorRate(None)
    sensor.result(0.5)
    assert sensor.change(4.0) is None
