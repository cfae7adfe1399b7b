from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pose_edge.egress import LOCAL_NETWORKS, drop_in, egress


@pytest.mark.parametrize("host", ["192.168.1.5", "fd00::5", "1.2.3.4"])
def test_a_broker_with_a_number_is_all_that_can_be_reached(host: str) -> None:
    assert egress(host).allowed == (host,)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_broker_on_the_machine_needs_nothing_more(host: str) -> None:
    assert egress(host).allowed == ()


def test_a_name_needs_the_local_networks_and_the_name_servers_elsewhere(tmp_path: Path) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("search lan\nnameserver 192.168.1.1\nnameserver 9.9.9.9\nnameserver\n")

    allowed = egress("broker.invalid", resolv).allowed  # RFC 6761: resolves nowhere

    assert allowed == (*LOCAL_NETWORKS, "9.9.9.9")
    assert "any" not in allowed


def test_a_machine_without_resolv_conf_is_no_error(tmp_path: Path) -> None:
    assert egress("broker.invalid", tmp_path / "none").allowed == LOCAL_NETWORKS


def test_the_drop_in_says_why(tmp_path: Path) -> None:
    assert drop_in("192.168.1.5", tmp_path) == (
        "# the broker 192.168.1.5. Write it again when mqtt.host changes.\n"
        "[Service]\n"
        "IPAddressAllow=192.168.1.5\n"
    )


def test_the_command_reads_the_broker_from_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mqtt: {host: 10.1.2.3}\n")
    command = [sys.executable, "-m", "pose_edge", "config", "egress", str(config)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    assert "IPAddressAllow=10.1.2.3\n" in done.stdout
