"""The table of checks, and how they are run: one after the other, each bounded in time."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pose_edge import __version__
from pose_edge.doctor import board, broker, camera, libraries, model, service, upgrade
from pose_edge.doctor.findings import Check, Finding, Surroundings, Verdict, fault
from pose_edge.errors import PoseEdgeError

logger = logging.getLogger(__name__)

LIMIT_S: Final = 5.0
"""What a check may take; what hangs longer is left behind and ends with the process."""

CHECKS: Final[dict[str, Check]] = {
    "configuration": service.configuration,
    "service": service.unit,
    "upgrade": upgrade.upgrade,
    "daemon": service.daemon,
    "state directory": service.state_directory,
    "disk": service.disk,
    "processor": libraries.processor,
    "mediapipe": libraries.mediapipe,
    "opencv": libraries.opencv,
    "numpy": libraries.numpy_abi,
    "model": model.model,
    "network lock": libraries.network_lock,
    "camera": camera.camera,
    "camera groups": camera.groups,
    "sensor modes": camera.sensor_modes,
    "broker": broker.broker,
    "clock": board.clock,
    "power": board.power,
    "temperature": board.temperature,
    "memory": board.memory,
}


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    name: str
    verdict: Verdict
    text: str


def examine(
    around: Surroundings, checks: Iterable[tuple[str, Check]] = (), limit_s: float = LIMIT_S
) -> Iterator[Result]:
    """Run the checks, all of `CHECKS` where none are given; yields each as it is done. Never raises."""
    for name, check in checks or CHECKS.items():
        found = _bounded(check, around, limit_s)
        yield Result(name, found.verdict, found.text)


def report(results: Iterable[Result]) -> dict[str, Any]:
    """Return the results as one object."""
    lines = list(results)
    return {
        "schema_version": 1,
        "version": __version__,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "ok": not any(line.verdict == "fault" for line in lines),
        "checks": [{"name": line.name, "verdict": line.verdict, "text": line.text} for line in lines],
    }


def _bounded(check: Check, around: Surroundings, limit_s: float) -> Finding:
    """Run a check on a thread of its own: a file system or driver that hangs must not hang doctor."""
    answer: queue.SimpleQueue[Finding] = queue.SimpleQueue()
    threading.Thread(target=lambda: answer.put(_guarded(check, around)), daemon=True).start()
    try:
        return answer.get(timeout=limit_s)
    except queue.Empty:
        return fault(f"no answer in {limit_s:g} s: something below it hangs; reboot, and look again")


def _guarded(check: Check, around: Surroundings) -> Finding:
    try:
        return check(around)
    except PoseEdgeError as error:
        return fault("; ".join(str(error).splitlines()))
    except Exception as error:  # one check that fails must not hide what the others find
        logger.debug("check failed", exc_info=True)
        return fault(f"could not be looked at: {error!r}")
