"""The installer's switch between versions, with a systemctl that says what a test wants to hear."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.deploy.place import Place, furnish


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return furnish(tmp_path)


def switch(place: Place, name: str) -> subprocess.CompletedProcess[str]:
    """Install a version whose folder is made."""
    place.version(name)
    return place.run(f'see_what_was_interrupted; switch_to "$prefix/versions/{name}"')


def again(place: Place) -> subprocess.CompletedProcess[str]:
    """Install the version that runs once more."""
    return switch(place, "new")


def test_a_full_disk_does_not_cut_the_configuration_short(place: Place) -> None:
    before = place.config.read_text()

    done = place.run('ulimit -f 1; head -c 100000 /dev/zero | replace "$config" 644 || exit 1')

    assert done.returncode == 1
    assert "could not be written and is as it was" in done.stderr
    assert place.config.read_text() == before
    assert not place.config.with_name("config.yaml.new").exists()


def test_what_was_not_edited_is_not_started_again(place: Place) -> None:
    place.run("told >$prefix/told")

    done = again(place)

    assert "nothing to do" in done.stderr
    assert not place.started()


@pytest.mark.parametrize("name", ["config.yaml", "mqtt-password"])
def test_what_was_edited_by_hand_is_in_force_afterwards(place: Place, name: str) -> None:
    place.run("told >$prefix/told")
    (place.root / "etc" / name).write_text("device: {id: hall}\n")

    done = again(place)

    assert "nothing to do" not in done.stderr
    assert place.started()


def test_a_rollback_that_fails_can_be_rolled_back(place: Place) -> None:
    place.answer("failed")

    done = place.run("ready_s=0; rollback")

    assert done.returncode == 1
    assert place.links() == ("old", "new")


def test_an_upgrade_that_is_ready_can_be_rolled_back(place: Place) -> None:
    done = switch(place, "newer")

    assert done.returncode == 0, done.stderr
    assert place.links() == ("newer", "new")
    assert not place.pending.exists()


@pytest.mark.parametrize("earlier", ["old", None])
def test_an_upgrade_that_fails_leaves_what_could_be_gone_back_to(place: Place, earlier: str | None) -> None:
    if earlier is None:
        (place.root / "opt/previous").unlink()
    place.answer("active", broken="newer")

    done = switch(place, "newer")

    assert done.returncode == 1
    assert "back to new, which is ready again" in done.stderr
    assert place.links() == ("new", earlier)
    assert not place.pending.exists()
    assert not (place.root / "opt/versions/newer").exists()
    assert (place.root / "opt/versions/old").exists() is (earlier is not None)


# A cut of the power: everything ends at once, and the next start brings up what `current` leads to.


@pytest.fixture
def cut(place: Place) -> Place:
    """Let the power go while `newer` is waited for."""
    place.version("newer")
    done = place.run('wait_ready() { kill -KILL $$; }; switch_to "$prefix/versions/newer"')
    assert done.returncode == -9
    assert place.links() == ("newer", "new")
    return place


def test_an_interrupted_version_that_is_ready_stays_as_it_is(cut: Place) -> None:
    (cut.root / "asked").unlink()

    done = switch(cut, "newer")

    assert done.returncode == 0
    assert "the upgrade to newer was interrupted before it was ready" in done.stderr
    assert cut.links() == ("newer", "new")
    assert not cut.pending.exists()
    assert not cut.started()


def test_an_interrupted_version_that_keeps_ending_is_not_taken_for_ready(cut: Place) -> None:
    cut.answer("active", restarts=2)

    done = switch(cut, "newer")

    assert "newer does not get ready: it ended and was started again" in done.stderr
    assert cut.links() == ("new", "old")


@pytest.mark.parametrize("tried", ["newer", "newest"])
def test_an_interrupted_version_that_does_not_get_ready_is_taken_back(cut: Place, tried: str) -> None:
    """Also where the one that is installed next does not either: nobody has seen the interrupted one work."""
    cut.answer("active", broken="newe*")

    done = switch(cut, tried)

    assert done.returncode == 1
    assert cut.links() == ("new", "old")
    assert not cut.pending.exists()


def test_the_version_after_an_interrupted_one_goes_back_to_the_last_that_was_ready(cut: Place) -> None:
    assert switch(cut, "newest").returncode == 0

    assert cut.links() == ("newest", "new")
    assert not cut.pending.exists()


def test_the_version_before_can_be_installed_over_an_interrupted_one(cut: Place) -> None:
    assert switch(cut, "new").returncode == 0

    assert cut.links() == ("new", "old")
    assert cut.started()
    assert not cut.pending.exists()


def test_an_interrupted_upgrade_can_be_rolled_back(cut: Place) -> None:
    assert cut.run("rollback").returncode == 0

    assert cut.links() == ("new", "newer")
    assert not cut.pending.exists()


def test_an_upgrade_that_was_interrupted_before_the_switch_leaves_no_trace(place: Place) -> None:
    place.version("newer")
    cut = 'point() { command ln -sfn "$2" "$prefix/$1"; kill -KILL $$; }; switch_to "$prefix/versions/newer"'
    assert place.run(cut).returncode == -9
    assert place.links() == ("new", "new")

    done = place.run("rollback")

    assert "the upgrade to newer was interrupted; new is in its place" in done.stderr
    assert place.links() == ("old", "new")
    assert not place.pending.exists()
