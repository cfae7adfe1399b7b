"""`pose-edge doctor` as a person runs it."""

from __future__ import annotations

import json
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import Mosquitto, Subscriber, free_port
from tests.cli.command import lines, run
from tests.daemons import daemon, write_config


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


def configuration(directory: Path, port: int, model: Path) -> Path:
    path = directory / "config.yaml"
    options: dict[str, Any] = {
        "device": {"id": "hall"},
        "source": {"kind": "actor"},
        "model": {"path": str(model)},
        "mqtt": {"host": "127.0.0.1", "port": port},
        "service": {"state_dir": str(directory / "state")},
    }
    path.write_text(json.dumps(options))  # JSON is YAML
    return path


def test_a_sound_machine_exits_with_0_and_one_object(
    broker: Mosquitto, tmp_path: Path, model_path: Path
) -> None:
    done = run("doctor", "--json", "--config", configuration(tmp_path, broker.port, model_path))

    [told] = lines(done)
    verdicts = {check["name"]: check["verdict"] for check in told["checks"]}
    assert done.returncode == 0, told
    assert told["ok"] is True
    assert {"ok"} == {verdicts[name] for name in ("configuration", "model", "broker", "opencv", "processor")}
    assert "fault" not in verdicts.values()
    assert not (tmp_path / "state").exists()  # it looks, and changes nothing


def test_a_fault_exits_with_1_and_a_table(tmp_path: Path, model_path: Path) -> None:
    done = run("doctor", "--config", configuration(tmp_path, free_port(), model_path), COLUMNS="200")

    [line] = [line for line in done.stdout.splitlines() if line.startswith("broker")]
    assert done.returncode == 1
    assert line.split()[:2] == ["broker", "fault"]
    assert "connection refused; is it running" in line
    assert "Traceback" not in done.stderr


def test_the_bundle_is_written_and_shown_beside_the_faults(tmp_path: Path, model_path: Path) -> None:
    packed = tmp_path / "help.tar.gz"
    config = configuration(tmp_path, free_port(), model_path)

    done = run("doctor", "--json", "--bundle", packed, "--config", config)

    [told] = lines(done)
    with tarfile.open(packed) as tar:
        inside = {member.name.partition("/")[2]: member.size for member in tar}
        listed = json.loads((tar.extractfile("pose-edge-doctor/doctor.json") or pytest.fail("none")).read())
    assert done.returncode == 1
    assert told["bundle"] == {"path": str(packed), "files": inside}
    assert all(f"{name} ({size} bytes)" in done.stderr for name, size in inside.items())
    assert listed["checks"] == told["checks"]
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600


def test_a_wrong_configuration_is_a_fault_and_hides_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("modle: {}\nmqtt: {port: 0}\n")

    done = run("doctor", "--json", "--config", path)

    [told] = lines(done)
    found = {check["name"]: check for check in told["checks"]}
    assert done.returncode == 1
    assert "line 1: modle" in found["configuration"]["text"]
    assert "line 2: mqtt.port" in found["configuration"]["text"]
    assert found["opencv"]["verdict"] == "ok"


def test_a_bundle_that_cannot_be_written_is_one_line(tmp_path: Path, model_path: Path) -> None:
    config = configuration(tmp_path, free_port(), model_path)

    done = run("doctor", "--bundle", tmp_path / "none" / "help.tar.gz", "--config", config)

    assert done.returncode == 2
    assert "pose-edge: --bundle: " in done.stderr
    assert "no such file or directory" in done.stderr
    assert "broker" in done.stdout  # what was found is not lost with it


def test_beside_a_running_daemon(broker: Mosquitto, tmp_path: Path, model_path: Path) -> None:
    config = write_config(tmp_path, broker.port, model_path)
    with Subscriber(broker.port, "pose-edge/test/#") as subscriber, daemon(config) as process:
        subscriber.wait_for("landmarks", 3, timeout_s=30)
        done = run("doctor", "--json", "--config", config)
        assert subscriber.payloads("status") == [b"online"]  # it was not thrown out

    [told] = lines(done)
    found = {check["name"]: check for check in told["checks"]}
    assert done.returncode == 0, told
    assert f"process {process.pid}" in found["daemon"]["text"]
    assert f"in use by the running daemon (process {process.pid})" in found["state directory"]["text"]
