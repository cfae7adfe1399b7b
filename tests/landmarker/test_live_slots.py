"""Where each shot is and how many went which way; no model is needed for that."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from pose_edge.errors import LandmarkerError
from pose_edge.landmarker.mediapipe_result import RawResult
from pose_edge.landmarker.slots import Counts, Flight, Landing, Shot, Slots
from pose_edge.records import Frame

PICTURE = np.zeros((48, 64, 3), np.uint8)
EMPTY: RawResult = SimpleNamespace(pose_landmarks=[], pose_world_landmarks=[], segmentation_masks=None)
SOMEBODY: RawResult = SimpleNamespace(pose_landmarks=[[]], pose_world_landmarks=[[]], segmentation_masks=None)


def frame(timestamp_ms: int) -> Frame:
    return Frame(PICTURE, timestamp_ms)


def shot(timestamp_ms: int) -> Shot:
    return Shot(timestamp_ms, time.monotonic_ns(), lambda: frame(timestamp_ms))


def balanced(counts: Counts) -> bool:
    return counts.submitted == counts.results + counts.dropped + counts.in_flight


def take(slots: Slots, timeout_s: float = 0.0) -> tuple[Landing | None, Shot | None]:
    """What is to be delivered and what is to be fed; a picture to be retrieved ahead is."""
    while True:
        turn = slots.take(time.monotonic_ns() + int(timeout_s * 1e9))
        if turn.ahead is None:
            return turn.landing, turn.shot
        slots.keep(turn.ahead, turn.ahead.retrieve(), 1000)


def take_shot(slots: Slots) -> Shot:
    _, taken = take(slots)
    assert taken is not None
    return taken


def fly(slots: Slots, timestamp_ms: int) -> Flight:
    """Bring one shot into MediaPipe."""
    slots.offer(shot(timestamp_ms))
    return slots.launch(take_shot(slots), frame(timestamp_ms))


@pytest.fixture
def slots() -> Iterator[Slots]:
    slots = Slots(stall_limit_s=30)
    slots.open()
    yield slots
    slots.close()
    assert balanced(slots.counts)
    assert slots.counts.in_flight == 0


# --- which shot is fed ---------------------------------------------------------------------------


def test_of_all_that_came_meanwhile_the_newest_is_fed(slots: Slots) -> None:
    """F2.5, F4.5."""
    flight = fly(slots, 100)
    for timestamp_ms in (110, 120, 130):
        slots.offer(shot(timestamp_ms))
    slots.land(SOMEBODY, flight.stamp_ms)
    landing, following = take(slots)

    assert landing is not None
    assert landing.flight.stamp_ms == 100
    assert following is not None
    assert following.timestamp_ms == 130
    assert slots.counts == Counts(submitted=4, results=1, dropped=2, in_flight=1)


def test_nothing_is_fed_while_a_frame_is_in_flight(slots: Slots) -> None:
    fly(slots, 100)
    slots.offer(shot(110))

    assert take(slots) == (None, None)
    assert slots.counts == Counts(submitted=2, in_flight=2)


def test_a_shot_is_in_flight_from_the_moment_it_waits(slots: Slots) -> None:
    """F6.4: also between leaving its place and going into MediaPipe, while the picture is converted."""
    slots.offer(shot(100))
    assert slots.counts == Counts(submitted=1, in_flight=1)
    taken = take_shot(slots)
    assert slots.counts == Counts(submitted=1, in_flight=1)
    slots.offer(shot(110))
    assert slots.counts == Counts(submitted=2, in_flight=2)
    flight = slots.launch(taken, frame(100))
    slots.land(EMPTY, flight.stamp_ms)
    assert slots.counts == Counts(submitted=2, in_flight=2)
    take(slots)
    assert slots.counts == Counts(submitted=2, results=1, empty=1, in_flight=1)


def test_a_shot_that_could_not_be_fed_is_dropped_and_the_next_one_taken(slots: Slots) -> None:
    slots.offer(shot(100))
    take_shot(slots)
    slots.abort()
    assert slots.counts == Counts(submitted=1, dropped=1)
    slots.offer(shot(110))

    assert take_shot(slots).timestamp_ms == 110


def test_a_picture_the_source_gave_early_is_not_fed_twice(slots: Slots) -> None:
    """The source went on to 120 between `submit` and `retrieve`; then 110 and 120 were submitted, too."""
    slots.offer(shot(100))
    flight = slots.launch(take_shot(slots), frame(120))
    assert flight.stamp_ms == 120
    slots.offer(shot(120))
    slots.land(SOMEBODY, flight.stamp_ms)
    landing, following = take(slots)
    assert landing is not None
    assert following is None
    assert slots.counts == Counts(submitted=2, results=1, dropped=1)
    slots.offer(shot(130))

    assert take_shot(slots).timestamp_ms == 130
    assert slots.counts.timestamp_errors == 0


def test_stamps_that_do_not_increase_are_repaired_and_counted(slots: Slots) -> None:
    """F2.6, F6.7: a stuck or stepped clock of the source must not end the stream."""
    stamps_ms = []
    for timestamp_ms in (5000, 5000, 4000, 4100):
        flight = fly(slots, timestamp_ms)
        stamps_ms.append(flight.stamp_ms)
        slots.land(EMPTY, flight.stamp_ms)
        take(slots)

    assert stamps_ms == [5000, 5001, 5002, 5102]
    assert slots.counts.timestamp_errors == 2
    assert slots.counts.results == 4


# --- which result belongs to it ------------------------------------------------------------------


@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
def test_a_result_one_millisecond_off_belongs_to_the_frame_in_flight(slots: Slots, offset_ms: int) -> None:
    """F2.4, F5.10: the frame's own stamp counts."""
    flight = fly(slots, 5000)
    slots.land(EMPTY, flight.stamp_ms + offset_ms)
    landing, _ = take(slots)

    assert landing is not None
    assert landing.flight.stamp_ms == 5000
    assert landing.finished_ns >= flight.submitted_ns >= flight.available_ns
    assert slots.counts.mismatched == 0


@pytest.mark.parametrize("stamp_ms", [4990, 4998, 5002, 0, -(2**62)])
def test_a_result_of_another_frame_is_ignored_and_counted(slots: Slots, stamp_ms: int) -> None:
    """F5.10."""
    fly(slots, 5000)
    slots.land(EMPTY, stamp_ms)
    assert take(slots) == (None, None)
    assert slots.counts == Counts(submitted=1, in_flight=1, mismatched=1)
    slots.land(SOMEBODY, 5000)
    landing, _ = take(slots)

    assert landing is not None
    assert landing.raw is SOMEBODY


def test_a_second_result_for_one_frame_is_ignored_and_counted(slots: Slots) -> None:
    """F5.10: before it is taken and after."""
    fly(slots, 5000)
    slots.land(SOMEBODY, 5000)
    slots.land(EMPTY, 5000)
    landing, _ = take(slots)
    slots.land(EMPTY, 5000)

    assert landing is not None
    assert landing.raw is SOMEBODY
    assert slots.counts == Counts(submitted=1, results=1, mismatched=2)


def test_results_are_not_kept_once_they_are_taken(slots: Slots) -> None:
    class Result(SimpleNamespace):
        pass

    raw = Result(pose_landmarks=[], pose_world_landmarks=[], segmentation_masks=None)
    kept = weakref.ref(raw)
    fly(slots, 1)
    slots.land(raw, 1)
    del raw
    take(slots)
    gc.collect()

    assert kept() is None


# --- waiting -------------------------------------------------------------------------------------


def test_with_nothing_to_do_take_returns_at_its_deadline(slots: Slots) -> None:
    started_s = time.monotonic()

    assert take(slots, 0.1) == (None, None)
    assert 0.1 <= time.monotonic() - started_s < 1


@pytest.mark.parametrize("what", ["shot", "result"])
def test_whatever_arrives_wakes_the_consumer_at_once(slots: Slots, what: str) -> None:
    if what == "result":
        fly(slots, 1)
    arrive = {"shot": lambda: slots.offer(shot(2)), "result": lambda: slots.land(EMPTY, 1)}[what]
    timer = threading.Timer(0.05, arrive)
    timer.start()
    started_s = time.monotonic()
    taken = take(slots, 10)
    timer.join()

    assert taken != (None, None)
    assert time.monotonic() - started_s < 2


def test_a_frame_without_a_result_is_an_error_after_the_limit() -> None:
    """F2.4, F2.3: MediaPipe only logs the errors of its graph."""
    slots = Slots(stall_limit_s=0.15)
    slots.open()
    fly(slots, 1)
    assert take(slots, 0.02) == (None, None)
    started_s = time.monotonic()
    with pytest.raises(LandmarkerError, match=r"MediaPipe gave no result for 0\.15 s"):
        take(slots, 10)

    assert time.monotonic() - started_s < 2
    assert balanced(slots.counts)
    slots.close()


def test_without_a_frame_in_flight_nothing_is_overdue() -> None:
    """A camera that is paused is no stall of MediaPipe's."""
    slots = Slots(stall_limit_s=0.01)
    slots.open()
    assert take(slots, 0.05) == (None, None)
    slots.offer(shot(1))
    take_shot(slots)
    time.sleep(0.02)

    assert take(slots) == (None, None)
    slots.close()


# --- the end -------------------------------------------------------------------------------------


def test_close_drops_what_is_on_its_way_and_ignores_what_still_lands(slots: Slots) -> None:
    fly(slots, 1)
    slots.offer(shot(2))
    slots.close()
    slots.land(EMPTY, 1)
    slots.close()

    assert slots.counts == Counts(submitted=2, dropped=2)


def test_a_shot_on_its_way_in_when_it_closes_is_dropped_once(slots: Slots) -> None:
    """F6.4: closed by another thread while the picture is converted."""
    slots.offer(shot(1))
    taken = take_shot(slots)
    slots.close()
    slots.launch(taken, frame(1))
    slots.abort()

    assert slots.counts == Counts(submitted=1, dropped=1)


@pytest.mark.parametrize("opened_before", [True, False])
def test_offering_and_taking_while_closed_is_one_clear_error(opened_before: bool) -> None:
    """F6.5."""
    slots = Slots(stall_limit_s=1)
    if opened_before:
        slots.open()
        slots.close()
    with pytest.raises(LandmarkerError, match="live landmarker is not open"):
        slots.offer(shot(1))
    with pytest.raises(LandmarkerError, match="live landmarker is not open"):
        take(slots)
    assert slots.counts == Counts()


def test_close_frees_a_consumer_that_waits() -> None:
    slots = Slots(stall_limit_s=30)
    slots.open()
    threading.Timer(0.05, slots.close).start()
    started_s = time.monotonic()
    with pytest.raises(LandmarkerError):
        take(slots, 10)

    assert time.monotonic() - started_s < 2


# --- the books, under load -----------------------------------------------------------------------


def test_the_books_balance_at_every_moment_whatever_the_threads_do() -> None:
    """F6.4: two capture threads, MediaPipe's thread, the consumer and an auditor for a second."""
    slots = Slots(stall_limit_s=30)
    slots.open()
    over, flights, audits = threading.Event(), list[Flight](), list[Counts]()

    def capture(seed: int) -> None:
        pause = random.Random(seed)
        while not over.is_set():
            slots.offer(shot(time.monotonic_ns() // 1_000_000))
            time.sleep(pause.random() / 2000)

    def mediapipe() -> None:
        while not over.is_set():
            if flights:
                slots.land(EMPTY, flights.pop().stamp_ms)
            time.sleep(0.0005)

    def audit() -> None:
        while not over.is_set():
            audits.append(slots.counts)

    threads = [
        *(threading.Thread(target=capture, args=[seed]) for seed in range(2)),
        threading.Thread(target=mediapipe),
        threading.Thread(target=audit),
    ]
    for thread in threads:
        thread.start()
    delivered, failed = 0, 0
    end_s = time.monotonic() + 1
    while time.monotonic() < end_s:
        landing, taken = take(slots, 0.01)
        delivered += landing is not None
        if taken is not None and random.random() < 0.1:
            slots.abort()
            failed += 1
        elif taken is not None:
            flights.append(slots.launch(taken, taken.retrieve()))
    over.set()
    for thread in threads:
        thread.join()

    assert len(audits) > 500
    assert all(balanced(counts) for counts in audits)
    assert max(counts.in_flight for counts in audits) == 3
    counts = slots.counts
    assert balanced(counts)
    assert counts.results == counts.empty == delivered > 50
    assert counts.dropped >= failed > 0
    slots.close()


# --- a picture converted ahead -------------------------------------------------------------------


def used_to(slots: Slots, inference_s: float) -> None:
    """Let it learn how long MediaPipe takes."""
    flight = fly(slots, 1)
    time.sleep(inference_s)
    slots.land(SOMEBODY, flight.stamp_ms)
    assert take(slots)[0] is not None


def test_the_next_picture_is_ready_when_mediapipe_is(slots: Slots) -> None:
    used_to(slots, 0.05)
    flight = fly(slots, 100)
    slots.offer(shot(110))
    assert slots.take(time.monotonic_ns()).ahead is None, "far too early: a newer one may come"
    turn = slots.take(time.monotonic_ns() + 10**9)
    assert turn.ahead is not None
    assert slots.counts.in_flight == 2
    slots.keep(turn.ahead, frame(110), 1000)
    slots.land(SOMEBODY, flight.stamp_ms)
    turn = slots.take(time.monotonic_ns() + 10**9)

    assert turn.landing is not None
    assert turn.frame is not None
    assert turn.frame.timestamp_ms == 110
    slots.abort()


def test_a_picture_converted_ahead_gives_way_once_it_is_old(slots: Slots) -> None:
    """MediaPipe took far longer than it should have; by then there is a newer picture."""
    used_to(slots, 0.02)
    flight = fly(slots, 100)
    slots.offer(shot(110))
    ahead = slots.take(time.monotonic_ns() + 10**9).ahead
    assert ahead is not None
    slots.keep(ahead, frame(110), 1000)
    time.sleep(0.05)
    slots.offer(shot(160))
    assert slots.counts.in_flight == 3
    slots.land(SOMEBODY, flight.stamp_ms)
    turn = slots.take(time.monotonic_ns() + 10**9)

    assert turn.shot is not None
    assert (turn.shot.timestamp_ms, turn.frame) == (160, None)
    assert slots.counts.dropped == 1
    slots.abort()


def test_a_picture_that_could_not_be_converted_ahead_is_dropped(slots: Slots) -> None:
    used_to(slots, 0.02)
    fly(slots, 100)
    slots.offer(shot(110))
    ahead = slots.take(time.monotonic_ns() + 10**9).ahead
    assert ahead is not None
    slots.keep(ahead, None, 1000)

    assert slots.counts.dropped == 1
    assert slots.counts.in_flight == 1
