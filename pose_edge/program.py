"""How a program of ours begins and ends, whatever its command: its log, and what errors become."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import NoReturn

from pose_edge import journal
from pose_edge.errors import EXIT_DONE, EXIT_FAILURE, PoseEdgeError


def log_to_stderr(level: int) -> None:
    """Send the log to stderr; to the journal in its own way where stderr goes there."""
    if journal.is_stderr():  # it knows the time, level and place of each line, and keeps fields
        logging.basicConfig(level=level, format="%(message)s", handlers=[journal.JournalHandler()])
    else:
        form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
        logging.basicConfig(stream=sys.stderr, level=level, format=form)


def finish(work: Callable[[], object]) -> NoReturn:
    """Do the work and leave; every error made for a person is one line and an exit code."""
    try:
        work()
    except PoseEdgeError as error:
        _fail(error)
    except Exception:
        # The only broad one: whatever comes here is our mistake, and its traceback is what we need.
        logging.getLogger(__name__).exception("unexpected error")
        sys.exit(EXIT_FAILURE)
    sys.exit(EXIT_DONE)


def _fail(error: PoseEdgeError) -> NoReturn:
    for line in str(error).splitlines():
        if journal.is_stderr():
            logging.getLogger("pose_edge").error("%s", line)
        else:
            print(f"pose-edge: {line}", file=sys.stderr)  # noqa: T201 - stderr is for people
    sys.exit(error.exit_code)
