"""The actor as a source: the protocol, the clock, and the same frames every time."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pose_edge.actor.script import load_script
from pose_edge.errors import ConfigError, SourceError
from pose_edge.records import Frame
from pose_edge.sources.actor import ActorOptions, ActorSource


@pytest.fixture
def short_script(tmp_path: Path) -> str:
    """A script of 2.5 s in which somebody stands and raises the hands."""
    path = tmp_path / "short.yaml"
    path.write_text("acts:\n  - {act: stand, duration_s: 1}\n  - {act: raise_both_hands, duration_s: 1.5}\n")
    return str(path)


def play(options: ActorOptions, limit: int = 1000) -> list[Frame]:
    frames: list[Frame] = []
    with ActorSource(options) as source:
        while source.grab() is not None and len(frames) < limit:
            frames.append(source.retrieve())
    return frames


def stamps(options: ActorOptions, limit: int) -> list[int]:
    with ActorSource(options) as source:
        found = (source.grab() for _ in range(limit))
        return [at_ms for at_ms in found if at_ms is not None]


def same(one: list[Frame], other: list[Frame]) -> bool:
    return len(one) == len(other) and all(
        a.timestamp_ms == b.timestamp_ms and np.array_equal(a.image_rgb, b.image_rgb)
        for a, b in zip(one, other, strict=True)
    )


def test_the_same_options_give_the_same_bytes(short_script: str) -> None:
    options = ActorOptions(script=short_script, width_px=320, height_px=240, loop=False)

    assert same(play(options), play(options))


@pytest.mark.parametrize("change", [{"seed": 1}, {"noise": 4.0}, {"size": 0.9}, {"side": "right"}])
def test_any_other_option_gives_other_bytes(short_script: str, change: dict[str, object]) -> None:
    options = {"script": short_script, "width_px": 320, "height_px": 240, "loop": False}

    assert not same(play(ActorOptions(**options)), play(ActorOptions.model_validate(options | change)))


def test_a_frame_is_the_same_whether_those_before_it_were_drawn_or_dropped(short_script: str) -> None:
    options = ActorOptions(script=short_script, width_px=320, height_px=240)
    with ActorSource(options) as source:
        for _ in range(10):
            source.grab()
        dropped = source.retrieve()

    assert same([play(options, limit=10)[-1]], [dropped])


def test_frames_keep_their_own_memory(short_script: str) -> None:
    with ActorSource(ActorOptions(script=short_script)) as source:
        source.grab()
        one = source.retrieve()
        before = one.image_rgb.copy()
        source.grab()
        other = source.retrieve()

    assert np.array_equal(one.image_rgb, before)
    assert not np.array_equal(one.image_rgb, other.image_rgb)
    assert one.image_rgb.flags.c_contiguous
    assert one.image_rgb.shape == (480, 640, 3)


@pytest.mark.parametrize("rate_hz", [0.7, 7.0, 15.0, 29.97, 120.0])
def test_stamps_are_script_time_and_go_on_over_the_end_of_the_script(
    short_script: str, rate_hz: float
) -> None:
    found = stamps(ActorOptions(script=short_script, rate_hz=rate_hz), limit=700)

    assert found == [round(index * 1000 / rate_hz) for index in range(700)]
    assert all(one < after for one, after in itertools.pairwise(found))
    assert found[-1] > 2 * 2500


def test_a_script_that_is_not_looped_ends_with_the_last_frame_before_its_end(short_script: str) -> None:
    # At 4.0005 Hz the eleventh frame would begin at 2499.7 ms, which is stamped 2500: too late.
    for rate_hz in (0.7, 4.0005, 7.0, 15.0, 29.97, 120.0):
        options = ActorOptions(script=short_script, rate_hz=rate_hz, loop=False)
        found = stamps(options, limit=1000)
        with ActorSource(options) as source:
            assert source.info.frame_count == len(found)
        assert found[-1] < 2500 <= found[-1] + 1000 / rate_hz + 1


def test_the_end_stays_the_end(short_script: str) -> None:
    with ActorSource(ActorOptions(script=short_script, rate_hz=2.0, loop=False)) as source:
        found = [source.grab() for _ in range(8)]

    assert found == [0, 500, 1000, 1500, 2000, None, None, None]


def test_in_the_second_round_the_same_happens_with_other_noise(short_script: str) -> None:
    quiet = ActorOptions(script=short_script, rate_hz=2.0, noise=0.0, width_px=320, height_px=240)

    frames = play(quiet, limit=10)
    noisy = play(quiet.model_copy(update={"noise": 3.0}), limit=10)

    assert np.array_equal(frames[1].image_rgb, frames[6].image_rgb)
    assert frames[6].timestamp_ms == 3000
    assert not np.array_equal(noisy[1].image_rgb, noisy[6].image_rgb)


def test_info_says_what_is_played() -> None:
    with ActorSource(ActorOptions(width_px=800, height_px=600, rate_hz=12.5)) as source:
        info = source.info

    assert (info.name, info.width_px, info.height_px, info.rate_hz) == ("actor day", 800, 600, 12.5)
    assert info.live is False
    assert info.frame_count is None


def test_opened_again_it_starts_from_the_beginning(short_script: str) -> None:
    source = ActorSource(ActorOptions(script=short_script))
    with source:
        source.grab()
        assert source.grab() == 67
    with source:
        assert source.grab() == 0


def test_closed_it_says_so_and_may_be_closed_twice(short_script: str) -> None:
    source = ActorSource(ActorOptions(script=short_script))
    with source:
        source.grab()
    source.__exit__(None, None, None)

    for ask in (source.grab, source.retrieve, lambda: source.info, lambda: source.wait(0.0)):
        with pytest.raises(SourceError, match="actor: not open"):
            ask()


def test_nothing_can_be_retrieved_before_the_first_grab(short_script: str) -> None:
    with ActorSource(ActorOptions(script=short_script)) as source:
        assert source.wait(0.0)
        with pytest.raises(SourceError, match="before the first"):
            source.retrieve()


def test_a_dropped_frame_costs_almost_nothing() -> None:
    with ActorSource(ActorOptions(width_px=1920, height_px=1080)) as source:
        started_s = time.perf_counter()
        for _ in range(1000):
            source.grab()

    # Drawing 1000 frames of this size would take some 10 s.
    assert time.perf_counter() - started_s < 0.5


def test_joints_are_told_for_the_current_frame_and_only_when_somebody_is_there() -> None:
    script = load_script("demo")
    with ActorSource(ActorOptions(script="demo", rate_hz=5.0, loop=False)) as source:
        while (at_ms := source.grab()) is not None:
            inside = [0 <= x_px < 640 for name, (x_px, _) in source.landmarks_px().items() if name == "chest"]
            assert any(inside) == script.truth(at_ms).present, at_ms


def test_an_unknown_script_is_an_error_of_the_options() -> None:
    with pytest.raises(ValidationError, match="'dya' is no script, did you mean 'day'"):
        ActorOptions(script="dya")


def test_a_missing_script_file_is_told_when_it_is_opened(tmp_path: Path) -> None:
    source = ActorSource(ActorOptions(script=str(tmp_path / "none.yaml")))

    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        source.__enter__()


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_hz": 0},
        {"rate_hz": 121},
        {"width_px": 100},
        {"height_px": 5000},
        {"noise": -1},
        {"noise": 31},
        {"seed": -1},
        {"size": 0.0},
        {"side": "top"},
        {"kind": "video"},
        {"speed": 2},
    ],
)
def test_options_out_of_bounds_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ActorOptions.model_validate(wrong)
