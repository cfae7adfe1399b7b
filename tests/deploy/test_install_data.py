"""What the installer does with the user's configuration, and as root in the folder of the service."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.place import Place, furnish

PYTHON = """#!/bin/sh
case "$2" in
venv) mkdir -p "$3/bin" && cp -p "$0" "$3/bin/python" ;;
pip)
    while [ "$1" != --dest ]; do shift; done
    echo wheel >"$2/a.whl"
    ;;
esac
"""

WANTED = "mqtt: {host: broker.lan}\n"

# The real program, but for what is in the store of models: a test has none of the right hash, or no network.
PROGRAM = f"""#!/bin/sh
case "$1 $2" in
"models verify") ls "$STATE_DIRECTORY"/models/*.task ;;
*) cd {ROOT} && exec {sys.executable} -m pose_edge "$@" ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = furnish(tmp_path)
    place.write(place.root / "opt/versions/new/bin/pose-edge", PROGRAM, 0o755)
    return place


def configure(place: Place, wanted: str) -> subprocess.CompletedProcess[str]:
    file = place.write(place.root / "wanted.yaml", wanted)
    return place.run(f"date() {{ echo 20261122T120000; }}; wanted_config={file}; write_config")


def kept(place: Place) -> dict[str, str]:
    return {path.name: path.read_text() for path in place.config.parent.glob("config.yaml.*")}


def test_the_configuration_that_was_there_is_kept_beside_the_new_one(place: Place) -> None:
    before = place.config.read_text()
    place.config.chmod(0o640)

    done = configure(place, WANTED)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        f"install: the configuration that was there is kept as {place.config}.before-20261122T120000"
    ]
    assert place.config.read_text() == WANTED
    assert kept(place) == {"config.yaml.before-20261122T120000": before}
    assert {path.stat().st_mode & 0o777 for path in place.config.parent.glob("config.yaml*")} == {0o640}


def test_a_clock_that_stands_still_costs_no_older_copy(place: Place) -> None:
    contents = {f"mqtt: {{host: broker{number}.lan}}\n" for number in range(3)}
    for content in contents:
        configure(place, content)

    assert {*kept(place).values(), place.config.read_text()} == {*contents, "mqtt: {host: localhost}\n"}


def test_the_same_configuration_makes_no_copy(place: Place) -> None:
    done = configure(place, place.config.read_text())

    assert (done.returncode, done.stderr, kept(place)) == (0, "", {})


def test_a_path_that_the_service_cannot_see_is_not_taken_over(place: Place) -> None:
    before = place.config.read_text()

    done = configure(place, "model: {path: /home/pi/pose.task}\n")

    assert done.returncode == 1
    assert "model.path: /home/pi/pose.task is below /home" in done.stderr
    assert (place.config.read_text(), kept(place)) == (before, {})


# As root in a folder where somebody else may write.


@pytest.fixture
def served(model_path: Path) -> Iterator[Place]:
    """A folder that `nobody`, who is the service here, may write to."""
    if os.geteuid() != 0:
        pytest.skip("only root can be led astray")
    with tempfile.TemporaryDirectory() as folder:
        place = furnish(Path(folder))
        place.root.chmod(0o755)
        place.write(place.root / "opt/versions/new/bin/pose-edge", PROGRAM, 0o755)
        models = place.root / "state/models"
        models.mkdir(parents=True)
        for path in (models.parent, models):
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
        (place.root / "bundle/models").mkdir(parents=True)
        shutil.copy(model_path, place.root / "bundle/models/pose.task")
        (place.root / "bundle/models/pose.task").chmod(0o600)
        yield place


def fetch(place: Place, bundle: str) -> subprocess.CompletedProcess[str]:
    return place.run(f"service_user=nobody bundle={bundle}; fetch_model")


def test_a_link_in_the_folder_of_the_service_leads_root_nowhere(served: Place, model_path: Path) -> None:
    victim = served.write(served.root / "shadow", "root's\n", 0o600)
    stored = served.root / "state/models/pose.task"
    stored.symlink_to(victim)

    done = fetch(served, f"{served.root}/bundle")

    assert done.returncode == 0, done.stderr
    assert (victim.read_text(), victim.stat().st_uid) == ("root's\n", 0)
    assert not stored.is_symlink()
    assert stored.read_bytes() == model_path.read_bytes()
    assert stored.owner() == "nobody"
    assert [path.name for path in stored.parent.iterdir()] == ["pose.task"]


def test_a_folder_that_is_a_link_is_refused(served: Place) -> None:
    elsewhere = served.root / "elsewhere"
    elsewhere.mkdir()
    (served.root / "state/models").rmdir()
    (served.root / "state/models").symlink_to(elsewhere)

    done = fetch(served, f"{served.root}/bundle")

    assert done.returncode == 1
    assert "state/models is a symbolic link, which is not followed" in done.stderr
    assert (elsewhere.stat().st_uid, list(elsewhere.iterdir())) == (0, [])


def test_what_root_fetches_belongs_to_the_service(served: Place, model_path: Path) -> None:
    """The model is where the one before was cut off, so that no network is needed."""
    fetched = served.root / "opt/fetched" / model_path.name
    fetched.parent.mkdir()
    shutil.copy(model_path, fetched)

    done = fetch(served, "''")

    assert done.returncode == 0, done.stderr
    assert (served.root / "state/models" / model_path.name).owner() == "nobody"
    assert not fetched.parent.exists()


def test_a_bundle_can_be_read_by_whoever_carries_it(tmp_path: Path) -> None:
    """Made under a narrow umask, from a model for its owner alone. What stands for pip makes one wheel."""
    for name in ("tools", "requirements", "systemd", "config", "deploy", "pose_edge/cli"):
        shutil.copytree(ROOT / name, tmp_path / name)
    place = Place(tmp_path)
    python = place.write(tmp_path / "python", PYTHON, 0o755)
    place.write(tmp_path / "tools/find-python", f"#!/bin/sh\necho {python}\n", 0o755)
    model = place.write(tmp_path / "mine.task", "model", 0o600)
    folder = tmp_path / "bundle"

    script = f"umask 077; {tmp_path}/tools/bundle laptop 3.13 x86_64 {folder} {model}"
    subprocess.run(["sh", "-c", script], check=True, capture_output=True, timeout=20)

    found = {path.relative_to(folder): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    assert found[Path("wheels/a.whl")] == found[Path("models/mine.task")] == 0o644
    assert found[Path("deploy/install.sh")] == 0o755
    assert {*found.values()} == {0o644, 0o755}
