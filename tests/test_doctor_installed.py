"""`doctor` and `config check` on an installed service: what it cannot see, and upgrades that were cut off."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from pose_edge.config import DEFAULT_PATH, Config
from pose_edge.doctor import Surroundings, service
from pose_edge.doctor.hidden import CLOSED, hidden
from pose_edge.doctor.upgrade import upgrade
from tests.cli.command import lines, run
from tests.conftest import ROOT

SHIPPED = {"LoadState": "loaded", "ProtectHome": "yes", "PrivateTmp": "yes"}
OPENED = {"LoadState": "loaded", "ProtectHome": "no", "PrivateTmp": "no"}


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"model": {"path": "/home/pi/my.task"}}, "model.path"),
        ({"mqtt": {"tls": {"enabled": True, "ca_file": "/root/ca.pem"}}}, "mqtt.tls.ca_file"),
        ({"mqtt": {"username": "me", "password_file": "/home/pi/password"}}, "mqtt.password_file"),
        ({"source": {"kind": "video", "path": "/home/pi/a.mp4"}}, "source.path"),
        ({"source": {"kind": "images", "path": ["/srv/a.jpg", "/tmp/b.jpg"]}}, "source.path"),
        ({"source": {"kind": "picamera2", "tuning_file": "/home/pi/imx.json"}}, "source.tuning_file"),
        ({"service": {"state_dir": "/run/user/1000/state"}}, "service.state_dir"),
    ],
)
def test_what_the_service_cannot_see_is_named_with_what_to_do(options: dict[str, Any], key: str) -> None:
    config = Config.model_validate(options)

    for unit in (SHIPPED, None, {"LoadState": "not-found", "ProtectHome": "no"}):
        [complaint] = hidden(config, unit)
        assert complaint.startswith(f"{key}: /")
        assert "move it to /etc/pose-edge or /var/lib/pose-edge" in complaint
    assert hidden(config, OPENED) == []


def test_what_it_can_see_is_no_mistake() -> None:
    paths = {"model": {"path": "/var/lib/pose-edge/my.task"}, "service": {"state_dir": "/homes/pose-edge"}}

    assert hidden(Config.model_validate(paths), SHIPPED, DEFAULT_PATH) == []
    assert hidden(Config(), None) == []


def test_where_a_link_leads_counts(tmp_path: Path) -> None:
    link = tmp_path / "config.yaml"
    link.symlink_to("/home/pi/pose.yaml")

    [complaint] = hidden(Config(), {**SHIPPED, "PrivateTmp": "no"}, link)

    assert complaint.startswith(f"the configuration itself: {link} leads to /home/pi/pose.yaml")


def test_the_unit_closes_what_is_looked_for() -> None:
    unit = (ROOT / "systemd/pose-edge.service").read_text().splitlines()

    assert {f"{name}=yes" for name in CLOSED} <= {*unit}


def test_config_check_tells_it_of_the_service_only(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model: {path: /home/pi/my.task}\nsource: {kind: video, path: /root/a.mp4}\n")

    assert lines(run("config", "check", path))[0]["ok"] is True  # on a laptop it is what one wants
    done = run("config", "check", "--service", path)

    assert (done.returncode, done.stdout) == (78, "")
    assert "model.path: /home/pi/my.task is below /home" in done.stderr
    assert "source.path: /root/a.mp4 is below /root" in done.stderr


def test_doctor_tells_it_of_the_service() -> None:
    config = Config.model_validate({"model": {"path": "/home/pi/my.task"}})

    found = service.configuration(Surroundings(config, config_path=DEFAULT_PATH, unit=SHIPPED))
    other = service.configuration(Surroundings(config, config_path=Path("config.yaml"), unit=SHIPPED))

    assert (found.verdict, "model.path: /home/pi/my.task" in found.text) == ("fault", True)
    assert other.verdict == "ok"


@pytest.fixture
def installed(tmp_path: Path) -> Surroundings:
    """Version b runs, after a."""
    for name, version in (("current", "b"), ("previous", "a")):
        (tmp_path / name).symlink_to(tmp_path / "versions" / version)
    return Surroundings(Config(), installed=tmp_path, install_lock=tmp_path / "lock")


def test_an_upgrade_that_was_cut_off_is_told_until_it_is_seen_to(installed: Surroundings) -> None:
    assert upgrade(Surroundings(Config(), installed=installed.installed / "none")).verdict == "skipped"
    assert (upgrade(installed).verdict, upgrade(installed).text) == ("ok", "b is what was installed")
    versions = installed.installed / "versions"
    (installed.installed / "pending").write_text(f"{versions}/b\n{versions}/a\n\nactive\n")

    found = upgrade(installed)

    assert found.verdict == "warning"
    assert "to b was interrupted before it was ready" in found.text
    assert f"sudo {installed.installed}/current/source/deploy/install.sh keeps it" in found.text
    assert "else a comes back" in found.text


def test_an_upgrade_that_is_under_way_is_not_at_fault(installed: Surroundings) -> None:
    (installed.installed / "pending").write_text("/opt/b\n/opt/a\n\nactive\n")

    with installed.install_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert upgrade(installed).verdict == "ok"
    assert upgrade(installed).verdict == "warning"
