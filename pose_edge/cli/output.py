"""How commands speak: JSON lines on stdout, a progress bar on a terminal's stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import orjson


def print_json(value: object) -> None:
    """Print one JSON object on a line of its own."""
    print_line(orjson.dumps(value))


def print_line(payload: bytes) -> None:
    """Print a payload that is JSON already."""
    sys.stdout.buffer.write(payload + b"\n")
    sys.stdout.buffer.flush()


class Progress(Protocol):
    """How far long work is."""

    def expect(self, total: int | None) -> None:
        """Learn how many steps there will be."""

    def step(self, done: int) -> None:
        """Show that `done` steps are behind us."""


class _Silent:
    def expect(self, total: int | None) -> None:
        """Nobody is watching."""

    def step(self, done: int) -> None:
        """Nobody is watching."""


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Give a progress bar where stderr is a terminal and the results go elsewhere; nothing otherwise."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        class Bar:
            def expect(self, total: int | None) -> None:
                bar.update(task, total=total)

            def step(self, done: int) -> None:
                bar.update(task, completed=done)

        yield Bar()
