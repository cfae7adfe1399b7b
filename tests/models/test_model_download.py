"""A download ends in seconds: with the right file, or with nothing under its name and a reason."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pose_edge.errors import ModelError, UnavailableError
from pose_edge.models.download import Limits, download
from tests.models.model_lab import (
    CLOSED_PORT,
    DATA,
    HALF,
    Behaviour,
    Server,
    cut_off,
    cut_off_without_length,
    dripping,
    official,
    ranged,
    refusing,
    serving,
    silent,
    stalled,
    web_page,
    whole,
    wrong_range,
)

QUICK = Limits(open_s=0.4, stall_s=0.4, slowest_bytes_per_s=1000, attempts=4, pause_s=0.01)
SOON_S = 3.0


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.task"


def part_of(target: Path) -> Path:
    return target.with_name("model.task.part")


def fetch(server: Server, target: Path) -> list[int]:
    """Download and return what was reported on the way."""
    reported: list[int] = []
    download(official(server.url), target, reported.append, QUICK)
    return reported


def test_a_file_arrives_whole_and_nothing_else_stays(target: Path) -> None:
    with serving(whole) as server:
        reported = fetch(server, target)

    assert target.read_bytes() == DATA
    assert [path.name for path in target.parent.iterdir()] == ["model.task"]
    assert reported == sorted(reported)
    assert reported[-1] == len(DATA)


def test_an_unfinished_download_goes_on_where_it_stopped(target: Path) -> None:
    part_of(target).write_bytes(DATA[:HALF])

    with serving(ranged) as server:
        reported = fetch(server, target)

    assert server.ranges == [f"bytes={HALF}-"]
    assert min(reported) > HALF
    assert target.read_bytes() == DATA


@pytest.mark.parametrize("behaviour", [whole, wrong_range])
def test_a_server_that_ignores_the_range_is_understood(behaviour: Behaviour, target: Path) -> None:
    part_of(target).write_bytes(DATA[:HALF])

    with serving(behaviour, whole) as server:
        fetch(server, target)

    assert target.read_bytes() == DATA


def test_a_range_the_server_does_not_have_starts_over(target: Path) -> None:
    part_of(target).write_bytes(DATA[:HALF])

    with serving(refusing(416), whole) as server:
        fetch(server, target)

    assert server.ranges == [f"bytes={HALF}-", None]
    assert target.read_bytes() == DATA


@pytest.mark.parametrize("beginning", [b"of another release", DATA + b"too long"])
def test_the_beginning_of_another_file_is_thrown_away(beginning: bytes, target: Path) -> None:
    part_of(target).write_bytes(beginning)

    with serving(ranged) as server:
        fetch(server, target)

    assert target.read_bytes() == DATA


def test_all_bytes_of_an_earlier_attempt_need_no_server(target: Path) -> None:
    part_of(target).write_bytes(DATA)

    download(official(CLOSED_PORT), target, lambda _: None, QUICK)

    assert target.read_bytes() == DATA


@pytest.mark.parametrize("behaviour", [cut_off, cut_off_without_length, stalled])
def test_a_connection_lost_midway_is_taken_up_again(behaviour: Behaviour, target: Path) -> None:
    with serving(behaviour, ranged) as server:
        fetch(server, target)

    assert server.ranges == [None, f"bytes={HALF}-"]
    assert target.read_bytes() == DATA


def test_a_connection_that_is_always_lost_is_given_up_and_its_bytes_are_kept(target: Path) -> None:
    with serving(cut_off) as server, pytest.raises(UnavailableError, match=f"{HALF} of {len(DATA)} bytes"):
        fetch(server, target)

    assert len(server.ranges) == QUICK.attempts
    assert not target.exists()
    assert part_of(target).read_bytes() == DATA[:HALF]


def test_a_busy_server_is_asked_again(target: Path) -> None:
    with serving(refusing(503), refusing(429), whole) as server:
        fetch(server, target)

    assert len(server.ranges) == 3


@pytest.mark.parametrize("status", [403, 404, 407, 410])
def test_a_refusal_is_final(status: int, target: Path) -> None:
    with serving(refusing(status)) as server, pytest.raises(UnavailableError, match=f"HTTP {status}"):
        fetch(server, target)

    assert len(server.ranges) == 1


@pytest.mark.parametrize(
    ("behaviour", "words"), [(silent, "no answer within"), (dripping, "too slow")], ids=["silent", "dripping"]
)
def test_a_server_that_keeps_one_waiting_costs_seconds(
    behaviour: Behaviour, words: str, target: Path
) -> None:
    begin_s = time.monotonic()
    with serving(behaviour) as server, pytest.raises(UnavailableError, match=words):
        fetch(server, target)

    assert time.monotonic() - begin_s < SOON_S
    assert len(server.ranges) == 1


def test_a_server_that_stalls_each_time_costs_seconds(target: Path) -> None:
    begin_s = time.monotonic()
    with serving(stalled) as server, pytest.raises(UnavailableError, match="timed out"):
        fetch(server, target)

    assert time.monotonic() - begin_s < SOON_S


@pytest.mark.parametrize("url", [CLOSED_PORT, "http://no-such-host.invalid/model.task"])
def test_an_address_that_cannot_be_reached_is_named_at_once(url: str, target: Path) -> None:
    begin_s = time.monotonic()
    with pytest.raises(UnavailableError, match=url):
        download(official(url), target, lambda _: None, QUICK)

    assert time.monotonic() - begin_s < SOON_S
    assert not target.parent.joinpath("model.task").exists()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told_of(scheme: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(refusing(403)) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url.removesuffix("/model.task"))
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(UnavailableError, match="403"):
            download(official(f"{scheme}://models.invalid/model.task"), target, lambda _: None, QUICK)

    assert len(proxy.ranges) == 1


def test_another_file_is_refused_and_leaves_nothing(target: Path) -> None:
    other = bytes(len(DATA))
    with serving(whole, data=other) as server, pytest.raises(ModelError, match="SHA-256"):
        fetch(server, target)

    assert list(target.parent.iterdir()) == []


def test_a_web_page_instead_of_the_file_is_not_even_stored(target: Path) -> None:
    with serving(web_page) as server, pytest.raises(UnavailableError, match="offers 26 bytes"):
        fetch(server, target)

    assert list(target.parent.iterdir()) == []


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Have the kernel refuse longer files to this process, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more_is_left_as_it_was(target: Path) -> None:
    with serving(whole) as server, largest_file(HALF), pytest.raises(OSError, match="too large"):
        fetch(server, target)

    assert list(target.parent.iterdir()) == []
