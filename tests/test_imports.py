"""Which way imports go, and what need not be installed to import a part."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

HARDWARE_AND_MODEL = {"amqtt", "cv2", "libcamera", "mediapipe", "picamera2", "systemd"}
"""What a machine may lack and still show its tables: configuration, help, kinds of sources and events."""

CHECK_CONTRACTS = """
import sys
from importlinter.cli import lint_imports

sys.exit(lint_imports(no_cache=True, no_logo=True))
"""

IMPORT_WITHOUT = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
importlib.import_module({module!r})
"""

IMPORT_AND_TELL = """
import importlib, sys

importlib.import_module({module!r})
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def python(script: str) -> str:
    """Return what the script prints in a fresh interpreter; fails with all it said."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_imports_go_one_way_and_the_middle_is_pure() -> None:
    # The contracts stand in pyproject.toml. In a process of its own: import-linter silences other loggers.
    python(CHECK_CONTRACTS)


@pytest.mark.parametrize("part", ["actor", "cli", "config", "engine", "events", "models", "sinks", "sources"])
def test_tables_import_on_a_machine_without_hardware_or_model_libraries(part: str) -> None:
    python(IMPORT_WITHOUT.format(absent=HARDWARE_AND_MODEL, module=f"pose_edge.{part}"))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        # Replaying recorded poses needs no child, no model, no pictures and no broker.
        ("pose_edge.recording", {"cv2", "mediapipe", "paho"}),
        ("pose_edge.engine", {"cv2", "mediapipe", "paho"}),
        # The daemon has the network and sees no pixels; progress bars are for people.
        ("pose_edge.app", {"cv2", "mediapipe", "rich", "typer"}),
        # The vision process sees pixels and needs nobody's MQTT.
        ("pose_edge.vision", {"difflib", "mediapipe", "paho", "rich", "sqlite3", "typer", "yaml"}),
        # --help and shell completion answer at once.
        ("pose_edge.cli", {"amqtt", "cv2", "matplotlib", "mediapipe"}),
    ],
)
def test_importing_a_part_pulls_in_only_what_it_needs(module: str, unwanted: set[str]) -> None:
    pulled = set(python(IMPORT_AND_TELL.format(module=module)).split())

    assert pulled & unwanted == set()
