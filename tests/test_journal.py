from __future__ import annotations

import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pose_edge.journal import JournalHandler, datagram, log_event
from pose_edge.records import Event, Severity, Stage


def read(data: bytes) -> dict[str, str]:
    """Read a datagram as systemd-journald does."""
    fields: dict[str, str] = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, simple, value = line.partition(b"=")
        if not simple:
            (length,) = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        fields[name.decode()] = value.decode()
        data = rest
    return fields


class Journal:
    """A socket where journald's would be, and a logger that writes to it."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(2)
        self.handler = JournalHandler(str(path))
        self.logger = logging.Logger("pose_edge.test")  # noqa: LOG001  # not in the tree: no other handler
        self.logger.addHandler(self.handler)

    def next(self) -> dict[str, str]:
        """Return the fields of the next record."""
        return read(self.socket.recv(1 << 18))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    with made.socket:
        yield made
    made.handler.close()


def test_a_record_arrives_with_level_place_and_its_own_fields(journal: Journal) -> None:
    journal.logger.warning("broker %s lost", "broker.lan", extra={"BROKER_STATE": "unreachable"})

    fields = journal.next()
    assert fields["MESSAGE"] == "broker broker.lan lost"
    assert fields["PRIORITY"] == "4"
    assert fields["BROKER_STATE"] == "unreachable"
    assert fields["LOGGER"] == "pose_edge.test"
    assert fields["SYSLOG_IDENTIFIER"] == "pose-edge"
    assert fields["CODE_FILE"] == __file__


def test_a_line_break_does_not_make_fields_of_what_follows(journal: Journal) -> None:
    journal.logger.error("first\nPRIORITY=7\nlast")

    fields = journal.next()
    assert fields["MESSAGE"] == "first\nPRIORITY=7\nlast"
    assert fields["PRIORITY"] == "3"


def test_an_error_brings_its_traceback(journal: Journal) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        journal.logger.exception("unexpected error")

    assert "ZeroDivisionError" in journal.next()["MESSAGE"]


def test_however_much_is_said_it_arrives(journal: Journal) -> None:
    journal.logger.error("x" * 1_000_000)

    assert journal.next()["MESSAGE"].startswith("xxxx")


def test_impossible_names_and_missing_values_are_left_out() -> None:
    fields = {"PERSON_ID": None, "zone": "bed", "_PID": 1, "EVENT_ID": "a-1"}

    assert datagram(fields) == b"EVENT_ID=a-1\n"


def test_without_a_journal_the_line_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    handler = JournalHandler(str(tmp_path / "nobody"))
    logger = logging.Logger("pose_edge.test")  # noqa: LOG001  # as above
    logger.addHandler(handler)
    logger.error("still told")
    handler.close()

    assert capfd.readouterr().err == "<3>pose_edge.test: still told\n"


@pytest.mark.parametrize(("severity", "priority"), [("info", "6"), ("alert", "4")])
def test_an_event_is_a_sentence_and_fields(journal: Journal, severity: Severity, priority: str) -> None:
    happened = Event("fall", "fall_confirmed", Stage.UPDATE, 7, 2000, 1000, person_id=1, reason="posture")
    event = replace(happened, severity=severity)
    log_event(journal.logger, event, "livingroom-ab12-000007")

    fields = journal.next()
    assert fields["MESSAGE"] == "fall_confirmed (person 1): posture"
    assert fields["PRIORITY"] == priority
    assert (fields["EVENT_ID"], fields["EVENT_KIND"], fields["PERSON_ID"]) == (
        "livingroom-ab12-000007",
        "fall",
        "1",
    )
    assert (fields["EVENT_STAGE"], fields["SEVERITY"]) == ("update", severity)
    assert "ZONE" not in fields


@pytest.mark.parametrize(("same", "answer"), [(True, "True"), (False, "False")])
def test_it_is_used_only_where_stderr_itself_is_the_journal(tmp_path: Path, same: bool, answer: str) -> None:
    """Systemd names the stream by device and inode; whoever redirects stderr keeps the variable."""
    code = "from pose_edge import journal; print(journal.is_stderr())"
    with (tmp_path / "stderr").open("w") as stderr:
        state = os.fstat(stderr.fileno())
        stream = f"{state.st_dev}:{state.st_ino if same else state.st_ino + 1}"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "JOURNAL_STREAM": stream},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            timeout=20,
            check=True,
        )

    assert done.stdout.strip() == answer
