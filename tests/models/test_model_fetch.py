"""Fetching tries what there is, says why each way failed, and does no harm when it is done twice at once."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_edge.errors import ModelError, UnavailableError, UsageError
from pose_edge.models.download import Limits
from pose_edge.models.fetcher import Fetcher
from pose_edge.models.files import locked
from pose_edge.models.manifest import Built, Manifest
from pose_edge.models.store import ModelStore
from tests.models.model_lab import (
    CLOSED_PORT,
    DATA,
    manifest,
    packed_wheel,
    refusing,
    serving,
    sha256,
    slow,
    whole,
)

QUICK = Limits(open_s=2, stall_s=2, attempts=2, pause_s=0.01)


def fetcher(known: Manifest, *directories: Path) -> Fetcher:
    return Fetcher(ModelStore(known, directories), progress=False, limits=QUICK)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Built:
    """A wheel that the user's own pip settings lead to, and nothing else does."""
    links = tmp_path / "links"
    links.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    return packed_wheel(links)


def test_a_model_is_fetched_once(tmp_path: Path) -> None:
    with serving(whole) as server:
        first = fetcher(manifest(server.url), tmp_path / "new" / "folder").fetch("lite")
        again = fetcher(manifest(server.url), tmp_path / "new" / "folder").fetch("lite")

    assert first == again
    assert (first.path, first.verified) == (tmp_path / "new" / "folder" / "lite.task", True)
    assert len(server.ranges) == 1


def test_a_damaged_model_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "lite.task").write_bytes(DATA[:-1])

    with serving(whole) as server:
        file = fetcher(manifest(server.url), tmp_path).fetch("lite")

    assert file.path.read_bytes() == DATA


def test_the_first_directory_that_can_be_written_to_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with serving(whole) as server:
        file = fetcher(manifest(server.url), tmp_path / "file" / "below", tmp_path / "good").fetch("lite")

    assert file.path == tmp_path / "good" / "lite.task"


def test_no_place_to_store_is_said_with_each_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ModelError, match="file/below: Not a directory"):
        fetcher(manifest(CLOSED_PORT), tmp_path / "file" / "below").fetch("lite")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(ModelError, match="not writable"):
        fetcher(manifest(CLOSED_PORT), tmp_path).fetch("lite")


def test_an_unknown_variant_is_a_mistake_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'lite'"):
        fetcher(manifest(CLOSED_PORT), tmp_path).fetch("light")


def test_without_the_address_the_package_index_serves(tmp_path: Path, built: Built) -> None:
    with serving(refusing(404)) as server:
        file = fetcher(manifest(server.url, built=built), tmp_path / "models").fetch_any("lite")

    assert len(server.ranges) == 2, "lite's address, then full's"
    assert (file.variant, file.verified, file.sha256) == ("full", True, built.sha256)
    assert sha256(file.path.read_bytes()) == built.sha256
    assert {path.name for path in file.path.parent.iterdir()} == {"full.task", ".lock"}


def test_when_nothing_works_every_way_is_told(
    tmp_path: Path, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(UnavailableError) as caught:
        fetcher(manifest(CLOSED_PORT, built=built), tmp_path).fetch("full")

    message = str(caught.value)
    assert f"not in {tmp_path}" in message
    assert f"official address: {CLOSED_PORT}: Connection refused" in message
    assert "package index: pip download: No matching distribution found for posefixture==1.0" in message
    assert "\n" not in message


def test_a_variant_that_no_package_carries_points_to_one_that_does(tmp_path: Path, built: Built) -> None:
    with pytest.raises(UnavailableError, match=r"pose-edge models fetch full$"):
        fetcher(manifest(CLOSED_PORT, built=built), tmp_path).fetch("lite")


def test_any_takes_what_is_there_before_it_asks_anybody(tmp_path: Path, built: Built) -> None:
    (tmp_path / "full.task").write_bytes(DATA)

    with serving(whole) as server:
        file = fetcher(manifest(server.url, built=built), tmp_path).fetch_any("lite")

    assert file.variant == "full"
    assert server.ranges == []


def test_a_wrong_file_from_the_only_way_is_no_matter_of_trying_later(tmp_path: Path) -> None:
    with serving(whole, data=bytes(len(DATA))) as server, pytest.raises(ModelError, match="SHA-256"):
        fetcher(manifest(server.url), tmp_path).fetch("lite")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB; skips where it cannot be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("needs root that may mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_named_and_not_left_full(small_disk: Path) -> None:
    with serving(whole) as server, pytest.raises(ModelError, match=f"{small_disk}: No space left on device"):
        fetcher(manifest(server.url), small_disk).fetch("lite")

    assert [path.name for path in small_disk.iterdir()] == [".lock"]


def test_a_read_only_disk_is_named(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(ModelError, match="not writable"):
        fetcher(manifest(CLOSED_PORT), small_disk).fetch("lite")


FETCH = """
import sys
from pathlib import Path
from pose_edge.models.fetcher import Fetcher
from pose_edge.models.manifest import Manifest
from pose_edge.models.store import ModelStore

store = ModelStore(Manifest.model_validate_json(sys.argv[1]), (Path(sys.argv[2]),))
print(Fetcher(store).fetch("lite").verified)
"""


def test_two_processes_at_once_download_once(tmp_path: Path) -> None:
    with serving(slow) as server:
        command = [sys.executable, "-c", FETCH, manifest(server.url).model_dump_json(), str(tmp_path)]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        told = [process.communicate(timeout=30)[0].strip() for process in both]

    assert told == ["True", "True"]
    assert len(server.ranges) == 1
    assert (tmp_path / "lite.task").read_bytes() == DATA


def test_waiting_for_another_process_has_an_end(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(UnavailableError, match="another process"),
        locked(tmp_path, limit_s=0.3),
    ):
        pass


def test_progress_is_for_terminals_only(tmp_path: Path) -> None:
    screen, terminal = pty.openpty()
    with serving(whole) as server, os.fdopen(screen, "rb"), os.fdopen(terminal, "wb"):
        command = [sys.executable, "-c", FETCH, manifest(server.url).model_dump_json()]
        silent = subprocess.run(
            [*command, str(tmp_path / "a")], stderr=subprocess.PIPE, check=True, timeout=30
        )
        subprocess.run([*command, str(tmp_path / "b")], stderr=terminal, check=True, timeout=30)
        shown = os.read(screen, 100_000)

    assert silent.stderr == b""
    assert b"lite.task" in shown
