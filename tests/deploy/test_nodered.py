"""deploy/nodered/flow.json: its structure always, and its behaviour in a real Node-RED where there is one.

For that, install it anywhere (`npm install node-red`) and name its program:
`POSE_EDGE_NODE_RED=.../node_modules/.bin/node-red pytest tests/deploy/test_nodered.py`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pose_edge.payloads import COMMAND_SCHEMAS, SCHEMAS
from tests.brokers import eventually, free_port
from tests.deploy.recipes import DEPLOY, RECEIPT, Site, User

FLOW = DEPLOY / "nodered/flow.json"
OWN = "pose-edge/livingroom"

Node = dict[str, Any]


def nodes() -> list[Node]:
    found: list[Node] = json.loads(FLOW.read_text())
    return found


def functions() -> str:
    return "\n".join(node["func"] for node in nodes() if node["type"] == "function")


def test_wires_and_configuration_lead_to_nodes() -> None:
    known = {node["id"] for node in nodes()}
    wires = [target for node in nodes() for output in node.get("wires", []) for target in output]
    named = [node[key] for node in nodes() for key in ("z", "broker", "tls") if key in node]

    assert len(known) == len(nodes())
    assert {*wires} <= known
    # A broker's own `broker` is a host.
    assert {*named} - known == {"broker.lan"}


def test_it_asks_for_what_the_contract_and_the_acl_have() -> None:
    topics = {node["topic"] for node in nodes() if node["type"] == "mqtt in"}
    fields = {*re.findall(r"\bevent\.(\w+)", functions())}

    assert topics == {"pose-edge/+/events"}
    assert fields <= {*SCHEMAS["events"].model_fields}
    assert RECEIPT in COMMAND_SCHEMAS
    assert "pose-edge/${msg.device}/events/receipt" in functions()


def test_it_holds_no_password() -> None:
    assert not [node for node in nodes() if "credentials" in node]


def event(number: int, *, severity: str = "alert", replayed: bool = False, age_min: float = 0) -> Node:
    """Return an event of the contract."""
    at = datetime.now(UTC) - timedelta(minutes=age_min)
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    content: Node = {
        "schema_version": 1,
        "event_id": f"livingroom-b1-{number:06d}",
        "event_type": "fall_confirmed",
        "kind": "fall",
        "stage": "new",
        "severity": severity,
        "timestamp": timestamp,
        "start_time": timestamp,
        "end_time": None,
        "frame_timestamp_ms": 1000 * number,
        "clock_synced": True,
        "sequence": number,
        "boot_id": "b1",
        "person_id": 1,
        "zone": None,
        "confidence": 0.9,
        "reason": "test",
        "evidence": {},
        "test": False,
        "replayed": replayed,
        "media": None,
        "rule": "fall",
        "rule_version": 1,
    }
    jsonschema.validate(content, SCHEMAS["events"].model_json_schema())
    return content


class NodeRed:
    """A Node-RED of its own, with the shipped flow deployed through its admin API."""

    def __init__(self, program: str, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.log = folder / "node-red.log"
        settings = folder / "settings.js"
        settings.write_text(
            f'module.exports = {{ uiHost: "127.0.0.1", uiPort: {port}, disableEditor: true, '
            'credentialSecret: "of a test", telemetry: { enabled: false } }\n'
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "--userDir", str(folder), "--settings", str(settings)],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
        assert eventually(self._answers, 60), self.log.read_text()

    def deploy(self, flow: list[Node]) -> None:
        """Replace all flows."""
        request = urllib.request.Request(
            f"{self.url}/flows", json.dumps(flow).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 204

    def said(self, node: str) -> list[str]:
        """Return what a debug node wrote."""
        # An object takes many lines; the next entry begins with a date.
        return re.findall(rf"\[debug:{node}\] (.*(?:\n(?!\d+ \w+ ).*)*)", self.log.read_text())

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/flows", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("nodered-site"))
    with site.broker():
        yield site


@pytest.fixture(scope="module")
def node_red(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeRed]:
    program = os.environ.get("POSE_EDGE_NODE_RED") or shutil.which("node-red")
    if program is None:
        pytest.skip("no node-red here (npm install node-red; POSE_EDGE_NODE_RED names its program)")
    started = NodeRed(program, tmp_path_factory.mktemp("nodered"))
    flow = nodes()
    for node in flow:
        if node["type"] == "mqtt-broker":
            node.update(broker="localhost", port=str(site.port))
            node["credentials"] = {"user": "nodered", "password": site.password("nodered")}
        if node["type"] == "tls-config":
            node["ca"] = str(site.ca)
    started.deploy(flow)
    assert eventually(lambda: "Connected to broker" in started.log.read_text(), 20), started.log.read_text()
    yield started
    started.process.terminate()
    started.process.wait(10)


class House:
    """A device that publishes events, and what comes of them."""

    def __init__(self, node_red: NodeRed, device: User) -> None:
        self.node_red, self._device = node_red, device

    def happens(self, content: Node) -> None:
        """Publish an event and wait for its receipt."""
        before = len(self._device.messages)
        self._device.publish(f"{OWN}/events", json.dumps(content))
        assert eventually(lambda: len(self._device.messages) > before), self.node_red.log.read_text()
        receipt = self._device.messages[-1]
        assert receipt.topic == f"{OWN}/events/receipt"
        said = json.loads(receipt.payload)
        jsonschema.validate(said, COMMAND_SCHEMAS[RECEIPT].model_json_schema())
        assert said == {"event_id": content["event_id"]}

    def sirens(self, number: int) -> int:
        """Count what came out for an event; the debug node writes after the receipt was handed on."""
        at = event(number)["event_id"]
        return sum(at in line for line in self.node_red.said("Siren"))


@pytest.fixture
def house(site: Site, node_red: NodeRed) -> Iterator[House]:
    with site.user("livingroom", reads=f"{OWN}/events/receipt") as device:
        yield House(node_red, device)


def test_an_alert_sounds_the_siren_and_is_receipted(house: House) -> None:
    house.happens(event(1))

    assert eventually(lambda: house.sirens(1) == 1), house.node_red.log.read_text()
    assert "[error]" not in house.node_red.log.read_text()


def test_the_same_message_again_is_receipted_and_otherwise_ignored(house: House) -> None:
    for _ in range(3):
        house.happens(event(2))
    house.happens(event(3))

    assert eventually(lambda: house.sirens(3) == 1)
    assert house.sirens(2) == 1


def test_only_alerts_sound_the_siren(house: House) -> None:
    house.happens(event(4, severity="info"))
    house.happens(event(5, severity="warning"))
    house.happens(event(6))

    assert eventually(lambda: house.sirens(6) == 1)
    assert house.sirens(4) == house.sirens(5) == 0


def test_what_comes_late_is_logged_and_wakes_nobody(house: House) -> None:
    house.happens(event(7, replayed=True, age_min=30))
    house.happens(event(8, replayed=True, age_min=2))
    house.happens(event(9, age_min=30))

    assert eventually(lambda: house.sirens(8) == house.sirens(9) == 1)
    assert house.sirens(7) == 0
    assert any(event(7)["event_id"] in line for line in house.node_red.said("Only logged"))


def test_what_is_no_event_is_reported_and_stops_nothing(house: House, site: Site) -> None:
    with site.user("livingroom") as device:
        device.publish(f"{OWN}/events", "no JSON")
        device.publish(f"{OWN}/events", "[]")
    house.happens(event(10))

    assert eventually(lambda: house.sirens(10) == 1)
