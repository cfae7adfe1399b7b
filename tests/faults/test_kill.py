"""kill -9 of the publisher at any moment: nothing stored is lost, changed or out of order."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, eventually
from tests.faults.arrivals import Collector, check_repetitions, first_arrivals, read_outbox
from tests.faults.conftest import Measured
from tests.faults.gate import Gate
from tests.faults.process import publisher
from tests.faults.publisher import Plan

pytestmark = pytest.mark.faults

KILLS = 100
DEVICES = ("kitchen", "hall")


class Victim:
    """One device whose publisher is killed again and again."""

    def __init__(self, device: str, broker_port: int, folder: Path) -> None:
        self.device = device
        self.stored: set[str] = set()
        self.last_stored: dict[str, int] = {}
        self.kills = self.left = 0
        self._broker_port = broker_port
        self._folder = folder
        self._outbox = folder / "outbox.db"
        self._random = random.Random(device)

    def live(self, kills: int) -> None:
        """Be killed, with the network now and then in the way, and in the end be left alone."""
        with Gate(self._broker_port) as gate:
            for number in range(kills):
                self._die(gate, f"b{number:03d}")
            gate.acks_lost = False
            with publisher(self._folder, self._plan(gate, "last"), alert_every_s=None) as last:
                assert eventually(lambda: last.status().get("queue", {}).get("waiting") == 0, 30), (
                    last.status()
                )
                assert last.terminate() == 0

    def _plan(self, gate: Gate, boot_id: str) -> Plan:
        quick = {"host": "127.0.0.1", "port": gate.port, "reconnect_min_s": 0.05, "reconnect_max_s": 0.2}
        return Plan(quick, str(self._outbox), self.device, boot_id, alert_every_s=0.01, landmarks_hz=30)

    def _die(self, gate: Gate, boot_id: str) -> None:
        network = self._random.choice(["good", "good", "acks lost", "held"])
        gate.acks_lost = network == "acks lost"
        (gate.hold if network == "held" else gate.open)()
        with publisher(self._folder, self._plan(gate, boot_id)) as one:
            assert eventually(lambda: bool(one.said("put")), 15), one.log
            time.sleep(self._random.uniform(0, 0.8))
            one.kill()
            self._count(boot_id, one.said("stored"))
            assert "Traceback" not in one.log, one.log
        gate.open()

    def _count(self, boot_id: str, said: list[str]) -> None:
        kept = read_outbox(self._outbox, self._folder)
        assert kept.integrity == "ok"
        self.kills += 1
        self.left += bool(kept.ids)
        self.stored.update(said, kept.ids)
        numbers = [number(event_id) for event_id in (*said, *kept.ids) if boot_of(event_id) == boot_id]
        if numbers:
            self.last_stored[boot_id] = max(numbers)


def boot_of(event_id: str) -> str:
    return event_id.split("-")[1]


def number(event_id: str) -> int:
    return int(event_id.split("-")[2])


@pytest.mark.timeout(300)
def test_killed_100_times_nothing_stored_is_lost(
    mosquitto: Mosquitto, tmp_path: Path, measured: Measured
) -> None:
    victims = [Victim(device, mosquitto.port, tmp_path / device) for device in DEVICES]
    for victim in victims:
        (tmp_path / victim.device).mkdir()
    with Collector(mosquitto.port) as collector, ThreadPoolExecutor() as pool:
        list(pool.map(lambda victim: victim.live(KILLS // len(DEVICES)), victims))
        stored = set().union(*(victim.stored for victim in victims))
        collector.wait_for_ids(stored)

    for victim in victims:
        arrived = first_arrivals(collector.ids(victim.device))
        assert arrived == sorted(arrived), "the order in which they were decided"
        for boot_id, last in victim.last_stored.items():
            numbers = [number(one) for one in arrived if boot_of(one) == boot_id]
            assert numbers[:last] == list(range(1, last + 1)), f"{victim.device} {boot_id}: gaps"
    superfluous = check_repetitions(collector.of("events"))
    kills, left = sum(one.kills for one in victims), sum(one.left for one in victims)
    assert kills == KILLS
    assert left > KILLS // 5, "the kills came when nothing was under way"
    measured(
        f"kill -9, {kills} times",
        f"0 of {len(stored)} alerts lost, {superfluous} repeated, order kept, "
        f"{left} times something was left in the store",
    )
