"""The recipes of deploy/, run as their readers would: real scripts, a real Mosquitto, the shipped files."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pose_edge.topics import COMMANDS
from tests.brokers import eventually, find_mosquitto, free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

RECEIPT = "events/receipt"
COMMAND_TOPICS = [row.name.replace("{name}", "get_config") for row in COMMANDS]
HANGS_UP = "the broker hangs up"


def run_script(path: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script of deploy/ and return what it said."""
    return subprocess.run(
        [str(path), *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def shipped(path: Path, instead: Mapping[str, object]) -> str:
    """Return a shipped file with places and ports of the test; each that is to be replaced must be there."""
    text = path.read_text()
    for old, new in instead.items():
        assert old in text, f"{path.name}: {old} is not in it"
        text = re.sub(rf"{re.escape(old)}(?!\d)", str(new), text)
    return text


class Broker:
    """Mosquitto with a configuration file of ours."""

    def __init__(self, config: Path, text: str, *ports: int) -> None:
        # As root it would turn into a user who may not read the test's directory.
        config.write_text(("user root\n" if os.geteuid() == 0 else "") + text)
        self.log = config.with_suffix(".log")
        self._command = [find_mosquitto(), "-c", str(config)]
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)
        assert eventually(self._accepts), f"mosquitto does not start: {self.log.read_text()}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(signal.SIGTERM)

    def stop(self, how: signal.Signals) -> None:
        """End it: TERM as systemd would, KILL as a power cut would."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(10)

    def _accepts(self) -> bool:
        return all(_accepts(port) for port in self._ports)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class User:
    """Somebody at the broker, over MQTT 5: publishes, and keeps what arrives.

    `with` fails when the broker refuses; `User.refused` says why it did.
    """

    def __init__(
        self,
        port: int,
        user: str | None = None,
        password: str | None = None,
        *,
        ca: Path | None = None,
        certificate: Path | None = None,
        reads: str | None = None,
    ) -> None:
        self.messages: list[MQTTMessage] = []
        self._port, self._reads = port, reads
        self._answer = ""
        self._answered, self._subscribed, self._gone = (threading.Event() for _ in range(3))
        self._acked: dict[int, ReasonCode] = {}
        self._client = Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        if user is not None:
            self._client.username_pw_set(user, password)
        if ca is not None:
            self._client.tls_set_context(_context(ca, certificate))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = lambda _client, _data, mid, code, _more: self._acked.update({mid: code})
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.messages.append(message)

    def __enter__(self) -> Self:
        assert self._connect() is None
        if self._reads is not None:
            self._client.subscribe(self._reads, 1)
            assert self._subscribed.wait(5), f"cannot subscribe to {self._reads}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def refused(self) -> str | None:
        """Try to connect, and return the broker's reason to refuse; None: it does not."""
        try:
            return self._connect()
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def publish(
        self,
        topic: str,
        payload: bytes | str = b"x",
        *,
        qos: int = 1,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> str:
        """Publish and return the broker's word for what it made of it, or `HANGS_UP`."""
        mid = self._client.publish(topic, payload, qos, retain, properties).mid
        assert eventually(lambda: mid in self._acked or self._gone.is_set()), f"no answer for {topic}"
        return str(self._acked.get(mid, HANGS_UP))

    def topics(self) -> list[str]:
        """Return what arrived, in order."""
        return [message.topic for message in self.messages]

    def wait_for(self, topic: str, true: Callable[[MQTTMessage], bool] = lambda _: True) -> MQTTMessage:
        """Return the first message on a topic of which `true` holds."""

        def found() -> list[MQTTMessage]:
            return [message for message in self.messages if message.topic == topic and true(message)]

        assert eventually(lambda: bool(found())), f"nothing on {topic}: {self.topics()}"
        return found()[0]

    def _connect(self) -> str | None:
        self._client.connect("localhost", self._port, keepalive=10)
        self._client.loop_start()
        assert self._answered.wait(5), "the broker says nothing"
        return None if self._answer == "Success" else self._answer

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        self._answer = str(code)
        self._answered.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._answer = self._answer or HANGS_UP
        self._gone.set()
        self._answered.set()


def _context(ca: Path, certificate: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    if certificate is not None:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


class Site:
    """A broker set up by following deploy/mosquitto/README.md, for the devices livingroom and kitchen."""

    def __init__(self, folder: Path) -> None:
        find_mosquitto()
        if shutil.which("openssl") is None:
            pytest.skip("no openssl here (apt install openssl)")
        self.folder = folder
        self.port, self.certificate_port = free_port(), free_port()
        self.certificates = folder / "certificates"
        self.ca = self.certificates / "ca.crt"
        self.passwords = folder / "pose-edge.passwords"
        self.yaml: dict[str, str] = {}
        self._make()

    def broker(self) -> Broker:
        """Return the broker, not yet started."""
        places: dict[str, object] = {
            "/etc/mosquitto/certs": self.certificates,
            "/etc/mosquitto/pose-edge": self.folder / "pose-edge",
            "/etc/mosquitto/conf.d": self.folder / "conf.d",
            "/var/lib/mosquitto": self.folder / "lib",
            "8883": self.port,
        }
        text = shipped(DEPLOY / "mosquitto/mosquitto.conf", places)
        return Broker(self.folder / "mosquitto.conf", text, self.port, self.certificate_port)

    def user(self, name: str, reads: str | None = None, port: int | None = None) -> User:
        """Return somebody who has a password."""
        return User(port or self.port, name, self.password(name), ca=self.ca, reads=reads)

    def password(self, name: str) -> str:
        """Return the password, from where add-device leaves it."""
        return (self.folder / f"{name}.password").read_text().strip()

    def _make(self) -> None:
        scripts = DEPLOY / "mosquitto"
        self._run(scripts / "make-certificates", "server", "localhost", "127.0.0.1")
        self._run(scripts / "make-certificates", "device", "livingroom")
        for device in ("livingroom", "kitchen"):
            self.yaml[device] = self._run(
                scripts / "add-device", "--host", "localhost", "--password-file", str(self.passwords), device
            )
        for user in ("homeassistant", "collector", "nodered"):
            (self.folder / f"{user}.password").write_text(f"secret of {user}\n")
            self._run(Path("mosquitto_passwd"), "-b", str(self.passwords), user, f"secret of {user}")
        for name in ("conf.d", "lib"):
            (self.folder / name).mkdir()
        (self.folder / "pose-edge.acl").write_text((DEPLOY / "mosquitto/acl").read_text())
        door = {
            "8884": self.certificate_port,
            "/etc/mosquitto/certs": self.certificates,
            "/etc/mosquitto/ca_certificates/pose-edge-ca.crt": self.ca,
        }
        text = shipped(DEPLOY / "mosquitto/client-certificates.conf", door)
        (self.folder / "conf.d/client-certificates.conf").write_text(text)

    def _run(self, path: Path, *arguments: str) -> str:
        done = run_script(path, *arguments, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout
