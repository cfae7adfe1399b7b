"""What the fault tests share: a broker, and the table at the end of what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.brokers import Mosquitto

Measured: TypeAlias = Callable[[str, str], None]

_ROWS: dict[str, str] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _ROWS:
        return
    terminalreporter.section("measured under faults")
    width = max(map(len, _ROWS))
    for scenario, figures in _ROWS.items():
        terminalreporter.write_line(f"{scenario:<{width}}  {figures}")


@pytest.fixture
def measured() -> Measured:
    """Takes a scenario and what was measured, for the table at the end."""

    def note(scenario: str, figures: str) -> None:
        _ROWS[scenario] = figures

    return note


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto on a free loopback port; skips where there is none."""
    with Mosquitto(tmp_path) as broker:
        yield broker
