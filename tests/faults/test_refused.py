"""Brokers that will not have us, or we them: each is said in its own words, once, and nobody hammers."""

from __future__ import annotations

import logging
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions, TlsOptions
from pose_edge.sinks.trouble import why_unreachable
from tests.brokers import Mosquitto, eventually
from tests.faults.conftest import Measured
from tests.faults.tls import make_certificates

WATCHED_S = 20.0


@dataclass
class Case:
    """One thing that is wrong."""

    state: str
    words: str
    """Of the one warning."""
    most_attempts: int
    """In `WATCHED_S`."""
    options: Callable[[Servers], dict[str, Any]]
    seen: set[str] = field(default_factory=set)
    attempts: int = 0
    log: list[logging.LogRecord] = field(default_factory=list)


class Servers:
    """The brokers there are."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        make_certificates(folder)
        write_passwords(folder)
        key = f"keyfile {folder}/server.key"

        def start(*lines: str, anonymous: bool = True) -> Mosquitto:
            return stack.enter_context(Mosquitto(folder, *lines, anonymous=anonymous))

        self.plain, self.stranger = start(), start(f"certfile {folder}/good.pem", key)
        self.misnamed = start(f"certfile {folder}/good.pem", key)
        self.strict = start(f"password_file {folder}/passwords", anonymous=False)
        self.tls = {
            name: start(f"certfile {folder}/{name}.pem", key) for name in ("good", "expired", "early")
        }
        (folder / "wrong").write_text("wrong\n")

    def secure(self, broker: Mosquitto, host: str = "localhost", ca: str = "ca.pem") -> dict[str, Any]:
        tls = {"enabled": True, "ca_file": self.folder / ca}
        return {"host": host, "port": broker.port, "tls": tls}


def login(servers: Servers) -> dict[str, Any]:
    return {"port": servers.strict.port, "username": "pi", "password_file": servers.folder / "wrong"}


CASES = {
    "bad password": Case("auth_failed", "check username and password_file", 3, login),
    "wrong CA": Case("tls_untrusted", "cannot be trusted", 3, lambda s: s.secure(s.stranger, ca="other.pem")),
    "expired certificate": Case("tls_expired", "has expired", 3, lambda s: s.secure(s.tls["expired"])),
    "certificate of tomorrow": Case(
        "tls_not_yet_valid", "not yet valid", 3, lambda s: s.secure(s.tls["early"])
    ),
    "wrong host name": Case(
        "tls_name_mismatch", "mismatch", 3, lambda s: s.secure(s.misnamed, host="127.0.0.1")
    ),
    "plain client, TLS port": Case("silent", "expect TLS?", 14, lambda s: {"port": s.tls["good"].port}),
    "TLS client, plain port": Case("tls_failed", "TLS", 8, lambda s: s.secure(s.plain)),
    "unknown host": Case(
        "unknown_host", "unknown host name", 8, lambda _: {"host": "no-such-broker.invalid"}
    ),
    "nobody listens": Case("unreachable", "connection refused", 8, lambda _: {"port": 1}),
}


def write_passwords(folder: Path) -> None:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("no mosquitto_passwd here (apt install mosquitto)")
    subprocess.run(
        [program, "-b", "-c", str(folder / "passwords"), "pi", "secret"], check=True, capture_output=True
    )


class Listener(logging.Handler):
    """Keeps what is logged about each broker."""

    def __init__(self, by_address: dict[str, Case]) -> None:
        super().__init__(logging.INFO)
        self._by_address = by_address

    def emit(self, record: logging.LogRecord) -> None:
        for address, case in self._by_address.items():
            if f"broker {address} " in record.getMessage():
                case.log.append(record)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """All cases at the same time, for `WATCHED_S`, with the pauses of a real device."""
    with ExitStack() as stack:
        servers = Servers(tmp_path_factory.mktemp("refused"), stack)
        options = {
            name: MqttOptions.model_validate({"host": "127.0.0.1", **case.options(servers)})
            for name, case in CASES.items()
        }
        listener = Listener({options[name].address: case for name, case in CASES.items()})
        logger = logging.getLogger("pose_edge")
        level = logger.level
        logger.setLevel(logging.INFO)
        logger.addHandler(listener)
        sinks = {name: stack.enter_context(MqttSink(one, "livingroom")) for name, one in options.items()}
        all_of_them = Everybody(sinks)
        all_of_them.run_for(WATCHED_S)
        logger.removeHandler(listener)
        logger.setLevel(level)
        for name, case in CASES.items():
            case.seen, case.attempts = all_of_them.seen[name], sinks[name].state().attempts
        yield CASES


class Everybody:
    """Several sinks on one thread, and every state each was in."""

    def __init__(self, sinks: dict[str, MqttSink]) -> None:
        self._sinks = sinks
        self.seen: dict[str, set[str]] = {name: set() for name in sinks}

    def run_for(self, seconds: float) -> None:
        def look() -> bool:
            for name, sink in self._sinks.items():
                sink.poll()
                self.seen[name].add(sink.state().state)
            return False

        eventually(look, seconds)


@pytest.mark.faults
@pytest.mark.timeout(90)
@pytest.mark.parametrize("name", CASES)
def test_each_has_its_own_words_once_and_nobody_hammers(
    name: str, watched: dict[str, Case], measured: Measured
) -> None:
    case = watched[name]
    said = [one.getMessage() for one in case.log if one.levelno >= logging.WARNING]

    assert case.seen - {"connecting"} == {case.state}
    assert len(said) == 1, said
    assert case.words in said[0]
    lines = [one.getMessage() for one in case.log]
    assert len(set(lines)) == len(lines), "nothing is said twice"
    assert 1 <= case.attempts <= case.most_attempts
    measured(
        name, f"{case.state}: {case.attempts * 60 / WATCHED_S:.0f} attempts a minute at first; {said[0]}"
    )


def test_the_words_are_all_different() -> None:
    states = [case.state for case in CASES.values()]
    assert len(set(states)) == len(states)


@pytest.mark.parametrize("name", ["a" * 64 + ".invalid", "a..b", ".a", ""])
def test_what_is_no_host_name_is_refused_at_the_start(name: str) -> None:
    """It would end the library's network thread by an exception that is no OSError."""
    with pytest.raises(ValidationError, match="is no host name"):
        MqttOptions(host=name)
    with pytest.raises(ValidationError, match="is no host name"):
        TlsOptions(enabled=True, server_name=name)


def test_a_clock_that_was_never_set_is_told_from_a_certificate_of_tomorrow(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    error = refused_certificate(tmp_path, "early")

    assert why_unreachable(error).state == "tls_not_yet_valid"
    unset = why_unreachable(error, wall_s=1000.0)
    assert unset.state == "tls_clock_not_set"
    assert "1970-01-01" in unset.reason
    assert not unset.needs_somebody, "NTP will"
    expired = why_unreachable(refused_certificate(tmp_path, "expired"), wall_s=1000.0)
    assert expired.state == "tls_expired"


def refused_certificate(folder: Path, name: str) -> ssl.SSLCertVerificationError:
    """Return the error that a real handshake ends with."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / f"{name}.pem", folder / "server.key")
    client = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            with suppress(OSError):
                server.wrap_socket(listener.accept()[0], server_side=True).close()

        thread = threading.Thread(target=answer)
        thread.start()
        with (
            closing(socket.create_connection(listener.getsockname())) as line,
            pytest.raises(ssl.SSLCertVerificationError) as raised,
        ):
            client.wrap_socket(line, server_hostname="localhost")
        thread.join()
    return raised.value
