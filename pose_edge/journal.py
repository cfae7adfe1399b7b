"""The log where stderr is systemd's journal: each record with fields that `journalctl` can be asked for.

    journalctl -u pose-edge EVENT_KIND=fall -o json

A few lines over a socket rather than a library, as in `service.py`. A record's own fields are the capital
names in its `extra`: EVENT_ID, EVENT_KIND, PERSON_ID, BROKER_STATE ...
"""

from __future__ import annotations

import logging
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping
from typing import Final

from pose_edge.records import Event

ADDRESS: Final = "/run/systemd/journal/socket"
FIELD: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
"""What the journal takes as a name (systemd-journald: at most 64 letters, no leading underscore)."""

MOST_BYTES: Final = 1 << 15
"""Of one field; a datagram holds about 200 kB, and more would have to go by another way."""

PRIORITIES: Final = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}  # syslog(3)


def is_stderr() -> bool:
    """Whether stderr goes to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        state = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{state.st_dev}:{state.st_ino}"


class JournalHandler(logging.Handler):
    """Sends records to the journal in its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

    def __init__(self, address: str = ADDRESS) -> None:
        super().__init__()
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(1.0)  # a journal that is stuck may not stop an alert

    def emit(self, record: logging.LogRecord) -> None:
        """Send it; where the journal does not take it, write the line to stderr."""
        try:
            text = self.format(record)
            self._socket.sendto(datagram(_fields(record, text)), self._address)
        except OSError:
            level = PRIORITIES.get(record.levelname, 6)
            sys.stderr.write(f"<{level}>{record.name}: {record.getMessage()}\n")
        except Exception:  # noqa: BLE001  # logging's own rule: what fails here goes to handleError
            self.handleError(record)

    def close(self) -> None:
        """See `logging.Handler.close`."""
        self._socket.close()
        super().close()


def datagram(fields: Mapping[str, object]) -> bytes:
    """Return fields as the journal reads them; those that are None or have no possible name are left out."""
    return b"".join(
        _field(name, value) for name, value in fields.items() if value is not None and FIELD.fullmatch(name)
    )


def log_event(logger: logging.Logger, event: Event, event_id: str) -> None:
    """Log what happened, as a sentence and as fields."""
    whose = f" (person {event.person_id})" if event.person_id is not None else ""
    why = f": {event.reason}" if event.reason else ""
    level = logging.INFO if event.severity == "info" else logging.WARNING
    fields = {
        "EVENT_ID": event_id,
        "EVENT_KIND": event.kind,
        "EVENT_TYPE": event.event_type,
        "EVENT_STAGE": event.stage.value,
        "PERSON_ID": event.person_id,
        "ZONE": event.zone,
        "SEVERITY": event.severity,
    }
    logger.log(level, "%s%s%s", event.event_type, whose, why, extra=fields)


def _fields(record: logging.LogRecord, text: str) -> dict[str, object]:
    own = {name: value for name, value in vars(record).items() if FIELD.fullmatch(name)}
    return {
        **own,
        "MESSAGE": text,
        "PRIORITY": PRIORITIES.get(record.levelname, 6),
        "SYSLOG_IDENTIFIER": "pose-edge",
        "LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": record.lineno,
        "CODE_FUNC": record.funcName,
    }


def _field(name: str, value: object) -> bytes:
    data = str(value).encode(errors="replace")[:MOST_BYTES]
    if b"\n" in data:  # a line break ends a simple field, so this one brings its length
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name.encode() + b"=" + data + b"\n"
