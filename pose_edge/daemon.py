"""The parts of the daemon while they are open, and one turn of its loop over them."""

from __future__ import annotations

import itertools
import logging
import os
import time
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from pydantic import JsonValue

from pose_edge import about, calibration_file, diagnosis, health, status_file, throttling, wire
from pose_edge.announcer import Announcer
from pose_edge.config import Config, without_secrets
from pose_edge.control import Actions, Control
from pose_edge.engine import Closing, Engine
from pose_edge.journal import log_event
from pose_edge.landmarker import RunningMode
from pose_edge.link import Link, state_directory
from pose_edge.messages import Device, Messages, rfc3339
from pose_edge.models import ModelFile
from pose_edge.payloads import HealthValues, InfoValues
from pose_edge.quiet import QuietHours
from pose_edge.records import Calibration, Delivery, PoseResult, Surroundings
from pose_edge.reporter import Now, Reporter
from pose_edge.service import Notifier
from pose_edge.sinks.mqtt import BrokerState
from pose_edge.sinks.news import Connected, Received
from pose_edge.supervisor import Supervisor
from pose_edge.wake import Wake

logger = logging.getLogger(__name__)

TURN_S: Final = 0.5
"""The longest a turn of the loop waits for something to happen."""

SYNC_LOOK_NS: Final = 1_000_000_000
LOOK_NS: Final = 250_000_000
"""How often to look whether something is wrong; results come much more often."""

EXPIRY_BEATS: Final = 3
"""What is repeated regularly is worth nothing after so many missed repetitions."""
MIN_HEALTH_EXPIRY_S: Final = 300


class Daemon:
    """One configuration at work, from the first message to the last."""

    def __init__(
        self,
        config: Config,
        model: ModelFile,
        boot_id: str,
        link: Link,
        supervisor: Supervisor,
        notifier: Notifier,
        wake: Wake,
    ) -> None:
        self._config, self._model = config, model
        self._link, self._sink, self._memory = link, link.sink, link.memory
        self._supervisor, self._notifier, self._wake = supervisor, notifier, wake
        self._numbers = itertools.count(1)
        self._sink.boot_id = boot_id
        self._messages = _messages(config, model, boot_id)
        self._calibration, self._calibration_problem = calibration_file.kept(state_directory(config))
        self._calibrated = False
        quiet = QuietHours.parse(config.events.desk.quiet_hours)  # type: ignore[attr-defined]  # groups come from the table of kinds
        self._reporter = Reporter(self._engine(Calibration()), self._messages, config.publish, quiet)
        self._announcer = Announcer(config, self._memory, self._sink)
        self._control = Control(self._sink, self._memory, self._messages, self._actions())
        self._started_s = time.monotonic()
        self._started_ms = time.time_ns() // 1_000_000
        self._hello: wire.Hello | None = None
        self._status = wire.Status()
        self._ready = False
        self._earlier = wire.Status()
        """What the vision processes before this one counted."""
        self._usage = health.Usage()
        self._throttling: throttling.Throttling | None = None
        self._told_problems: dict[str, str] | None = None
        self._look_ns = 0
        self.leaving: Closing = "stopped"
        """Why `goodbye` is said."""
        self.restart = False
        """Somebody asked for the daemon to be started anew."""

    def introduce(self) -> None:
        """Say who we are and what holds; it waits for the broker if that is not there yet."""
        self._reporter.paused = self._supervisor.paused
        self._announcer.announce()
        self._sink.send(self._messages.status(online=True))
        self._sink.send(self._messages.info(self._info()))
        self._control.introduce()

    def turn(self) -> None:
        """Wait for something to happen, a moment at most, and tell what follows from it."""
        for record in self._supervisor.poll(TURN_S):
            self._take(record)
        now = clocks()
        for news in self._sink.poll():
            if isinstance(news, Received):
                self._listen(news, now)
            elif isinstance(news, Connected):
                self._sink.send(self._messages.info(self._info()))
        self._announcer.remember()
        self._tell(now)
        self._memory.retry(time.monotonic())

    def goodbye(self) -> None:
        """End what goes on, and say that no more poses come; the sink says last that the device is gone."""
        for message in self._reporter.close(self.leaving):
            self._sink.send(message)
        self._sink.send(self._messages.pipeline_status(online=False))

    def _tell(self, now: Now) -> None:
        self._reporter.fall_active = self._control.fall_active
        for message in self._reporter.tick(now):
            self._sink.send(message)
        if self._announcer.due(time.monotonic()):
            self._sink.repeat()
        self._progress()
        if now.monotonic_ns < self._look_ns:
            return
        self._look_ns = now.monotonic_ns + LOOK_NS
        broker = self._sink.state()
        problems = diagnosis.problems(self._findings(broker), now)
        # A message for each change of word; the numbers inside the sentences change all the time.
        if self._reporter.health_due(now) or problems.keys() != (self._told_problems or {}).keys():
            self._told_problems = problems
            self._sink.send(self._reporter.health(self._health(now), now))
            self._notifier.status(self._status_line(now, broker))
        self._link.status_file.tell(self._file(broker, problems), time.monotonic())

    def _progress(self) -> None:
        """While paused there are no results to show that all is well: it is, by wish."""
        if self._supervisor.paused:
            self._alive()

    def _alive(self) -> None:
        if not self._ready:
            self._notifier.ready()
            self._ready = True
        self._notifier.watchdog()

    def _listen(self, news: Received, now: Now) -> None:
        if not self._announcer.heard(news.topic, news.payload, time.monotonic()):
            self._control.take(news, self._reporter.timestamp_ms(now), time.monotonic())

    def _take(self, record: wire.Record) -> None:
        if isinstance(record, PoseResult):
            told = self._reporter.result(record, clocks())
            for message in told.messages:  # first: what follows may wait for a slow disk
                self._sink.send(message)
            ids = [message.event_id for message in told.messages if message.delivery is Delivery.EVENT]
            for event, event_id in zip(told.events, ids, strict=True):
                log_event(logger, event, event_id)
                self._control.follow(event)
            self._alive()
        elif isinstance(record, wire.Hello):
            self._greet(record)
        elif isinstance(record, wire.Status):
            self._status = record
        elif isinstance(record, wire.Ended):
            self._status = record.status
            logger.info("%s: no more frames", self._hello.source if self._hello else "source")

    def _greet(self, hello: wire.Hello) -> None:
        if self._hello is None:
            self._calibrate(hello)
        else:
            self._earlier = self._earlier.plus(self._status)
            self._status = wire.Status()
            self._reporter.restarted()
        self._hello = hello
        rate = f" at {hello.rate_hz:.1f} Hz" if hello.rate_hz else ""
        logger.info("source %s: %d x %d px%s", hello.source, hello.width_px, hello.height_px, rate)
        if hello.network_lock != "seccomp":
            logger.warning("the vision process could reach the network: %s", hello.network_lock)
        self._sink.send(self._messages.info(self._info()))

    def _calibrate(self, hello: wire.Hello) -> None:
        """Use the calibration that is kept, if it is of this camera; nothing has been seen yet."""
        if self._calibration is not None:
            misfit = self._calibration.misfit(hello.source, hello.width_px, hello.height_px)
            if misfit is None:
                self._calibrated = True
                self._reporter.use(self._engine(self._calibration.calibration))
                logger.info("calibration of %s in use", self._calibration.made)
            else:
                self._calibration_problem = f"the calibration {misfit}: it is not used, calibrate again"
        if self._calibration_problem:
            logger.warning("%s", self._calibration_problem)

    def _engine(self, calibration: Calibration) -> Engine:
        around = Surroundings(self._config.scene.all_zones(), calibration)
        return Engine(self._config.events, self._numbers, around)

    # What others may ask for.

    def _actions(self) -> Actions:
        return Actions(
            pause=self._pause,
            clear_falls=self._reporter.clear_falls,
            restart=self._restart,
            test_alert=self._test_alert,
            answers={
                "get_config": lambda: without_secrets(self._config),
                "republish": self._republish,
                "diagnostics": self._diagnostics,
                "self_test": self._self_test,
            },
        )

    def _pause(self, wanted: bool) -> None:
        if wanted == self._supervisor.paused:
            return
        self._supervisor.pause(wanted)
        self._reporter.paused = wanted
        if wanted:
            for message in self._reporter.close("paused"):
                self._sink.send(message)

    def _restart(self) -> None:
        self.restart = True
        self._wake.ring()

    def _test_alert(self) -> None:
        self._sink.send(self._messages.test_alert(next(self._numbers), self._reporter.timestamp_ms(clocks())))

    def _republish(self) -> JsonValue:
        self._sink.repeat()
        return None

    def _diagnostics(self) -> JsonValue:
        now, broker = clocks(), self._sink.state()
        file = self._file(broker, diagnosis.problems(self._findings(broker), now))
        return {
            "health": self._health(now).model_dump(mode="json"),
            "status": file.model_dump(mode="json"),
            "info": self._info().model_dump(mode="json"),
        }

    def _self_test(self) -> JsonValue:
        problems = diagnosis.problems(self._findings(self._sink.state()), clocks())
        return {"passed": not problems, "problems": dict(problems)}

    # How we are.

    def _findings(self, broker: BrokerState) -> diagnosis.Findings:
        return diagnosis.Findings(
            supervisor=self._supervisor,
            reporter=self._reporter,
            memory=self._memory,
            broker=broker,
            network_lock=self._hello.network_lock if self._hello else None,
            status_problem=self._link.status_file.problem,
            pace=self._status.pace,
            calibration_problem=self._calibration_problem,
            throttling=self._board(),
        )

    def _board(self) -> throttling.Throttling | None:
        """Return how the board is, and remember how it was."""
        if (read := throttling.read()) is not None:
            self._throttling = read.after(self._throttling)
        return self._throttling

    def _info(self) -> InfoValues:
        hello = self._hello
        locked = hello is not None and hello.network_lock == "seccomp"
        return InfoValues(
            software=about.software(hello.mediapipe_version if hello else None),
            board=health.board(),
            system=health.system(),
            camera=hello.source if hello else None,
            model_sha256=self._model.sha256,
            mqtt_protocol=self._sink.state().protocol,
            landmark_encoding=self._config.publish.landmarks.encoding,
            capabilities=["seccomp"] if locked else [],
            calibrated=self._calibrated,
            options=without_secrets(self._config),
        )

    def _health(self, now: Now) -> HealthValues:
        broker = self._sink.state()
        found = self._findings(broker)
        problems = diagnosis.problems(found, now)
        seen = self._earlier.plus(self._status)
        if self._supervisor.pid is None:
            seen = replace(seen, rss_mb=0.0, cpu_s=0.0)
        measured: dict[str, Any] = self._reporter.measured(seen, now)
        return HealthValues(
            status=diagnosis.status(found, problems, now),
            reasons=list(problems),
            reason_texts=problems,
            paused=self._supervisor.paused,
            uptime_s=round(time.monotonic() - self._started_s, 1),
            camera_restarts_total=self._supervisor.restarts,
            commands_total=self._control.commands + broker.unread_dropped,
            commands_refused_total=self._control.refused + broker.unread_dropped,
            rss_mb=self._usage.rss_mb(seen.rss_mb),
            cpu_percent=self._usage.cpu_percent(seen.cpu_s),
            soc_temperature_c=health.soc_temperature_c(),
            disk_free_mb=health.disk_free_mb(state_directory(self._config)),
            **_throttling_values(found.throttling),
            **_broker_values(broker),
            **measured,
        )

    def _file(self, broker: BrokerState, problems: dict[str, str]) -> status_file.Status:
        trouble, paused = self._supervisor.trouble, self._supervisor.paused
        seeing = "paused" if paused else "running" if self._hello else "starting"
        begun_ms = self._wall_ms(broker.since_s)
        # Problems as words with the sentences they had when they came: not written anew for each number.
        sentences = {word: (self._told_problems or {}).get(word, text) for word, text in problems.items()}
        return status_file.Status(
            pid=os.getpid(),
            since=rfc3339(self._started_ms),
            broker=status_file.Part(state=broker.state, reason=broker.reason, since=rfc3339(begun_ms)),
            vision=status_file.Part(
                state="down" if trouble else seeing, reason=trouble.reason if trouble else ""
            ),
            events_waiting=broker.queue.waiting,
            problems=sentences,
        )

    def _wall_ms(self, monotonic_s: float) -> int:
        """Return a moment of this run as wall time, by the clock at the start: it must not flicker."""
        return self._started_ms + round(1000 * (monotonic_s - self._started_s))

    def _status_line(self, now: Now, broker: BrokerState) -> str:
        if self._supervisor.paused:
            seeing = "paused"
        elif self._supervisor.trouble is not None:
            seeing = self._supervisor.trouble.reason
        else:
            rate_hz = self._reporter.rate_hz(now)
            rate = "no poses yet" if rate_hz is None else f"{rate_hz:.1f} poses/s"
            seeing = f"{rate}, {self._status.dropped} of {self._status.submitted} frames dropped"
        waiting = f", {broker.queue.waiting} events waiting" if broker.queue.waiting else ""
        return f"{seeing}; broker {broker.state}{waiting}"


def clocks() -> Now:
    """Return this moment."""
    now_ns = time.monotonic_ns()
    return Now(now_ns, time.time_ns() // 1_000_000, _synced(now_ns // SYNC_LOOK_NS))


@lru_cache(maxsize=1)
def _synced(_second: int) -> bool:
    """Ask once a second: it is a system call, and this is wanted for every picture."""
    return health.clock_synced()


def _messages(config: Config, model: ModelFile, boot_id: str) -> Messages:
    publish = config.publish
    return Messages(
        Device(config.device.id, config.device.name),
        boot_id,
        model.path.name,
        RunningMode.LIVE_STREAM.value,
        state_expiry_s=round(EXPIRY_BEATS * publish.state_heartbeat_s),
        health_expiry_s=max(MIN_HEALTH_EXPIRY_S, round(EXPIRY_BEATS * publish.health_interval_s)),
    )


def _throttling_values(board: throttling.Throttling | None) -> dict[str, Any]:
    names = ("throttled_now", "throttled_ever", "undervoltage_ever")
    return {} if board is None else {name: getattr(board, name) for name in names}


def _broker_values(broker: BrokerState) -> dict[str, Any]:
    age_s = broker.last_ack_age_s
    return {
        "mqtt_state": broker.state,
        "mqtt_state_reason": broker.reason or None,
        "mqtt_reconnects_total": broker.reconnects,
        "mqtt_queue": broker.queue.waiting,
        "mqtt_parked": broker.queue.parked,
        "mqtt_dropped_total": broker.queue.dropped_total,
        "mqtt_stream_dropped_total": broker.stream_dropped,
        "mqtt_last_ack_age_s": None if age_s is None else round(age_s, 1),
        "events_refused_total": broker.events_refused,
    }
