"""The vision process: the only one that sees pixels, and the only one without a network.

Started by `child.py` as `python -m pose_edge.vision`. It reads a `Job` from stdin, opens the source, runs
the landmarker and writes records (`wire.py`) into the pipe that was its stdout; whatever a library prints
goes to stderr. It ends when the source ends, when stdin is closed, or when the daemon is gone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Final

from pose_edge import wire
from pose_edge.child import (
    die_with_parent,
    hand_over_quickly,
    keep_memory_to_itself,
    keep_stdout_for_records,
    log_to_parent,
    own_usage,
)
from pose_edge.errors import EXIT_DONE, EXIT_FAILURE, PoseEdgeError, SourceError
from pose_edge.glance import Glances
from pose_edge.health import soc_temperature_c
from pose_edge.job import Job
from pose_edge.landmarker import RunningMode
from pose_edge.landmarker.blocking import StillLandmarker, VideoLandmarker
from pose_edge.landmarker.live import LiveLandmarker
from pose_edge.landmarker.mediapipe_import import import_mediapipe
from pose_edge.landmarker.slots import Shot
from pose_edge.pump import Ahead, LivePump, Unreadable
from pose_edge.records import Frame, PictureStats, PoseResult
from pose_edge.sandbox import lock_network_out
from pose_edge.sources import CAMERAS, open_source
from pose_edge.sources.base import Adjustable, Source
from pose_edge.sources.pacing import Paced
from pose_edge.sources.reopening import Reopening
from pose_edge.sources.thinning import Thinned
from pose_edge.tempo import SensorRate, Tempo, Throttle

logger = logging.getLogger(__name__)

STATUS_INTERVAL_S: Final = 1.0
"""The heartbeat. It comes from the loop that does the work, so it stops when the work does."""

WAIT_S: Final = 0.2
"""How long one turn of the loop may block; also how soon an order is noticed."""

UNREADABLE_LIMIT_S: Final = 5.0
"""A camera of which nothing could be read for so long has failed; as long as one that gives no picture."""


TOGETHER_S: Final = 0.05
"""How long a result of a replay may wait for the next ones."""


class Channel:
    """The pipe up to the daemon."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = b""
        self._sent_s = 0.0

    def send(self, record: wire.Record) -> None:
        """Write one record; blocks while the daemon is behind. Raises BrokenPipeError when it is gone."""
        data, self._kept = memoryview(self._kept + wire.encode(record)), b""
        self._sent_s = time.monotonic()
        while data:
            data = data[os.write(self._descriptor, data) :]

    def send_soon(self, record: wire.Record) -> bool:
        """Write a record that nobody waits for, together with those that follow shortly; True: written.

        Every turn of both loops costs system calls; in a replay they were half of what is ours.
        """
        if time.monotonic() - self._sent_s >= TOGETHER_S:
            self.send(record)
            return True
        self._kept += wire.encode(record)
        return False


class Orders:
    """The pipe down from the daemon: what to do; closed means stop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.stop = False

    def read_job(self) -> Job:
        """Block for the first line.

        Raises:
            BrokenPipeError: there will be none.
            ValueError: it is no job.
        """
        while b"\n" not in self._rest:
            self._read()
            if self.stop:
                raise BrokenPipeError("the daemon closed the pipe before it sent a job")
        line, self._rest = self._rest.split(b"\n", 1)
        return Job.model_validate(json.loads(line))

    def poll(self) -> None:
        """Notice, without blocking, that the pipe was closed."""
        while not self.stop and select.select([self._descriptor], [], [], 0)[0]:
            self._read()

    def _read(self) -> None:
        data = os.read(self._descriptor, 65536)
        self.stop = not data
        self._rest += data


class Heartbeat:
    """Sends a `Status` when one is due."""

    def __init__(self, channel: Channel, status: Callable[[], wire.Status]) -> None:
        self._channel = channel
        self._status = status
        self._next_s = 0.0

    def beat(self) -> None:
        """Send the counts if the last ones are a second old."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + STATUS_INTERVAL_S
            self._channel.send(self._status())


def main() -> int:
    """Run one job; return the exit status."""
    channel = Channel(keep_stdout_for_records())
    # Ctrl-C reaches the whole process group; the daemon decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    hand_over_quickly()
    keep_memory_to_itself()
    network_lock = lock_network_out()
    log_to_parent()
    try:
        orders = Orders(sys.stdin.fileno())
        _load_ahead()
        run(orders.read_job(), orders, channel, network_lock)
    except BrokenPipeError:
        return EXIT_FAILURE  # nobody left to tell
    except PoseEdgeError as error:
        channel.send(wire.Failure(type(error).__name__, str(error)))
        return error.exit_code
    return EXIT_DONE


def _load_ahead() -> None:
    """Load MediaPipe while the daemon still reads what the job is; what is wrong with it is told then."""
    with contextlib.suppress(PoseEdgeError):
        import_mediapipe()


def run(job: Job, orders: Orders, channel: Channel, network_lock: str) -> None:
    """Open source and landmarker, say hello, and work until the end or the order to stop."""
    with ExitStack() as stack:
        landmarker = _landmarker(job)
        stack.enter_context(landmarker)
        source = stack.enter_context(_paced(job))
        info = source.info
        channel.send(
            wire.Hello(
                source=info.name,
                width_px=info.width_px,
                height_px=info.height_px,
                rate_hz=info.rate_hz,
                frame_count=info.frame_count,
                model_path=str(job.model_path),
                mediapipe_version=version("mediapipe"),
                network_lock=network_lock,
            )
        )
        if isinstance(landmarker, LiveLandmarker):
            _live(job, source, landmarker, orders, channel)
        else:
            _every_frame(job, source, landmarker, orders, channel)


def _landmarker(job: Job) -> StillLandmarker | VideoLandmarker | LiveLandmarker:
    if job.running_mode is RunningMode.LIVE_STREAM:
        return LiveLandmarker(job.model_path, job.landmarker)
    if job.running_mode is RunningMode.VIDEO:
        return VideoLandmarker(job.model_path, job.landmarker)
    return StillLandmarker(job.model_path, job.landmarker)


def _paced(job: Job) -> Source:
    if isinstance(job.source, CAMERAS):
        return Reopening(lambda: open_source(job.source))
    source = open_source(job.source)
    if job.running_mode is RunningMode.LIVE_STREAM and job.speed is not None:
        return Paced(source, job.speed)
    if job.running_mode is RunningMode.VIDEO and job.rate_limit_hz is not None:
        return Thinned(source, job.rate_limit_hz)
    return source


def _live(job: Job, source: Source, landmarker: LiveLandmarker, orders: Orders, channel: Channel) -> None:
    """Newest frame next, one in flight; see `LiveLandmarker`."""
    tempo, throttle, glances = Tempo(job.rate), Throttle(), Glances()
    looked: deque[PictureStats] = deque(maxlen=1)
    sensor = SensorRate(source.info.rate_hz)

    def submit(shot: Shot) -> None:
        if throttle.admits(shot.timestamp_ms, tempo.limit_hz):
            landmarker.submit(replace(shot, retrieve=lambda: looked_at(shot.retrieve())))

    def looked_at(frame: Frame) -> Frame:
        """Where a shot is retrieved: on the thread of the loop, and not for what is dropped."""
        if (stats := glances.look(frame.image_rgb, frame.timestamp_ms)) is not None:
            looked.append(stats)
        return frame

    def adjust(rate_hz: float | None) -> None:
        if rate_hz is not None and isinstance(source, Adjustable):
            source.set_rate_hz(rate_hz)

    with LivePump(source, submit) as pump:

        def status() -> wire.Status:
            counts = asdict(landmarker.counts)
            # What a paced source leaves out a camera would have shown: it came, and was dropped.
            skipped = throttle.skipped + (source.skipped if isinstance(source, Paced) else 0)
            counts.update(submitted=counts["submitted"] + skipped, dropped=counts["dropped"] + skipped)
            tempo.heat(soc_temperature_c())
            adjust(sensor.change(tempo.limit_hz))
            rss_mb, cpu_s = own_usage()
            return wire.Status(
                **counts,
                last_frame_ns=pump.last_frame_ns,
                pace=tempo.pace,
                limit_hz=tempo.limit_hz,
                rss_mb=rss_mb,
                cpu_s=cpu_s,
            )

        heartbeat = Heartbeat(channel, status)
        unreadable = Unreadable(UNREADABLE_LIMIT_S)
        while not orders.stop:
            result = None
            try:
                result = landmarker.wait(WAIT_S)
            except SourceError as error:
                if not isinstance(job.source, CAMERAS):  # a file will not get better
                    raise
                unreadable.bad(error, time.monotonic())
            if result is not None:
                unreadable.good()
                woke = tempo.result(result.timestamp_ms, found=bool(result.poses))
                if result.timing is not None:
                    sensor.result((result.timing.finished_ns - result.timing.submitted_ns) / 1e9)
                if woke:
                    adjust(sensor.change(tempo.limit_hz))
                channel.send(replace(result, picture=looked.pop()) if looked else result)
            heartbeat.beat()
            orders.poll()
            if pump.ended() and landmarker.counts.in_flight == 0 and result is None:
                channel.send(wire.Ended(status()))
                return


def _every_frame(
    job: Job,
    source: Source,
    landmarker: StillLandmarker | VideoLandmarker,
    orders: Orders,
    channel: Channel,
) -> None:
    """Every frame in turn; the next one is decoded while the model works on this one."""
    results = empty = last_frame_ns = 0

    def status() -> wire.Status:
        return wire.Status(submitted=results, results=results, empty=empty, last_frame_ns=last_frame_ns)

    heartbeat = Heartbeat(channel, status)
    with Ahead(source, Glances().look) as frames:
        for frame, available_ns, stats in frames:
            result = landmarker.detect(frame)
            results, empty, last_frame_ns = results + 1, empty + (not result.poses), available_ns
            _write_mask(job, results - 1, result)
            if not channel.send_soon(replace(result, picture=stats) if stats else result):
                continue
            heartbeat.beat()
            orders.poll()
            if orders.stop:
                return
    channel.send(wire.Ended(status()))


def _write_mask(job: Job, index: int, result: PoseResult) -> None:
    if index < len(job.mask_paths):
        from pose_edge.masks import write_mask

        write_mask(result, job.mask_paths[index])


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Straight out: interpreter shutdown would join threads of libraries that may be wedged.
    os._exit(status)
