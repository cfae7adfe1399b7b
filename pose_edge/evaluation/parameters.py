"""The event options in force."""

from __future__ import annotations

from typing import Any

from pose_edge.options import Options


def in_force(options: Options) -> dict[str, dict[str, Any]]:
    """Return an `EventsOptions` as plain values, one group a kind.

    A group whose options follow from others (a sensitivity) may have a method `in_force` that returns
    what they amount to; that is added to what is written there.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, group in options:
        if not isinstance(group, Options):
            continue
        amount_to = getattr(group, "in_force", dict)
        found[name] = {**group.model_dump(mode="json"), **amount_to()}
    return found
