"""The life of the daemon: opens the parts, camera last, runs the one loop, closes in reverse."""

from __future__ import annotations

import logging
import os
import platform
import secrets
import time
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal

from pose_edge import health, wire
from pose_edge.config import Config, load
from pose_edge.engine import Engine
from pose_edge.errors import EXIT_DONE, PoseEdgeError
from pose_edge.landmarker import RunningMode
from pose_edge.messages import Device, Messages
from pose_edge.models import ModelFile, resolve
from pose_edge.payloads import HealthValues, InfoValues
from pose_edge.records import PoseResult
from pose_edge.reporter import SLOW_HZ, Now, Reporter
from pose_edge.service import Notifier
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.supervisor import Supervisor
from pose_edge.vision import Job
from pose_edge.wake import Wake

logger = logging.getLogger(__name__)

TURN_S: Final = 0.5
"""The longest a turn of the loop waits for something to happen."""


def run(path: Path) -> int:
    """Run the daemon with the configuration in `path` until told to stop; return the exit status.

    SIGHUP reads the file again: a good one takes over, a broken one is named and the old one goes on.
    """
    config: Config | None = load(path)
    notifier = Notifier()
    with Wake() as wake:
        while config is not None:
            logging.getLogger().setLevel(config.service.log_level)
            config = live(config, path, wake, notifier)
        notifier.stopping()
    return EXIT_DONE


def live(config: Config, path: Path, wake: Wake, notifier: Notifier) -> Config | None:
    """Run one configuration from opening to closing; return the one that takes over, None: the end."""
    model = resolve(config.model.path, config.model.variant)
    with ExitStack() as stack:
        boot_id = secrets.token_hex(4)
        sink = stack.enter_context(MqttSink(config.mqtt, config.device.id, boot_id=boot_id, wake=wake.ring))
        supervisor = stack.enter_context(Supervisor(job_of(config, model), config.vision, wake.descriptor))
        daemon = Daemon(config, model, boot_id, sink, supervisor, notifier)
        stack.callback(
            daemon.goodbye
        )  # also when an error ends it: nothing retained may claim that poses come
        while not (wake.stop or supervisor.ended):
            daemon.turn()
            wake.quiet()
            if wake.reload and (next_config := _reloaded(path, wake)) is not None:
                return next_config
    return None


def job_of(config: Config, model: ModelFile) -> Job:
    """Return what the vision process is to do for the daemon."""
    return Job(
        source=config.source,
        model_path=model.path,
        running_mode=RunningMode.LIVE_STREAM,
        landmarker=config.model.landmarker(),
    )


class Daemon:
    """The parts while they are open, and one turn of the loop over them."""

    def __init__(
        self,
        config: Config,
        model: ModelFile,
        boot_id: str,
        sink: MqttSink,
        supervisor: Supervisor,
        notifier: Notifier,
    ) -> None:
        self._config, self._model = config, model
        self._sink, self._supervisor, self._notifier = sink, supervisor, notifier
        self._messages = Messages(
            Device(config.device.id, config.device.name),
            boot_id,
            model.path.name,
            RunningMode.LIVE_STREAM.value,
        )
        self._reporter = Reporter(Engine(config.events), self._messages, config.publish)
        self._started_s = time.monotonic()
        self._hello: wire.Hello | None = None
        self._status = wire.Status()
        self._ready = False
        self._earlier = wire.Status()
        """What the vision processes before this one counted."""
        self._cpu: tuple[float, float] | None = None
        self._told_health: tuple[str, list[str]] | None = None
        sink.send(self._messages.status(online=True))
        sink.send(self._messages.detection(on=True))

    def turn(self) -> None:
        """Wait for something to happen, a moment at most, and tell what follows from it."""
        for record in self._supervisor.poll(TURN_S):
            self._take(record)
        for event in self._sink.poll():
            # The sink has logged it and sent again what is retained; nothing else depends on the broker yet.
            logger.debug("broker: %s", event)
        now = clocks()
        for message in self._reporter.tick(now):
            self._sink.send(message)
        found = (self._health_status(now), self._reasons(now))
        if self._reporter.health_due(now) or found != self._told_health:
            self._told_health = found
            self._sink.send(self._reporter.health(self._health(now), now))
            self._notifier.status(self._status_line(now))

    def goodbye(self) -> None:
        """Say that no more poses come; the sink says that the device is gone when it is closed."""
        self._sink.send(self._messages.pipeline_status(online=False))

    def _take(self, record: wire.Record) -> None:
        if isinstance(record, PoseResult):
            for message in self._reporter.result(record, clocks()):
                self._sink.send(message)
            if not self._ready:
                self._notifier.ready()
                self._ready = True
            self._notifier.watchdog()
        elif isinstance(record, wire.Hello):
            self._greet(record)
        elif isinstance(record, wire.Status):
            self._status = record
        elif isinstance(record, wire.Ended):
            self._status = record.status
            logger.info("%s: no more frames", self._hello.source if self._hello else "source")

    def _greet(self, hello: wire.Hello) -> None:
        if self._hello is not None:
            self._earlier = self._earlier.plus(self._status)
            self._status = wire.Status()
            self._reporter.restarted()
        self._hello = hello
        rate = f" at {hello.rate_hz:.1f} Hz" if hello.rate_hz else ""
        logger.info("source %s: %d x %d px%s", hello.source, hello.width_px, hello.height_px, rate)
        if hello.network_lock != "seccomp":
            logger.warning("the vision process could reach the network: %s", hello.network_lock)
        self._sink.send(self._messages.info(self._info(hello)))

    def _info(self, hello: wire.Hello) -> InfoValues:
        return InfoValues(
            software=_software(hello),
            board=health.board(),
            system=health.system(),
            camera=hello.source,
            model_sha256=self._model.sha256,
            capabilities=[hello.network_lock] if hello.network_lock == "seccomp" else [],
            options=self._config.model_dump(mode="json", exclude={"mqtt": {"password_file"}}),
        )

    def _health(self, now: Now) -> HealthValues:
        measured: dict[str, Any] = self._reporter.measured(self._earlier.plus(self._status), now)
        return HealthValues(
            status=self._health_status(now),
            reasons=self._reasons(now),
            uptime_s=round(time.monotonic() - self._started_s, 1),
            camera_restarts_total=self._supervisor.restarts,
            mqtt_reconnects_total=self._sink.counts.reconnects,
            mqtt_queue=self._sink.counts.waiting,
            mqtt_dropped_total=self._sink.counts.events_dropped,
            rss_mb=self._rss_mb(),
            cpu_percent=self._cpu_percent(),
            soc_temperature_c=health.soc_temperature_c(),
            disk_free_mb=health.disk_free_mb(Path.cwd()),
            **measured,
        )

    def _health_status(self, now: Now) -> Literal["ok", "degraded", "error"]:
        if not self._reporter.flowing(now):
            return "error"
        return "degraded" if self._reasons(now) else "ok"

    def _reasons(self, now: Now) -> list[str]:
        rate_hz = self._reporter.rate_hz(now)
        found = {
            "vision_process_down": self._supervisor.trouble is not None,
            "no_results": not self._reporter.flowing(now),
            "too_slow": rate_hz is not None and rate_hz < SLOW_HZ,
            "network_not_locked": self._hello is not None and self._hello.network_lock != "seccomp",
        }
        return [word for word, holds in found.items() if holds]

    def _rss_mb(self) -> float | None:
        sizes = [health.rss_mb(pid) for pid in (os.getpid(), self._supervisor.pid)]
        return round(sum(size for size in sizes if size is not None), 1)

    def _cpu_percent(self) -> float | None:
        """Of one core, both processes, since the last time this was asked."""
        used = [health.cpu_s(pid) for pid in (os.getpid(), self._supervisor.pid)]
        total_s, now_s = sum(value for value in used if value is not None), time.monotonic()
        before, self._cpu = self._cpu, (now_s, total_s)
        if before is None or total_s < before[1] or now_s <= before[0]:
            return None  # the first time, or the vision process is a new one
        return round(100 * (total_s - before[1]) / (now_s - before[0]), 1)

    def _status_line(self, now: Now) -> str:
        if self._supervisor.trouble is not None:
            return self._supervisor.trouble.reason
        rate_hz = self._reporter.rate_hz(now)
        rate = "no poses yet" if rate_hz is None else f"{rate_hz:.1f} poses/s"
        broker = "broker connected" if self._sink.connected else "broker away"
        return f"{rate}, {self._status.dropped} of {self._status.submitted} frames dropped, {broker}"


def clocks() -> Now:
    """Return this moment."""
    return Now(time.monotonic_ns(), time.time_ns() // 1_000_000, health.clock_synced())


def _reloaded(path: Path, wake: Wake) -> Config | None:
    """Return what the file says now; None, with the reason in the log, when that cannot be run."""
    wake.reload = False
    try:
        config = load(path)
        resolve(config.model.path, config.model.variant)
    except PoseEdgeError as error:
        logger.error("%s", error)
        logger.warning("the configuration in force stays")
        return None
    logger.info("configuration %s read again", path)
    return config


def _software(hello: wire.Hello) -> dict[str, str]:
    found = {"python": platform.python_version(), "mediapipe": hello.mediapipe_version}
    for package in ("paho-mqtt", "numpy", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
