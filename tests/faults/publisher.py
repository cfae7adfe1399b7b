"""The program under test as a process of its own: the MQTT sink with its outbox, and somebody to feed it.

    python -m tests.faults.publisher PLAN.json

It says what it does on stdout, a JSON object a line, written at once: {"put": ID} when an event was put in;
{"stored": ID} when the outbox offers it for sending, hence after it was stored; and four times a second how
things stand.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pose_edge.messages import Device, Messages
from pose_edge.records import Event, Message, Pose, PoseResult, Stage, State
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sinks.news import Received
from pose_edge.sinks.outbox import Outbox
from pose_edge.sinks.outbox_options import OutboxOptions
from pose_edge.sinks.outgoing import Waiting

STATUS_EVERY_S = 0.25
RECEIPTS = "events/receipt"


@dataclass(frozen=True)
class Plan:
    """What to say, how often, and to whom."""

    mqtt: dict[str, Any]
    outbox: str | None
    """The file; None: memory."""
    device: str = "livingroom"
    boot_id: str = "b00t"
    alert_every_s: float | None = 0.25
    alerts: int | None = None
    """How many at most."""
    landmarks_hz: float | None = None
    retained: bool = True
    flood: int = 0
    """So many landmarks at once, before anything else; see `_flood`."""
    flood_alerts: int = 0
    """Alerts spread evenly among them."""
    outbox_options: dict[str, Any] = field(default_factory=dict)
    raise_in_wake: bool = False
    """`wake` runs in the library's callbacks: an exception there is one in every callback."""


class Speaker:
    """Makes the messages of a device that sees one person."""

    def __init__(self, plan: Plan) -> None:
        self.messages = Messages(Device(plan.device), plan.boot_id, "lite", "live_stream")
        self.messages.set_clock(int((time.time() - time.monotonic()) * 1000), synced=True)
        self._number = 0
        body = np.round(np.random.default_rng(1).random((33, 5), dtype=np.float32), 4)
        self._pose = Pose(body, body)

    def alert(self) -> Message:
        self._number += 1
        now_ms = time.monotonic_ns() // 1_000_000
        event = Event("fall", "fall_confirmed", Stage.NEW, self._number, now_ms, now_ms, severity="alert")
        return self.messages.event(event)

    def landmarks(self) -> Message:
        now_ms = time.monotonic_ns() // 1_000_000
        return self.messages.landmarks(PoseResult(now_ms, 640, 480, (self._pose,)))

    def retained(self) -> Iterator[Message]:
        now_ms = time.monotonic_ns() // 1_000_000
        yield self.messages.status(online=True)
        yield self.messages.pipeline_status(online=True)
        yield self.messages.detection(on=True)
        yield from self.messages.fall(None)
        yield from self.messages.state(
            State(occupied=True),
            None,
            timestamp_ms=now_ms,
            detection="running",
            inference_fps=None,
            frame_age_ms=None,
        )


class Telling(Outbox):
    """The outbox, which says what it has stored."""

    def next(self) -> Waiting | None:
        waiting = super().next()
        if waiting is not None:
            say(stored=waiting.message.event_id)
        return waiting


def say(**what: Any) -> None:
    """Write a line that survives kill -9."""
    os.write(1, json.dumps(what).encode() + b"\n")


def main() -> int:
    """Publish as planned until SIGTERM."""
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    stopping: list[int] = []  # no Event: its lock may be held by what the signal interrupts
    woken = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    signal.signal(signal.SIGUSR1, lambda *_: _end_network_thread())

    def wake() -> None:
        woken.set()
        if plan.raise_in_wake:
            raise RuntimeError("forced")

    path = None if plan.outbox is None else Path(plan.outbox)
    options = MqttOptions.model_validate(plan.mqtt)
    kept = OutboxOptions.model_validate(plan.outbox_options)
    with Telling(path, wake=woken.set, options=kept) as outbox:
        sink = MqttSink(
            options, plan.device, boot_id=plan.boot_id, wake=wake, queue=outbox, listen_to=[RECEIPTS]
        )
        with sink:
            _publish(plan, sink, stopping, woken)
    say(done=True)
    return 0


def _publish(plan: Plan, sink: MqttSink, stopping: list[int], woken: threading.Event) -> None:
    speaker, due = Speaker(plan), Due()
    for message in speaker.retained() if plan.retained else ():
        sink.send(message)
    if plan.flood:
        _flood(plan, sink, speaker)
    put = 0
    while not stopping:
        woken.clear()
        for news in sink.poll():
            if isinstance(news, Received):
                sink.receipt(news.payload.decode())
        if (plan.alerts is None or put < plan.alerts) and due.now("alert", plan.alert_every_s):
            message = speaker.alert()
            sink.send(message)
            say(put=message.event_id)
            put += 1
        if due.now("landmarks", plan.landmarks_hz and 1 / plan.landmarks_hz):
            sink.send(speaker.landmarks())
        if due.now("status", STATUS_EVERY_S):
            say(at_s=time.monotonic(), **asdict(sink.state()))
        woken.wait(due.wait_s())


def _flood(plan: Plan, sink: MqttSink, speaker: Speaker) -> None:
    """Send as fast as it goes, polling as often as in life, and tell the memory after 1 % and at the end."""
    early, every = plan.flood // 100, plan.flood // plan.flood_alerts if plan.flood_alerts else 0
    message = speaker.landmarks()
    for count in range(plan.flood):
        if count == early:
            say(rss_kb=rss_kb())
        if count % 15 == 0:  # twice a second at 30/s
            sink.poll()
            message = speaker.landmarks()
        sink.send(message)
        if every and count % every == 0:
            alert = speaker.alert()
            sink.send(alert)
            say(put=alert.event_id)
    say(rss_kb=rss_kb(), dropped=sink.state().stream_dropped)


def rss_kb() -> int:
    """Return how much memory this process has, in kB."""
    words = Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()
    return int(words[0])


class Due:
    """What is to be done when, each at its own pace."""

    def __init__(self) -> None:
        self._next_s: dict[str, float] = {}

    def now(self, what: str, every_s: float | None) -> bool:
        """Say whether it is time; None: never."""
        if every_s is None:
            return False
        now_s = time.monotonic()
        if now_s < self._next_s.setdefault(what, now_s):
            return False
        self._next_s[what] = max(self._next_s[what] + every_s, now_s - every_s)
        return True

    def wait_s(self) -> float:
        return max(0.0, min(self._next_s.values(), default=0.5) - time.monotonic())


def _end_network_thread() -> None:
    """Let paho's thread end by an exception, as a fault in it would: the connection stays open and dead."""
    import ctypes

    for thread in threading.enumerate():
        if thread.name.startswith("paho-mqtt") and thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
            )
            say(ended=thread.name)


if __name__ == "__main__":
    import logging

    logging.basicConfig(format="%(created).3f %(levelname)s %(message)s", level=logging.INFO)
    sys.exit(main())
