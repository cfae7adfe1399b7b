"""The broker: one real connection, beside a daemon that may be running."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

from pose_edge.config import Config
from pose_edge.doctor.findings import Finding, Surroundings, configured, fault, ok
from pose_edge.messages import Will
from pose_edge.sinks.connection import Connection
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sinks.news import Connected, Deaf, Lost, Received, Refused
from pose_edge.sinks.trouble import EXPLAINED, Trouble

LIMIT_S: Final = 4.3
"""Below that of a check; above the 4 s after which a silent broker is asked in MQTT 3.1.1 (connection.py)."""

GOODBYE_S: Final = 0.5
HEALTH_LIMIT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker said: either a protocol or a trouble, and what it keeps of the device's health."""

    protocol: str | None = None
    trouble: Trouble | None = None
    health: bytes | None = None


@configured
def broker(_around: Surroundings, config: Config) -> Finding:
    """Does it answer, and accept who we are?"""
    address = config.mqtt.address
    answer = ask(config.mqtt, config.device.id)
    if answer.protocol is not None:
        how = "anonymously" if config.mqtt.username is None else "with the configured name and password"
        return ok(f"{address} accepts us {how}, MQTT {answer.protocol}")
    if answer.trouble is None:
        return fault(f"broker {address} does not answer in {LIMIT_S:g} s: is it a broker, is it overloaded?")
    advice = EXPLAINED.get(answer.trouble.state, answer.trouble.state)
    return fault(f"broker {address} {answer.trouble.reason}; {advice}")


def retained_health(config: Config) -> bytes | None:
    """Return the newest `health` the broker keeps; None where there is none or it may not be read."""
    return ask(config.mqtt, config.device.id, health=True).health


def ask(options: MqttOptions, device_id: str, *, health: bool = False) -> Answer:
    """Connect once under a name of our own, so that the daemon is not thrown out.

    Raises:
        ConfigError: the password or a TLS file cannot be used.
    """
    root = f"{options.base_topic}/{device_id}"
    listen_to = [f"{root}/health"] if health else []
    client_id = f"{options.client_id or f'pose-edge-{device_id}'}-doctor"
    news = threading.Event()
    # A will has to be; the heartbeat is always empty, and the device may write it.
    connection = Connection(options, client_id, Will(f"{root}/heartbeat", b"", 0), news.set, listen_to)
    connection.open()
    try:
        return _listen(connection, news, health)
    finally:
        _leave(connection)


def _listen(connection: Connection, news: threading.Event, health: bool) -> Answer:
    answer, deadline_s = Answer(), time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        for one in connection.news():
            match one:
                case Connected(protocol):
                    answer = Answer(protocol)
                    deadline_s = time.monotonic() + HEALTH_LIMIT_S
                    if not health:
                        return answer
                case Received(payload=payload):
                    return Answer(answer.protocol, health=payload)
                case Refused(trouble) | Lost(trouble):
                    return Answer(trouble=trouble)
                case Deaf():
                    return answer
        news.wait(0.1)
        news.clear()
    return answer


def _leave(connection: Connection) -> None:
    """Say goodbye without waiting for a network that does not answer."""
    leaving = threading.Thread(target=connection.close, args=(True,), daemon=True)
    leaving.start()
    leaving.join(GOODBYE_S)
