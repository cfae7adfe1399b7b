from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.errors import SourceError
from pose_edge.landmarker.slots import Shot
from pose_edge.pump import Ahead, LivePump, Unreadable
from pose_edge.records import Frame, PictureStats
from pose_edge.sources.base import SourceInfo


class Counting:
    """A source of `count` pictures, 10 ms apart, each painted with its own number; then it fails or ends."""

    def __init__(self, count: int, fails: bool = False) -> None:
        self.info = SourceInfo("counting", 8, 8, 100.0, live=False)
        self._count, self._fails = count, fails
        self.grabbed = self.retrieved = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def wait(self, timeout_s: float) -> bool:
        return timeout_s > 0

    def grab(self) -> int | None:
        if self.grabbed == self._count:
            if self._fails:
                raise SourceError("the cable is out")
            return None
        self.grabbed += 1
        return self.grabbed * 10

    def retrieve(self) -> Frame:
        self.retrieved += 1
        return Frame(np.full((8, 8, 3), self.grabbed % 256, np.uint8), self.grabbed * 10)


def unseen(image_rgb: npt.NDArray[np.uint8], timestamp_ms: int) -> None:
    """Look at no picture."""


def wait_until_ended(pump: LivePump) -> None:
    deadline_s = time.monotonic() + 5
    while not pump.ended():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_every_picture_is_offered_in_order_and_none_converted() -> None:
    source = Counting(50)
    shots: list[Shot] = []
    with LivePump(source, shots.append) as pump:
        wait_until_ended(pump)

    assert [shot.timestamp_ms for shot in shots] == list(range(10, 510, 10))
    assert source.retrieved == 0
    assert pump.last_frame_ns == shots[-1].available_ns > 0


def test_a_picture_taken_late_has_the_stamp_of_what_it_shows() -> None:
    source = Counting(50)
    shots: list[Shot] = []
    with LivePump(source, shots.append) as pump:
        wait_until_ended(pump)
        frame = shots[0].retrieve()

    assert frame.timestamp_ms == 500
    assert frame.image_rgb[0, 0, 0] == 50


def test_picture_and_stamp_belong_together_while_the_source_runs_on() -> None:
    taken: list[Frame] = []
    newest: list[Shot] = []
    with LivePump(Counting(20_000), newest.append) as pump:
        while not pump.ended() and len(taken) < 200:
            if newest:
                taken.append(newest[-1].retrieve())

    assert len(taken) > 20
    for frame in taken:
        assert int(frame.image_rgb[0, 0, 0]) == frame.timestamp_ms // 10 % 256


def test_what_the_source_raises_is_raised_by_whoever_asks() -> None:
    with (
        LivePump(Counting(3, fails=True), lambda _shot: None) as pump,
        pytest.raises(SourceError, match="cable"),
    ):
        wait_until_ended(pump)


def test_ahead_gives_every_frame_in_order() -> None:
    with Ahead(Counting(100), unseen) as frames:
        stamps = [frame.timestamp_ms for frame, _, _ in frames]

    assert stamps == list(range(10, 1010, 10))


def test_ahead_looks_at_each_picture_and_tells_with_it_what_was_seen() -> None:
    def brightness(image_rgb: npt.NDArray[np.uint8], timestamp_ms: int) -> PictureStats | None:
        return PictureStats(float(image_rgb.mean()), 0.0, 0.0) if timestamp_ms % 50 == 0 else None

    with Ahead(Counting(10), brightness) as frames:
        seen = [(frame.timestamp_ms, stats.luma) for frame, _, stats in frames if stats]

    assert seen == [(50, 5.0), (100, 10.0)]


def test_ahead_decodes_two_frames_and_not_the_whole_film() -> None:
    source = Counting(1000)
    with Ahead(source, unseen) as frames:
        next(iter(frames))
        time.sleep(0.1)
        assert source.retrieved <= 1 + Ahead.DEPTH + 1


def test_ahead_loses_no_frame_to_a_failure() -> None:
    got: list[int] = []
    with Ahead(Counting(3, fails=True), unseen) as frames:
        try:
            for frame, _, _ in frames:
                got.append(frame.timestamp_ms)
        except SourceError:
            got.append(-1)

    assert got == [10, 20, 30, -1]


def test_leaving_early_stops_the_thread() -> None:
    before = threading.active_count()
    with Ahead(Counting(1000), unseen) as frames:
        next(iter(frames))

    assert threading.active_count() == before


def test_one_unreadable_picture_is_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    unreadable = Unreadable(5.0)
    for now_s in (0.0, 3.0, 4.9):
        unreadable.bad(SourceError("half a JPEG"), now_s)
    unreadable.good()
    unreadable.bad(SourceError("half a JPEG"), 60.0)

    assert [record.message for record in caplog.records] == ["half a JPEG; the picture is left out"]


def test_when_no_picture_can_be_read_for_long_the_source_has_failed() -> None:
    unreadable = Unreadable(5.0)
    unreadable.bad(SourceError("half a JPEG"), 10.0)
    with pytest.raises(SourceError, match="half a JPEG"):
        unreadable.bad(SourceError("half a JPEG"), 15.1)
