"""LIVE_STREAM: with the real model, and with a MediaPipe that answers when the test says so."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.errors import LandmarkerError, SourceError
from pose_edge.landmarker import LandmarkerOptions, RunningMode
from pose_edge.landmarker.live import LiveLandmarker
from pose_edge.landmarker.mediapipe_engine import Engine, RawCallback, RawLandmarker
from pose_edge.landmarker.mediapipe_result import RawResult
from pose_edge.landmarker.slots import Counts, Shot
from pose_edge.records import Frame, PoseResult
from tests.landmarker.unheard import create_unheard

RGB = npt.NDArray[np.uint8]
SMALL = np.zeros((48, 64, 3), np.uint8)


def shot_of(rgb: RGB, timestamp_ms: int) -> Shot:
    return Shot(timestamp_ms, time.monotonic_ns(), lambda: Frame(rgb, timestamp_ms))


def balanced(counts: Counts) -> bool:
    return counts.submitted == counts.results + counts.dropped + counts.in_flight


def result_of(live: LiveLandmarker, shot: Shot) -> PoseResult:
    """Submit and wait, as slow as that is."""
    live.submit(shot)
    result = live.wait(10)
    assert result is not None
    return result


def ages_ms(results: list[PoseResult]) -> tuple[list[float], list[float]]:
    """From available to finished, and from submitted to finished."""
    timings = [result.timing for result in results if result.timing is not None]
    assert len(timings) == len(results)
    return (
        [(timing.finished_ns - timing.available_ns) / 1e6 for timing in timings],
        [(timing.finished_ns - timing.submitted_ns) / 1e6 for timing in timings],
    )


# --- with the real model -------------------------------------------------------------------------


@pytest.fixture
def live(model_path: Path) -> Iterator[LiveLandmarker]:
    with LiveLandmarker(model_path, create=create_unheard) as landmarker:
        yield landmarker
    assert balanced(landmarker.counts)
    assert not landmarker.wedged


def test_a_person_in_front_of_the_camera_is_seen(live: LiveLandmarker, person_rgb: RGB) -> None:
    """F2.3, F6.1."""
    results = [result_of(live, shot_of(person_rgb, 1_000_000 + 33 * index)) for index in range(5)]

    assert [result.timestamp_ms for result in results] == [1_000_000 + 33 * index for index in range(5)]
    for result in results:
        [pose] = result.poses
        assert pose.landmarks.shape == pose.world_landmarks.shape == (33, 5)
        assert (result.height_px, result.width_px) == person_rgb.shape[:2]
        assert result.segmentation_masks is None
    assert live.counts == Counts(submitted=5, results=5)


def test_an_empty_room_gives_empty_results_not_silence(
    live: LiveLandmarker, person_rgb: RGB, empty_rgb: RGB
) -> None:
    """F6.6, F2.4, F5.10."""
    pictures = [empty_rgb] * 10 + [person_rgb] * 3 + [empty_rgb] * 10
    results = [result_of(live, shot_of(rgb, 33 * index)) for index, rgb in enumerate(pictures)]

    assert [result.timestamp_ms for result in results] == [33 * index for index in range(23)]
    assert [len(result.poses) for result in results] == [0] * 10 + [1] * 3 + [0] * 10
    assert live.counts == Counts(submitted=23, results=23, empty=20)


def test_masks_come_with_live_results_when_asked_for(model_path: Path, person_rgb: RGB) -> None:
    """F3.6, F5.8."""
    with LiveLandmarker(
        model_path, LandmarkerOptions(output_segmentation_masks=True), create=create_unheard
    ) as landmarker:
        result = result_of(landmarker, shot_of(person_rgb, 0))

    assert result.segmentation_masks is not None
    [mask] = result.segmentation_masks
    assert mask.shape == person_rgb.shape[:2]
    assert mask.max() > 0.95


def test_handing_over_does_not_wait_for_the_inference(model_path: Path, person_rgb: RGB) -> None:
    """F6.2, F2.3: a second frame goes in while the first one is being worked on."""
    finished: list[tuple[int, float]] = []
    done = threading.Event()

    def note(_raw: RawResult, _image: object, stamp_ms: int) -> None:
        finished.append((stamp_ms, time.monotonic()))
        done.set()

    engine = Engine(model_path, LandmarkerOptions(), RunningMode.LIVE_STREAM, note, create_unheard)
    engine.open()
    returned_first = 0
    for stamp_ms in range(0, 2000, 100):
        done.clear()
        engine.detect_async(Frame(person_rgb, stamp_ms), stamp_ms)
        engine.detect_async(Frame(person_rgb, stamp_ms + 50), stamp_ms + 50)
        returned_first += not done.is_set()
        deadline_s = time.monotonic() + 5
        while (not finished or finished[-1][0] < stamp_ms + 50) and time.monotonic() < deadline_s:
            time.sleep(0.001)
    engine.close()

    assert finished[-1][0] == 1950
    assert returned_first >= 15


def test_at_three_times_the_rate_nothing_piles_up_and_every_drop_is_counted(
    live: LiveLandmarker, person_rgb: RGB
) -> None:
    """F6.3, F6.4, F2.5."""
    alone = [result_of(live, shot_of(person_rgb, 33 * index)) for index in range(20)]
    period_s = median(ages_ms(alone)[0]) / 1000 / 3
    over, audits, retrieved = threading.Event(), list[Counts](), list[int]()
    started_s = time.monotonic()

    def capture() -> None:
        def retrieve() -> Frame:
            retrieved.append(1)
            return Frame(person_rgb, timestamp_ms)

        next_s = started_s
        while not over.is_set():
            timestamp_ms = 10_000 + int(time.monotonic() * 1000)
            live.submit(Shot(timestamp_ms, time.monotonic_ns(), retrieve))
            next_s += period_s
            time.sleep(max(0.0, next_s - time.monotonic()))

    def audit() -> None:
        while not over.is_set():
            audits.append(live.counts)
            time.sleep(0.0005)

    threads = [threading.Thread(target=capture), threading.Thread(target=audit)]
    for thread in threads:
        thread.start()
    results = []
    while time.monotonic() < started_s + 3:
        result = live.wait(5)
        assert result is not None
        results.append(result)
    over.set()
    for thread in threads:
        thread.join()

    counts = live.counts
    assert all(balanced(counts) for counts in [*audits, counts])
    assert counts.results == len(alone) + len(results)
    # A picture converted ahead is dropped when MediaPipe suddenly takes much longer than it did.
    assert len(retrieved) <= 1.1 * len(results) + 1, "dropped shots were converted"
    assert counts.dropped > len(results) / 2
    assert counts.mismatched == counts.timestamp_errors == 0
    # The slack is for a machine that does other things, too; a backlog of 3 s would be seconds old.
    ages, inferences = ages_ms(results)
    assert max(ages) < 2 * max(inferences) + 50
    assert median(ages) < 2 * median(inferences)
    assert all(len(result.poses) == 1 for result in results)


def test_a_failing_listener_is_counted_and_the_stream_goes_on(
    model_path: Path, person_rgb: RGB, caplog: pytest.LogCaptureFixture
) -> None:
    """F6.8, F3.7."""
    heard: list[tuple[int, int]] = []

    def listen(result: PoseResult) -> None:
        heard.append((result.timestamp_ms, threading.get_ident()))
        if result.timestamp_ms < 90:
            raise KeyError("listener")

    with (
        LiveLandmarker(model_path, on_result=listen, create=create_unheard) as landmarker,
        caplog.at_level(logging.ERROR),
    ):
        for index in range(5):
            result_of(landmarker, shot_of(person_rgb, 33 * index))
        counts = landmarker.counts

    assert heard == [(33 * index, threading.get_ident()) for index in range(5)]
    assert counts == Counts(submitted=5, results=5, callback_errors=3)
    assert len(caplog.records) == 1
    assert "listener failed" in caplog.records[0].message


def test_stamps_of_a_broken_clock_do_not_end_the_stream(live: LiveLandmarker, person_rgb: RGB) -> None:
    """F2.6, F6.7: MediaPipe would raise ValueError from the second on."""
    stamps_ms = [3_600_000, 3_600_000, 0, 100, 200]
    results = [result_of(live, shot_of(person_rgb, stamp_ms)) for stamp_ms in stamps_ms]

    assert [result.timestamp_ms for result in results] == [
        3_600_000,
        3_600_001,
        3_600_002,
        3_600_102,
        3_600_202,
    ]
    assert all(result.poses for result in results)
    assert live.counts == Counts(submitted=5, results=5, timestamp_errors=2)


def test_leaving_in_the_middle_of_an_inference_is_quick_and_never_hangs(
    model_path: Path, person_rgb: RGB
) -> None:
    """F1.5: MediaPipe closes while its callback wants to be heard."""
    for round_ in range(8):
        with LiveLandmarker(model_path, create=create_unheard) as landmarker:
            for index in range(4):
                landmarker.submit(shot_of(person_rgb, 33 * index))
                landmarker.wait(0.002 * round_)
            started_s = time.monotonic()
        assert time.monotonic() - started_s < 3
        assert not landmarker.wedged
        counts = landmarker.counts
        assert balanced(counts)
        assert (counts.submitted, counts.in_flight) == (4, 0)


# --- with a MediaPipe that answers when the test says so -----------------------------------------


class HandFed:
    """Stands in for MediaPipe's landmarker: takes frames, and its results come from the test or never."""

    def __init__(self) -> None:
        self.stamps_ms: list[int] = []
        self.error: Exception | None = None
        self.at_once = False
        self._callback: RawCallback | None = None

    def create(
        self, _path: Path, _options: LandmarkerOptions, mode: RunningMode, on_result: RawCallback | None
    ) -> RawLandmarker:
        assert mode is RunningMode.LIVE_STREAM
        self._callback = on_result
        return self

    def detect(self, _image: object) -> RawResult:
        raise AssertionError("not in this mode")

    def detect_for_video(self, _image: object, _timestamp_ms: int) -> RawResult:
        raise AssertionError("not in this mode")

    def detect_async(self, _image: object, timestamp_ms: int) -> None:
        if self.error is not None:
            raise self.error
        self.stamps_ms.append(timestamp_ms)
        if self.at_once:
            self.answer()

    def answer(self, image: object = None) -> None:
        assert self._callback is not None
        raw = SimpleNamespace(pose_landmarks=[], pose_world_landmarks=[], segmentation_masks=None)
        self._callback(raw, image, self.stamps_ms[-1])

    def close(self) -> None:
        pass


@pytest.fixture
def mediapipe() -> HandFed:
    pytest.importorskip("mediapipe")
    return HandFed()


@pytest.fixture
def fed_live(mediapipe: HandFed) -> Iterator[LiveLandmarker]:
    options = LandmarkerOptions(stall_limit_s=0.2)
    with LiveLandmarker(Path("none.task"), options, create=mediapipe.create) as landmarker:
        yield landmarker
    assert balanced(landmarker.counts)


def fail() -> Frame:
    raise SourceError("camera 0: unplugged")


def test_a_mediapipe_that_falls_silent_is_an_error_within_the_limit(fed_live: LiveLandmarker) -> None:
    """F2.4: errors of the graph never reach the callback."""
    fed_live.submit(shot_of(SMALL, 1))
    started_s = time.monotonic()
    with pytest.raises(LandmarkerError, match=r"no result for 0\.2 s"):
        fed_live.wait(10)

    assert 0.15 < time.monotonic() - started_s < 2


def test_the_newest_shot_goes_in_before_the_result_is_handed_out(
    fed_live: LiveLandmarker, mediapipe: HandFed
) -> None:
    """F2.5: MediaPipe never waits for us."""
    fed_live.submit(shot_of(SMALL, 100))
    assert fed_live.wait(0) is None
    for timestamp_ms in (110, 120, 130):
        fed_live.submit(shot_of(SMALL, timestamp_ms))
    mediapipe.answer()
    result = fed_live.wait(0)

    assert result is not None
    assert result.timestamp_ms == 100
    assert mediapipe.stamps_ms == [100, 130]
    assert fed_live.counts == Counts(submitted=4, results=1, empty=1, dropped=2, in_flight=1)


def test_a_result_that_comes_before_detect_async_returns_is_not_lost(
    fed_live: LiveLandmarker, mediapipe: HandFed
) -> None:
    mediapipe.at_once = True
    for timestamp_ms in (100, 110):
        assert result_of(fed_live, shot_of(SMALL, timestamp_ms)).timestamp_ms == timestamp_ms


def test_a_picture_that_cannot_be_had_is_dropped_and_the_next_one_goes_on(
    fed_live: LiveLandmarker, mediapipe: HandFed
) -> None:
    fed_live.submit(Shot(100, 0, fail))
    with pytest.raises(SourceError, match="unplugged"):
        fed_live.wait(1)
    assert fed_live.counts == Counts(submitted=1, dropped=1)
    mediapipe.at_once = True

    assert result_of(fed_live, shot_of(SMALL, 110)).timestamp_ms == 110


def test_an_error_of_the_next_picture_does_not_cost_the_result_that_is_there(
    fed_live: LiveLandmarker, mediapipe: HandFed
) -> None:
    fed_live.submit(shot_of(SMALL, 100))
    fed_live.wait(0)
    fed_live.submit(Shot(110, 0, fail))
    mediapipe.answer()

    result = fed_live.wait(1)
    assert result is not None
    assert result.timestamp_ms == 100
    with pytest.raises(SourceError, match="unplugged"):
        fed_live.wait(1)
    assert fed_live.wait(0) is None
    assert fed_live.counts == Counts(submitted=2, results=1, empty=1, dropped=1)


def refused(mediapipe: HandFed) -> Shot:
    mediapipe.error = RuntimeError("Graph has errors: \nCalculator::Process() failed: no memory")
    return shot_of(SMALL, 100)


def scrambled(_: HandFed) -> Shot:
    return shot_of(SMALL[:, ::-1], 100)


def flat(_: HandFed) -> Shot:
    return shot_of(np.zeros(7, np.uint8), 100)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (refused, "MediaPipe refused detect_async: no memory"),
        (scrambled, "not C-contiguous"),
        (flat, r"shape \(7,\)"),
    ],
)
def test_what_mediapipe_refuses_is_dropped_and_one_clear_error(
    fed_live: LiveLandmarker, mediapipe: HandFed, make: Callable[[HandFed], Shot], message: str
) -> None:
    """F4.1, F6.5."""
    fed_live.submit(make(mediapipe))
    with pytest.raises(LandmarkerError, match=message):
        fed_live.wait(1)
    assert fed_live.counts == Counts(submitted=1, dropped=1)
    mediapipe.error, mediapipe.at_once = None, True

    assert result_of(fed_live, shot_of(SMALL, 110)).timestamp_ms == 110


def test_the_picture_that_comes_with_a_result_is_not_kept(
    fed_live: LiveLandmarker, mediapipe: HandFed
) -> None:
    """F5.9: it would pin a copy of the frame."""

    class Image:
        pass

    image = Image()
    kept = weakref.ref(image)
    fed_live.submit(shot_of(SMALL, 100))
    fed_live.wait(0)
    mediapipe.answer(image)
    del image

    assert kept() is None


def test_use_before_and_after_is_one_clear_error(mediapipe: HandFed) -> None:
    """F6.5, F1.5: closed, MediaPipe's own `detect_async` does nothing without a word."""
    landmarker = LiveLandmarker(Path("none.task"), create=mediapipe.create)
    for _ in range(2):
        with pytest.raises(LandmarkerError, match="live landmarker is not open"):
            landmarker.submit(shot_of(SMALL, 1))
        with pytest.raises(LandmarkerError, match="live landmarker is not open"):
            landmarker.wait(0)
        with landmarker:
            pass
        landmarker.close()
