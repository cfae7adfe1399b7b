"""What happens at the ends of the line: the publisher is stopped, hurt or doubled, the consumer away."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, eventually
from tests.faults.arrivals import Collector, check_repetitions
from tests.faults.conftest import Measured
from tests.faults.house import house
from tests.faults.process import publisher
from tests.faults.publisher import Plan
from tests.faults.together import Outcomes, Together, wanted_names

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

ENDS = Together(at_once=7)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    yield from ENDS.start(tmp_path_factory.mktemp("ends"), wanted_names(request))


@ENDS.scenario
def sigterm_while_offline(folder: Path) -> str:
    with house(folder) as home:
        home.gate.refuse()
        home.run_for(2)
        began_s = time.monotonic()
        assert home.device.terminate() == 0
        took_s = time.monotonic() - began_s
        put = set(home.device.said("put"))
        assert took_s <= 5
        home.gate.accept()
        with publisher(folder, home.device.plan, boot_id="next", alert_every_s=None):
            home.collector.wait_for_ids(put)
        return f"ended after {took_s:.2f} s; all {len(put)} alerts by the next run"


@ENDS.scenario
def sigterm_in_a_black_hole(folder: Path) -> str:
    with house(folder) as home:
        home.gate.hold()
        home.run_for(1)
        began_s = time.monotonic()
        assert home.device.terminate() == 0
        took_s = time.monotonic() - began_s
        put = set(home.device.said("put"))
        assert took_s <= 5
        home.gate.open()
        with publisher(folder, home.device.plan, boot_id="next", alert_every_s=None):
            home.collector.wait_for_ids(put)
        return f"ended after {took_s:.2f} s; all {len(put)} alerts by the next run"


@ENDS.scenario
def network_thread_dies(folder: Path) -> str:
    """It can still send then, from the thread that publishes, and hears nothing any more."""
    with house(folder) as home:
        before = home.device.status()["attempts"]
        home.device.signal(signal.SIGUSR1)
        assert eventually(lambda: bool(home.device.said("ended")), 5), home.device.log
        began_s = time.monotonic()
        noticed_s = home.noticed_after(began_s, 45)
        home.device.wait_for_state("connected")
        took_s = time.monotonic() - began_s
        assert home.device.status()["attempts"] > before
        assert eventually(lambda: home.device.status()["queue"]["waiting"] <= 1)
        home.everything_arrives()
        assert took_s <= 45
        return f"noticed after {noticed_s:.1f} s, rebuilt after {took_s:.1f} s; {home.words()}"


@ENDS.scenario
def exceptions_in_callbacks(folder: Path) -> str:
    with house(folder, raise_in_wake=True) as home:
        home.run_for(2)
        home.gate.cut()
        home.run_for(3)
        home.everything_arrives()
        assert home.device.alive
        return f"{len(home.device.said('put'))} alerts, all arrived"


@ENDS.scenario
def two_of_the_same_name(folder: Path) -> str:
    with house(folder) as home:
        twin = Plan(home.device.plan.mqtt, str(folder / "other.db"), boot_id="twin", alert_every_s=None)
        before = home.device.status()["attempts"]
        with publisher(folder, twin) as other:
            other.wait_for_state("connected")
            home.run_for(25)
            attempts = home.device.status()["attempts"] - before + other.status()["attempts"]
            said = home.device.log + other.log
        assert "uses the same name" in said, said
        assert home.device.status()["attempts"] >= 1
        per_minute = attempts * 60 / 25
        assert per_minute < 30
        home.everything_arrives(60)
        return f"{per_minute:.0f} attempts a minute of both together; said: another client uses the same name"


@ENDS.scenario
def consumer_away_and_broker_killed_after_the_acknowledgement(folder: Path) -> str:
    schedule = {"receipts": True, "receipt_schedule_s": [2, 4, 6]}
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder))
        plan = Plan(
            {"host": "127.0.0.1", "port": broker.port},
            str(folder / "outbox.db"),
            alert_every_s=0.1,
            alerts=3,
            outbox_options=schedule,
        )
        device = stack.enter_context(publisher(folder, plan))
        assert eventually(lambda: len(set(device.said("stored"))) == 3, 20), device.log
        time.sleep(1)
        broker.kill()
        broker.start()
        consumer = stack.enter_context(Collector(broker.port))
        began_s = time.monotonic()
        consumer.wait_for_ids(set(device.said("put")), 20)
        took_s = time.monotonic() - began_s
        time.sleep(7)
        again = len(consumer.ids())
        assert again > 3, "sent again as long as nobody confirms it"
        for event_id in set(consumer.ids()):
            consumer.publish("pose-edge/livingroom/events/receipt", event_id.encode())
        time.sleep(1)
        confirmed = len(consumer.ids())
        time.sleep(7)
        assert len(consumer.ids()) == confirmed, "not sent any more once confirmed"
        assert all(one.content["replayed"] == (one.delay_s > 5) for one in consumer.of("events"))
        return f"3 of 3 after {took_s:.1f} s; {confirmed} copies until the receipts, none after"


@ENDS.scenario
def only_acknowledgements_lost_for_8_s(folder: Path) -> str:
    with house(folder) as home:
        home.gate.acks_lost = True
        home.run_for(8)
        home.gate.acks_lost = False
        took_s = home.everything_arrives()
        assert eventually(lambda: home.device.status()["queue"]["waiting"] <= 1, 20), home.device.status()
        repeated = check_repetitions(home.collector.of("events"))
        return f"all alerts {took_s:.1f} s after, {repeated} repeated under the same id"


@pytest.mark.parametrize("name", ENDS.names)
def test_nothing_is_lost_and_all_comes_back(name: str, outcomes: Outcomes, measured: Measured) -> None:
    measured(*outcomes(name))
