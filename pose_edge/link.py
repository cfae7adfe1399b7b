"""What stays open while the configuration changes around it: what is remembered, the way to the broker."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pose_edge.commands import SUBSCRIPTIONS
from pose_edge.config import Config
from pose_edge.memory import Memory
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.outbox import Outbox
from pose_edge.state_directory import StateDirectory, default_directory
from pose_edge.status_file import StatusFile, status_path
from pose_edge.wake import Wake

OUTBOX: Final = "outbox.sqlite3"


def state_directory(config: Config) -> Path:
    """Return where this configuration keeps what must survive a restart."""
    return config.service.state_dir or default_directory(os.environ)


class Link:
    """State directory, memory, outbox and sink of one configuration, open while inside `with`.

    Raises:
        UnavailableError: on entering: another daemon uses the state directory.
        ConfigError: on entering: a password or TLS file cannot be used.
    """

    def __init__(self, config: Config, wake: Wake) -> None:
        self._config = config
        self._wake = wake
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        config, path = self._config, state_directory(self._config)
        with ExitStack() as stack:
            directory = stack.enter_context(StateDirectory(path))
            self.memory = Memory(directory)
            self.status_file = StatusFile(status_path(path, os.environ))
            outbox = stack.enter_context(
                Outbox(path / OUTBOX, wake=self._wake.ring, options=config.mqtt.outbox)
            )
            home = config.homeassistant
            self.sink = stack.enter_context(
                MqttSink(
                    config.mqtt,
                    config.device.id,
                    wake=self._wake.ring,
                    queue=outbox,
                    listen_to=SUBSCRIPTIONS,
                    listen_to_others=[home.status_topic] if home.enabled else [],
                )
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def require_free(self, config: Config) -> None:
        """Make sure that another configuration's state directory is not in use.

        Raises:
            UnavailableError: by whom it is.
        """
        if (path := state_directory(config)) != state_directory(self._config):
            with StateDirectory(path):
                pass

    def serves(self, config: Config) -> bool:
        """Say whether another configuration can go on with it: then nobody notices that it changed."""
        return _concerns(config) == _concerns(self._config)


def _concerns(config: Config) -> tuple[object, ...]:
    home = config.homeassistant
    return (state_directory(config), config.mqtt, config.device.id, home.enabled, home.status_topic)
