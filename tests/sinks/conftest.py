"""A real broker for the sinks' tests; more of it in `brokers.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto on a free loopback port; skips where there is none."""
    with Mosquitto(tmp_path) as broker:
        yield broker
