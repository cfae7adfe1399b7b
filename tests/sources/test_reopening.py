from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from pose_edge.errors import SourceError
from pose_edge.records import Frame
from pose_edge.sources import reopening
from pose_edge.sources.base import SourceInfo
from pose_edge.sources.reopening import Reopening

QUICK = (0.0, 0.0, 0.0)


@dataclass
class Bench:
    """A camera that can be unplugged; what happens to it is written down."""

    plugged: bool = True
    width_px: int = 8
    wedged: bool = False
    opened: int = 0
    closed: int = 0
    tries: int = 0
    hold: threading.Event = field(default_factory=threading.Event)
    """While set, reading a picture takes its time."""

    def camera(self) -> Camera:
        return Camera(self)


class Camera:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.info = SourceInfo("bench", bench.width_px, 8, 30.0, live=True)
        self.wedged = False
        self._open = False

    def __enter__(self) -> Self:
        self._bench.tries += 1
        if not self._bench.plugged:
            raise SourceError("bench: nothing there")
        self._bench.opened += 1
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bench.closed += self._open
        self._open = False
        self.wedged = self._bench.wedged

    def wait(self, timeout_s: float) -> bool:
        if not self._bench.plugged:
            raise SourceError("bench: no picture for 1 s")
        return timeout_s >= 0

    def grab(self) -> int | None:
        return 7

    def retrieve(self) -> Frame:
        deadline_s = time.monotonic() + 2
        while self._bench.hold.is_set() and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert self._open, "closed while somebody reads"
        return Frame(np.zeros((8, 8, 3), np.uint8), 7)


def unplug_for_one_wait(bench: Bench, source: Reopening) -> None:
    """The picture fails; at the first attempt to open it again it is back."""
    bench.plugged = False
    threading.Timer(0.05, lambda: setattr(bench, "plugged", True)).start()
    assert source.wait(0.1) is False


def test_a_camera_that_fails_is_opened_again_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    with caplog.at_level(logging.INFO), Reopening(bench.camera, (0.2, 0.2)) as source:
        assert source.wait(0)
        unplug_for_one_wait(bench, source)
        assert source.wait(0)
        assert source.grab() == 7
        assert source.reopened == 1
        assert bench.opened == 2
        assert bench.closed == 1
    assert bench.closed == 2
    said = [record.message for record in caplog.records]
    assert said[0] == "bench: no picture for 1 s; it is opened again"
    assert said[1].startswith("bench is back after 0.")


def test_when_that_does_not_help_the_last_reason_goes_on() -> None:
    bench = Bench()
    with Reopening(bench.camera, QUICK) as source:
        bench.plugged = False
        with pytest.raises(SourceError, match="bench: nothing there"):
            source.wait(0)
    assert bench.tries == 1 + len(QUICK)
    assert bench.closed == bench.opened


def test_a_camera_that_fails_again_and_again_is_not_opened_for_ever() -> None:
    """One that gives a picture after each opening, as with a plug that rattles."""
    bench = Bench()
    with Reopening(bench.camera, (0.1,) * 3) as source:
        for _ in range(3):
            unplug_for_one_wait(bench, source)
            assert source.wait(0)
        bench.plugged = False
        with pytest.raises(SourceError, match="no picture for 1 s"):
            source.wait(0)


def test_after_a_steady_while_the_attempts_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reopening, "STEADY_S", 0.05)
    bench = Bench()
    with Reopening(bench.camera, (0.1,)) as source:
        for _ in range(3):
            unplug_for_one_wait(bench, source)
            time.sleep(0.06)
            assert source.wait(0)
    assert source.reopened == 3


def test_a_camera_that_cannot_be_opened_at_the_start_is_told_at_once() -> None:
    bench = Bench(plugged=False)
    with pytest.raises(SourceError, match="nothing there"):
        Reopening(bench.camera).__enter__()
    assert bench.tries == 1


def test_a_wedged_camera_is_not_opened_again() -> None:
    bench = Bench(wedged=True)
    with Reopening(bench.camera, QUICK) as source:
        bench.plugged = False
        with pytest.raises(SourceError, match="no picture for 1 s"):
            source.wait(0)
    assert bench.tries == 1


def test_pictures_of_another_size_are_refused() -> None:
    bench = Bench()
    with Reopening(bench.camera, (0.1,)) as source:
        bench.width_px = 16
        bench.plugged = False
        threading.Timer(0.05, lambda: setattr(bench, "plugged", True)).start()
        with pytest.raises(SourceError, match="gives 16 x 8 px where it gave 8 x 8 px before"):
            source.wait(0)
    assert bench.closed == bench.opened == 2


def test_nobody_closes_it_while_a_picture_is_read_and_nobody_reads_what_is_closed() -> None:
    bench = Bench()
    frames: list[Frame] = []
    with Reopening(bench.camera, (0.3,)) as source:
        bench.hold.set()
        reader = threading.Thread(target=lambda: frames.append(source.retrieve()), daemon=True)
        reader.start()
        bench.plugged = False
        waiter = threading.Thread(target=source.wait, args=(0,), daemon=True)
        waiter.start()
        time.sleep(0.1)
        assert bench.closed == 0
        bench.hold.clear()
        reader.join(2)
        assert len(frames) == 1
        time.sleep(0.05)
        assert bench.closed == 1
        with pytest.raises(SourceError, match="bench: is being opened again"):
            source.retrieve()
        bench.plugged = True
        waiter.join(2)
        source.retrieve()


def test_leaving_ends_the_attempts() -> None:
    bench = Bench()
    with Reopening(bench.camera, (30.0,)) as source:
        bench.plugged = False
        waiter = threading.Thread(target=source.wait, args=(0,))
        waiter.start()
        time.sleep(0.05)
    waiter.join(2)
    assert not waiter.is_alive()
    assert bench.tries == 1
