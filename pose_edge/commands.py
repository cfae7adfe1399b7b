"""What others may ask of the device: publications below its root -> commands, or a refusal that says why.

Words count exactly as the contract writes them (`ON`, not `on`): whoever guesses is told, not understood.
A refusal never raises and never repeats raw bytes, so that nobody can write lines into our log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import orjson
from pydantic import JsonValue

from pose_edge.records import Scalar

DETECTION = "detection/set"
RECEIPT = "events/receipt"
SUBSCRIPTIONS: Final = (DETECTION, "fall/clear", "test_alert", "restart", "request/+", RECEIPT)
"""Every topic filter the device listens to, below its root; never all of it: its own words are there."""

REQUESTS: Final = ("get_config", "self_test", "republish", "diagnostics")
MAX_PAYLOAD_BYTES: Final = 4096
MAX_DEPTH: Final = 16
"""JSON nested deeper than this is nobody's request."""
MAX_REPLY_TOPIC_BYTES: Final = 256
MAX_CORRELATION_BYTES: Final = 256
SHOWN_CHARACTERS: Final = 40
EXACT_BELOW: Final = 2**53
"""Integers too long for 64 bits arrive as floats; from here on those are no longer what was sent."""

_EVENT_ID = re.compile(r"[a-z0-9_-]{1,96}")
_REQUEST_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """One publication that arrived on one of `SUBSCRIPTIONS`."""

    topic: str
    """Below the device's root."""
    payload: bytes
    retained: bool = False
    """The broker kept it for us: said at some earlier time, to whoever would listen."""
    response_topic: str | None = None
    """MQTT 5 Response Topic: the whole topic."""
    correlation: bytes | None = None
    """MQTT 5 Correlation Data."""


@dataclass(frozen=True, slots=True)
class SetDetection:
    """Look, or do not."""

    on: bool


@dataclass(frozen=True, slots=True)
class ClearFall:
    """Somebody has seen to the fall."""


@dataclass(frozen=True, slots=True)
class TestAlert:
    """Send an alert marked as a test, along the whole way."""

    __test__ = False  # pytest takes classes named Test... for its own


@dataclass(frozen=True, slots=True)
class Restart:
    """End the daemon as if the service were restarted."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A consumer has this event."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Request:
    """A question that gets one answer."""

    name: str
    """One of `REQUESTS`; inside `Refused` whatever was asked for."""
    transaction: Scalar = None
    """Goes back with the answer as it is."""
    data: JsonValue = None
    reply_to: str | None = None
    """Whole topic of the answer; None: `response/<name>` below the root."""
    correlation: bytes | None = None
    """Goes back with the answer as it is (MQTT 5)."""


Command: TypeAlias = SetDetection | ClearFall | TestAlert | Restart | Receipt | Request


@dataclass(frozen=True, slots=True)
class Refused:
    """What will not be done, and why."""

    topic: str
    """Below the root; printable and short, as is the reason."""
    reason: str
    """Predicate of a sentence about the message: `found 'on', allowed are ON and OFF`."""
    asker: Request | None = None
    """Whom to answer with status `error`; None: there is nobody, or it would be noise."""


_BUTTONS: Final[Mapping[str, Command]] = {
    "fall/clear": ClearFall(),
    "test_alert": TestAlert(),
    "restart": Restart(),
}


class _RefusalError(Exception):
    """Carries a reason from where it is found to `parse`."""


def parse(incoming: Incoming, root: str) -> Command | Refused:
    """Return what is asked for, or why it is refused; raises nothing, whatever arrives.

    `root` is `pose-edge/<device>`: answers may not go below it, except to `response/`.
    """
    topic, name = incoming.topic, incoming.topic.removeprefix("request/")
    if incoming.retained:  # not answered either: the copy comes again with every connect
        return Refused(_printable(topic), "ignored: a retained copy; commands must be sent without retain")
    try:
        if name != topic:
            return _request(name, incoming, root)
        return _command(topic, incoming.payload)
    except _RefusalError as refusal:
        return Refused(_printable(topic), str(refusal))


class Limiter:
    """Lets `burst` commands through at once and `per_s` in the long run; refuses and counts the others.

    Receipts have an allowance of their own, 50 times as large: after an outage a consumer confirms as many
    events as the device had kept for it.
    """

    def __init__(self, burst: int = 20, per_s: float = 2.0) -> None:
        self.refused = 0
        self._commands = _Bucket(burst, per_s)
        self._receipts = _Bucket(50 * burst, 50 * per_s)

    def refuse(self, incoming: Incoming, now_s: float) -> Refused | None:
        """Return a refusal, or None when it may pass. `now_s` is any clock that does not go back."""
        bucket = self._receipts if incoming.topic == RECEIPT else self._commands
        if bucket.take(now_s):
            return None
        self.refused += 1
        return Refused(_printable(incoming.topic), f"too many commands: at most {bucket.per_s:g} a second")


class _Bucket:
    """Tokens that come back with time."""

    def __init__(self, burst: int, per_s: float) -> None:
        self.per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._last_s: float | None = None

    def take(self, now_s: float) -> bool:
        passed_s = 0.0 if self._last_s is None else max(0.0, now_s - self._last_s)
        self._last_s = now_s
        self._tokens = min(self._burst, self._tokens + passed_s * self.per_s)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _command(topic: str, payload: bytes) -> Command:
    _check_size(payload)
    if topic == DETECTION:
        return SetDetection(_word(payload, "ON", "OFF") == "ON")
    if topic == RECEIPT:
        return Receipt(_event_id(payload))
    if topic in _BUTTONS:
        _word(payload, "PRESS")
        return _BUTTONS[topic]
    raise _RefusalError(f"unknown; allowed are {', '.join(SUBSCRIPTIONS)}")


def _request(name: str, incoming: Incoming, root: str) -> Request | Refused:
    """Return the request. A refused one is answered too, with as much of its sender as could be read."""
    asker = Request(_printable(name))
    try:
        asker = replace(asker, correlation=_correlation(incoming.correlation))
        asker = replace(asker, reply_to=_reply_topic(incoming.response_topic, root))
        _check_size(incoming.payload)
        document = _object(incoming.payload) if incoming.payload else {}
        asker = replace(asker, transaction=_transaction(document))
        if name not in REQUESTS:
            raise _RefusalError(f"found request {_printable(name)!r}, allowed are {', '.join(REQUESTS)}")
        data: JsonValue = document.get("data")  # type: ignore[assignment]  # read from JSON, so it is one
        return replace(asker, data=data)
    except _RefusalError as refusal:
        # A name of strange characters would make a strange topic; whoever named one is answered there.
        reachable = asker.reply_to is not None or _REQUEST_NAME.fullmatch(name)
        return Refused(f"request/{_printable(name)}", str(refusal), asker if reachable else None)


def _check_size(payload: bytes) -> None:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _RefusalError(f"found {len(payload)} bytes, allowed are {MAX_PAYLOAD_BYTES}")


def _word(payload: bytes, *allowed: str) -> str:
    """Return the payload, which must be one of the words."""
    for word in allowed:
        if payload == word.encode():
            return word
    raise _RefusalError(f"found {_shown(payload)}, allowed are {' and '.join(allowed)}")


def _event_id(payload: bytes) -> str:
    """Return the id from `id` or `{"event_id": "id"}`, beside which anything may stand."""
    found = _object(payload).get("event_id") if payload.startswith(b"{") else _text(payload)
    if isinstance(found, str) and _EVENT_ID.fullmatch(found):
        return found
    raise _RefusalError(f'found {_shown(payload)}, allowed are an event id and {{"event_id": id}}')


def _object(payload: bytes) -> Mapping[str, object]:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _RefusalError(f"found {_shown(payload)}, which is not JSON: {_printable(error.msg)}") from error
    if not isinstance(document, dict):
        raise _RefusalError(
            f'found {_shown(payload)}, allowed are nothing and {{"transaction": …, "data": …}}'
        )
    if _deeper_than(document, MAX_DEPTH):
        raise _RefusalError(f"found JSON nested more than {MAX_DEPTH} deep")
    return document


def _deeper_than(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(item, levels - 1) for item in inner)


def _transaction(document: Mapping[str, object]) -> Scalar:
    found = document.get("transaction")
    if isinstance(found, float) and abs(found) >= EXACT_BELOW:
        raise _RefusalError(
            f"found transaction {found:g}, which would not come back as it was sent; use a text"
        )
    if found is None or isinstance(found, str | int | float):
        return found
    kind = "an object" if isinstance(found, dict) else "a list"
    raise _RefusalError(f"found {kind} as transaction, allowed are text, number, true, false and null")


def _reply_topic(topic: str | None, root: str) -> str | None:
    """Return where to answer. What wildcards would reach, or we would take for our own, is refused."""
    if topic is None:
        return None
    shown = repr(_printable(topic))
    if not topic or not topic.isprintable() or len(topic.encode()) > MAX_REPLY_TOPIC_BYTES:
        allowed = f"1 to {MAX_REPLY_TOPIC_BYTES} bytes without control characters"
        raise _RefusalError(f"found response topic {shown}, allowed are {allowed}")
    if "+" in topic or "#" in topic or topic.startswith("$"):
        raise _RefusalError(f"found response topic {shown}, allowed are topics without +, # and a leading $")
    base = root.rpartition("/")[0]
    if topic.startswith(f"{base}/") and not topic.startswith(f"{root}/response/"):
        # Our own commands, or another device's, in the name of whoever asked us.
        raise _RefusalError(f"found response topic {shown}, which is a device's; allowed is response/…")
    return topic


def _correlation(data: bytes | None) -> bytes | None:
    if data is not None and len(data) > MAX_CORRELATION_BYTES:
        raise _RefusalError(
            f"found {len(data)} bytes of correlation data, allowed are {MAX_CORRELATION_BYTES}"
        )
    return data


def _text(payload: bytes) -> str | None:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def _shown(payload: bytes) -> str:
    """Return the beginning of a payload, quoted, for a log line."""
    text = payload[: 4 * SHOWN_CHARACTERS + 4].decode("utf-8", "backslashreplace")
    return f"'{_printable(text)}'" if payload else "nothing"


def _printable(text: str) -> str:
    """Return the beginning of a text, with escapes for whatever is no visible character."""
    start = text[:SHOWN_CHARACTERS]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in start)
    return safe if len(text) <= SHOWN_CHARACTERS else f"{safe}…"
