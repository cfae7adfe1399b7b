from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pose_edge.errors import ConfigError
from pose_edge.sinks.mqtt_options import MqttOptions, read_credentials


def test_defaults_need_nothing() -> None:
    options = MqttOptions()

    assert options.address == "localhost:1883"
    credentials = read_credentials(options)
    assert (credentials.password, credentials.tls) == (None, None)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"host": ""}, "no host name"),
        ({"host": "my broker"}, "no host name"),
        ({"host": "x" * 64 + ".local"}, "no host name"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"base_topic": "pose/#"}, "neither [+] nor #"),
        ({"base_topic": "/pose"}, "no empty ones"),
        ({"base_topic": ""}, "at least one level"),
        ({"password_file": "p"}, "password_file needs username"),
        ({"reconnect_min_s": 40}, "less than reconnect_min_s"),
        ({"protocol": "3.1"}, "'auto', '5' or '3.1.1'"),
        ({"tls": {"ca_file": "ca.pem"}}, "ca_file is set, but enabled is not"),
        ({"tls": {"enabled": True, "key_file": "k.pem"}}, "key_file needs cert_file"),
        ({"hots": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        MqttOptions.model_validate(wrong)


@pytest.mark.parametrize("host", ["broker", "192.0.2.7", "::1", "bröker.example"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    assert MqttOptions(host=host).host == host


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert MqttOptions(host="::1").address == "[::1]:1883"


def with_password(path: Path) -> MqttOptions:
    return MqttOptions(username="pi", password_file=path)


def test_the_password_is_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes("sécret with blanks \r\nsecond line\n".encode())

    credentials = read_credentials(with_password(path))

    assert credentials.password == "sécret with blanks "
    assert "sécret" not in repr(credentials)


def test_without_a_file_systemd_may_hand_the_password_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    named = tmp_path / "named"
    named.write_text("of the file")
    assert read_credentials(MqttOptions(username="me")).password is None
    (tmp_path / "mqtt-password").write_text("handed over\n")

    assert read_credentials(MqttOptions(username="me")).password == "handed over"
    assert read_credentials(with_password(named)).password == "of the file"
    assert read_credentials(MqttOptions()).password is None


def test_a_url_is_no_host_and_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as raised:
        MqttOptions(host="mqtt://me:secret@broker")

    assert "secret" not in raised.value.errors()[0]["msg"]
    assert "user and password have options" in raised.value.errors()[0]["msg"]


@pytest.mark.parametrize("content", [None, b"", b"\nsecret", b"\xff\xfe"])
def test_a_password_file_that_holds_none_is_a_configuration_error(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"mqtt.password_file: .*password: "):
        read_credentials(with_password(path))


def test_an_empty_password_of_the_service_is_named_by_the_file_that_people_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What systemd hands over lies in /run/credentials, where nobody can write."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mqtt-password").touch()

    with pytest.raises(ConfigError) as raised:
        read_credentials(MqttOptions(username="me"))

    assert "mqtt.username" in str(raised.value)
    assert "into the first line of /etc/pose-edge/mqtt-password (sudo nano" in str(raised.value)
    assert "sudo systemctl restart pose-edge" in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("key", ["ca_file", "cert_file"])
@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_certificate_that_is_none_is_named(key: str, content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    options = MqttOptions.model_validate({"tls": {"enabled": True, key: path}})

    with pytest.raises(ConfigError, match=f"mqtt.tls.{key}: .*file.pem: "):
        read_credentials(options)
