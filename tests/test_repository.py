"""What must hold of the files themselves, so that a fresh clone works anywhere and may be given away."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import pose_edge

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))

LARGEST_FILE_BYTES = 400_000
COMMON_FOLDERS = {
    Path(name) for name in ("/", "/home", "/opt", "/root", "/srv", "/tmp", "/usr/src", "/var/tmp")
}
"""Where anybody may have a checkout: finding such a name in a file says nothing about a developer."""

MEDIAPIPE = {
    "bootstrap": None,
    "camera-tests": None,
    "dev": "==1.2.2",
    "dev-mediapipe-0.10": "==0.10.18",
    "laptop": "==1.2.2",
    "pi4-bookworm": "==0.10.18",
    "pi5-bookworm": "==1.2.2",
    "pi5-trixie": "==1.2.2",
}
"""Which MediaPipe each lock installs: 0.10.18 is the last one built for the cores of a Pi 4."""


def locked(lock: Path) -> dict[str, Requirement]:
    """Return the requirements of a lock by name, without their hashes."""
    lines = lock.read_text().splitlines()
    found = [Requirement(line.removesuffix("\\")) for line in lines if line[:1].isalnum()]
    return {requirement.name: requirement for requirement in found}


def tracked_files() -> list[Path]:
    """Return the files git knows of; skips where there is no repository."""
    # The folder may belong to somebody else, as in a container; reading names in it is no danger.
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout, or no git here")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def tracked_lines() -> Iterator[tuple[str, str]]:
    """Yield (place, line) of every text file in git."""
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def test_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()

    assert re.search(r"Apache License\s+Version 2\.0, January 2004", text)
    assert "END OF TERMS AND CONDITIONS" in text


def test_changelog_tells_about_the_version_in_the_package() -> None:
    headings = re.findall(r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert pose_edge.__version__ in headings


def test_every_lock_has_its_mediapipe() -> None:
    found = {lock.stem: locked(lock).get("mediapipe") for lock in LOCKS}

    assert {name: str(it.specifier) if it else None for name, it in found.items()} == MEDIAPIPE


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_lock_has_a_hash_for_everything_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]

    assert entries
    assert "http" not in text
    assert "file:" not in text
    for entry in entries:
        assert re.match(r"[\w.-]+==[\w.]+( ; .+)? \\\n    --hash=sha256:[0-9a-f]{64}\b", entry), entry


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_lock_leaves_out_what_breaks_or_bloats_a_headless_system(lock: Path) -> None:
    names = set(locked(lock))

    # opencv-contrib-python owns `cv2` too and needs a screen; PyPI's `systemd` is an unrelated project.
    assert (
        names & {"opencv-contrib-python", "opencv-python", "sounddevice", "jax", "jaxlib", "systemd"} == set()
    )


@pytest.mark.parametrize("lock", ["pi4-bookworm", "pi5-bookworm", "dev-mediapipe-0.10"])
def test_bookworm_keeps_the_numpy_its_camera_libraries_were_built_with(lock: str) -> None:
    requirements = locked(ROOT / "requirements" / f"{lock}.lock")

    assert str(requirements["numpy"].specifier).startswith("==1.")
    assert str(requirements["opencv-python-headless"].specifier) == "==4.11.0.86"


@pytest.mark.parametrize("lock", ["laptop", "pi5-trixie"])
def test_what_is_shipped_is_what_was_tested(lock: str) -> None:
    tested = locked(ROOT / "requirements" / "dev.lock")
    shipped = locked(ROOT / "requirements" / f"{lock}.lock")

    assert {name: str(it.specifier) for name, it in shipped.items()} == {
        name: str(tested[name].specifier) for name in shipped
    }


def test_no_file_in_git_is_large() -> None:
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in tracked_files()}

    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE_BYTES} == {}


def test_no_file_names_a_folder_of_one_developers_machine() -> None:
    # `/home/pi` and `/home/homeassistant` are what everybody's board has.
    homes = re.compile(r"/(?:home|Users)/(?!pi\b|homeassistant\b)[a-z]\w*/")
    here = [str(folder) + "/" for folder in (ROOT, ROOT.parent) if folder not in COMMON_FOLDERS]

    found = [
        place for place, line in tracked_lines() if homes.search(line) or any(name in line for name in here)
    ]

    assert found == []
