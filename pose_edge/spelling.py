"""Which known name somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], likeness: float = 0.5) -> str | None:
    """Return the known name that is most like `name`; None where none is at least so much like it (0-1)."""
    import difflib  # for mistakes only: the daemon would keep it in memory for the one it hardly ever meets

    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=likeness)), None)
