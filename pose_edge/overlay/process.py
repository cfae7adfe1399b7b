"""The drawing process: sees pixels, has no network. Started by `parent.py` with a `Job` on stdin.

It answers on the pipe that was its stdout, in JSON lines: `{"frames": n}` twice a second and at the end,
or `{"error": name, "message": text}`. What libraries print goes to stderr, with the log.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Final

import orjson

from pose_edge.child import die_with_parent, keep_stdout_for_records, log_to_parent
from pose_edge.errors import EXIT_DONE, EXIT_FAILURE, PoseEdgeError, SourceError, UsageError
from pose_edge.overlay.job import Job
from pose_edge.pictures import AllOrNothing, encode
from pose_edge.records import Frame
from pose_edge.sandbox import lock_network_out
from pose_edge.sources import open_source
from pose_edge.sources.base import Source

logger = logging.getLogger(__name__)

TELL_S: Final = 0.5
"""How often the parent hears how far things are."""

WAIT_S: Final = 10.0
"""How long a file may keep us waiting for a picture."""


class Channel:
    """The pipe up to the parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._next_s = 0.0
        self.frames = 0

    def step(self) -> None:
        """Count a picture."""
        self.frames += 1
        self.beat()

    def beat(self) -> None:
        """Say how far things are, if that was half a second ago."""
        if time.monotonic() >= self._next_s:
            self.tell({"frames": self.frames})

    def tell(self, said: dict[str, int | str]) -> None:
        """Say it now. Raises BrokenPipeError when nobody listens."""
        self._next_s = time.monotonic() + TELL_S
        data = memoryview(orjson.dumps(said) + b"\n")
        while data:
            data = data[os.write(self._descriptor, data) :]


def main() -> int:
    """Do one job; return the exit status."""
    channel = Channel(keep_stdout_for_records())
    # Ctrl-C reaches the whole process group; the parent decides what it means. It asks by SIGTERM, and the
    # kernel does when the parent is gone: that unwinds, so nothing half done is left behind.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_FAILURE))
    die_with_parent(signal.SIGTERM)
    network_lock = lock_network_out()
    log_to_parent()
    if network_lock != "seccomp":
        logger.warning("the drawing process could reach the network: %s", network_lock)
    try:
        run(Job.model_validate_json(sys.stdin.buffer.readline()), channel)
    except BrokenPipeError:
        return EXIT_FAILURE  # nobody left to tell
    except PoseEdgeError as error:
        channel.tell({"error": type(error).__name__, "message": str(error)})
        return error.exit_code
    channel.tell({"frames": channel.frames})
    return EXIT_DONE


def run(job: Job, channel: Channel) -> None:
    """Draw everything."""
    with open_source(job.source) as source:
        if source.info.live:
            raise UsageError(
                f"{source.info.name}: pictures are gone once seen, so nothing can be drawn on them"
            )
        if job.film is not None:
            _film(job, source, channel)
        else:
            _photos(job, source, channel)


# OpenCV is imported below only: by then the network is locked out.


def _film(job: Job, source: Source, channel: Channel) -> None:
    from pose_edge.overlay.annotations import Annotations
    from pose_edge.overlay.film import Film
    from pose_edge.overlay.painter import Painter

    assert job.film is not None
    endless = source.info.frame_count is None
    painter = Painter()
    with (
        Annotations(job.annotations) as annotations,
        AllOrNothing() as files,
        Film(files.create(job.film), job.film, source.info.rate_hz, channel.beat) as film,
    ):
        for frame in _frames(source):
            annotation = annotations.at(frame.timestamp_ms)
            if endless and annotations.over(frame.timestamp_ms):
                break  # a looping actor: as far as it was looked at
            painter.draw(frame.image_rgb, annotation)
            film.add(frame.image_rgb, frame.timestamp_ms)
            channel.step()
        if not channel.frames:
            raise SourceError(f"{source.info.name}: no pictures to draw on")


def _photos(job: Job, source: Source, channel: Channel) -> None:
    import cv2
    import numpy as np

    from pose_edge.overlay.annotations import Annotations
    from pose_edge.overlay.painter import Painter

    if source.info.frame_count != len(job.outputs):
        found = f"{len(job.outputs)} outputs for {source.info.frame_count} photos ({source.info.name})"
        raise UsageError(f"--overlay: {found}; one for each is needed, or one film (.mp4) for all")
    with Annotations(job.annotations, photos=True) as annotations, AllOrNothing() as files:
        for frame, path in zip(_frames(source), job.outputs, strict=True):
            Painter().draw(frame.image_rgb, annotations.at(frame.timestamp_ms))
            bgr = np.asarray(cv2.cvtColor(frame.image_rgb, cv2.COLOR_RGB2BGR), np.uint8)
            files.create(path, encode(bgr, path))
            channel.step()


def _frames(source: Source) -> Iterator[Frame]:
    while source.wait(WAIT_S):
        if source.grab() is None:
            return
        yield source.retrieve()
    raise SourceError(f"{source.info.name}: no picture for {WAIT_S:g} s")


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Straight out: interpreter shutdown would join threads of libraries that may be wedged.
    os._exit(status)
