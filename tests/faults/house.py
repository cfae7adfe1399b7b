"""A device, its way to the broker, and somebody who listens at the broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.brokers import Mosquitto, eventually
from tests.faults.arrivals import Collector, check_repetitions, first_arrivals
from tests.faults.gate import Gate
from tests.faults.process import Publisher, publisher
from tests.faults.publisher import Plan

RETAINED = {
    "status",
    "pipeline/status",
    "detection/state",
    "fall/state",
    "fall/attributes",
    "state",
    "occupancy",
    "posture",
}


@dataclass
class House:
    """All of them, and what is promised of every one."""

    broker: Mosquitto
    gate: Gate
    collector: Collector
    device: Publisher

    def run_for(self, seconds: float) -> None:
        time.sleep(seconds)

    def everything_arrives(self, within_s: float = 20.0) -> float:
        """Stop talking, wait for all alerts that were put in, and return how long that took."""
        began_s = time.monotonic()
        self.collector.wait_for_ids(set(self.device.said("put")), within_s)
        took_s = time.monotonic() - began_s
        ids = first_arrivals(self.collector.ids())
        assert ids == sorted(ids), "the order in which they were decided"
        check_repetitions(self.collector.of("events"))
        assert "Traceback" not in self.device.log, self.device.log
        return took_s

    def noticed_after(self, began_s: float, timeout_s: float = 20.0) -> float:
        """Wait until the device knows that something is wrong, and return when it did."""
        assert eventually(lambda: bool(self._bad(began_s)), timeout_s), self.device.status()
        return self._bad(began_s)[0] - began_s

    def _bad(self, began_s: float) -> list[float]:
        lines = zip(self.device.said("at_s"), self.device.said("state"), strict=False)
        return [at_s for at_s, state in lines if at_s > began_s and state != "connected"]

    def words(self) -> str:
        return f"{len(self.collector.stale())} stale landmarks of {len(self.collector.of('landmarks'))}"


@contextmanager
def house(folder: Path, *, connected: bool = True, **plan: object) -> Iterator[House]:
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder))
        gate = stack.enter_context(Gate(broker.port))
        collector = stack.enter_context(Collector(broker.port))
        if not connected:
            gate.refuse()
        planned = Plan({"host": "127.0.0.1", "port": gate.port}, str(folder / "outbox.db"), landmarks_hz=30)
        device = stack.enter_context(publisher(folder, planned, **plan))
        made = House(broker, gate, collector, device)
        if connected:
            assert eventually(lambda: len(collector.ids()) >= 2, 30), device.log
        yield made
