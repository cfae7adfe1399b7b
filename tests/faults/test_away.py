"""The broker goes, hangs, or is cut off; the publisher is a process of its own and comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.brokers import eventually
from tests.faults.arrivals import Collector
from tests.faults.conftest import Measured
from tests.faults.house import RETAINED, House, house
from tests.faults.together import Outcomes, Together, wanted_names

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

AWAY = Together(at_once=7)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    yield from AWAY.start(tmp_path_factory.mktemp("away"), wanted_names(request))


@AWAY.scenario
def broker_frozen_for_20_s(folder: Path) -> str:
    return silent_for(folder, 20, lambda home: home.broker.freeze(), lambda home: home.broker.thaw())


@AWAY.scenario
def black_hole_for_20_s(folder: Path) -> str:
    return silent_for(folder, 20, lambda home: home.gate.hold(), lambda home: home.gate.open())


def silent_for(
    folder: Path, seconds: float, begin: Callable[[House], None], end: Callable[[House], None]
) -> str:
    with house(folder) as home:
        home.run_for(2)
        begin(home)
        began_s = time.monotonic()
        noticed_s = home.noticed_after(began_s)
        home.run_for(seconds - (time.monotonic() - began_s))
        end(home)
        took_s = home.everything_arrives()
        stale = home.collector.stale()
        assert noticed_s <= 10
        # What was in the socket of a broker that hangs it will read when it goes on: nobody can call it back.
        assert len(stale) <= 2, f"{len(stale)} landmarks of up to {max(stale):.1f} s"
        assert eventually(lambda: home.collector.of("landmarks")[-1].age_s < 2)
        return f"noticed after {noticed_s:.1f} s; all alerts {took_s:.1f} s after; {home.words()}"


@AWAY.scenario
def black_hole_for_3_s(folder: Path) -> str:
    return shortly_silent(folder, lambda home: home.gate.hold(), lambda home: home.gate.open())


@AWAY.scenario
def broker_frozen_for_3_s(folder: Path) -> str:
    return shortly_silent(folder, lambda home: home.broker.freeze(), lambda home: home.broker.thaw())


def shortly_silent(folder: Path, begin: Callable[[House], None], end: Callable[[House], None]) -> str:
    """Too short to be noticed: nothing may pile up on the way."""
    with house(folder) as home:
        home.run_for(2)
        begin(home)
        home.run_for(3)
        end(home)
        home.run_for(2)
        home.everything_arrives()
        stale = home.collector.stale()
        assert len(stale) <= 2, f"{len(stale)} landmarks of up to {max(stale):.1f} s"
        assert home.device.status()["attempts"] == 1
        return home.words()


@AWAY.scenario
def broker_killed_and_restarted(folder: Path) -> str:
    with house(folder, alert_every_s=1.0) as home:
        for _ in range(3):
            seen = len(home.collector.ids())
            assert eventually(lambda seen=seen: len(home.collector.ids()) > seen)  # type: ignore[misc]  # bound
            home.run_for(0.3)  # what it acknowledged a moment ago it may forget: that is the broker's
            home.broker.kill()
            home.run_for(1)
            home.broker.start()
            assert eventually(lambda: home.device.status().get("state") == "connected", 20)
            home.run_for(1.5)
        took_s = home.everything_arrives()
        assert home.collector.stale() == []
        return f"3 times; all alerts after {took_s:.1f} s; {home.words()}"


@AWAY.scenario
def broker_restarted_without_its_retained_store(folder: Path) -> str:
    with house(folder) as home:
        home.broker.kill()
        home.run_for(1)
        home.broker.start()
        began_s = time.monotonic()
        late: set[str] = set()

        def all_back() -> bool:
            with Collector(home.broker.port, "pose-edge/livingroom/#", "late") as other:
                time.sleep(0.3)
                late.update(one.topic for one in other.arrived if one.retained)
            return late >= RETAINED

        assert eventually(all_back, 15), f"not back: {RETAINED - late}"
        return f"{len(late)} retained topics back {time.monotonic() - began_s:.1f} s after"


@AWAY.scenario
def connections_refused_for_8_s(folder: Path) -> str:
    with house(folder) as home:
        began_s = time.monotonic()
        home.gate.refuse()
        noticed_s = home.noticed_after(began_s)
        home.run_for(8)
        home.gate.accept()
        took_s = home.everything_arrives()
        home.run_for(2)
        assert noticed_s < 1
        assert home.collector.stale() == []
        assert home.device.log.count("WARNING") == 1, home.device.log
        return f"noticed after {noticed_s:.1f} s; all alerts {took_s:.1f} s after; {home.words()}"


@AWAY.scenario
def connections_refused_for_20_s(folder: Path) -> str:
    """Longer than the first pauses between attempts: the last one must not be as long as the outage."""
    with house(folder) as home:
        home.gate.refuse()
        home.run_for(20)
        home.gate.accept()
        took_s = home.everything_arrives(30)
        home.run_for(2)
        assert home.collector.stale() == []
        assert took_s <= 8
        return f"all alerts {took_s:.1f} s after; {home.words()}"


@AWAY.scenario
def connections_reset_10_times(folder: Path) -> str:
    with house(folder) as home:
        for _ in range(10):
            home.gate.cut()
            home.run_for(0.7)
        took_s = home.everything_arrives(40)
        home.run_for(2)
        assert home.collector.stale() == []
        return f"all alerts {took_s:.1f} s after; {home.device.status()['attempts']} attempts; {home.words()}"


@AWAY.scenario
def broker_unreachable_at_boot(folder: Path) -> str:
    with house(folder, connected=False) as home:
        home.device.wait_for_state("unreachable")
        home.run_for(5)
        assert len(home.device.said("put")) >= 10
        home.gate.accept()
        took_s = home.everything_arrives()
        home.run_for(2)
        assert {one.topic for one in home.collector.arrived} >= RETAINED
        assert home.collector.stale() == []
        return f"all alerts {took_s:.1f} s after it could be reached; {home.words()}"


@AWAY.scenario
def line_of_10_kB_a_second(folder: Path) -> str:  # noqa: N802  # it is the unit
    with house(folder, alert_every_s=1.0) as home:
        home.gate.bytes_per_s = 10_000
        home.run_for(15)
        delays_s = sorted(one.delay_s for one in home.collector.of("events"))
        stale, count = home.collector.stale(), len(home.collector.of("landmarks"))
        home.gate.bytes_per_s = None
        home.everything_arrives()
        assert delays_s[-1] < 3, delays_s
        assert stale == []
        assert count > 15, "thinned out, not stopped"
        return (
            f"alerts after {delays_s[len(delays_s) // 2]:.2f} s, at most {delays_s[-1]:.2f} s; {home.words()}"
        )


@pytest.mark.parametrize("name", AWAY.names)
def test_alerts_survive_and_landmarks_are_fresh(name: str, outcomes: Outcomes, measured: Measured) -> None:
    measured(*outcomes(name))
