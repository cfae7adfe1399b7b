"""The whole daemon, with its camera end, is killed and cut off; alerts are asked for by command."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.brokers import Mosquitto, eventually
from tests.faults.arrivals import Arrived, Collector, check_repetitions, first_arrivals, read_outbox
from tests.faults.conftest import Measured
from tests.faults.disks import SmallDisk
from tests.faults.fake_broker import FakeBroker
from tests.faults.gate import Gate

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200)]

KILLS = 10
ROOT = "pose-edge/test"


def write_config(folder: Path, port: int, model_path: Path, **changes: Any) -> Path:
    config: dict[str, Any] = {
        "device": {"id": "test"},
        "source": {"kind": "actor", "script": "demo", "rate_hz": 10},
        "model": {"path": str(model_path)},
        "mqtt": {"host": "127.0.0.1", "port": port},
        "publish": {"health_interval_s": 1},
        "service": {"state_dir": str(folder / "state")},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**config, **changes}))
    return path


@contextmanager
def daemon(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (config.parent / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pose_edge", "run", "--config", str(config)], stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def log_of(config: Path) -> str:
    return (config.parent / "log").read_text()


def newest_health(collector: Collector) -> dict[str, Any]:
    found = collector.of("health")
    return found[-1].content if found else {}


def ask_for_alert(collector: Collector) -> None:
    collector.publish(f"{ROOT}/test_alert", b"PRESS")


def asked_for(collector: Collector) -> list[Arrived]:
    return [one for one in collector.of("events") if one.content["test"]]


def test_killed_again_and_again_with_alerts_under_way(
    mosquitto: Mosquitto, tmp_path: Path, model_path: Path, measured: Measured
) -> None:
    dice = random.Random(3)
    with Gate(mosquitto.port) as gate, Collector(mosquitto.port) as collector:
        config = write_config(tmp_path, gate.port, model_path)
        outbox = tmp_path / "state" / "outbox.sqlite3"
        stored: set[str] = set()
        left = 0
        for number in range(KILLS):
            seen = len(collector.of("status"))
            gate.acks_lost = number % 2 == 1
            with daemon(config) as process:
                assert eventually(lambda seen=seen: len(collector.of("status")) > seen, 20), log_of(config)  # type: ignore[misc]  # bound
                for _ in range(10):
                    ask_for_alert(collector)
                time.sleep(dice.uniform(0, 0.3))
                process.kill()
            gate.open()
            kept = read_outbox(outbox, tmp_path)
            assert kept.integrity == "ok"
            stored.update(kept.ids)
            left += bool(kept.ids)
        gate.acks_lost = False
        seen = len(collector.of("landmarks"))
        with daemon(config) as process:
            collector.wait_for_ids(stored, 30)
            assert eventually(lambda: len(collector.of("landmarks")) > seen + 3, 30)
            assert eventually(lambda: newest_health(collector).get("mqtt_queue") == 0, 20)
            process.terminate()
            assert process.wait(10) == 0
        repeated = check_repetitions(collector.of("events"))
        ids = first_arrivals([one.content["event_id"] for one in asked_for(collector)])
    by_boot: dict[str, list[int]] = {}
    for one in ids:
        _, boot_id, digits = one.rsplit("-", 2)
        by_boot.setdefault(boot_id, []).append(int(digits))
    assert all(numbers == sorted(numbers) for numbers in by_boot.values())
    assert left >= KILLS // 4
    assert "Traceback" not in log_of(config)
    measured(
        f"kill -9 of the daemon, {KILLS} times",
        f"0 of {len(stored)} stored alerts lost, {len(ids)} arrived, {repeated} repeated",
    )


def test_landmarks_and_alerts_over_a_black_hole(
    mosquitto: Mosquitto, tmp_path: Path, model_path: Path, measured: Measured
) -> None:
    with Gate(mosquitto.port) as gate, Collector(mosquitto.port) as collector:
        config = write_config(tmp_path, gate.port, model_path)
        status = tmp_path / "state" / "status.json"
        with daemon(config):
            assert eventually(lambda: len(collector.of("landmarks")) > 10, 30), log_of(config)
            gate.hold()
            began_s = time.monotonic()
            assert eventually(lambda: json.loads(status.read_text())["broker"]["state"] == "silent", 12)
            noticed_s = time.monotonic() - began_s
            time.sleep(5)
            gate.open()
            ask_for_alert(collector)
            seen = len(collector.of("landmarks"))
            assert eventually(lambda: len(collector.of("landmarks")) > seen + 10, 30)
            stale = collector.stale()
            assert len(stale) <= 1, stale
            assert noticed_s <= 10
            assert eventually(lambda: newest_health(collector)["mqtt_reconnects_total"] == 1)
    measured("daemon, black hole", f"in status.json after {noticed_s:.1f} s, {len(stale)} stale landmarks")


def test_a_refused_event_is_in_health(tmp_path: Path, model_path: Path, measured: Measured) -> None:
    with FakeBroker(ack=lambda one: 0x97 if one.topic == f"{ROOT}/events" else 0) as broker:
        config = write_config(tmp_path, broker.port, model_path)
        with daemon(config):
            assert eventually(lambda: bool(broker.payloads("/landmarks")), 30), log_of(config)
            broker.deliver(f"{ROOT}/test_alert", b"PRESS")

            def reasons() -> dict[str, str]:
                health = broker.payloads("/health")
                return json.loads(health[-1])["reason_texts"] if health else {}

            assert eventually(lambda: "broker_denies" in reasons(), 20), reasons()
            text = reasons()["broker_denies"]
    assert "quota" in text
    measured("daemon, quota: what health says", text)


def test_a_full_disk_is_in_health_and_heals(
    mosquitto: Mosquitto, tmp_path: Path, model_path: Path, measured: Measured
) -> None:
    with SmallDisk(tmp_path / "state") as disk, Collector(mosquitto.port) as collector:
        config = write_config(tmp_path, mosquitto.port, model_path)
        with daemon(config) as process:
            assert eventually(lambda: len(collector.of("landmarks")) > 3, 30), log_of(config)
            disk.fill()
            ask_for_alert(collector)
            assert eventually(lambda: bool(asked_for(collector))), log_of(config)
            assert eventually(lambda: "outbox" in newest_health(collector)["reasons"], 15)
            text = newest_health(collector)["reason_texts"]["outbox"]
            disk.make_room()
            assert eventually(lambda: "outbox" not in newest_health(collector)["reasons"], 15)
            assert process.poll() is None
    measured("daemon, disk full: what health says", text.replace(str(tmp_path), "..."))


def test_wrong_password_is_in_the_status_file_and_a_new_one_is_taken_up(
    tmp_path: Path, model_path: Path
) -> None:
    (tmp_path / "given").write_text("wrong\n")
    with FakeBroker(connack=0x86) as broker:
        mqtt = {
            "host": "127.0.0.1",
            "port": broker.port,
            "username": "pi",
            "password_file": str(tmp_path / "given"),
        }
        config = write_config(tmp_path, broker.port, model_path, mqtt=mqtt)
        status = tmp_path / "state" / "status.json"
        with daemon(config) as process:

            def state() -> str:
                return str(json.loads(status.read_text())["broker"]["state"]) if status.exists() else ""

            assert eventually(lambda: state() == "auth_failed", 20), log_of(config)
            broker.connack = 0
            (tmp_path / "given").write_text("right\n")
            assert eventually(lambda: state() == "connected", 5), log_of(config)
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(10) == 0
    warnings = [line for line in log_of(config).splitlines() if "password" in line]
    assert len(warnings) == 1, warnings
