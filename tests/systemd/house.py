"""A house in a box: a broker, and pose-edge installed as a service by the shipped installer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.systemd.box import Box, Done

BROKER: Final = "192.0.2.10"  # RFC 5737: nobody's; the box has them itself
ELSEWHERE: Final = "192.0.2.20"
PASSWORD: Final = "correct horse"
UNIT: Final = "pose-edge.service"

CONFIG: Final[dict[str, Any]] = {
    "device": {"id": "test"},
    "source": {"kind": "actor", "script": "demo", "rate_hz": 10},
    "vision": {"restart_min_s": 0.2, "restart_max_s": 0.5, "silence_limit_s": 2, "start_limit_s": 20},
    "mqtt": {"host": BROKER, "username": "test", "reconnect_min_s": 0.2},
    "publish": {"health_interval_s": 1},
    "homeassistant": {"enabled": False},
}

MOSQUITTO: Final = """
listener 1883 0.0.0.0
allow_anonymous false
password_file /etc/mosquitto/users
"""

# The shipped values are minutes; what they do is the same.
QUICK: Final = "[Service]\nWatchdogSec=5\nRestartSec=300ms\n"


@dataclass(frozen=True)
class House:
    """A box in which pose-edge is installed."""

    box: Box
    suite: str
    bare: frozenset[str]
    """Every file there was before anything of ours."""

    def install(self, *arguments: str, source: str = "/checkout", check: bool = True) -> Done:
        """Run the installer of a source tree inside."""
        command = [f"{source}/deploy/install.sh", "--offline", "/bundle", *arguments]
        return self.box.run("env", "POSE_EDGE_READY_S=90", *command, timeout_s=150, check=check)

    def configure(self, **changes: Any) -> None:
        """Write the configuration."""
        self.box.write("/etc/pose-edge/config.yaml", yaml.safe_dump({**CONFIG, **changes}))

    def show(self, name: str) -> str:
        """Return a property of the unit."""
        return self.box.run("systemctl", "show", "-P", name, UNIT).stdout.strip()

    def pids(self) -> dict[str, int]:
        """Return the process ids of the service: `daemon`, and `vision` if there is one."""
        lines = self.box.sh("ps -u pose-edge -o pid=,args=", check=False).splitlines()
        found = [line.split(maxsplit=1) for line in lines]
        return {"vision" if "pose_edge.vision" in args else "daemon": int(pid) for pid, args in found}

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """Return what the journal has of the service, with fields."""
        said = self.box.run("journalctl", "-q", "-u", UNIT, "-o", "json", *matches, check=False).stdout
        return [json.loads(line) for line in said.splitlines()]

    def said(self, text: str) -> bool:
        """Whether the journal has a line with this in it."""
        return any(text in str(line.get("MESSAGE", "")) for line in self.journal())

    def heard(self, topic: str, wait_s: int = 10) -> list[Any]:
        """Return the JSON of a message that a subscriber gets."""
        login = ["-h", BROKER, "-u", "test", "-P", PASSWORD]
        command = ["mosquitto_sub", *login, "-t", f"pose-edge/test/{topic}", "-C", "1", "-W", str(wait_s)]
        return [json.loads(line) for line in self.box.run(*command, check=False).stdout.splitlines()]

    def sees_somebody(self) -> bool:
        """Whether landmarks with a person in them arrive."""
        return any(message["poses"] for message in self.heard("landmarks"))

    def restart(self) -> None:
        """Start it anew and wait for READY."""
        self.box.run("systemctl", "reset-failed", UNIT, check=False)
        self.box.run("systemctl", "restart", UNIT, timeout_s=90)


def wait(true: Callable[[], bool], timeout_s: float = 30) -> bool:
    """Wait until `true()`; False: it never was. Slower than `eventually`: each look starts processes."""
    deadline_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.2)
    return True


def files(box: Box) -> frozenset[str]:
    """Return every file where something of ours could be; not what systemd, its journal and useradd keep."""
    said = box.sh("find /etc /opt /usr /var /run /home /root -xdev")
    others = ("/run/", "/var/log/", "/var/lib/systemd/", "/etc/mosquitto/", "/var/lib/mosquitto", "/root/")
    ours = (line for line in said.splitlines() if "pose-edge" in line or not line.startswith(others))
    return frozenset(line for line in ours if not line.endswith(("-", ".lock", "__pycache__", ".pyc")))


def furnish(box: Box, suite: str, model: Path) -> House:
    """Give a bare box a broker that asks for a password, and install pose-edge."""
    bare = files(box)
    box.address(f"{BROKER}/32", f"{ELSEWHERE}/32")
    box.write("/etc/mosquitto/mosquitto.conf", MOSQUITTO)
    box.run("mosquitto_passwd", "-c", "-b", "/etc/mosquitto/users", "test", PASSWORD)
    box.run("chown", "mosquitto", "/etc/mosquitto/users")
    box.sh("systemctl start mosquitto")
    box.sh(f"mkdir -p /etc/pose-edge /etc/systemd/system/{UNIT}.d")
    box.write("/etc/pose-edge/mqtt-password", PASSWORD + "\n", "600")
    box.write(f"/etc/systemd/system/{UNIT}.d/90-quick.conf", QUICK)
    house = House(box, suite, bare)
    house.configure(model={"path": f"/models/{model.name}"})
    return house
