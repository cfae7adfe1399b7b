"""`pose-edge models ...`: JSON on stdout, errors as errors, and never a wrong exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pose_edge.cli.models import app
from pose_edge.errors import EXIT_UNAVAILABLE, ModelError, PoseEdgeError, UnavailableError, UsageError
from pose_edge.models.check import DETECTOR, LANDMARKS
from tests.models.model_lab import zipped


@pytest.fixture(autouse=True)
def _nowhere_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own models and all networks out of it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def error(result: Result) -> PoseEdgeError:
    assert isinstance(result.exception, PoseEdgeError), result.output
    return result.exception


def test_list_prints_one_object_per_known_model() -> None:
    result = run("list")

    assert result.exit_code == 0
    assert [line["variant"] for line in lines(result)] == ["lite", "full", "heavy"]
    assert {line["licence"] for line in lines(result)} == {"Apache-2.0"}
    keys = "variant default size_bytes url licence path sha256 verified problem"
    assert {" ".join(line) for line in lines(result)} == {keys}


def test_fetch_without_a_name_is_lite_and_says_what_else_could_be_had(tmp_path: Path) -> None:
    problem = error(run("fetch", "--dir", tmp_path))

    assert isinstance(problem, UnavailableError)
    assert problem.exit_code == EXIT_UNAVAILABLE
    assert "pose_landmarker_lite.task: Connection refused" in str(problem)
    assert str(problem).endswith("pose-edge models fetch full")


def test_fetch_of_several_goes_on_after_a_failure(tmp_path: Path) -> None:
    message = str(error(run("fetch", "lite", "heavy", "--dir", tmp_path)))

    assert "no lite model" in message
    assert "no heavy model" in message


def test_fetch_prints_what_is_there(tmp_path: Path) -> None:
    shared = Path(__file__).resolve().parents[3] / "shared" / "models" / "pose_landmarker_lite.task"
    if not shared.is_file():
        pytest.skip("no ../shared/models beside the checkout")
    (tmp_path / shared.name).write_bytes(shared.read_bytes())

    for arguments in (["lite"], ["--any"]):
        result = run("fetch", *arguments, "--dir", tmp_path)
        (line,) = lines(result)
        assert (result.exit_code, line["path"], line["verified"]) == (0, str(tmp_path / shared.name), True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["fetch", "ful"], "did you mean 'full'"), (["fetch", "--any", "lite"], "leave out lite")],
)
def test_mistakes_of_usage_are_named(arguments: list[str], words: str) -> None:
    problem = error(run(*arguments))

    assert isinstance(problem, UsageError)
    assert words in str(problem)


def test_verify_shows_every_file_and_fails_for_a_damaged_one(tmp_path: Path) -> None:
    mine, damaged = tmp_path / "mine.task", tmp_path / "damaged.task"
    mine.write_bytes(zipped(DETECTOR, LANDMARKS))
    damaged.write_bytes(zipped(DETECTOR, LANDMARKS)[:-5])

    assert run("verify", mine).exit_code == 0
    result = run("verify", mine, damaged)
    assert [(line["variant"], line["verified"]) for line in lines(result)] == [("custom", False)] * 2
    assert isinstance(error(result), ModelError)
    assert "damaged.task: is cut off" in str(error(result))
    assert "mine.task" not in str(error(result))
