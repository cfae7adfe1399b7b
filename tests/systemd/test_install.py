"""deploy/install.sh on a real system: again, upgraded, broken, rolled back, repaired."""

from __future__ import annotations

import json

import pytest

from tests.systemd.house import PASSWORD, House, wait

pytestmark = pytest.mark.timeout(240)

ENDS = "sys.exit('this version is broken')"
SILENT = "Notifier.ready = lambda self: None"


@pytest.fixture(autouse=True)
def configured(house: House) -> None:
    """Every test begins with the first version, running."""
    if house.suite != "bookworm":
        pytest.skip("the scripts are the same for both, and the installing itself is tried on both")
    if house.show("ActiveState") != "active":
        house.restart()


def version(house: House) -> str:
    return house.box.run("pose-edge", "--version").stdout.removeprefix("pose-edge ").strip()


def versions(house: House) -> list[str]:
    return house.box.sh("ls /opt/pose-edge/versions").split()


def other_source(house: House, folder: str, number: str, line: str = "") -> str:
    """Make a source tree of another version, with a line of Python at the beginning of the daemon's life."""
    house.box.sh(
        f"mkdir -p {folder} && cd /checkout && "
        "tar -cf - --exclude=__pycache__ pose_edge requirements systemd config deploy | "
        f"tar -xf - -C {folder} && "
        f"sed -i 's/^__version__ = .*/__version__ = \"{number}\"/' {folder}/pose_edge/__init__.py"
    )
    if line:
        module = f"{folder}/pose_edge/app.py"
        text = house.box.sh(f"cat {module}")
        begin = "    keep_memory_to_itself()\n"
        assert begin in text
        house.box.write(module, text.replace(begin, f"{begin}    import sys; {line}\n") + "\n")
    return folder


def test_a_second_run_changes_nothing(house: House) -> None:
    before = house.pids()
    done = house.install()

    assert "nothing to do" in done.stderr
    assert house.pids() == before


def test_a_wrong_configuration_is_not_taken_over(house: House) -> None:
    before = house.box.sh("cat /etc/pose-edge/config.yaml")
    house.box.write("/root/wrong.yaml", "mqtt: {hots: 192.0.2.10}\n")
    done = house.install("--config", "/root/wrong.yaml", check=False)

    assert done.returncode == 1
    assert "did you mean 'host'" in done.stderr
    assert house.box.sh("cat /etc/pose-edge/config.yaml") == before
    assert house.show("ActiveState") == "active"


def test_an_upgrade_takes_over_and_can_be_rolled_back(house: House) -> None:
    first = version(house)
    house.install(source=other_source(house, "/root/next", "99.1.0"))
    assert version(house) == "99.1.0"
    assert house.show("ActiveState") == "active"
    assert len(house.box.sh("ls /opt/pose-edge/environments").split()) == 1  # the libraries are the same

    house.box.run("/opt/pose-edge/current/source/deploy/install.sh", "rollback", timeout_s=60)

    assert version(house) == first
    assert house.show("ActiveState") == "active"


@pytest.mark.parametrize(("line", "why"), [(ENDS, "it ended"), (SILENT, "no READY within")])
def test_a_version_that_does_not_get_ready_is_taken_back(house: House, line: str, why: str) -> None:
    first = version(house)
    broken = other_source(house, "/root/broken", "99.2.0", line)
    command = [f"{broken}/deploy/install.sh", "--offline", "/bundle"]
    done = house.box.run("env", "POSE_EDGE_READY_S=12", *command, timeout_s=170, check=False)

    assert done.returncode == 1
    assert why in done.stderr
    assert f"back to {first}-" in done.stderr
    assert version(house) == first
    assert house.show("ActiveState") == "active"
    assert not any(name.startswith("99.2.0") for name in versions(house))


def test_what_the_service_could_not_use_is_told_before_anything_is_switched(house: House) -> None:
    before, running = house.box.sh("cat /etc/pose-edge/config.yaml"), house.pids()
    house.box.write("/root/home.yaml", "model: {path: /root/my.task}\nmqtt: {username: test}\n")
    hidden = house.install("--config", "/root/home.yaml", check=False)
    house.box.sh(": >/etc/pose-edge/mqtt-password")
    empty = house.install(check=False)
    house.box.write("/etc/pose-edge/mqtt-password", PASSWORD + "\n", "600")

    assert "model.path: /root/my.task is below /root, which is closed to the service" in hidden.stderr
    assert "into the first line of /etc/pose-edge/mqtt-password" in empty.stderr
    assert (hidden.returncode, empty.returncode) == (1, 1)
    assert house.box.sh("cat /etc/pose-edge/config.yaml") == before
    assert house.pids() == running


def test_another_configuration_is_in_force_and_the_old_one_kept(house: House) -> None:
    before = house.box.sh("cat /etc/pose-edge/config.yaml")
    house.box.sh("{ cat /etc/pose-edge/config.yaml; echo '# another'; } >/root/another.yaml")
    done = house.install("--config", "/root/another.yaml")

    assert "the configuration that was there is kept as /etc/pose-edge/config.yaml.before-" in done.stderr
    assert house.box.sh("cat /etc/pose-edge/config.yaml.before-*") == before
    assert house.box.sh("tail -n 1 /etc/pose-edge/config.yaml") == "# another"
    assert house.show("ActiveState") == "active"


def test_an_upgrade_that_was_cut_off_is_told_and_taken_back(house: House) -> None:
    """The installer is killed while it waits for READY, which does not come."""
    first, runs = version(house), "readlink /opt/pose-edge/current"
    before = house.box.sh("readlink /opt/pose-edge/previous", check=False)
    cut = other_source(house, "/root/cut", "99.3.0", SILENT)
    house.box.sh(f"setsid {cut}/deploy/install.sh --offline /bundle >/dev/null 2>&1 & echo $! >/root/cut.pid")
    assert wait(lambda: "/99.3.0-" in house.box.sh(runs), 60)
    house.box.sh("sleep 2; kill -KILL -$(cat /root/cut.pid)")

    told = house.box.run("pose-edge", "doctor", "--json", check=False).stdout
    [found] = [check for check in json.loads(told)["checks"] if check["name"] == "upgrade"]
    assert found["verdict"] == "warning"
    again = found["text"].partition("sudo ")[2].partition(" keeps it")[0]
    done = house.box.run(
        "env", "POSE_EDGE_READY_S=12", again, "--offline", "/bundle", timeout_s=170, check=False
    )

    assert "was interrupted before it was ready" in done.stderr
    assert f"back to {first}-" in done.stderr
    assert version(house) == first
    assert house.box.sh("readlink /opt/pose-edge/previous", check=False) == before
    assert house.show("ActiveState") == "active"


def test_a_link_that_the_service_left_leads_root_nowhere(house: House) -> None:
    models = "/var/lib/pose-edge/models"
    house.box.sh("mkdir -p /root/with/models && ln -s /bundle/wheels /root/with/wheels && echo >/root/victim")
    house.box.sh("cp /models/*_lite.task /root/with/models/mine.task; chmod 600 /root/with/models/*")
    house.box.sh(f"setpriv --reuid=pose-edge --clear-groups ln -s /root/victim {models}/mine.task")
    house.box.run("/checkout/deploy/install.sh", "--offline", "/root/with", timeout_s=60)

    assert house.box.sh("cat /root/victim; stat -c %U /root/victim") == "root"
    assert house.box.sh(f"stat -c '%F %U' {models}/mine.task") == "regular file pose-edge"
    house.box.sh(f"rm -r /root/with {models}/mine.task")


def test_what_a_new_system_python_broke_is_repaired_by_the_installed_installer(house: House) -> None:
    house.box.sh("ln -sf /usr/bin/python3.99 /opt/pose-edge/environments/*/bin/python3")
    house.box.run("systemctl", "restart", "pose-edge", check=False)
    assert house.show("ActiveState") != "active"

    house.box.run("/opt/pose-edge/current/source/deploy/install.sh", "--offline", "/bundle", timeout_s=150)

    assert house.show("ActiveState") == "active"
