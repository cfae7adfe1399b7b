"""The disk fails: alerts go out all the same, somebody is told, and it heals by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, eventually
from tests.faults.arrivals import Collector, check_repetitions, first_arrivals, read_outbox
from tests.faults.conftest import Measured
from tests.faults.disks import SmallDisk
from tests.faults.gate import Gate
from tests.faults.process import Publisher, publisher
from tests.faults.publisher import Plan

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "state") as small:
        yield small


def problem(device: Publisher) -> str | None:
    text: str | None = device.status()["queue"]["problem"]
    return text


FAULTS: dict[str, tuple[Callable[[SmallDisk], None], Callable[[SmallDisk], None], str]] = {
    "disk full": (SmallDisk.fill, SmallDisk.make_room, "full"),
    "state directory read-only": (SmallDisk.lock, SmallDisk.unlock, "read-only"),
}


@pytest.mark.parametrize("from_the_start", [False, True], ids=["while running", "from the start"])
@pytest.mark.parametrize("fault", FAULTS)
def test_alerts_go_out_and_the_disk_is_used_again(
    fault: str,
    from_the_start: bool,
    disk: SmallDisk,
    mosquitto: Mosquitto,
    tmp_path: Path,
    measured: Measured,
) -> None:
    begin, end, word = FAULTS[fault]
    outbox = disk.path / "outbox.db"
    if from_the_start:
        begin(disk)
    with Gate(mosquitto.port) as gate, Collector(mosquitto.port) as collector:
        plan = Plan({"host": "127.0.0.1", "port": gate.port}, str(outbox), alert_every_s=0.1)
        with publisher(tmp_path, plan) as device:
            assert eventually(lambda: len(collector.ids()) > 3, 20), device.log
            if not from_the_start:
                begin(disk)
            began_s = time.monotonic()
            assert eventually(lambda: problem(device) is not None, 10), device.log
            told_s = time.monotonic() - began_s
            assert word in str(problem(device))
            seen = len(collector.ids())
            assert eventually(lambda: len(collector.ids()) > seen + 10), "alerts go out all the same"
            assert max(one.delay_s for one in collector.of("events")[seen + 1 :]) < 1.5, "and at once"

            end(disk)
            began_s = time.monotonic()
            assert eventually(lambda: problem(device) is None, 20), problem(device)
            healed_s = time.monotonic() - began_s
            gate.refuse()
            stored_from = len(device.said("put"))
            time.sleep(1)
            device.kill()
            put = device.said("put")
            kept = read_outbox(outbox, tmp_path)
            assert kept.integrity == "ok"
            assert len(set(kept.ids) & set(put[stored_from:])) >= 8, "stored again"
            gate.accept()
            with publisher(tmp_path, plan, boot_id="next", alert_every_s=None):
                collector.wait_for_ids({*kept.ids})
        ids = first_arrivals(collector.ids())
        lost = set(put) - set(ids)
        assert ids == sorted(ids)
        assert len(lost) <= 1, "but for the one that was put in at the very moment of the kill"
        check_repetitions(collector.of("events"))
        assert sum(word in line for line in device.log.splitlines()) == 1, device.log
    how = "from the start" if from_the_start else "while running"
    measured(
        f"{fault}, {how}",
        f"told after {told_s:.1f} s, {len(ids)} of {len(put)} alerts out, "
        f"stored again {healed_s:.1f} s after it healed",
    )


def test_alerts_of_a_full_disk_and_no_broker_are_stored_as_soon_as_there_is_room(
    disk: SmallDisk, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    outbox = disk.path / "outbox.db"
    with Gate(mosquitto.port) as gate, Collector(mosquitto.port) as collector:
        gate.refuse()
        plan = Plan({"host": "127.0.0.1", "port": gate.port}, str(outbox), alert_every_s=0.1, alerts=30)
        with publisher(tmp_path, plan) as device:
            assert eventually(lambda: len(device.said("put")) == 5, 20)
            disk.fill()
            assert eventually(lambda: len(device.said("put")) == 30, 20)
            assert eventually(lambda: problem(device) is not None)
            disk.make_room()
            assert eventually(lambda: problem(device) is None)
            device.kill()
            assert read_outbox(outbox, tmp_path).ids == device.said("put")
        gate.accept()
        with publisher(tmp_path, plan, boot_id="next", alerts=0):
            collector.wait_for_ids(set(device.said("put")))


# 8 hours at 30/s.

HOURS_8 = 8 * 3600 * 30


@pytest.mark.parametrize("alerts", [0, 1000])
def test_8_hours_of_landmarks_without_a_broker_cost_nothing(
    alerts: int, tmp_path: Path, measured: Measured
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    outbox = state / "outbox.db"
    with Gate(1) as gate:
        gate.refuse()
        plan = Plan(
            {"host": "127.0.0.1", "port": gate.port},
            str(outbox),
            alert_every_s=None,
            flood=HOURS_8,
            flood_alerts=alerts,
        )
        with publisher(tmp_path, plan) as device:
            assert eventually(lambda: len(device.said("rss_kb")) >= 1, 60), device.log
            before = sizes(state)
            began_s = time.monotonic()
            assert eventually(lambda: len(device.said("rss_kb")) == 2, 150), device.log
            took_s = time.monotonic() - began_s
            first_kb, last_kb = device.said("rss_kb")
            after = sizes(state)
            assert device.said("dropped") == [HOURS_8]
            device.wait_for_state("unreachable")
            assert device.status()["queue"]["waiting"] == alerts
    written = f"{sum(one[0] for one in after.values()) / 1000:.0f} kB on disk"
    if not alerts:
        assert after == before, "no byte"
        written = "nothing written"
    assert last_kb - first_kb < 5000
    assert sum(one[0] for one in after.values()) < 5_000_000
    measured(
        f"8 h of landmarks and {alerts} alerts, no broker",
        f"memory +{last_kb - first_kb} kB (at {last_kb} kB), {written}, in {took_s:.0f} s",
    )


def sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of the last change of every file."""
    return {
        path.name: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.iterdir()
        if path.is_file()
    }
