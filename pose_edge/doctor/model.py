"""The model file, against the published hashes."""

from __future__ import annotations

from pose_edge import models
from pose_edge.config import Config
from pose_edge.doctor.findings import Finding, Surroundings, configured, fault, ok, warning
from pose_edge.models import ModelFile

SHOWN = 12
"""Digits of a hash that are enough to compare by eye."""


@configured
def model(_around: Surroundings, config: Config) -> Finding:
    """Is the model that will be used there, and what its name says?"""
    found = models.resolve(config.model.path, config.model.variant)
    shown = f"{found.path}, SHA-256 {found.sha256[:SHOWN]}..."
    if not found.verified:
        return _unknown(found, shown)
    if config.model.path is None and found.variant != config.model.variant:
        return warning(f"{shown} is {found.variant}, model.variant asks for {config.model.variant}")
    return ok(f"{found.variant}: {shown} as published")


def _unknown(found: ModelFile, shown: str) -> Finding:
    """A model of one's own is fine; one that bears an official name is not what its name says."""
    for name in models.variants():
        if found.path.name == f"pose_landmarker_{name}.task":
            return fault(f"{shown} is not what was published as {name}: pose-edge models fetch {name}")
    return warning(f"{shown} is in no list of published models: fine if it is one of your own")
