"""What a subscriber received, when, and what an outbox file holds."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.brokers import below_device, eventually
from tests.contract import check_published


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message."""

    at_s: float
    """time.time(), as soon as it was read."""
    topic: str
    """Below the device."""
    device: str
    payload: bytes
    retained: bool
    qos: int

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.payload)
        return found

    @property
    def age_s(self) -> float:
        """How old what it tells of was."""
        return self.at_s - float(self.content["timestamp_ms"]) / 1000

    @property
    def delay_s(self) -> float:
        """How long ago the event had been decided."""
        return self.at_s - datetime.fromisoformat(self.content["timestamp"]).timestamp()


class Collector:
    """A subscriber with a session that the broker keeps, and the time of each arrival."""

    def __init__(self, port: int, topic: str = "pose-edge/#", name: str = "collector") -> None:
        self.arrived: list[Arrived] = []
        self._topic = topic
        self._ready = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, name, clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.reconnect_delay_set(0.05, 0.1)  # type: ignore[arg-type]  # paho says int, but only adds
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic, 1) and None
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take
        # Patient: it must be there when a frozen broker goes on with what it had taken in.
        self._client.connect_async("127.0.0.1", port, 60)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._ready.wait(5), "the collector cannot subscribe"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        if kind is None:
            self._check()

    def _check(self) -> None:
        """Hold what arrived against the contract; a few landmarks stand for all, which are many."""
        for one in (*(one for one in self.arrived if one.topic != "landmarks"), *self.of("landmarks")[:20]):
            check_published(f"pose-edge/{one.device}/{one.topic}", one.payload, one.retained, one.qos)

    def _take(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        device = message.topic.split("/")[1]
        topic = below_device(message.topic)
        self.arrived.append(
            Arrived(time.time(), topic, device, bytes(message.payload), message.retain, message.qos)
        )

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, 1)

    def of(self, topic: str) -> list[Arrived]:
        """Return what arrived on a topic below a device, in order."""
        return [one for one in self.arrived if one.topic == topic]

    def ids(self, device: str | None = None) -> list[str]:
        """Return the ids of the events as they came, repetitions too."""
        return [one.content["event_id"] for one in self.of("events") if device in (None, one.device)]

    def wait_for_ids(self, ids: set[str], timeout_s: float = 15.0) -> None:
        """Wait until all of these events have arrived."""
        eventually(lambda: ids <= set(self.ids()), timeout_s)
        assert not (missing := ids - set(self.ids())), f"{len(missing)} lost: {sorted(missing)[:5]}"

    def stale(self, limit_s: float = 2.0) -> list[float]:
        """Return the ages of landmarks that were older than this when they arrived."""
        return [age_s for one in self.of("landmarks") if (age_s := one.age_s) > limit_s]


def check_repetitions(events: list[Arrived]) -> int:
    """Hold all copies of each event against each other, and return how many were superfluous.

    Only `replayed` may differ.
    """
    copies: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in events:
        content = one.content
        content.pop("replayed")
        copies[content["event_id"]].append(content)
    for event_id, (first, *others) in copies.items():
        assert all(other == first for other in others), f"copies of {event_id} differ"
    return len(events) - len(copies)


def first_arrivals(ids: list[str]) -> list[str]:
    """Return the ids without repetitions, in the order of their first."""
    return list(dict.fromkeys(ids))


@dataclass(frozen=True, slots=True)
class Stored:
    """What an outbox file says."""

    integrity: str
    ids: list[str]
    """In the order in which they were put in."""


def read_outbox(path: Path, folder: Path) -> Stored:
    """Read a copy of an outbox whose owner is dead, so that the owner's next life finds it as it was."""
    copy = folder / "copy.db"
    for suffix in ("", "-wal", "-shm"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        if (file := path.with_name(path.name + suffix)).exists():
            shutil.copy(file, copy.with_name(copy.name + suffix))
    with contextlib.closing(sqlite3.connect(copy)) as database:
        integrity = str(database.execute("PRAGMA integrity_check").fetchone()[0])
        if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'events'").fetchone():
            return Stored(integrity, [])  # killed before it was made
        rows = database.execute("SELECT event_id FROM events WHERE acked_ms IS NULL ORDER BY seq").fetchall()
    return Stored(integrity, [str(row[0]) for row in rows])
