"""deploy/install.sh on a real system: again, upgraded, broken, rolled back, repaired."""

from __future__ import annotations

import pytest

from tests.systemd.house import House

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


def test_what_a_new_system_python_broke_is_repaired_by_the_installed_installer(house: House) -> None:
    house.box.sh("ln -sf /usr/bin/python3.99 /opt/pose-edge/environments/*/bin/python3")
    house.box.run("systemctl", "restart", "pose-edge", check=False)
    assert house.show("ActiveState") != "active"

    house.box.run("/opt/pose-edge/current/source/deploy/install.sh", "--offline", "/bundle", timeout_s=150)

    assert house.show("ActiveState") == "active"
