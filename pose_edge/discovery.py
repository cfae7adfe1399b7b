"""Takes the device back out of Home Assistant, beside a daemon that may be running."""

from __future__ import annotations

import threading
import time
from typing import Final

from pose_edge.errors import UnavailableError
from pose_edge.homeassistant import removal
from pose_edge.messages import Will
from pose_edge.sinks.connection import Connection
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sinks.news import Acked, Connected, Lost, Refused

TIMEOUT_S: Final = 10.0


def clear(options: MqttOptions, client_id: str, topic: str, timeout_s: float = TIMEOUT_S) -> None:
    """Publish the empty message that removes what was announced on `topic`; returns when the broker has it.

    No `MqttSink`: that speaks for the device, and would call it offline at the end. `client_id` must not be
    the daemon's, or the daemon is thrown out.

    Raises:
        UnavailableError: the broker cannot be reached, refuses, or does not answer in time.
        ConfigError: the password or a TLS file cannot be used.
    """
    news = threading.Event()
    # A will has to be; this one does the work of a process that dies half-way.
    connection = Connection(options, client_id, Will(topic, b"", 0), news.set)
    connection.open()
    try:
        _publish_removal(connection, news, options.address, topic, time.monotonic() + timeout_s)
    finally:
        connection.close(goodbye=True)


def _publish_removal(
    connection: Connection, news: threading.Event, address: str, topic: str, deadline_s: float
) -> None:
    message = removal(topic)
    while time.monotonic() < deadline_s:
        for one in connection.news():
            match one:
                case Connected():
                    connection.publish(topic, message, True, ())
                case Acked(_, problem):
                    if problem is not None:
                        raise UnavailableError(f"broker {address} refused {topic}: {problem}")
                    return
                case Refused(trouble) | Lost(trouble):
                    raise UnavailableError(f"broker {address} {trouble.reason}")
        news.wait(0.1)
        news.clear()
    raise UnavailableError(f"broker {address} did not answer in time")
