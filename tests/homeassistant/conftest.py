"""Which Home Assistants there are to ask: `make test-homeassistant` says, in POSE_EDGE_HOMEASSISTANT."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Mosquitto
from tests.homeassistant.hass import HomeAssistant

FOLDERS = os.environ.get("POSE_EDGE_HOMEASSISTANT", "").split()


@pytest.fixture(scope="session", params=FOLDERS or [""], ids=lambda folder: Path(folder).name or "none")
def environment(request: pytest.FixtureRequest) -> Path:
    """The folder of one release; skips without any."""
    if not request.param:
        pytest.skip("no Home Assistant to ask: make test-homeassistant makes one")
    return Path(request.param)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, environment: Path) -> Iterator[Mosquitto]:
    del environment  # without one nobody needs a broker
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def hass(
    tmp_path_factory: pytest.TempPathFactory, environment: Path, broker: Mosquitto
) -> Iterator[HomeAssistant]:
    with HomeAssistant(environment, tmp_path_factory.mktemp("hass"), broker.port) as running:
        yield running
