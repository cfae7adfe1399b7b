"""The end of it: last in its folder, since nothing is left afterwards."""

from __future__ import annotations

from tests.systemd.house import House, files

SOURCES = "/root/next /root/broken /root/cut*"
"""What `test_install.py` installed from, as a user has a checkout: theirs, and left alone."""


def test_uninstall_keeps_what_was_told_and_what_waits_and_purge_leaves_nothing(house: House) -> None:
    house.box.run("/checkout/deploy/install.sh", "uninstall", timeout_s=60)

    assert house.box.run("systemctl", "cat", "pose-edge", check=False).returncode != 0
    assert house.pids() == {}
    for gone in ("/opt/pose-edge", "/usr/local/bin/pose-edge", "/run/pose-edge"):
        assert house.box.run("test", "-e", gone, check=False).returncode != 0, gone
    house.box.run("test", "-e", "/etc/pose-edge/config.yaml")
    house.box.run("test", "-e", "/var/lib/pose-edge/memory.json")

    house.box.run("/checkout/deploy/install.sh", "uninstall", "--purge", timeout_s=60)
    house.box.sh(f"rm -rf {SOURCES}")

    assert files(house.box) - house.bare == frozenset()
    assert house.box.run("id", "pose-edge", check=False).returncode != 0
