"""Tells Home Assistant about the device: at the start, when it asks, and what is no longer true."""

from __future__ import annotations

import random
from collections.abc import Mapping

from pose_edge import health, homeassistant, topics
from pose_edge.config import Config
from pose_edge.events.rules import event_types
from pose_edge.memory import Announced, Memory
from pose_edge.records import Delivery, Message
from pose_edge.sinks.mqtt import MqttSink

BIRTH = b"online"
"""What Home Assistant says on its status topic once it has started."""


RECALL_S = 1.0
"""Between reminding Home Assistant of what is gone and taking it back."""


def announcement(
    config: Config, identity: str, gone: Mapping[str, str] | None = None
) -> homeassistant.Announcement:
    """Return all that Home Assistant is told of a device; `gone` was announced earlier and is no more."""
    return homeassistant.Announcement(
        identity=identity,
        name=config.device.name or config.device.id,
        root=f"{config.mqtt.base_topic}/{config.device.id}",
        options=config.homeassistant,
        state_heartbeat_s=config.publish.state_heartbeat_s,
        health_interval_s=config.publish.health_interval_s,
        model=health.board(),
        serial=health.serial(),
        zones=tuple(zone.name for zone in config.scene.zones),
        rule_types=event_types(config.events),
        gone=gone or {},
    )


class Announcer:
    """Announces one configuration over one sink."""

    def __init__(self, config: Config, memory: Memory, sink: MqttSink) -> None:
        self._config = config
        self._memory = memory
        self._sink = sink
        self._due_s: float | None = None
        self._recalled = False
        self._pending: set[str] = set()
        self._announced: Announced | None = None

    def announce(self) -> None:
        """Send the discovery message, and take back what earlier configurations left at the broker."""
        before = self._memory.facts.announced
        self._announced = None
        if before is not None:
            self._take_back(before)
        if self._config.homeassistant.enabled:
            self._announced = self._introduce(before)
        elif before is not None and not self._config.homeassistant.remove_on_disable:
            self._announced = before

    def remember(self) -> None:
        """Remember what was announced, once the broker has it: until then it must be said again."""
        if self._pending and all(map(self._sink.has, self._pending)):
            self._pending.clear()
            self._memory.change(announced=self._announced)

    def _send(self, message: Message) -> None:
        self._pending.add(message.topic)
        self._sink.send(message)

    def heard(self, topic: str, payload: bytes, now_s: float) -> bool:
        """Take in a message; return whether it was Home Assistant's. Its birth is answered after a while."""
        options = self._config.homeassistant
        if not options.enabled or topic != options.status_topic:
            return False
        if payload == BIRTH:
            # Many devices heard it; and Home Assistant is busy just then.
            self._due_s = now_s + random.random() * options.republish_delay_s  # noqa: S311  # no secret
            self._recalled = False
        return True

    def due(self, now_s: float) -> bool:
        """Return whether everything is to be sent again; once true, not again for the same birth."""
        if self._due_s is None or now_s < self._due_s:
            return False
        if self._announced is not None and self._announced.gone and not self._recalled:
            # It removes only what it has heard of since its own start.
            self._sink.send(homeassistant.recall(self._about(self._announced.gone)))
            self._due_s, self._recalled = now_s + RECALL_S, True
            return False
        self._due_s = None
        return True

    def _introduce(self, before: Announced | None) -> Announced:
        options = self._config.homeassistant
        topic = homeassistant.config_topic(options, self._memory.facts.identity)
        known: dict[str, str] = {}
        if before is not None and before.discovery_topic == topic:
            known = {**before.gone, **before.components}
        now = homeassistant.components(homeassistant.discovery(self._about({})).payload)
        gone = homeassistant.gone(known, now)
        self._send(homeassistant.discovery(self._about(gone)))
        return Announced(root=self._sink.root, discovery_topic=topic, components=now, gone=gone)

    def _about(self, gone: dict[str, str]) -> homeassistant.Announcement:
        return announcement(self._config, self._memory.facts.identity, gone)

    def _take_back(self, before: Announced) -> None:
        """Remove what carries another name now: nobody else would ever clear those retained topics."""
        options = self._config.homeassistant
        topic = homeassistant.config_topic(options, self._memory.facts.identity)
        if before.discovery_topic != topic or (not options.enabled and options.remove_on_disable):
            self._send(homeassistant.removal(before.discovery_topic))
        if before.root != self._sink.root:
            for row in topics.TOPICS:
                if row.retain:
                    self._send(Message(f"{before.root}/{row.name}", b"", Delivery.RETAINED, absolute=True))
