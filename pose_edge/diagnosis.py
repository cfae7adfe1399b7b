"""What is not as it should be: a word for machines, a sentence for people, which says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pose_edge.memory import Memory
from pose_edge.reporter import SLOW_HZ, Now, Reporter
from pose_edge.sinks.mqtt import BrokerState
from pose_edge.sinks.trouble import EXPLAINED
from pose_edge.supervisor import Supervisor
from pose_edge.throttling import Throttling

MOST_TOPICS: Final = 3

BLIND: Final = {
    "dark": "the picture is dark: switch on a light, or a camera that sees in the dark",
    "covered": "something covers the lens: uncover it",
    "blurred": "the picture is blurred: clean the lens, see to its focus",
    "moved": "the camera has moved: put it back, or see to zones and calibrate again",
    "too_far": "everybody is too far away to be judged: put the camera nearer",
}
"""Each problem of `events/camera.py`."""

REBOOT_AFTER: Final = 5
"""So many restarts in a row did not bring a camera back, about a minute with the usual waits; another will
not either. Sensors on the ribbon cable are looked for at boot only."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything a diagnosis looks at."""

    supervisor: Supervisor
    reporter: Reporter
    memory: Memory
    broker: BrokerState
    network_lock: str | None
    """What keeps the vision process off the network: `seccomp`, or why nothing does; None: not started."""
    status_problem: str | None = None
    pace: str = "full"
    """Of the vision process: `full`, `idle` or `hot`."""
    calibration_problem: str | None = None
    """Why a calibration that was made is not in use."""
    throttling: Throttling | None = None
    """What the firmware says about supply and speed; None: it is no Raspberry Pi."""


def problems(found: Findings, now: Now) -> dict[str, str]:
    """Return word -> sentence for all that is wrong at this moment; empty: all is well."""
    every = {**_seeing(found, now), **_telling(found.broker), **_keeping(found)}
    every |= powering(found.throttling)
    return {word: text for word, text in every.items() if text}


def powering(board: Throttling | None) -> dict[str, str]:
    """Return what is wrong with supply and speed of the board: word -> sentence, empty where all is well.

    Under-voltage counts until the next boot: the dips are short, come again, and damage memory cards.
    """
    texts = {}
    if board is not None and board.undervoltage_ever:
        when = "now" if board.undervoltage_now else "since it booted"
        texts["undervoltage"] = (
            f"the board had too little voltage {when}: use its own power supply and a short, thick cable, "
            "and unplug what it feeds; this stays until the next boot"
        )
    if board is not None and board.throttled_now:
        texts["throttled"] = "the board slows itself down: give it a fan or more air, see to its power supply"
    return texts


def status(found: Findings, wrong: dict[str, str], now: Now) -> Literal["ok", "degraded", "error"]:
    """Return the word of `health.status`: `error` when nobody is watched over although that is wanted."""
    if not found.supervisor.paused and not found.reporter.flowing(now):
        return "error"
    return "degraded" if wrong else "ok"


def _seeing(found: Findings, now: Now) -> dict[str, str]:
    if found.supervisor.paused:
        return {}
    trouble, rate_hz = found.supervisor.trouble, found.reporter.rate_hz(now)
    flowing = found.reporter.flowing(now)
    texts = {
        "vision_process_down": "" if trouble is None else f"{trouble.reason}; it is tried again",
        "no_results": "" if flowing else "no poses come: see camera and log",
    }
    texts |= {f"camera_{word}": BLIND[word] for word in found.reporter.camera_problems}
    if trouble is not None and found.supervisor.camera and trouble.attempts >= REBOOT_AFTER:
        texts["reboot_needed"] = (
            f"the camera did not come back in {trouble.attempts} attempts: check its cable and reboot"
        )
    if found.pace == "hot":
        texts["hot"] = "the board is hot, fewer pictures are looked at: give it a fan or more air"
    elif found.pace == "full" and rate_hz is not None and rate_hz < SLOW_HZ:
        texts["too_slow"] = f"{rate_hz:.1f} poses a second, a fall needs {SLOW_HZ:g}: use a lighter model"
    if found.network_lock not in (None, "seccomp"):
        texts["network_not_locked"] = f"the vision process could reach the network: {found.network_lock}"
    return texts


def _telling(broker: BrokerState) -> dict[str, str]:
    queue, texts = broker.queue, {"outbox": broker.queue.problem or ""}
    if broker.state not in ("connected", "connecting"):
        texts["broker"] = f"the broker {broker.reason}; {EXPLAINED.get(broker.state, broker.state)}"
    elif broker.unstable:
        texts["broker"] = f"the broker {broker.unstable}; {EXPLAINED['unstable']}"
    if broker.denied:
        texts["broker_denies"] = f"the broker refuses {_listed(broker.denied)}: see its access list, limits"
    if broker.mute:
        texts["broker_mute"] = "the broker acknowledges and passes nothing on: check its access list"
    if broker.left_out:
        texts["message_left_out"] = f"cannot be sent: {_listed(broker.left_out)}"
    if queue.parked:
        texts["events_parked"] = f"{queue.parked} events are set aside: {queue.parked_reason}"
    return texts


def _keeping(found: Findings) -> dict[str, str]:
    return {
        "memory": found.memory.problem or "",
        "status_file": found.status_problem or "",
        "calibration": found.calibration_problem or "",
    }


def _listed(reasons: dict[str, str]) -> str:
    shown = [f"{topic} ({reason})" for topic, reason in list(reasons.items())[:MOST_TOPICS]]
    more = len(reasons) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
