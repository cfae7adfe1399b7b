"""A progress bar for people; nothing for logs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pose_edge.models.download import Report


@contextmanager
def bar(label: str, total_bytes: int | None, *, wanted: bool) -> Iterator[Report]:
    """Show how far it is on stderr, if that is a terminal; `total_bytes` None: only that it goes on."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda _done_bytes: None
        return
    from rich.console import Console  # only here: the daemon does without rich
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    amount = [] if total_bytes is None else [DownloadColumn(), TransferSpeedColumn()]
    columns = (TextColumn("{task.description}"), BarColumn(), *amount)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total_bytes)
        yield lambda done_bytes: progress.update(task, completed=done_bytes)
