"""The broker: one real connection, beside a daemon that may be running."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

from pose_edge.config import Config
from pose_edge.doctor.findings import Finding, Surroundings, configured, fault, ok, skipped
from pose_edge.messages import Will
from pose_edge.sinks.connection import Connection
from pose_edge.sinks.mqtt_options import MqttOptions, password_path
from pose_edge.sinks.news import Connected, Lost, Refused
from pose_edge.sinks.trouble import EXPLAINED, Trouble

LIMIT_S: Final = 4.3
"""Below that of a check; above the 4 s after which a silent broker is asked in MQTT 3.1.1 (connection.py)."""

GOODBYE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker said: a protocol, a trouble, or nothing at all."""

    protocol: str | None = None
    trouble: Trouble | None = None


@configured
def broker(around: Surroundings, config: Config) -> Finding:
    """Does it answer, and accept who we are?"""
    if around.unit_installed and config.mqtt.username and password_path(config.mqtt) is None:
        return skipped("the password of the service is for root to read: look again with sudo")
    return judge(config.mqtt, ask(config.mqtt, config.device.id))


def judge(options: MqttOptions, answer: Answer) -> Finding:
    """Say what an answer means. Who we are there is nobody's business."""
    if answer.protocol is not None:
        how = "anonymously" if options.username is None else "with the configured name and password"
        return ok(f"{options.address} accepts us {how}, MQTT {answer.protocol}")
    if answer.trouble is None:
        return fault(f"broker {options.address} does not answer: is it a broker, is it overloaded?")
    advice = EXPLAINED.get(answer.trouble.state, answer.trouble.state)
    return fault(f"broker {options.address} {answer.trouble.reason}; {advice}")


def ask(options: MqttOptions, device_id: str, limit_s: float = LIMIT_S) -> Answer:
    """Connect once under a name of our own, so that the daemon is not thrown out.

    Raises:
        ConfigError: the password or a TLS file cannot be used.
    """
    client_id = f"{options.client_id or f'pose-edge-{device_id}'}-doctor"
    news = threading.Event()
    # A will has to be; the heartbeat is always empty, and the device may write it.
    will = Will(f"{options.base_topic}/{device_id}/heartbeat", b"", 0)
    connection = Connection(options, client_id, will, news.set)
    connection.open()
    try:
        return _listen(connection, news, time.monotonic() + limit_s)
    finally:
        _leave(connection)


def _listen(connection: Connection, news: threading.Event, deadline_s: float) -> Answer:
    while time.monotonic() < deadline_s:
        for one in connection.news():
            match one:
                case Connected(protocol):
                    return Answer(protocol)
                case Refused(trouble) | Lost(trouble):
                    return Answer(trouble=trouble)
        news.wait(0.1)
        news.clear()
    return Answer()


def _leave(connection: Connection) -> None:
    """Say goodbye without waiting for a network that does not answer."""
    leaving = threading.Thread(target=connection.close, args=(True,), daemon=True)
    leaving.start()
    leaving.join(GOODBYE_S)
