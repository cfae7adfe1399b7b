"""Messages -> MQTT broker: retained topics anew on each connect, events until acknowledged, streams or not.

The sink decides what is sent when; `connection.py` brings it there and says what became of it, `flight.py`
knows what is on its way, `standing.py` how things are. No window of paho's is relied on: it forgets its own
after a reconnect, and sends more than the broker takes.
"""

from __future__ import annotations

import logging
import struct
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self, TypeAlias

from pose_edge.errors import UnavailableError
from pose_edge.messages import as_replayed, will
from pose_edge.payloads import SCHEMA_VERSION
from pose_edge.records import Delivery, Message
from pose_edge.sinks.connection import Connection
from pose_edge.sinks.flight import Answer, Beat, Flight, Sent
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sinks.news import Acked, Connected, Deaf, Lost, News, Received, Refused
from pose_edge.sinks.outbox import Outbox
from pose_edge.sinks.outgoing import Outgoing, Waiting
from pose_edge.sinks.retained import Retained
from pose_edge.sinks.standing import BrokerState, Standing
from pose_edge.sinks.stream import Latest
from pose_edge.sinks.suspicion import STEADY_S, Suspicion
from pose_edge.sinks.trouble import Trouble

__all__ = ["BrokerEvent", "BrokerState", "MqttOptions", "MqttSink"]

logger = logging.getLogger(__name__)

BrokerEvent: TypeAlias = Connected | Lost | Refused | Received

CLOSE_TIMEOUT_S: Final = 2.0

HEARTBEAT: Final = "heartbeat"
"""Topic of the empty messages that show whether the broker answers."""

BEAT_SHARE: Final = 0.3
SILENT_SHARE: Final = 0.5
"""Of `keepalive_s`: the pause between two heartbeats, and how long one may remain unanswered. Together less
than one, so that a silent broker is noticed within `keepalive_s`."""

ACK_TIMEOUT_S: Final = 15.0
"""A message not acknowledged for this long, while others are, is sent again over a new connection: MQTT
repeats nothing on a live one (MQTT 5, 4.4)."""

CANARY_S: Final = 60.0
"""MQTT 3.1.1 acknowledges what an access list forbids; heartbeats that do not come back show it."""


class MqttSink:
    """A `Sink` to one broker, which need not be there. All methods are for one thread.

    `wake` is called from another thread whenever `poll` has something to do. `boot_id` goes into the user
    properties of every message (MQTT 5). `listen_to` names topics below the device's root, `listen_to_others`
    whole ones.
    """

    def __init__(
        self,
        options: MqttOptions,
        device_id: str,
        *,
        boot_id: str = "",
        wake: Callable[[], None] | None = None,
        queue: Outgoing | None = None,
        listen_to: Sequence[str] = (),
        listen_to_others: Sequence[str] = (),
    ) -> None:
        self._options = options
        self.root = f"{options.base_topic}/{device_id}"
        """What all topics of the device begin with."""
        self._will = will(self.root, options.will_delay_s)
        self.boot_id = boot_id
        self._wake = wake
        self._news = threading.Event()
        self._connection = Connection(
            options,
            options.client_id or f"pose-edge-{device_id}",
            self._will,
            self._on_news,
            listen_to=[*(f"{self.root}/{topic}" for topic in listen_to), *listen_to_others],
            echo=f"{self.root}/{HEARTBEAT}",
        )
        self._queue: Outgoing = Outbox(None) if queue is None else queue
        self._standing = Standing(options.address)
        self._suspicion = Suspicion()
        self._retained = Retained()
        self._replies: list[Message] = []
        self._latest = Latest()
        self._newest_of_stream: Message | None = None
        self._flight = Flight()
        self._limits = Connected("5", 0, None)
        self._told: list[BrokerEvent] = []
        self._up_s = self._beat_s = self._echo_s = 0.0
        self._unechoed = 0

    @property
    def boot_id(self) -> str:
        """Of the run whose messages these are."""
        return self._boot_id

    @boot_id.setter
    def boot_id(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._user = [("schema_version", str(SCHEMA_VERSION)), *([("boot_id", boot_id)] if boot_id else [])]

    @property
    def connected(self) -> bool:
        """The broker accepted us, as far as the last `poll` knew."""
        return self._connection.up

    def state(self) -> BrokerState:
        """Return how things stand, for `health`, the status file and the log."""
        standing, trouble, now_s = self._standing, self._standing.trouble, time.monotonic()
        return BrokerState(
            state="connected" if trouble is None else trouble.state,
            reason="" if trouble is None else trouble.reason,
            since_s=standing.since_s,
            protocol=self._limits.protocol if self.connected else None,
            reconnects=max(0, standing.connects - 1),
            attempts=self._connection.attempts,
            queue=self._queue.counts(),
            stream_dropped=self._latest.dropped,
            last_ack_age_s=self._flight.last_ack_age_s(now_s),
            denied=dict(standing.denied),
            left_out=standing.left_out(now_s),
            unread_dropped=self._connection.unread_dropped,
            unstable=standing.unstable(now_s),
            events_refused=standing.events_refused,
            mute=self._mute(now_s),
        )

    def __enter__(self) -> Self:
        self._connection.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say `offline`, give the events `CLOSE_TIMEOUT_S` to leave, disconnect."""
        said = False
        if self.connected:
            self._latest.drop()
            self.send(Message("status", self._will.payload, Delivery.RETAINED, content_type="text/plain"))
            self.drain(CLOSE_TIMEOUT_S)
            said = self.has("status")
        waiting = self._queue.counts().waiting
        if waiting:
            logger.warning("broker %s: %d events were not delivered yet", self._options.address, waiting)
        self._connection.close(goodbye=said)  # or else the will speaks

    def send(self, message: Message) -> None:
        """See `Sink.send`."""
        match message.delivery:
            case Delivery.RETAINED:
                self._retained.keep(message, time.monotonic())
            case Delivery.EVENT:
                self._queue.put(message)
            case Delivery.STREAM:
                self._stream(message)
            case Delivery.REPLY:
                if self.connected:
                    self._replies.append(message)
        self._pump()

    def poll(self) -> list[BrokerEvent]:
        """Take in what the broker said, send what may be sent, and return what the owner should know.

        To be called when woken, and about twice a second.
        """
        self._take_in()
        told, self._told = self._told, []
        return told

    def has(self, topic: str) -> bool:
        """Say whether the broker has acknowledged the newest retained message of a topic."""
        return self.connected and not (self._retained.waits(topic) or self._flight.holds(topic))

    def repeat(self) -> None:
        """Send all that is retained again: somebody forgot it."""
        self._retained.repeat()

    def retry_now(self) -> None:
        """Learn that somebody has changed something: refused events and the broker are asked again."""
        self._queue.unpark()
        self._suspicion.forget()
        self._connection.retry_now()

    def receipt(self, event_id: str) -> bool:
        """Learn that a consumer has dealt with an event; False: it is not known here."""
        return self._queue.receipt(event_id)

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is left to send; False: the broker does not have every event."""
        return self._wait(lambda: self._settled, timeout_s) and self._queue.counts().waiting == 0

    def wait_connected(self, timeout_s: float) -> None:
        """Wait for the broker.

        Raises:
            UnavailableError: it refuses, cannot be reached, or says nothing within the time. The first
                failure counts; `poll` is for those who would rather go on without it.
        """
        self._wait(lambda: self.connected or self._standing.failed, timeout_s)
        if not self.connected:
            known = self._standing.trouble.reason if self._standing.trouble else ""
            problem = known or f"did not answer within {timeout_s:g} s"
            raise UnavailableError(f"broker {self._options.address} {problem}")

    @property
    def _settled(self) -> bool:
        counts = self._queue.counts()
        unsent = self._retained.waiting or self._replies or counts.waiting > counts.parked
        left = unsent or len(self._flight) or self._latest.message
        return self.connected and not left and not self._connection.congested

    def _wait(self, done: Callable[[], bool], timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while True:
            self._news.clear()
            self._take_in()
            if done():
                return True
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            self._news.wait(min(left_s, 0.05))  # nobody tells when `congested` ends

    # What came in.

    def _take_in(self) -> None:
        for news in self._connection.news():
            self._learn(news)
        self._check_alive()
        self._pump()

    def _learn(self, news: News) -> None:
        match news:
            case Acked(mid, problem):
                self._learn_acked(mid, problem)
            case Deaf(topics, reason):
                self._learn_deaf(topics, reason)
            case Received(topic) if topic == f"{self.root}/{HEARTBEAT}":
                self._echo_s, self._unechoed = time.monotonic(), 0
            case Received():
                self._told.append(news)
            case Connected():
                self._learn_connected(news)
                self._told.append(news)
            case Lost(trouble):
                self._learn_lost(trouble)
                self._told.append(news)
            case Refused(trouble):
                self._standing.down(trouble)
                self._told.append(news)

    def _learn_connected(self, news: Connected) -> None:
        self._limits, self._flight = news, Flight(news.receive_maximum)
        self._up_s = self._echo_s = time.monotonic()
        self._unechoed = 0
        self._retained.repeat()
        self._suspicion.connected(self._retained)
        self._standing.connected(news, self._queue.counts().waiting)

    def _learn_lost(self, trouble: Trouble) -> None:
        on_way, self._flight = self._flight.suspects(), Flight()
        if trouble.may_be_our_message:
            found = self._suspicion.lost(on_way, time.monotonic() - self._up_s)
            if found is not None:
                self._set_aside(*found)
        self._queue.rewind()
        self._replies.clear()
        self._latest.drop()
        self._standing.down(trouble, "lost: ")

    def _set_aside(self, culprit: int | str, hold_s: float) -> None:
        reason = f"the connection ended each time it was sent; kept back for {hold_s:.0f} s"
        if isinstance(culprit, int):
            self._queue.park(culprit, reason, hold_s)
            self._standing.left(f"{self.root}/events", reason)
            return
        message = self._retained.get(culprit) or self._newest_of_stream
        if message is not None:
            self._suspicion.keep_out(culprit, len(message.payload), time.monotonic() + hold_s)
            self._standing.left(self._topic(message), reason)

    def _learn_deaf(self, topics: Sequence[str], reason: str) -> None:
        for topic in topics:
            if topic == f"{self.root}/{HEARTBEAT}":
                self._echo_s = float("inf")  # it cannot come back, so that says nothing
            else:
                self._standing.deaf(topic, reason)

    def _learn_acked(self, mid: int, problem: str | None) -> None:
        what, proven = self._flight.acked(mid, time.monotonic())
        self._suspicion.proven(proven)
        if what is None:
            return
        if isinstance(what, Beat):  # refused is an answer too
            self._send_latest()
            return
        if isinstance(what, Answer):  # its topic was the requester's choice
            if problem is not None:
                logger.info("broker %s refused %s: %s", self._options.address, what.topic, problem)
            return
        self._standing.answered(self._whole_topic(what), problem)
        match what:
            case str():
                self._suspicion.proven([what])
                self._retained.acked(what)
            case int():
                self._suspicion.proven([what])
                if problem is None:
                    self._queue.acked(what)
                else:
                    self._standing.events_refused += 1
                    self._queue.refused(what, problem)

    def _whole_topic(self, what: int | str) -> str:
        if isinstance(what, int):
            return f"{self.root}/events"
        return self._topic(self._retained.get(what) or Message(what, b"", Delivery.RETAINED))

    def _check_alive(self) -> None:
        """Give a connection up that is open and dead: paho would notice after twice the keepalive."""
        now_s = time.monotonic()
        if not self.connected:
            return
        silent_s, oldest_s = self._flight.silent_s(now_s), self._flight.oldest_s(now_s)
        patience_s = self._flight.patience_s()
        if silent_s > SILENT_SHARE * self._options.keepalive_s + patience_s:
            trouble = Trouble("silent", f"does not answer for {silent_s:.0f} s")
        elif oldest_s > ACK_TIMEOUT_S + patience_s:
            trouble = Trouble("silent", f"left a message unacknowledged for {oldest_s:.0f} s")
        else:
            return
        for news in self._connection.give_up(trouble):
            self._learn(news)

    def _mute(self, now_s: float) -> bool:
        if not self.connected or self._limits.protocol == "5":
            return False
        return self._unechoed > 1 and now_s - self._echo_s > CANARY_S

    # What goes out.

    def _pump(self) -> None:
        """Send what waits, the newest state before older events, as far as the window allows."""
        if not self.connected:
            return
        self._beat()
        now_s = time.monotonic()
        careful = self._suspicion.careful
        steady = not careful or now_s - self._up_s >= STEADY_S

        def wanted(topic: str) -> bool:
            return steady or not self._suspicion.suspects(topic)

        while self._flight.has_room(careful):
            if (message := self._retained.next(now_s, wanted)) is not None:
                self._send_plain(message, message.topic)
            elif self._replies:
                reply = self._replies.pop(0)
                self._send_plain(reply, Answer(self._topic(reply)))
            elif steady and (waiting := self._queue.next()) is not None:
                self._send_event(waiting)
            else:
                return

    def _beat(self) -> None:
        """Ask for a sign of life: before each message of the stream, and now and then."""
        now_s = time.monotonic()
        due_s = self._beat_s + BEAT_SHARE * self._options.keepalive_s
        proof = self._suspicion.careful and self._flight.unproven
        wanted = self._latest.message is not None or now_s >= due_s or proof
        if wanted and self._flight.has_room_for_beat() and not self._connection.congested:
            self._beat_s = now_s
            self._unechoed += 1
            beat = Message(HEARTBEAT, b"", Delivery.REPLY, content_type="text/plain", expiry_s=5)
            self._flight.sent(self._publish(beat), Beat(), now_s)

    def _send_plain(self, message: Message, what: Sent) -> None:
        problem = self._try(message, what)
        if problem is not None and not isinstance(what, Answer):  # whoever asked may ask for less
            self._standing.left(self._topic(message), problem)

    def _send_event(self, waiting: Waiting) -> None:
        self._suspicion.passed(waiting.key)
        try:
            message = as_replayed(waiting.message, waiting.age_s) if waiting.late else waiting.message
            problem = self._try(message, waiting.key)
        except (ValueError, TypeError) as error:  # the disk gave back something else than it was given
            problem = f"it cannot be read: {error}"
        if problem is not None:
            self._queue.park(waiting.key, problem)
            self._standing.left(self._topic(waiting.message), problem)

    def _try(self, message: Message, what: Sent) -> str | None:
        """Send a message, or return why that is not possible: nothing in it may end the daemon."""
        try:
            problem = self._why_not(message)
            if problem is None:
                self._sent(message, what)
        except (ValueError, TypeError, struct.error) as error:
            problem = f"it is no message: {error}"
        return problem

    def _stream(self, message: Message) -> None:
        self._latest.drop()
        problem = self._why_not(message) if self.connected else None
        if problem is not None:
            self._standing.left(self._topic(message), problem)
        if self.connected and problem is None:
            self._latest.put(message, time.monotonic())
        else:
            self._latest.dropped += 1

    def _send_latest(self) -> None:
        if not self.connected:
            return  # its answer and the end of the connection were read together
        if self._connection.congested or not self._flight.has_room(self._suspicion.careful):
            return  # it waits for the next heartbeat, or is replaced
        message = self._latest.take(time.monotonic())
        if message is not None:
            self._newest_of_stream = message
            self._sent(message, message.topic)

    def _sent(self, message: Message, what: Sent) -> None:
        mid, now_s, length = self._publish(message), time.monotonic(), len(message.payload)
        if message.qos:
            self._flight.sent(mid, what, now_s, length)
        elif isinstance(what, str):
            self._flight.sent_unproven(what, now_s, length)

    def _why_not(self, message: Message) -> str | None:
        """Return why the broker would not take such a packet; one too long may end the connection."""
        most, length = self._limits.maximum_packet_bytes, len(message.payload)
        if most is not None and (whole := self._packet_bytes(message)) > most:
            return f"it has {whole} bytes, the broker takes {most}"
        if self._suspicion.keeps_out(message.topic, length, time.monotonic()):
            return f"messages of {length} bytes ended connections before"
        return None

    def _packet_bytes(self, message: Message) -> int:
        return self._connection.packet_bytes(self._topic(message), message, self._user)

    def _topic(self, message: Message) -> str:
        return message.topic if message.absolute else f"{self.root}/{message.topic}"

    def _publish(self, message: Message) -> int:
        retain = message.delivery is Delivery.RETAINED
        return self._connection.publish(self._topic(message), message, retain, self._user)

    def _on_news(self) -> None:
        # paho's thread.
        self._news.set()
        if self._wake is not None:
            self._wake()
