"""The service as it is installed, under the systemd of each Raspberry Pi OS. `make test-systemd` runs these.

All share one box a suite, in which it is installed once; `running` puts right what a test left behind.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.systemd.house import BROKER, ELSEWHERE, UNIT, House, wait

pytestmark = pytest.mark.timeout(240)

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture(autouse=True)
def running(house: House) -> None:
    """Every test begins with a service that is ready."""
    if house.show("ActiveState") != "active" or "vision" not in house.pids():
        house.configure(model=model(house))
        house.restart()


def model(house: House) -> dict[str, str]:
    """Return the `model` section that the house was furnished with."""
    return {"path": house.box.sh("ls /models/*.task | head -n 1")}


def test_the_installer_ends_with_a_service_that_is_ready(house: House) -> None:
    assert house.show("ActiveState") == "active"
    assert house.show("SubState") == "running"
    assert house.box.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
    assert wait(
        lambda: "poses/s" in house.show("StatusText") and "broker connected" in house.show("StatusText")
    )


def test_mediapipe_finds_the_person_in_the_fully_hardened_unit(house: House) -> None:
    assert wait(house.sees_somebody, 60)

    [info] = house.heard("info")
    assert info["capabilities"] == ["seccomp"]
    [health] = house.heard("health")
    assert "network_not_locked" not in health["reasons"]
    assert 100 < health["rss_mb"] < 600  # both processes: the daemon alone has 60


def test_nothing_of_it_runs_as_root_or_with_rights(house: House) -> None:
    for pid in house.pids().values():
        status = dict(line.split(":\t", 1) for line in house.box.sh(f"cat /proc/{pid}/status").splitlines())
        assert status["Uid"].split()[0] == house.box.sh("id -u pose-edge")
        assert {status[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
        assert status["NoNewPrivs"].strip() == "1"
        assert status["Seccomp"].strip() == "2"
        assert house.box.sh(f"stat -c %U /proc/{pid}/mem") == "root"  # the other one may not look into it


def test_the_password_is_the_services_own(house: House) -> None:
    credential = f"/run/credentials/{UNIT}/mqtt-password"
    others = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "cat"]

    assert house.heard("info")  # the broker let it in
    assert house.box.run("setpriv", "--reuid=pose-edge", "--clear-groups", "cat", credential).stdout
    for path in (credential, "/etc/pose-edge/mqtt-password"):
        assert "Permission denied" in house.box.run(*others, path, check=False).stderr
    assert "Permission denied" in house.box.run(*others, "/var/lib/pose-edge/lock", check=False).stderr


def test_nothing_but_the_broker_can_be_reached(house: House) -> None:
    # By a program that joins the service's control group: the kernel looks at that, not at our code.
    house.box.write("/root/connect.py", CONNECT)
    group = f"/sys/fs/cgroup{house.show('ControlGroup')}/cgroup.procs"

    def reach(address: str) -> str:
        return house.box.sh(f"echo $$ >{group} && exec python3 /root/connect.py {address} 1883")

    assert house.box.run("python3", "/root/connect.py", ELSEWHERE, "1883").stdout.strip() == "connected"
    assert reach(BROKER) == "connected"
    assert reach("127.0.0.1") == "connected"
    assert reach(ELSEWHERE) in ("PermissionError", "TimeoutError")


def test_the_journal_can_be_asked_for_events_and_for_the_broker(house: House) -> None:
    assert wait(lambda: bool(house.journal("EVENT_TYPE=presence_started")))

    event = house.journal("EVENT_TYPE=presence_started")[-1]
    assert event["EVENT_KIND"] == "presence"
    assert event["EVENT_ID"].startswith("test-")
    assert (event["LOGGER"], event["PRIORITY"]) == ("pose_edge.daemon", "6")
    assert event["SYSLOG_IDENTIFIER"] == "pose-edge"
    assert event["_SYSTEMD_UNIT"] == UNIT
    assert house.journal("EVENT_KIND=posture", "PERSON_ID=1")
    assert house.journal("BROKER_STATE=connected")


def test_a_killed_vision_process_is_replaced_and_the_daemon_stays(house: House) -> None:
    before, restarts = house.pids(), house.show("NRestarts")
    house.box.sh(f"kill -KILL {before['vision']}")

    assert wait(lambda: house.pids().get("vision", before["vision"]) != before["vision"])
    assert wait(house.sees_somebody, 40)
    assert house.pids()["daemon"] == before["daemon"]
    assert house.show("NRestarts") == restarts


def test_a_killed_daemon_is_started_again_and_leaves_no_vision_process(house: House) -> None:
    before, next_start = house.pids(), str(int(house.show("NRestarts")) + 1)
    house.box.sh(f"kill -KILL {before['daemon']}")

    assert wait(lambda: house.show("ActiveState") == "active" and house.show("NRestarts") == next_start)
    assert house.pids().keys() == {"daemon", "vision"}
    assert not set(house.pids().values()) & set(before.values())
    house.restart()


def test_the_watchdog_ends_what_cannot_be_cured(house: House) -> None:
    """Every vision process is stopped as soon as it is there: the daemon replaces it in vain."""
    before, restarts = house.pids()["daemon"], int(house.show("NRestarts"))
    with stopping_every_vision_process(house):
        assert wait(lambda: house.said("Watchdog timeout"), 40)
    assert wait(lambda: int(house.show("NRestarts")) > restarts)

    assert wait(lambda: house.show("ActiveState") == "active", 40)
    assert house.pids()["daemon"] != before
    assert wait(house.sees_somebody, 40)
    house.restart()


def test_a_wrong_configuration_stays_down_with_its_mistakes_in_the_journal(house: House) -> None:
    house.configure(model=model(house), events={"fal": {}})
    done = house.box.run("systemctl", "restart", UNIT, check=False)

    assert done.returncode != 0
    time.sleep(1)  # three times what it would wait before another attempt
    assert [house.show(name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")] == [
        "failed",
        "78",
        "0",
    ]
    assert any("did you mean 'fall'" in line["MESSAGE"] for line in house.journal("PRIORITY=3"))


def test_a_model_that_is_not_there_stays_down_too(house: House) -> None:
    house.configure(model={"path": "/models/none.task"})
    house.box.run("systemctl", "restart", UNIT, check=False)

    assert [house.show(name) for name in ("ActiveState", "ExecMainStatus")] == ["failed", "78"]
    assert house.said("model.path: model /models/none.task: no such file")


def test_reload_takes_over_a_good_file_and_refuses_a_broken_one(house: House) -> None:
    daemon = house.pids()["daemon"]
    house.configure(model=model(house), device={"id": "test", "name": "After the reload"})
    house.box.run("systemctl", "reload", UNIT)
    assert wait(lambda: [info["name"] for info in house.heard("info")] == ["After the reload"])

    house.configure(events={"fal": {}})
    house.box.run("systemctl", "reload", UNIT)
    assert wait(lambda: house.said("the configuration in force stays"))

    assert wait(house.sees_somebody, 40)
    assert house.pids()["daemon"] == daemon
    house.configure(model=model(house))


def test_a_reload_while_it_starts_does_not_end_it(house: House) -> None:
    """From its first line on. While the interpreter starts it is ended, and systemd tries again."""
    house.box.sh(f"systemctl stop {UNIT}; systemctl --no-block start {UNIT}")
    # While it imports: the signal is ignored (bit 0 of SigIgn), and not yet handled.
    ignored = "grep -qs '^SigIgn:.*[13579bdf]$' /proc/$(systemctl show -P MainPID pose-edge)/status"
    house.box.sh(f"until {ignored}; do sleep 0.01; done", timeout_s=10)
    for _ in range(15):
        house.box.sh(f"systemctl kill --kill-whom=main --signal=HUP {UNIT}")

    assert wait(lambda: house.show("ActiveState") == "active")
    assert house.show("NRestarts") == "0"


@contextmanager
def stopping_every_vision_process(house: House) -> Iterator[None]:
    script = "while :; do pkill -STOP -u pose-edge -f pose_edge.vision; sleep 0.1; done"
    house.box.write("/root/stop.sh", script)
    house.box.run("systemd-run", "--quiet", "--unit=stopper", "sh", "/root/stop.sh")
    try:
        yield
    finally:
        house.box.run("systemctl", "stop", "stopper")
