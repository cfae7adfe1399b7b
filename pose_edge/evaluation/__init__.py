"""Labelled clips -> how well the engine does: `pose-edge evaluate`.

manifest -> footage (landmarks, kept in a cache) -> stress -> playing (the engine) -> judging -> report.
The format of a manifest is described in `docs/manifest.md`.
"""
