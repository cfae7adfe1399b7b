"""make-certificates and add-device: can be run again, and never destroy a key."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.brokers import find_mosquitto
from tests.deploy.recipes import DEPLOY, run_script

MAKE = DEPLOY / "mosquitto/make-certificates"
ADD = DEPLOY / "mosquitto/add-device"


@pytest.fixture(autouse=True)
def needs_their_programs() -> None:
    find_mosquitto()
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here (apt install openssl)")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        assert run_script(MAKE, "server", "broker.lan", "10.0.0.5", "fd00::5", cwd=tmp_path).returncode == 0
        assert run_script(MAKE, "device", "livingroom", "kitchen", cwd=tmp_path).returncode == 0
        first = contents(tmp_path / "certificates")
    run_script(MAKE, "server", "broker.lan", cwd=tmp_path)

    assert contents(tmp_path / "certificates") == first
    assert {*first} == {
        f"{who}.{kind}" for who in ("ca", "server", "livingroom", "kitchen") for kind in ("crt", "key")
    }


def test_keys_are_for_their_owner_only_and_certificates_are_what_they_should_be(tmp_path: Path) -> None:
    run_script(MAKE, "server", "broker.lan", "10.0.0.5", cwd=tmp_path)
    run_script(MAKE, "--days", "90", "device", "livingroom", cwd=tmp_path)
    folder = tmp_path / "certificates"

    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.key")} == {0o600}
    assert folder.stat().st_mode & 0o077 == 0
    server = openssl("x509", "-in", str(folder / "server.crt"), "-noout", "-text")
    assert "DNS:broker.lan, IP Address:10.0.0.5" in server
    assert "TLS Web Server Authentication" in server
    device = openssl("x509", "-in", str(folder / "livingroom.crt"), "-noout", "-subject", "-ext", "keyUsage")
    assert "CN = livingroom" in device.replace("CN=", "CN = ")
    days = 24 * 3600
    for name, least, most in (("livingroom", 89, 91), ("server", 824, 826), ("ca", 3649, 3651)):
        assert not ends_within(folder / f"{name}.crt", least * days)
        assert ends_within(folder / f"{name}.crt", most * days)
    openssl("verify", "-x509_strict", "-CAfile", str(folder / "ca.crt"), str(folder / "server.crt"))


def ends_within(certificate: Path, seconds: int) -> bool:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-checkend", str(seconds)]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 1


def test_renewing_changes_the_certificate_and_keeps_the_key(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    run_script(MAKE, "server", "broker.lan", cwd=tmp_path)
    before = contents(folder)

    other = run_script(MAKE, "server", "other.lan", cwd=tmp_path)
    assert other.returncode == 2
    assert "server.crt: is not for other.lan; --renew" in other.stderr
    assert contents(folder) == before

    assert run_script(MAKE, "--renew", "server", "broker.lan", "other.lan", cwd=tmp_path).returncode == 0
    after = contents(folder)
    assert {name for name in after if after[name] != before[name]} == {"server.crt"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["device", "Living Room"], "device id 'Living Room': allowed are"),
        (["device", "server"], "device id 'server': its files"),
        (["device", "x" * 33], "33 characters found"),
        (["server", "no/name"], "'no/name': no host name"),
        (["server", "10.0.0.300"], "server.crt: openssl cannot sign it"),
        (["--days", "soon", "server", "broker.lan"], "--days 'soon'"),
        (["server"], "usage:"),
    ],
)
def test_what_cannot_be_certified_is_named(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    done = run_script(MAKE, *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert complaint in done.stderr
    folder = tmp_path / "certificates"
    assert not folder.exists() or not [name for name in contents_or_nothing(folder) if name.endswith("crt")]


def contents_or_nothing(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != "ca.crt"]


def test_an_authority_without_its_key_is_not_made_anew(tmp_path: Path) -> None:
    run_script(MAKE, "server", "broker.lan", cwd=tmp_path)
    (tmp_path / "certificates/ca.key").unlink()

    done = run_script(MAKE, "device", "livingroom", cwd=tmp_path)

    assert done.returncode == 2
    assert "ca.key: missing" in done.stderr


def test_a_device_gets_a_long_password_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    printed = [run_script(ADD, "--password-file", str(file), name, cwd=tmp_path) for name in ("a", "b")]

    passwords = [(tmp_path / f"{name}.password").read_text().strip() for name in ("a", "b")]
    assert [yaml.safe_load(done.stdout)["device"]["id"] for done in printed] == ["a", "b"]
    assert min(len(password) for password in passwords) >= 24
    assert passwords[0] != passwords[1]
    assert [line.partition(":")[0] for line in file.read_text().splitlines()] == ["a", "b"]
    for path in (file, tmp_path / "a.password"):
        assert path.stat().st_mode & 0o777 == 0o600
    shown = "".join(done.stdout + done.stderr for done in printed)
    assert not any(password in shown + file.read_text() for password in passwords)


def test_a_password_is_replaced_only_when_asked(tmp_path: Path) -> None:
    arguments = ["--password-file", str(tmp_path / "passwords")]
    run_script(ADD, *arguments, "a", cwd=tmp_path)
    before = contents(tmp_path)

    again = run_script(ADD, *arguments, "a", cwd=tmp_path)
    assert again.returncode == 2
    assert "a: has a password" in again.stderr
    assert contents(tmp_path) == before

    assert run_script(ADD, *arguments, "--replace", "a", cwd=tmp_path).returncode == 0
    assert all(contents(tmp_path)[name] != before[name] for name in before)


@pytest.mark.parametrize("name", ["homeassistant", "Living", "", "a b", "x" * 33, "../a"])
def test_names_that_would_do_harm_are_refused(tmp_path: Path, name: str) -> None:
    done = run_script(ADD, "--password-file", str(tmp_path / "passwords"), name, cwd=tmp_path)

    assert done.returncode == 2
    assert f"device id '{name}'" in done.stderr
    assert contents(tmp_path) == {}
