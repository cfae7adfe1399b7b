"""A real Home Assistant in a folder of its own, connected to a broker, and driven as a browser would.

with HomeAssistant(environment, tmp_path, broker.port) as hass:
    hass.shown()["posture"]["state"]
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import connect

from tests.brokers import eventually, free_port

CONFIGURATION = """
homeassistant:
  name: Test
  latitude: 52.0
  longitude: 5.0
  elevation: 0
  unit_system: metric
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: {port}
logger:
  default: warning
  logs:
    homeassistant.components.mqtt: info
    homeassistant.components.automation: info
automation: !include automations.yaml
notify:
"""

OURS = re.compile(r" (WARNING|ERROR|CRITICAL) .*\[homeassistant\.(components|helpers|core|util)")
"""A complaint that may be about what we sent. Others are of libraries the environment lacks."""

NOT_OURS = re.compile(
    # Older releases empty the topic of a device they remove, and then wonder about their own messages.
    "No device components to cleanup|"
    "The connection was lost|not currently connected|"
    "pymicro_vad|assist_|haffmpeg|aiohasupervisor|FFmpeg|analytics|zlib|marketplace|github|version.home|"
    r"components\.(ffmpeg|backup|cloud|go2rtc|conversation|tts|stt|recorder)|default_config"
)


class HomeAssistant:
    """Starts with the state its folder has; `stop` and `start` are a restart."""

    def __init__(self, environment: Path, folder: Path, broker_port: int, automations: str = "[]\n") -> None:
        self._environment = environment
        self._folder = folder / "config"
        self._folder.mkdir()
        self._broker_port = broker_port
        self._port = free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        self._token = ""
        self._log = folder / "hass.log"
        self._process: subprocess.Popen[bytes] | None = None
        (self._folder / "configuration.yaml").write_text(CONFIGURATION.format(port=self._port))
        (self._folder / "automations.yaml").write_text(automations)

    @property
    def folder(self) -> Path:
        """Its configuration; blueprints go below it, before the start."""
        return self._folder

    def __enter__(self) -> Self:
        self.start()
        try:
            self._onboard()
            self._connect_broker()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it says that it runs."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._environment / "run", "hass", "-c", self._folder, "--skip-pip"],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        assert eventually(self._answers, 90), (
            f"Home Assistant does not start: {self._log.read_text()[-2000:]}"
        )

    def stop(self) -> None:
        """End it as its own restart would: it stores what it knows."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def kill(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def shown(self) -> dict[str, Any]:
        """Return key -> state object of the device's entities, without disabled ones.

        Entity ids are Home Assistant's business: newer releases put the area in front.
        """
        states = {state["entity_id"]: state for state in self.call("GET", "/api/states")}
        return {key: states[name] for key, name in self.names().items() if name in states}

    def names(self) -> dict[str, str]:
        """Return key -> entity id of the device's entities."""
        entries = self.command("config/entity_registry/list")
        return {
            entry["unique_id"].split("_", 3)[-1]: entry["entity_id"]
            for entry in entries
            if entry["platform"] == "mqtt"
        }

    def wait_for(self, key: str, state: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """Return the entity's state object as soon as it is in this state."""

        def now() -> Any:
            return self.shown().get(key, {}).get("state")

        assert eventually(lambda: now() == state, timeout_s), (
            f"{key} is {now()}, not {state}; {self.complaints()}"
        )
        found: dict[str, Any] = self.shown()[key]
        return found

    def act(self, domain: str, service: str, **data: object) -> None:
        """Call an action (what used to be a service)."""
        self.call("POST", f"/api/services/{domain}/{service}", data)

    def registry(self) -> dict[str, Any]:
        """Return unique id -> registry entry of all MQTT entities, disabled ones too."""
        entries = self.command("config/entity_registry/list")
        detailed = [
            self.command("config/entity_registry/get", entity_id=entry["entity_id"])
            for entry in entries
            if entry["platform"] == "mqtt"
        ]
        return {entry["unique_id"]: entry for entry in detailed}

    def devices(self) -> list[Any]:
        """Return the devices of the MQTT integration."""
        found = self.command("config/device_registry/list")
        return [device for device in found if any(domain == "mqtt" for domain, _ in device["identifiers"])]

    def complaints(self) -> list[str]:
        """Return what it logged about us since its first start."""
        lines = self._log.read_text().splitlines()
        return [line for line in lines if OURS.search(line) and not NOT_OURS.search(line)]

    def log(self) -> str:
        """Return all it logged."""
        return self._log.read_text()

    def call(self, method: str, path: str, data: object = None, form: bool = False) -> Any:
        """Speak to its REST interface and return what it answers."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        body = None
        if data is not None:
            encoded = urllib.parse.urlencode(data) if form else json.dumps(data)  # type: ignore[arg-type]  # a form is a dict
            body = encoded.encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded" if form else "application/json"
        request = urllib.request.Request(self._url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from error
        return json.loads(text) if text.startswith(("{", "[")) else text

    def command(self, kind: str, **data: object) -> Any:
        """Speak to its websocket interface and return the result."""
        with connect(f"ws://127.0.0.1:{self._port}/api/websocket") as socket:
            socket.recv(10)
            socket.send(json.dumps({"type": "auth", "access_token": self._token}))
            socket.recv(10)
            socket.send(json.dumps({"id": 1, "type": kind, **data}))
            answer = json.loads(socket.recv(10))
        assert answer["success"], answer
        return answer["result"]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-2000:]
        try:
            if self._token:
                return bool(self.call("GET", "/api/config")["state"] == "RUNNING")
            self.call("GET", "/api/onboarding")
        except (OSError, AssertionError):
            time.sleep(0.2)
            return False
        return True

    def _onboard(self) -> None:
        """Be its first user; the token is for half an hour."""
        client = {"client_id": f"{self._url}/"}
        user = {"name": "T", "username": "t", "password": "secret", "language": "en"}
        code = self.call("POST", "/api/onboarding/users", {**client, **user})["auth_code"]
        grant = {**client, "grant_type": "authorization_code", "code": code}
        self._token = self.call("POST", "/auth/token", grant, form=True)["access_token"]

    def _connect_broker(self) -> None:
        """Add the MQTT integration as its dialogue does."""
        flow = self.call("POST", "/api/config/config_entries/flow", {"handler": "mqtt"})
        answers: dict[str, object] = {"broker": "127.0.0.1", "port": self._broker_port}
        if "other_settings" in {question["name"] for question in flow["data_schema"]}:
            answers["other_settings"] = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}
        made = self.call("POST", f"/api/config/config_entries/flow/{flow['flow_id']}", answers)
        assert made["type"] == "create_entry", made
