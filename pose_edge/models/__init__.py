"""The model store: finds, fetches, builds and verifies Pose Landmarker models.

Nothing but `fetch` and `fetch_any` touches the network.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from pathlib import Path

from pose_edge.errors import UnavailableError
from pose_edge.models import manifest
from pose_edge.models.check import check_pose_model
from pose_edge.models.store import Listing, ModelFile, ModelStore, standard_directories

logger = logging.getLogger(__name__)

__all__ = [
    "Listing",
    "ModelFile",
    "check_pose_model",
    "default_variant",
    "fetch",
    "fetch_any",
    "listing",
    "resolve",
    "variants",
    "verify",
]


def resolve(model: str | Path | None, variant: str) -> ModelFile:
    """See `ModelStore.resolve`; where only another official variant is here, that one, with a warning."""
    store = _store()
    try:
        return store.resolve(model, variant)
    except UnavailableError:
        for other in variants():
            with contextlib.suppress(UnavailableError):
                found = store.resolve(None, other)
                logger.warning("no %s model here, taking %s: %s", variant, other, found.path)
                return found
        raise


def fetch(variant: str, directory: Path | None = None, progress: bool = True) -> ModelFile:
    """See `Fetcher.fetch`; `directory` is where to look and store instead of the usual places."""
    from pose_edge.models.fetcher import Fetcher  # HTTP and zip writing: nothing the daemon should load

    return Fetcher(_store(directory), progress).fetch(variant)


def fetch_any(preferred: str = "lite", directory: Path | None = None, progress: bool = True) -> ModelFile:
    """See `Fetcher.fetch_any`."""
    from pose_edge.models.fetcher import Fetcher  # as above

    return Fetcher(_store(directory), progress).fetch_any(preferred)


def listing() -> list[Listing]:
    """See `ModelStore.listing`."""
    return _store().listing()


def verify(target: str | Path | None = None) -> list[ModelFile]:
    """See `ModelStore.verify`."""
    return _store().verify(target)


def default_variant() -> str:
    """Return the name of the model most people should run."""
    return manifest.load().default


def variants() -> list[str]:
    """Return the names of all models, small to large."""
    return list(manifest.load().variants)


def _store(directory: Path | None = None) -> ModelStore:
    checkout = Path(__file__).parents[2]
    store = ModelStore(manifest.load(), standard_directories(os.environ, checkout))
    return dataclasses.replace(store, directories=(directory,)) if directory else store
