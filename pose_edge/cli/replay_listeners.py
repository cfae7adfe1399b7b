"""Who listens to a replay: stdout, a recording, what an overlay is drawn from, a broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeAlias

import orjson

from pose_edge.cli.output import print_line
from pose_edge.errors import PoseEdgeError, UsageError
from pose_edge.replay import REPLAY_DEVICE, Told

if TYPE_CHECKING:
    from pose_edge.config import Config

Listener: TypeAlias = Callable[[Told], None]

CONNECT_S: Final = 10.0
"""How long the broker may take to answer before the replay gives up."""

DRAIN_S: Final = 10.0
"""How long the last events may take to be acknowledged."""


def printer(path: Path, several: bool) -> Listener:
    """Print each event; with `several` inputs also which one it belongs to."""

    def tell(told: Told) -> None:
        for message in told.events:
            print_line(_named(message.payload, path) if several else message.payload)

    return tell


def _named(payload: bytes, path: Path) -> bytes:
    """Say which of several inputs an event belongs to."""
    return orjson.dumps({**orjson.loads(payload), "input": str(path)})


def recorder(file: IO[bytes]) -> Listener:
    """Write the poses, to be replayed again. What listens raises PoseEdgeError when that fails."""

    def tell(told: Told) -> None:
        try:
            file.writelines(message.payload + b"\n" for message in told.landmarks)
        except OSError as error:  # a full disk, as a rule
            raise PoseEdgeError(f"--record {file.name}: {(error.strerror or str(error)).lower()}") from error

    return tell


def annotator(file: IO[bytes]) -> Listener:
    """Write what is drawn on the pictures later."""

    def tell(told: Told) -> None:
        file.writelines(message.payload + b"\n" for message in (*told.landmarks, *told.events))

    return tell


def publisher(config: Config, stack: ExitStack) -> Listener:
    """Publish all of it; what is retained is taken back when `stack` closes.

    Raises:
        UnavailableError: the broker does not answer.
    """
    from pose_edge.records import Delivery, Message
    from pose_edge.sinks.mqtt import MqttSink

    sink = stack.enter_context(MqttSink(config.mqtt, REPLAY_DEVICE))
    sink.wait_connected(CONNECT_S)
    sink.send(Message("status", b"online", Delivery.RETAINED, content_type="text/plain"))
    stack.callback(sink.drain, DRAIN_S)
    retained: set[str] = set()

    def take_back() -> None:
        for topic in retained:  # nobody is there any more
            sink.send(Message(topic, b"", Delivery.RETAINED))

    stack.callback(take_back)

    def tell(told: Told) -> None:
        for message in (*told.landmarks, *told.states, *told.events):
            sink.send(message)
        retained.update(message.topic for message in told.states)
        sink.poll()  # lets what was acknowledged make room

    return tell


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open the file of `--record`; raises UsageError."""
    try:
        file = path.open("wb")
    except OSError as error:
        raise UsageError(f"--record {path}: {(error.strerror or str(error)).lower()}") from error
    with file:
        yield file
