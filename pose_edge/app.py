"""The life of the daemon: opens the parts, camera last, runs the one loop, closes in reverse."""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pose_edge.child import hand_over_quickly, keep_memory_to_itself
from pose_edge.config import Config, load
from pose_edge.daemon import Daemon
from pose_edge.errors import ConfigError, ModelError, PoseEdgeError, UsageError
from pose_edge.health import give_memory_back, keep_memory_together
from pose_edge.job import Job
from pose_edge.landmarker import RunningMode
from pose_edge.link import Link
from pose_edge.models import ModelFile, resolve
from pose_edge.service import Notifier
from pose_edge.sinks.mqtt_options import read_credentials
from pose_edge.supervisor import Supervisor
from pose_edge.wake import Wake

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Next:
    """What is to follow on one run of the loop."""

    config: Config | None = None
    """The configuration that takes over; None: the end."""
    restart: bool = False
    """The whole program is to be started anew."""


def run_and_restart(path: Path, waiting: subprocess.Popen[bytes] | None = None) -> None:
    """Run the daemon until told to stop, and anew as often as somebody asks for that; see `run`."""
    if run(path, waiting):
        # A new process image under the same number: new code after an upgrade, and systemd sees no end.
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # the very command that started us


def run(path: Path, waiting: subprocess.Popen[bytes] | None = None) -> bool:
    """Run the daemon with the configuration in `path` until told to stop; True: start it anew.

    SIGHUP reads the file again: a good one takes over, a broken one is named and the old one goes on.
    `waiting` is a vision process without a job (`child.started_early`): the first to be used.
    """
    keep_memory_to_itself()
    keep_memory_together()
    hand_over_quickly()
    notifier = Notifier()
    then = Next()
    with Wake() as wake, ExitStack() as stack:
        config: Config | None = load(path)  # after Wake: a SIGHUP while it is read counts
        link: Link | None = None
        while config is not None:
            logging.getLogger().setLevel(config.service.log_level)
            link = _linked(config, link, wake, stack)
            try:
                then = live(config, path, wake, notifier, link, waiting)
            except PoseEdgeError as error:
                link.last_words(str(error))
                raise
            config, waiting = then.config, None
        if not then.restart:  # for systemd a restart of ours is none: same process, READY again
            notifier.stopping()
    return then.restart


def live(
    config: Config,
    path: Path,
    wake: Wake,
    notifier: Notifier,
    link: Link,
    waiting: subprocess.Popen[bytes] | None = None,
) -> Next:
    """Run one configuration from opening to closing; return what takes over."""
    model = _model(config, path)
    with ExitStack() as stack:
        job, paused = job_of(config, model), not link.memory.facts.detection
        supervisor = Supervisor(job, config.vision, wake.descriptor, paused=paused, waiting=waiting)
        stack.enter_context(supervisor)
        daemon = Daemon(config, model, secrets.token_hex(4), link, supervisor, notifier, wake)
        # Also when an error ends it: nothing retained may claim that poses come.
        stack.callback(daemon.goodbye)
        daemon.introduce()
        give_memory_back()
        while not (wake.stop or supervisor.ended or daemon.restart):
            daemon.turn()
            wake.quiet()
            if wake.reload and (next_config := _reloaded(path, wake, link)) is not None:
                daemon.leaving = "reloaded"
                return Next(next_config)
        return Next(restart=daemon.restart and not wake.stop)


def job_of(config: Config, model: ModelFile) -> Job:
    """Return what the vision process is to do for the daemon."""
    return Job(
        source=config.source,
        model_path=model.path,
        running_mode=RunningMode.LIVE_STREAM,
        landmarker=config.model.landmarker(),
        rate=config.rate,
    )


def _model(config: Config, path: Path) -> ModelFile:
    """Return the model to use.

    Raises:
        ConfigError: the one that is named cannot be used, so a start with the same file would end the same.
        PoseEdgeError: the store has none, or a damaged one.
    """
    try:
        return resolve(config.model.path, config.model.variant)
    except (UsageError, ModelError) as error:
        if config.model.path is None:
            raise
        raise ConfigError(f"{path}: model.path: {error}") from error


def _linked(config: Config, link: Link | None, wake: Wake, stack: ExitStack) -> Link:
    """Return the link for a configuration: the one that is open, if it will do."""
    if link is not None and link.serves(config):
        link.sink.retry_now()
        return link
    stack.close()  # the old one; nothing else is on the stack
    return stack.enter_context(Link(config, wake))


def _reloaded(path: Path, wake: Wake, link: Link) -> Config | None:
    """Return what the file says now; None, with the reason in the log, when that cannot be run."""
    wake.reload = False
    try:
        config = load(path)
        _model(config, path)
        read_credentials(config.mqtt)
        link.require_free(config)
    except PoseEdgeError as error:
        logger.error("%s", error)
        logger.warning("the configuration in force stays")
        return None
    logger.info("configuration %s read again", path)
    return config
