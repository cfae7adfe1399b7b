"""Carries out what others ask of the device over MQTT."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from pydantic import JsonValue

from pose_edge.commands import (
    ClearFall,
    Command,
    Incoming,
    Limiter,
    Receipt,
    Refused,
    Request,
    Restart,
    SetDetection,
    TestAlert,
    parse,
)
from pose_edge.latch import Change, FallLatch, What
from pose_edge.memory import Memory
from pose_edge.messages import Messages
from pose_edge.records import Event
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.news import Received

logger = logging.getLogger(__name__)

Answer: TypeAlias = Callable[[], JsonValue]

LOG_EVERY_S: Final = 10.0
MOST_TOPICS: Final = 50
"""Refusals are logged no more often for a topic, nor of more topics: whoever sends nonsense must not fill the
journal."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What the daemon can do, and what it can answer."""

    pause: Callable[[bool], None]
    clear_falls: Callable[[], None]
    """Tell the engine that somebody has seen to whoever fell."""
    restart: Callable[[], None]
    test_alert: Callable[[], None]
    answers: Mapping[str, Answer]
    """Name of a request -> what makes its answer."""


class Control:
    """Takes commands, and keeps the latch of the fall and the pause where a restart finds them."""

    def __init__(self, sink: MqttSink, memory: Memory, messages: Messages, actions: Actions) -> None:
        self._sink = sink
        self._memory = memory
        self._messages = messages
        self._actions = actions
        self._limiter = Limiter()
        self._latch = FallLatch(memory.facts.fall)
        self._unlogged: dict[str, tuple[int, float]] = {}
        """Topic -> how many refusals were not logged, and when one was."""
        self.commands = self.refused = 0

    @property
    def fall_active(self) -> bool:
        """Whether a confirmed fall has not been ended by anybody."""
        return self._latch.active is not None

    def introduce(self) -> None:
        """Say what holds at the start."""
        self._sink.send(self._messages.detection(on=self._memory.facts.detection))
        self._tell_fall()

    def follow(self, event: Event) -> None:
        """Let the latch follow what the engine decided."""
        self._keep(self._latch.take(event, self._messages.active_fall(event)))

    def take(self, received: Received, timestamp_ms: int, now_s: float) -> None:
        """Carry out a command, or say why not. `timestamp_ms` is this moment on the clock of the pictures."""
        self.commands += 1
        root = self._sink.root
        incoming = Incoming(
            received.topic.removeprefix(f"{root}/"),
            received.payload,
            received.retained,
            received.response_topic,
            received.correlation,
        )
        asked = self._limiter.refuse(incoming, now_s) or parse(incoming, root)
        if isinstance(asked, Refused):
            self._refuse(asked, now_s)
        else:
            self._do(asked, timestamp_ms)

    def _do(self, command: Command, timestamp_ms: int) -> None:
        match command:
            case SetDetection(on):
                self._set_detection(on)
            case ClearFall():
                self._clear_fall(timestamp_ms)
            case TestAlert():
                logger.info("test alert, by command")
                self._actions.test_alert()
            case Restart():
                logger.info("restart, by command")
                self._actions.restart()
            case Receipt(event_id):
                if not self._sink.receipt(event_id):
                    logger.debug("receipt for %s, which nobody waits for", event_id)
            case Request():
                self._answer(command)

    def _set_detection(self, on: bool) -> None:
        if on != self._memory.facts.detection:
            logger.info("detection %s, by command", "on" if on else "off: the camera is closed")
        self._memory.change(detection=on)
        self._actions.pause(not on)
        self._sink.send(self._messages.detection(on=on))

    def _clear_fall(self, timestamp_ms: int) -> None:
        self._actions.clear_falls()
        change = self._latch.clear("command")
        for fall in change.ended:
            logger.info("fall %s cleared, by command", fall.event_id, extra={"EVENT_ID": fall.event_id})
            self._sink.send(self._messages.fall_cleared(fall, "command", timestamp_ms))
        self._keep(change)

    def _keep(self, change: Change) -> None:
        if change.what is What.NOTHING:
            return
        self._memory.change(fall=change.active)
        self._tell_fall()

    def _tell_fall(self) -> None:
        for message in self._messages.fall(self._latch.active):
            self._sink.send(message)

    def _answer(self, request: Request) -> None:
        try:
            data, error = self._actions.answers[request.name](), None
        except OSError as failure:  # nothing a request asks for may end the daemon
            data, error = None, str(failure)
        self._respond(request, data, error)

    def _refuse(self, refused: Refused, now_s: float) -> None:
        self.refused += 1
        unlogged, logged_s = self._unlogged.get(refused.topic, (0, float("-inf")))
        if now_s - logged_s < LOG_EVERY_S or len(self._unlogged) > MOST_TOPICS:
            self._unlogged[refused.topic] = unlogged + 1, logged_s
        else:
            more = f" ({unlogged} more since the last line)" if unlogged else ""
            logger.warning("message on %s refused: %s%s", refused.topic, refused.reason, more)
            self._unlogged[refused.topic] = 0, now_s
        if refused.asker is not None:
            self._respond(refused.asker, None, refused.reason)

    def _respond(self, request: Request, data: JsonValue, error: str | None) -> None:
        self._sink.send(
            self._messages.response(
                request.name,
                request.transaction,
                data=data,
                error=error,
                reply_to=request.reply_to,
                correlation=request.correlation,
            )
        )
