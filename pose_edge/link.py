"""What stays open while the configuration changes around it: what is remembered, the way to the broker."""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pose_edge.commands import SUBSCRIPTIONS
from pose_edge.config import Config
from pose_edge.errors import PoseEdgeError
from pose_edge.memory import Memory
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.outbox import Outbox
from pose_edge.state_directory import StateDirectory, default_directory
from pose_edge.status_file import Part, Status, StatusFile, status_path
from pose_edge.wake import Wake

OUTBOX: Final = "outbox.sqlite3"
LAST_WORDS_S: Final = 5.0


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
        self._ended: Status | None = None

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
            stack.callback(self._leave_status)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def last_words(self, problem: str) -> None:
        """Say in the status file why the daemon ends, and let alerts that wait leave, if they soon can."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._ended = Status(
            pid=os.getpid(),
            since=now,
            broker=Part(state=self.sink.state().state),
            vision=Part(state="ended", reason=problem, since=now),
            problems={"ended": problem},
        )
        with contextlib.suppress(PoseEdgeError):
            self.sink.wait_connected(LAST_WORDS_S)
            self.sink.drain(LAST_WORDS_S)

    def require_free(self, config: Config) -> None:
        """Make sure that another configuration's state directory is not in use.

        Raises:
            UnavailableError: by whom it is.
        """
        if (path := state_directory(config)) != state_directory(self._config):
            with StateDirectory(path):
                pass

    def _leave_status(self) -> None:
        """Leave no file behind that speaks of a daemon that is gone, unless it says why."""
        if self._ended is None:
            self.status_file.remove()
        else:
            self.status_file.tell(self._ended, float("inf"))

    def serves(self, config: Config) -> bool:
        """Say whether another configuration can go on with it: then nobody notices that it changed."""
        return _concerns(config) == _concerns(self._config)


def _concerns(config: Config) -> tuple[object, ...]:
    home = config.homeassistant
    return (state_directory(config), config.mqtt, config.device.id, home.enabled, home.status_topic)
