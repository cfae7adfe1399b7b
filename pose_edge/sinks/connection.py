"""One connection to a broker that comes back by itself.

paho's thread runs the network. What it tells us is put into a list and taken from there by `news()`, on
the thread of the caller: nothing of ours runs on paho's, because an exception or a wait in one of its
callbacks stops the network. A client of paho's lives for one attempt and one connection; whether and when
another is made is decided here, so that nothing it forgot or misunderstood outlives it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto

from paho.mqtt.client import Client
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pose_edge.errors import ConfigError
from pose_edge.messages import Will
from pose_edge.records import Message
from pose_edge.sinks import paho_client
from pose_edge.sinks.backoff import Backoff
from pose_edge.sinks.mqtt_options import MqttOptions, read_credentials, touched
from pose_edge.sinks.news import (
    Acked,
    Answered,
    Closed,
    Connected,
    Deaf,
    Granted,
    Lost,
    News,
    Opened,
    Received,
    Refused,
    Report,
)
from pose_edge.sinks.paho_listener import Listener
from pose_edge.sinks.trouble import Trouble, unanswered, unheard, unstable, why_refused

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 2.0
GUESS_AFTER_S = 2.0
"""After this, twice, a broker that was asked in MQTT 5 is asked in 3.1.1. amqtt 0.12 never answers: it takes
the will's properties for the length of something and waits for more."""

ANSWER_TIMEOUT_S = 8.0
"""After this a broker that accepted the connection and says nothing is given up."""

ATTEMPT_TIMEOUT_S = 45.0
"""After this an attempt nobody hears of is given up: a name server that hangs, a network thread that died."""

KNOWN_OLDER_S = 24 * 3600.0
"""How long a broker that said so is taken to know no MQTT 5."""
MUTE_ATTEMPTS = 2
"""A broker that is silent this often when asked in MQTT 5 may know no better; once it may only be slow."""

STABLE_S = 10.0
"""A connection that held for this long was a good one: the next attempt follows soon."""

UNSTABLE_CLOSES = 4
UNSTABLE_S = 60.0
"""So many connections closed within this time are no coincidence."""

UNSUPPORTED_PROTOCOL = 0x84  # MQTT 5, 3.2.2.2; paho makes it of return code 1 of older brokers too


class _Phase(Enum):
    DOWN = auto()
    """Waiting for the next attempt."""
    TRYING = auto()
    """No network yet."""
    ASKED = auto()
    """The broker has not answered yet."""
    UP = auto()


class Connection:
    """Connects, reconnects, and falls back to MQTT 3.1.1; all methods are for one thread.

    `listen_to` names whole topics, `echo` one of our own that an MQTT 3.1.1 broker shall send back.
    `on_news` is called on another thread whenever `news()` may have something, and must only wake
    somebody up.
    """

    def __init__(
        self,
        options: MqttOptions,
        client_id: str,
        will: Will,
        on_news: Callable[[], None],
        listen_to: Sequence[str] = (),
        echo: str | None = None,
    ) -> None:
        self._options = options
        self._client_id = client_id
        self._will = will
        self._listen_to = tuple(listen_to)
        self._echo = echo
        self._protocol = "5"
        self._may_guess = options.protocol == "auto"
        self._told_guess = False
        self._mute = 0
        self._older_until_s = 0.0
        self._opened = False
        self._phase = _Phase.DOWN
        self._phase_s = self._attempt_s = self._looked_s = 0.0
        self._backoff = Backoff(options.reconnect_min_s, options.reconnect_max_s)
        self._listener = Listener(on_news, tls=options.tls.enabled)
        self._client: Client | None = None
        self._subscribed: dict[int, tuple[str, ...]] = {}
        self._closed_s: deque[float] = deque(maxlen=UNSTABLE_CLOSES)
        self._files = touched(options)
        self.attempts = 0
        """How often the broker was asked."""

    @property
    def unread_dropped(self) -> int:
        """How many messages came in faster than they were read."""
        return self._listener.unread_dropped

    @property
    def up(self) -> bool:
        """The broker accepted us, as far as `news()` has told."""
        return self._phase is _Phase.UP

    @property
    def congested(self) -> bool:
        """Something sent earlier has not even left for the network."""
        return self._client is not None and self._client.want_write()

    def open(self) -> None:
        """Begin to connect and return at once.

        Raises:
            ConfigError: the password or a TLS file cannot be used.
        """
        read_credentials(self._options)
        self._opened = True
        self._attempt()

    def close(self, goodbye: bool) -> None:
        """Close within `STOP_TIMEOUT_S`. Without `goodbye` the broker publishes the will."""
        client, self._client = self._client, None
        self._opened = False
        self._enter(_Phase.DOWN)
        if client is not None:
            if goodbye:
                client.disconnect()
            paho_client.stop(client, STOP_TIMEOUT_S)

    def news(self) -> list[News]:
        """Return what happened since the last call, in order. To be called about twice a second."""
        news: list[News] = []
        while self._listener.reports:
            client, report = self._listener.reports.popleft()
            if client is self._client:  # one that was given up may still have something to say
                news += self._judge(report)
        return news + self._look_at_the_time()

    def give_up(self, trouble: Trouble) -> list[News]:
        """End this connection, which does not work although nobody has closed it; return what follows."""
        if self._phase is not _Phase.UP:
            return []
        self._fail(trouble)
        return [Lost(trouble)]

    def retry_now(self) -> None:
        """Try again at once: somebody has changed something."""
        if self._phase is _Phase.DOWN:
            self._backoff.reset()
            self._attempt_s = 0.0

    def publish(self, topic: str, message: Message, retain: bool, user: Sequence[tuple[str, str]]) -> int:
        """Hand a message over and return the number its `Acked` will carry. Only while `up`."""
        assert self._client is not None
        properties = self._properties(message, user)
        # Its return code means nothing: only the acknowledgement does.
        return self._client.publish(topic, message.payload, message.qos, retain, properties).mid

    def packet_bytes(self, topic: str, message: Message, user: Sequence[tuple[str, str]]) -> int:
        """Return how long the packet of a message would be."""
        return paho_client.packet_bytes(topic, message, self._properties(message, user))

    def _properties(self, message: Message, user: Sequence[tuple[str, str]]) -> Properties | None:
        return paho_client.publish_properties(message, user) if self._protocol == "5" else None

    # The life of an attempt.

    def _attempt(self, protocol: str | None = None) -> list[News]:
        """Begin an attempt with a client of its own, and with what the files say now."""
        self._protocol = protocol or self._first_choice()
        self._files = touched(self._options)
        try:
            credentials = read_credentials(self._options)
        except ConfigError as error:  # at the start this ends the daemon; later the file may come back
            return self._refuse(Trouble("credentials_missing", f"cannot be asked: {error}"))
        self._begin(paho_client.make(self._options, credentials, self._client_id, self._protocol, self._will))
        return []

    def _begin(self, client: Client) -> None:
        self._drop()
        self._client = client
        self._listener.attach(client)
        self._enter(_Phase.TRYING)
        self.attempts += 1
        paho_client.start(client, self._options, self._protocol)

    def _first_choice(self) -> str:
        if self._options.protocol != "auto":
            return self._options.protocol
        return "3.1.1" if time.monotonic() < self._older_until_s else "5"

    def _drop(self) -> None:
        """Let go of the client, without waiting for its thread."""
        old, self._client = self._client, None
        self._subscribed.clear()
        if old is not None:
            paho_client.abort(old)

    def _enter(self, phase: _Phase) -> None:
        self._phase, self._phase_s = phase, time.monotonic()

    def _fail(self, trouble: Trouble) -> None:
        """End the attempt or connection, and set the time of the next."""
        if self._phase is _Phase.UP and time.monotonic() - self._phase_s >= STABLE_S:
            self._backoff.reset()
        self._drop()
        self._enter(_Phase.DOWN)
        self._attempt_s = time.monotonic() + self._backoff.next_s(slow=trouble.needs_somebody)

    def _look_at_the_time(self) -> list[News]:
        """Do what is due: the next attempt, or the end of one that leads nowhere."""
        now_s = time.monotonic()
        waited_s = now_s - self._phase_s
        match self._phase:
            case _Phase.DOWN if self._opened and (now_s >= self._attempt_s or self._files_changed(now_s)):
                return self._attempt()
            case _Phase.ASKED if waited_s > (GUESS_AFTER_S if self._may_guess else ANSWER_TIMEOUT_S):
                self._mute += 1
                return self._unanswered(f"says nothing for {waited_s:.0f} s")
            case _Phase.UP if self._subscribed and waited_s > ANSWER_TIMEOUT_S:
                topics = tuple(topic for several in self._subscribed.values() for topic in several)
                self._subscribed.clear()
                return [Deaf(topics, f"no answer in {waited_s:.0f} s")]
            case _Phase.TRYING if waited_s > ATTEMPT_TIMEOUT_S:
                return self._refuse(unheard(waited_s))
            case _:
                return []

    def _files_changed(self, now_s: float) -> bool:
        """Say whether a password or certificate was exchanged; looks once a second."""
        if now_s - self._looked_s < 1.0:
            return False
        self._looked_s = now_s
        return touched(self._options) != self._files

    # What reports mean.

    def _judge(self, report: Report) -> list[News]:
        """Return what a report means after those before it: paho tells some things twice, some never."""
        match report:
            case Acked() | Received():
                return [report]
            case Granted(mid, reasons):
                return self._granted(mid, reasons)
            case Opened():
                self._enter(_Phase.ASKED)
                return []
            case Refused(trouble):
                return self._refuse(trouble)
            case Closed(trouble):
                return self._closed(trouble)
            case Answered():
                return self._answered(report)

    def _refuse(self, trouble: Trouble) -> list[News]:
        self._fail(trouble)
        return [Refused(trouble)]

    def _unanswered(self, what: str, closed: bool = False) -> list[News]:
        """Give up on a broker that is there and says nothing, or ask it in the older protocol."""
        if self._may_guess and self._protocol == "5":
            return (
                self._guess_older_protocol() if closed or self._mute >= MUTE_ATTEMPTS else self._attempt("5")
            )
        return self._refuse(unanswered(what))

    def _closed(self, trouble: Trouble) -> list[News]:
        before = self._phase
        if before is _Phase.UP:
            trouble = self._perhaps_unstable(trouble)
            self._fail(trouble)
            return [Lost(trouble)]
        if before is not _Phase.ASKED:
            return []
        hint = "" if self._options.tls.enabled else " (does it expect TLS?)"
        return self._unanswered(f"closes the connection without an answer{hint}", closed=True)

    def _perhaps_unstable(self, trouble: Trouble) -> Trouble:
        """Return what many closed connections in a short time mean: a namesake, as a rule."""
        if trouble.state != "closed":
            return trouble
        now_s = time.monotonic()
        self._closed_s.append(now_s)
        lately = sum(now_s - at_s < UNSTABLE_S for at_s in self._closed_s)
        return unstable(lately) if lately >= UNSTABLE_CLOSES else trouble

    def _answered(self, answer: Answered) -> list[News]:
        if answer.reason.is_failure:
            return self._answered_no(answer.reason)
        self._enter(_Phase.UP)
        self._mute = 0
        if self._protocol == "5":
            self._may_guess = False
        self._subscribe()
        return [_connected(self._protocol, answer.properties)]

    def _answered_no(self, reason: ReasonCode) -> list[News]:
        older = self._options.protocol == "auto" and self._protocol == "5"
        if reason.value == UNSUPPORTED_PROTOCOL and older:
            logger.info("broker %s does not know MQTT 5: using 3.1.1", self._options.address)
            self._older_until_s = time.monotonic() + KNOWN_OLDER_S
            return self._attempt("3.1.1")
        return self._refuse(why_refused(reason))

    def _guess_older_protocol(self) -> list[News]:
        """Try 3.1.1 this once, and say so.

        Some older brokers answer MQTT 5 by closing, some by nothing. So does one that expects TLS, or
        is just starting behind a port that is already open: hence MQTT 5 again next time, and never a
        guess about a broker that has answered MQTT 5 once.
        """
        if not self._told_guess:
            logger.info("broker %s does not answer MQTT 5: trying 3.1.1", self._options.address)
        self._told_guess = True
        return self._attempt("3.1.1")

    def _subscribe(self) -> None:
        assert self._client is not None
        echo = [self._echo] if self._echo is not None and self._protocol != "5" else []
        for topic in (*self._listen_to, *echo):  # one by one, so that a refusal says which
            mid = paho_client.subscribe(self._client, topic, self._protocol)
            if mid is not None:
                self._subscribed[mid] = (topic,)

    def _granted(self, mid: int, reasons: Sequence[ReasonCode]) -> list[News]:
        topics = self._subscribed.pop(mid, ())
        refused = [reason for reason in reasons if reason.is_failure]
        return [Deaf(topics, str(refused[0]).lower())] if refused and topics else []


def _connected(protocol: str, properties: Properties) -> Connected:
    return Connected(
        protocol,
        receive_maximum=getattr(properties, "ReceiveMaximum", 65535),
        maximum_packet_bytes=getattr(properties, "MaximumPacketSize", None),
    )
