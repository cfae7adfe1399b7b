"""How the program begins: the unit's words go straight to the daemon, all others to the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pose_edge.__main__ import plain_run


@pytest.mark.parametrize("option", ["--config", "-c"])
def test_the_words_of_the_unit_need_no_parser(option: str) -> None:
    assert plain_run(["run", option, "/etc/pose-edge/config.yaml"]) == Path("/etc/pose-edge/config.yaml")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["run"],
        ["run", "--help"],
        ["-v", "run", "-c", "f"],
        ["run", "-c"],
        ["run", "-c", "--help"],
        ["demo"],
    ],
)
def test_other_words_go_to_the_command_line(words: list[str]) -> None:
    assert plain_run(words) is None


def test_the_daemon_holds_no_command_line_in_memory(tmp_path: Path) -> None:
    """And what is wrong is one line and the exit status of a configuration, as by the other way."""
    config = tmp_path / "none.yaml"
    code = (
        "import sys, atexit\n"
        f"sys.argv = ['pose-edge', 'run', '--config', {str(config)!r}]\n"
        "atexit.register(lambda: print(sorted({'typer', 'rich', 'click', 'cv2'} & sys.modules.keys())))\n"
        "from pose_edge.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "[]\n"
    assert done.returncode == 78
    assert done.stderr.startswith(f"pose-edge: {config}: ")
    assert "Traceback" not in done.stderr
