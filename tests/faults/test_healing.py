"""What was refused is accepted as soon as somebody has put it right; nobody restarts the daemon for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.brokers import Mosquitto
from tests.faults.conftest import Measured
from tests.faults.driving import Driven, driven
from tests.faults.fake_broker import FakeBroker
from tests.faults.test_refused import WATCHED_S, Everybody, write_passwords
from tests.faults.tls import make_certificates


def bad(device: Driven, state: str) -> None:
    assert device.run(lambda: device.state == state), device.sink.state()


def good(device: Driven, within_s: float) -> None:
    assert device.run(lambda: device.sink.connected, within_s), device.sink.state()
    assert device.run(lambda: device.waiting == 0)


@pytest.mark.faults
def test_the_right_password_in_the_file_is_enough(tmp_path: Path) -> None:
    write_passwords(tmp_path)
    (tmp_path / "given").write_text("wrong\n")
    with (
        Mosquitto(tmp_path, f"password_file {tmp_path}/passwords", anonymous=False) as broker,
        driven(broker.port, username="pi", password_file=tmp_path / "given") as device,
    ):
        device.alert()
        bad(device, "auth_failed")
        (tmp_path / "given").write_text("secret\n")
        good(device, 3)


@pytest.mark.faults
def test_a_password_file_that_goes_and_comes_back(tmp_path: Path) -> None:
    write_passwords(tmp_path)
    given = tmp_path / "given"
    given.write_text("secret\n")
    with (
        Mosquitto(tmp_path, f"password_file {tmp_path}/passwords", anonymous=False) as broker,
        driven(broker.port, username="pi", password_file=given) as device,
    ):
        good(device, 5)
        given.unlink()
        broker.kill()
        device.alert()
        bad(device, "credentials_missing")
        broker.start()
        given.write_text("secret\n")
        good(device, 3)


@pytest.mark.faults
def test_the_right_authority_in_the_file_is_enough(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    shutil.copy(tmp_path / "other.pem", tmp_path / "trusted.pem")
    lines = [f"certfile {tmp_path}/good.pem", f"keyfile {tmp_path}/server.key"]
    tls = {"enabled": True, "ca_file": tmp_path / "trusted.pem"}
    with (
        Mosquitto(tmp_path, *lines) as broker,
        driven(broker.port, host="localhost", tls=tls) as device,
    ):
        device.alert()
        bad(device, "tls_untrusted")
        shutil.copy(tmp_path / "ca.pem", tmp_path / "trusted.pem")
        good(device, 3)


@pytest.mark.faults
def test_a_broker_with_a_new_certificate_is_found_by_itself(tmp_path: Path, measured: Measured) -> None:
    make_certificates(tmp_path)
    shutil.copy(tmp_path / "expired.pem", tmp_path / "server.pem")
    lines = [f"certfile {tmp_path}/server.pem", f"keyfile {tmp_path}/server.key"]
    tls = {"enabled": True, "ca_file": tmp_path / "ca.pem"}
    with (
        Mosquitto(tmp_path, *lines) as broker,
        driven(broker.port, host="localhost", tls=tls) as device,
    ):
        device.alert()
        bad(device, "tls_expired")
        broker.kill()
        shutil.copy(tmp_path / "good.pem", tmp_path / "server.pem")
        broker.start()
        good(device, 35)
        assert device.sink.state().attempts <= 4
    measured("expired certificate, then a new one", "connected without a restart; nobody touched the device")


@pytest.mark.faults
def test_who_is_thrown_out_by_a_namesake_says_so_and_goes_slowly(measured: Measured) -> None:
    with FakeBroker() as broker, driven(broker.port, reconnect_min_s=1.0, reconnect_max_s=30.0) as first:
        first.connect()
        with driven(broker.port, reconnect_min_s=1.0, reconnect_max_s=30.0) as second:
            second.connect()
            both = Everybody({"first": first.sink, "second": second.sink})
            both.run_for(WATCHED_S)
        attempts = len(broker.attempts_s)

    assert "client_id_in_use" in both.seen["first"]
    assert attempts <= 6
    measured(
        "two of the same name (0x8E)", f"{attempts * 60 / WATCHED_S:.0f} attempts a minute of both together"
    )
