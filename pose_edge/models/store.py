"""Where the model files are, and whether they are what their names say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pose_edge.errors import ModelError, UnavailableError, UsageError
from pose_edge.models.check import shape_problem
from pose_edge.models.files import sha256_of
from pose_edge.models.manifest import Manifest, Variant
from pose_edge.state_directory import SYSTEM_DIRECTORY

ENVIRONMENT = "POSE_EDGE_MODEL"
COMMAND = "get it with: pose-edge models fetch"
CUSTOM = "custom"
"""Variant of a file that the manifest does not know."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file and what is known of it."""

    path: Path
    variant: str
    """By its hash; of a file in the store, by its name. `custom` where neither tells."""
    sha256: str
    """Empty where the file cannot be read."""
    verified: bool
    """Its hash is one the manifest accepts for `variant`."""
    problem: str | None = None
    """Why it must not be used; None also for a custom model of the right shape."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of the manifest, and the file if there is one."""

    variant: str
    default: bool
    size_bytes: int
    url: str
    licence: str
    file: ModelFile | None


@dataclass(frozen=True, slots=True)
class ModelStore:
    """The models of a manifest in some directories, searched in that order."""

    manifest: Manifest
    directories: tuple[Path, ...]

    def resolve(self, model: str | Path | None, variant: str) -> ModelFile:
        """Return the file to use: `model`, else that of POSE_EDGE_MODEL, else `variant` from the store.

        Raises:
            UsageError: no such file, or no such variant.
            ModelError: the file is damaged, or no pose landmarker.
            UnavailableError: the store has none; the message says how to fetch it.
        """
        if chosen := model or os.environ.get(ENVIRONMENT):
            return self._chosen(Path(chosen).expanduser(), "" if model else f" (from {ENVIRONMENT})")
        found = self.candidates(variant)
        best = next((file for file in found if file.verified), None)
        if best:
            return best
        if found:
            raise ModelError(f"model {found[0].path}: {found[0].problem}: {COMMAND} {variant}")
        raise UnavailableError(f"no {variant} model in {self._places()}: {COMMAND} {variant}")

    def present(self, variant: str) -> ModelFile | None:
        """Return the verified file of a variant, if there is one."""
        return next((file for file in self.candidates(variant) if file.verified), None)

    def candidates(self, variant: str) -> list[ModelFile]:
        """Return all files that bear the variant's name, sound or not."""
        entry = self.manifest.variant(variant)
        paths = [directory / entry.file for directory in self.directories]
        return [_inspect(path, variant, entry) for path in paths if path.is_file()]

    def listing(self) -> list[Listing]:
        """Return every variant of the manifest, with the sound file if there is one, else a damaged one."""
        return [self._line(name, entry) for name, entry in self.manifest.variants.items()]

    def verify(self, target: str | Path | None = None) -> list[ModelFile]:
        """Return what is known of a file, of the files of one variant, or of all in the store.

        Raises:
            UsageError: no such file.
            UnavailableError: the store has none to verify.
        """
        names = list(self.manifest.variants) if target is None else [str(target)]
        if target is not None and str(target) not in self.manifest.variants:
            return [self._explicit(Path(target).expanduser())]
        found = [file for name in names for file in self.candidates(name)]
        if not found:
            raise UnavailableError(f"no {' or '.join(names)} model in {self._places()}: {COMMAND}")
        return found

    def _chosen(self, path: Path, origin: str) -> ModelFile:
        if not path.exists():
            raise UsageError(f"model {path}{origin}: no such file")
        file = self._explicit(path)
        if file.problem:
            raise ModelError(f"model {path}{origin}: {file.problem}")
        return file

    def _explicit(self, path: Path) -> ModelFile:
        """Return what is known of a file somebody named; raises `UsageError` if there is none."""
        problem = shape_problem(path)
        sha256 = _hash_or_empty(path)
        variant = self.manifest.variant_of(sha256)
        return ModelFile(path, variant or CUSTOM, sha256, verified=variant is not None, problem=problem)

    def _line(self, name: str, entry: Variant) -> Listing:
        found = self.candidates(name)
        best = next((file for file in found if file.verified), found[0] if found else None)
        default = name == self.manifest.default
        official = entry.official
        return Listing(name, default, official.size_bytes, official.url, self.manifest.licence, best)

    def _places(self) -> str:
        return ", ".join(str(directory) for directory in self.directories)


def standard_directories(
    environment: Mapping[str, str], checkout: Path, service: Path = SYSTEM_DIRECTORY
) -> tuple[Path, ...]:
    """Return where models live: the checkout's `models/`, the service's state, the user's data.

    `checkout` is the folder above the package; it counts only if it is a source checkout. Whoever may look
    into the directory of an installed `service` (root) means its models, not others of their own.
    """
    found = [checkout / "models"] if (checkout / "pyproject.toml").is_file() else []
    if state := environment.get("STATE_DIRECTORY"):
        found.append(Path(state.split(":")[0]) / "models")  # systemd lists several with colons
    elif os.access(service / "models", os.R_OK | os.X_OK):
        found.append(service / "models")
    data = environment.get("XDG_DATA_HOME", "")
    if data.startswith("/"):  # the XDG specification has relative ones ignored
        found.append(Path(data) / "pose-edge" / "models")
    elif home := environment.get("HOME"):
        found.append(Path(home) / ".local" / "share" / "pose-edge" / "models")
    return tuple(found)


def _inspect(path: Path, variant: str, entry: Variant) -> ModelFile:
    sha256 = _hash_or_empty(path)
    if sha256 in entry.accepted:
        return ModelFile(path, variant, sha256, verified=True)
    problem = f"SHA-256 {sha256} is none of {variant}'s: damaged" if sha256 else "cannot be read"
    return ModelFile(path, variant, sha256, verified=False, problem=problem)


def _hash_or_empty(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""
