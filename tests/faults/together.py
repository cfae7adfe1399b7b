"""Scenarios that mostly wait, several at a time.

BOX = Together()

@BOX.scenario
def broker_frozen(folder: Path) -> str: ...  # asserts, and returns what it measured

outcomes = BOX.fixture()

@pytest.mark.parametrize("name", BOX.names)
def test_it_comes_back(name, outcomes, measured): measured(*outcomes(name))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pytest

Scenario: TypeAlias = Callable[[Path], str]
Outcomes: TypeAlias = Callable[[str], tuple[str, str]]


class Together:
    """A box of scenarios; each gets a directory of its own."""

    def __init__(self, at_once: int = 6) -> None:
        self._at_once = at_once
        self._scenarios: dict[str, Scenario] = {}

    @property
    def names(self) -> list[str]:
        """The words of each scenario's name."""
        return list(self._scenarios)

    def scenario(self, function: Scenario) -> Scenario:
        """Put a scenario into the box."""
        self._scenarios[function.__name__.replace("_", " ")] = function
        return function

    def start(self, folder: Path, wanted: set[str]) -> Iterator[Outcomes]:
        """Run those that are wanted, and give what became of each: its name, and what it measured."""
        with ThreadPoolExecutor(self._at_once) as pool:
            futures: dict[str, Future[str]] = {}
            for name in (one for one in self._scenarios if one in wanted):
                own = folder / name.replace(" ", "-")
                own.mkdir()
                futures[name] = pool.submit(self._scenarios[name], own)
            yield lambda name: (name, futures[name].result())


def wanted_names(request: pytest.FixtureRequest) -> set[str]:
    """Return the names of those scenarios whose tests are to run."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    return {str(call.params["name"]) for call in calls if call is not None and "name" in call.params}
