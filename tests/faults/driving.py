"""The sink inside the test's own process, where a test wants to look at it or to say what it sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pose_edge.records import Message
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sinks.outbox import Outbox
from pose_edge.sinks.outbox_options import OutboxOptions
from tests.faults.publisher import Plan, Speaker

QUICK = {"host": "127.0.0.1", "reconnect_min_s": 0.05, "reconnect_max_s": 0.2, "will_delay_s": 0}
POLL_S = 0.01
LANDMARKS_EVERY_S = 1 / 30


@dataclass
class Driven:
    """A sink, and somebody with things to say."""

    sink: MqttSink
    speaker: Speaker
    landmarks: bool = False
    """Send them, at 30/s, while waiting."""
    _next_s: float = 0.0

    def alert(self, filling: int = 0) -> str:
        """Send an alert, with so many bytes more than it needs, and return its id."""
        message = self.speaker.alert()
        if filling:
            message = replace(message, payload=message.payload[:-1] + b',"filling":"%s"}' % (b"x" * filling))
        self.sink.send(message)
        return message.event_id

    def send(self, message: Message) -> None:
        self.sink.send(message)

    def run(self, until: Callable[[], bool], timeout_s: float = 10.0) -> bool:
        """Do what the daemon does until something holds; False: it never did."""
        deadline_s = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > deadline_s:
                return False
            self.sink.poll()
            if self.landmarks and time.monotonic() >= self._next_s:
                self._next_s = time.monotonic() + LANDMARKS_EVERY_S
                self.sink.send(self.speaker.landmarks())
            time.sleep(POLL_S)
        return True

    def run_for(self, seconds: float) -> None:
        self.run(lambda: False, seconds)

    @property
    def state(self) -> str:
        return self.sink.state().state

    @property
    def waiting(self) -> int:
        return self.sink.state().queue.waiting

    def connect(self) -> None:
        assert self.run(lambda: self.sink.connected), self.sink.state()


@contextmanager
def driven(
    port: int, *, outbox: Path | None = None, kept: dict[str, Any] | None = None, **options: Any
) -> Iterator[Driven]:
    """A sink to a broker on the loopback, which tries again quickly unless `options` say otherwise."""
    chosen = MqttOptions.model_validate({**QUICK, "port": port, **options})
    with Outbox(outbox, options=OutboxOptions.model_validate(kept or {})) as queue:
        sink = MqttSink(chosen, "livingroom", boot_id="b00t", queue=queue)
        with sink:
            yield Driven(sink, Speaker(Plan({}, None)))


def event_id(payload: bytes) -> str:
    """Return the id in an event's payload, however it ends."""
    return payload.partition(b'"event_id":"')[2].partition(b'"')[0].decode()
