"""Why there is no connection, in words; and brokers of other ages and habits."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pose_edge.errors import UnavailableError
from pose_edge.messages import Device, Messages, will
from pose_edge.sinks.connection import Connection
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sinks.news import Connected
from tests.brokers import Mosquitto, Subscriber, eventually, free_port

MESSAGES = Messages(Device("livingroom"), "b00t", "lite", "live_stream")


def sink_to(port: int, **others: Any) -> MqttSink:
    quick = {"host": "127.0.0.1", "reconnect_min_s": 0.05, "reconnect_max_s": 0.2, "will_delay_s": 0}
    return MqttSink(MqttOptions.model_validate({"port": port, **quick, **others}), "livingroom")


def refusal(port: int, **others: Any) -> str:
    with sink_to(port, **others) as sink, pytest.raises(UnavailableError) as raised:
        sink.wait_connected(5)
    return str(raised.value)


def connected(sink: MqttSink) -> Connected:
    sink.wait_connected(5)
    [told] = sink.poll()
    assert isinstance(told, Connected)
    return told


@pytest.mark.parametrize("protocol", ["5", "3.1.1", "auto"])
@pytest.mark.parametrize("given", ["wrong", None])
def test_bad_credentials_are_named(protocol: str, given: str | None, tmp_path: Path) -> None:
    with Mosquitto(tmp_path, f"password_file {password_file(tmp_path)}", anonymous=False) as broker:
        who: dict[str, Any] = {}
        if given is not None:
            (tmp_path / "given").write_text(given)
            who = {"username": "pi", "password_file": tmp_path / "given"}
        text = refusal(broker.port, protocol=protocol, **who)

    assert text.startswith(f"broker 127.0.0.1:{broker.port} refused the connection: ")
    assert "not authorized; check username and password_file" in text
    assert "wrong" not in text


def test_the_right_password_opens(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("secret\n")
    with (
        Mosquitto(tmp_path, f"password_file {password_file(tmp_path)}", anonymous=False) as broker,
        sink_to(broker.port, username="pi", password_file=tmp_path / "given") as sink,
    ):
        assert connected(sink).protocol == "5"


def password_file(directory: Path) -> Path:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("no mosquitto_passwd here (apt install mosquitto)")
    path = directory / "passwords"
    subprocess.run([program, "-b", "-c", str(path), "pi", "secret"], check=True, capture_output=True)
    return path


def test_an_unknown_host_is_named() -> None:
    text = refusal(1883, host="no-such-broker.invalid")

    assert "broker no-such-broker.invalid:1883 cannot be reached: unknown host name" in text


def test_a_server_that_says_nothing_is_named() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        sink_to(mute.getsockname()[1]) as sink,
        pytest.raises(UnavailableError, match=r"did not answer within 0\.3 s"),
    ):
        sink.wait_connected(0.3)


@pytest.mark.parametrize("protocol", ["5", "3.1.1", "auto"])
def test_each_protocol_works(protocol: str, mosquitto: Mosquitto) -> None:
    with sink_to(mosquitto.port, protocol=protocol) as sink, Subscriber(mosquitto.port) as subscriber:
        told = connected(sink)
        sink.send(MESSAGES.status(True))

        assert sink.drain(5)
        assert subscriber.wait_for("status") == [b"online"]
        assert told.protocol == ("3.1.1" if protocol == "3.1.1" else "5")


def test_two_devices_have_two_names_at_the_broker(mosquitto: Mosquitto) -> None:
    options = MqttOptions(host="127.0.0.1", port=mosquitto.port)
    with MqttSink(options, "kitchen") as one, MqttSink(options, "hall") as other:
        one.wait_connected(5)
        other.wait_connected(5)
        time.sleep(0.1)
        assert [type(told) for sink in (one, other) for told in sink.poll()] == [Connected, Connected]


# A server that is older than MQTT 5. No such broker can be installed here, and its answer is four bytes.

REFUSED_VERSION = b"\x20\x02\x00\x01"
ACCEPTED = b"\x20\x02\x00\x00"


@contextlib.contextmanager
def server_older_than_mqtt5(answer_to_5: bytes) -> Iterator[tuple[int, list[int]]]:
    """Serve with 3.1.1, answer MQTT 5 with these bytes and close; yield port and levels asked for."""
    levels: list[int] = []

    def serve(peer: socket.socket) -> None:
        with peer:
            level = peer.recv(1024)[8]
            levels.append(level)
            peer.sendall(ACCEPTED if level == 4 else answer_to_5)
            if level == 4:
                peer.recv(1)

    def accept(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=[server.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=[server], daemon=True).start()
        yield server.getsockname()[1], levels
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("answer", [REFUSED_VERSION, b""], ids=["refuses", "closes"])
def test_an_older_broker_is_asked_again_in_3_1_1_at_once(answer: bytes) -> None:
    with server_older_than_mqtt5(answer) as (port, levels):
        connection = Connection(
            MqttOptions(host="127.0.0.1", port=port), "pose-edge-x", will("pose-edge/x"), lambda: None
        )
        connection.open()
        assert eventually(lambda: Connected("3.1.1", 65535, None) in connection.news(), timeout_s=1)
        connection.close(goodbye=True)

    assert levels == [5, 4]


def test_whoever_insists_on_mqtt_5_is_told_that_the_broker_does_not_know_it() -> None:
    with server_older_than_mqtt5(REFUSED_VERSION) as (port, _):
        assert "refused the connection: unsupported protocol version" in refusal(port, protocol="5")


def test_a_port_that_closes_on_every_protocol_is_named_and_tried_on() -> None:
    def hang_up(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=[server], daemon=True).start()
        port = server.getsockname()[1]
        text = refusal(port)
        server.shutdown(socket.SHUT_RDWR)

    assert "closes the connection without an answer (does it expect TLS?)" in text


# TLS, with certificates made on the spot.


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an authority `ca.pem`, its `server.pem` for localhost, and a stranger `other.pem`."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    directory = tmp_path_factory.mktemp("certificates")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], check=True, capture_output=True, cwd=directory)

    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    for name in ("ca", "other"):
        run(*new, "-x509", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    run(*new, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (directory / "names").write_text("subjectAltName=DNS:localhost,DNS:broker.example\n")
    sign = ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    run(*sign, "-days", "2", "-extfile", "names", "-out", "server.pem")
    return directory


@pytest.fixture
def tls_port(certificates: Path, tmp_path: Path) -> Iterator[int]:
    """The port of a Mosquitto that speaks TLS only."""
    lines = [f"certfile {certificates}/server.pem", f"keyfile {certificates}/server.key"]
    with Mosquitto(tmp_path, *lines) as broker:
        yield broker.port


def tls(certificates: Path, ca: str = "ca.pem", **others: str) -> dict[str, Any]:
    return {"enabled": True, "ca_file": certificates / ca, **others}


def test_a_broker_with_a_good_certificate_is_trusted(tls_port: int, certificates: Path) -> None:
    with sink_to(tls_port, host="localhost", tls=tls(certificates)) as sink:
        assert connected(sink).protocol == "5"


def test_the_name_in_the_certificate_may_be_given(tls_port: int, certificates: Path) -> None:
    with sink_to(tls_port, tls=tls(certificates, server_name="broker.example")) as sink:
        connected(sink)


@pytest.mark.parametrize(
    ("host", "changes", "reason"),
    [
        ("localhost", {"ca": "other.pem"}, "cannot be trusted: unable to get local issuer certificate"),
        ("127.0.0.1", {}, "cannot be trusted: IP address mismatch"),
        ("localhost", {"server_name": "elsewhere.example"}, "cannot be trusted: Hostname mismatch"),
    ],
)
def test_a_broker_that_cannot_be_trusted_is_named_and_not_used(
    host: str, changes: dict[str, str], reason: str, tls_port: int, certificates: Path
) -> None:
    assert reason in refusal(tls_port, host=host, tls=tls(certificates, **changes))


def test_plain_talk_to_a_tls_port_is_named(tls_port: int) -> None:
    assert "does it expect TLS?" in refusal(tls_port)


def test_tls_to_a_plain_port_is_named(mosquitto: Mosquitto, certificates: Path) -> None:
    text = refusal(mosquitto.port, host="localhost", tls=tls(certificates))

    assert f"broker localhost:{mosquitto.port} cannot" in text


def test_a_device_with_a_certificate_of_its_own_is_let_in(certificates: Path, tmp_path: Path) -> None:
    lines = [
        f"certfile {certificates}/server.pem",
        f"keyfile {certificates}/server.key",
        f"cafile {certificates}/ca.pem",
        "require_certificate true",
    ]
    own = {"cert_file": str(certificates / "server.pem"), "key_file": str(certificates / "server.key")}
    with Mosquitto(tmp_path, *lines) as broker:
        with sink_to(broker.port, host="localhost", tls=tls(certificates, **own)) as sink:
            connected(sink)
        assert f"broker localhost:{broker.port} c" in refusal(
            broker.port, host="localhost", tls=tls(certificates)
        )


def test_a_free_port_refuses() -> None:
    assert refusal(free_port()).endswith("cannot be reached: connection refused")
