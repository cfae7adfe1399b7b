from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from pose_edge.errors import SourceError
from pose_edge.records import Frame
from pose_edge.sources.base import SourceInfo
from pose_edge.sources.pacing import Paced
from pose_edge.sources.video import VideoOptions, VideoSource
from tests.sources.clips import number_of, write_video
from tests.sources.stopwatch import Stopwatch


class Reel:
    """A source of given stamps; like a film, it shows only the picture it stands on."""

    def __init__(self, *stamps_ms: int, rate_hz: float | None = None, live: bool = False) -> None:
        self._stamps_ms = stamps_ms
        self._index = -1
        self._info = SourceInfo("reel", 2, 2, rate_hz, live)
        self.converted: list[int] = []
        self.waits: list[float] = []

    @property
    def info(self) -> SourceInfo:
        return self._info

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index = -1

    def wait(self, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        return True

    def grab(self) -> int | None:
        if self._index + 1 >= len(self._stamps_ms):
            return None
        self._index += 1
        return self._stamps_ms[self._index]

    def retrieve(self) -> Frame:
        stamp_ms = self._stamps_ms[self._index]
        self.converted.append(stamp_ms)
        return Frame(np.full((2, 2, 3), self._index, np.uint8), stamp_ms)


def steady(count: int) -> Reel:
    """25 frames a second, and that is what it says."""
    return Reel(*range(0, 40 * count, 40), rate_hz=25)


@pytest.fixture
def clock() -> Stopwatch:
    return Stopwatch()


def wait_and_grab(paced: Paced, clock: Stopwatch) -> tuple[int | None, float]:
    """Return what came and how long it took in milliseconds."""
    began_ms = clock.ms
    assert paced.wait(60)
    return paced.grab(), clock.ms - began_ms


@pytest.mark.parametrize("retrieving", [True, False])
@pytest.mark.parametrize("rate_hz", [None, 10.0])
def test_each_frame_comes_when_its_timestamp_says(
    clock: Stopwatch, rate_hz: float | None, retrieving: bool
) -> None:
    with Paced(Reel(0, 100, 150, 5000, 5010, rate_hz=rate_hz), clock=clock) as paced:
        came = []
        for _ in range(5):
            came.append(wait_and_grab(paced, clock))
            if retrieving:
                assert paced.retrieve().timestamp_ms == came[-1][0]

    assert [timestamp_ms for timestamp_ms, _ in came] == [0, 100, 150, 5000, 5010]
    assert [took_ms for _, took_ms in came] == pytest.approx([0, 100, 50, 4850, 10])
    assert paced.skipped == 0


def test_the_clock_starts_with_the_first_frame_not_with_opening(clock: Stopwatch) -> None:
    with Paced(Reel(7000, 7100), clock=clock) as paced:
        clock.sleep(20)  # the model is loaded

        assert wait_and_grab(paced, clock) == (7000, 0)
        timestamp_ms, took_ms = wait_and_grab(paced, clock)

    assert timestamp_ms == 7100
    assert took_ms == pytest.approx(100)


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0])
def test_speed_changes_the_pace_and_not_the_timestamps(clock: Stopwatch, speed: float) -> None:
    with Paced(steady(11), speed, clock) as paced:
        stamps = [wait_and_grab(paced, clock)[0] for _ in range(11)]

    assert stamps == list(range(0, 440, 40))
    assert clock.slept_ms == pytest.approx(400 / speed)


@pytest.mark.parametrize("reel", [steady(40), Reel(*range(0, 1600, 40))], ids=["steady", "unknown rate"])
@pytest.mark.parametrize("late_ms", [5, 39, 41, 100, 437, 1000])
def test_who_comes_late_gets_the_newest_frame_due_and_the_rest_is_counted(
    clock: Stopwatch, reel: Reel, late_ms: int
) -> None:
    with Paced(reel, clock=clock) as paced:
        for _ in range(12):
            wait_and_grab(paced, clock)
        clock.ms += late_ms
        timestamp_ms, _ = wait_and_grab(paced, clock)
        frame = paced.retrieve()

    assert timestamp_ms == 440 + max(1, late_ms // 40) * 40
    assert paced.skipped == max(1, late_ms // 40) - 1
    assert (frame.timestamp_ms, int(frame.image_rgb[0, 0, 0])) == (timestamp_ms, timestamp_ms // 40)


@pytest.mark.parametrize("looked_at", [0, 1, 12])
def test_a_gap_behind_a_late_caller_hides_no_picture(clock: Stopwatch, looked_at: int) -> None:
    """Frames at 0, 40 ... 480, then none for a minute; nobody said at which rate."""
    with Paced(Reel(*range(0, 520, 40), 60_000), clock=clock) as paced:
        for _ in range(looked_at):
            wait_and_grab(paced, clock)
        paced.wait(0)
        clock.ms += 3000
        assert wait_and_grab(paced, clock)[0] == 480
        assert paced.wait(1) is False
        assert paced.retrieve().timestamp_ms == 480


def test_every_frame_is_either_grabbed_or_counted_as_skipped(clock: Stopwatch) -> None:
    with Paced(steady(200), clock=clock) as paced:
        grabbed = 0
        for late_ms in itertools.cycle([0, 3, 55, 130]):
            paced.wait(60)
            if paced.grab() is None:
                break
            grabbed += 1
            clock.ms += late_ms

    assert 50 < grabbed < 200
    assert grabbed + paced.skipped == 200


@pytest.mark.parametrize("rate_hz", [None, 25.0], ids=["looking ahead", "trusting the rate"])
def test_waiting_for_the_next_frame_does_not_take_the_current_picture_away(
    clock: Stopwatch, rate_hz: float | None
) -> None:
    with Paced(Reel(*range(0, 1600, 40), rate_hz=rate_hz), clock=clock) as paced:
        for number in range(30):
            paced.grab()
            for _ in range(3):
                assert paced.wait(0.01) is False
                clock.ms -= 10
            assert int(paced.retrieve().image_rgb[0, 0, 0]) == number
            clock.ms += 40


def test_at_a_steady_rate_frames_nobody_wants_are_not_converted(clock: Stopwatch) -> None:
    reel = steady(100)
    wanted = []
    with Paced(reel, clock=clock) as paced:
        while (timestamp_ms := wait_and_grab(paced, clock)[0]) is not None:
            if timestamp_ms % 400 == 0:
                wanted.append(paced.retrieve().timestamp_ms)
            if timestamp_ms == 2000:
                clock.ms += 390

    assert paced.skipped > 5
    # The first ten are looked ahead at, for the rate is not trusted yet.
    assert [stamp_ms for stamp_ms in reel.converted if stamp_ms > 400] == wanted[2:]


def test_a_source_that_breaks_its_steady_rate_is_early_once_and_then_exact(clock: Stopwatch) -> None:
    stamps_ms = [*range(0, 1000, 40), 5000, 9000, 9500]
    with Paced(Reel(*stamps_ms, rate_hz=25), clock=clock) as paced:
        came = [wait_and_grab(paced, clock) for _ in stamps_ms]

    assert [stamp_ms for stamp_ms, _ in came] == stamps_ms
    assert [took_ms for _, took_ms in came[-3:]] == pytest.approx([40, 8000, 500])


def test_a_steady_rate_broken_behind_a_late_caller_leaves_a_picture_to_retrieve(clock: Stopwatch) -> None:
    with Paced(Reel(*range(0, 1000, 40), 5000, rate_hz=25), clock=clock) as paced:
        for _ in range(24):
            wait_and_grab(paced, clock)
        clock.ms += 300
        timestamp_ms = paced.grab()

        assert paced.retrieve().timestamp_ms == timestamp_ms
        assert paced.grab() is None
    assert paced.skipped == 1


def test_a_wait_never_lasts_longer_than_its_timeout(clock: Stopwatch) -> None:
    with Paced(Reel(0, 1000), clock=clock) as paced:
        wait_and_grab(paced, clock)

        assert [paced.wait(0.3) for _ in range(4)] == [False, False, False, True]
    assert clock.slept_ms == pytest.approx(1000)


@pytest.mark.parametrize("reel", [steady(20), Reel(0, 40)], ids=["steady", "unknown rate"])
def test_the_end_stays_the_end_and_leaves_the_last_picture(clock: Stopwatch, reel: Reel) -> None:
    with Paced(reel, clock=clock) as paced:
        while (timestamp_ms := wait_and_grab(paced, clock)[0]) is not None:
            last_ms = timestamp_ms

        assert paced.wait(0)
        assert paced.grab() is None
        assert paced.retrieve().timestamp_ms == last_ms


def test_a_late_caller_at_the_end_gets_the_last_frame(clock: Stopwatch) -> None:
    for reel in (Reel(*range(0, 800, 40)), steady(20)):
        with Paced(reel, clock=clock) as paced:
            for _ in range(15):
                wait_and_grab(paced, clock)
            clock.ms += 10_000
            assert paced.grab() == 760
            assert paced.retrieve().timestamp_ms == 760
            assert paced.grab() is None
        assert paced.skipped == 4


def test_a_source_slower_than_its_speed_is_not_skipped_to_its_end(clock: Stopwatch) -> None:
    """Decoding a frame takes longer than it lasts, so there is always a newer one due."""

    class Slow(Reel):
        def grab(self) -> int | None:
            clock.ms += 50
            return super().grab()

    with Paced(Slow(*range(0, 4000, 40)), clock=clock) as paced:
        grabbed = [paced.grab() for _ in range(8)]

    assert None not in grabbed
    assert len(set(grabbed)) == 8


def test_what_was_not_grabbed_cannot_be_retrieved(clock: Stopwatch) -> None:
    with Paced(Reel(0, 40), clock=clock) as paced:
        paced.wait(0)
        with pytest.raises(SourceError, match="reel: no frame was grabbed yet"):
            paced.retrieve()


def test_info_says_live(clock: Stopwatch) -> None:
    with Paced(steady(2), 2.0, clock) as paced:
        assert paced.info == SourceInfo("reel", 2, 2, 25, live=True)


def test_a_live_source_is_passed_through(clock: Stopwatch) -> None:
    reel = Reel(0, 40, 5000, live=True)
    with Paced(reel, clock=clock) as paced:
        assert [paced.wait(0.5), paced.grab(), paced.grab(), paced.grab()] == [True, 0, 40, 5000]
        assert paced.retrieve().timestamp_ms == 5000

    assert reel.waits == [0.5]
    assert clock.slept_ms == 0


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_standstill_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be greater than 0"):
        Paced(steady(1), speed)


def test_opening_again_starts_again(clock: Stopwatch) -> None:
    paced = Paced(steady(30), clock=clock)
    for _ in range(2):
        with paced:
            assert wait_and_grab(paced, clock) == (0, 0)
            clock.ms += 200
            assert paced.grab() == 200
            assert paced.skipped == 4
        clock.ms += 500


def test_in_real_time_a_video_takes_as_long_as_it_is(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=21)
    began_s = time.monotonic()
    with Paced(VideoSource(VideoOptions(path=path))) as paced:
        stamps = []
        while paced.wait(1) and (timestamp_ms := paced.grab()) is not None:
            stamps.append(timestamp_ms)
            assert number_of(paced.retrieve().image_rgb) == timestamp_ms // 40
        took_s = time.monotonic() - began_s

    assert len(stamps) + paced.skipped == 21
    assert 0.79 < took_s < 10


def test_retrieving_in_one_thread_while_another_waits_gives_whole_and_right_pictures(tmp_path: Path) -> None:
    """As in live mode: one thread grabs every frame, another retrieves when the model is free."""
    path = write_video(tmp_path / "a.mp4", frames=120)
    lock, current_ms, ended = threading.Lock(), [-1], threading.Event()

    def pump(paced: Paced) -> None:
        while True:
            paced.wait(0.5)
            with lock:
                timestamp_ms = paced.grab()
                if timestamp_ms is None:
                    break
                current_ms[0] = timestamp_ms
        ended.set()

    seen: list[int] = []
    with Paced(VideoSource(VideoOptions(path=path)), speed=8) as paced:
        thread = threading.Thread(target=pump, args=(paced,))
        thread.start()
        while not ended.wait(0.007):
            with lock:
                if current_ms[0] > (seen[-1] if seen else -1):
                    frame = paced.retrieve()
                    assert frame.timestamp_ms == current_ms[0]
                    assert number_of(frame.image_rgb) == frame.timestamp_ms // 40
                    seen.append(frame.timestamp_ms)
        thread.join()

    assert len(seen) > 5
