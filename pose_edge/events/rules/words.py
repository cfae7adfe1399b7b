"""A condition in words, and what its quantities are called in evidence."""

from __future__ import annotations

from typing import Any

from pose_edge.events.rules.conditions import ConditionBase, Limits, People
from pose_edge.quantities import BY_NAME, Quantity


def evidence_name(name: str, said: Any) -> str:
    """Return what a quantity is called in evidence: `right_wrist_above_nose`, `people_in_bed`."""
    if name == "height":
        return f"{said.of}_over_{said.over}"
    if name in ("distance", "distance_m"):
        return f"{said.of}_to_{said.to}{name.removeprefix('distance')}"
    if name == "speed":
        return f"{said.of}_speed"
    if name == "people" and said.zone:
        return f"people_in_{'_'.join(said.zone)}"
    return name


def in_condition(name: str, said: Any) -> str:
    """Return one quantity of a condition in words: `left elbow below 40 deg`."""
    if name == "zone":
        return f"in zone {' or '.join(said)}"
    if name == "posture":
        return " or ".join(said)
    if name == "people":
        return _people(said)
    row = BY_NAME[name]
    unit = "" if row.unit == "share" else f" {row.unit}"
    return f"{_subject(row, said)} {_limits(said)}{unit}".replace("_", " ")


def _people(said: People) -> str:
    where = f" in zone {' or '.join(said.zone)}" if said.zone else ""
    return f"nobody{where}" if said.at_most == 0 else f"{count_in_words(said)} people{where}"


def count_in_words(said: People) -> str:
    """Return the limits of a count: `at least 2`."""
    counts = (("at least", said.at_least), ("at most", said.at_most))
    return " and ".join(f"{words} {count}" for words, count in counts if count is not None)


def _subject(row: Quantity, said: Any) -> str:
    points = {"height": ("of", "over"), "distance": ("of", "to"), "speed": ("of",)}.get(row.shape, ())
    label = "distance" if row.shape == "distance" else row.label
    return " ".join([label, *(f"{word} {getattr(said, word)}" for word in points)])


def _limits(said: Limits) -> str:
    if said.between is not None:
        return f"between {said.between[0]:g} and {said.between[1]:g}"
    return f"below {said.below:g}" if said.below is not None else f"above {said.above:g}"


def when_in_words(condition: ConditionBase, inside: bool = False) -> str:
    """Return a condition in words; what has several parts in brackets where it stands `inside` another."""
    given = dict(condition.given())
    several = len(given) > 1
    words = " and ".join(_part(name, value, inside or several) for name, value in given.items())
    return f"({words})" if inside and several else words


def _part(name: str, value: Any, inside: bool) -> str:
    if name == "not":
        return f"not ({when_in_words(value)})"
    if name not in ("all", "any"):
        return in_condition(name, value)
    if len(value) == 1:
        return when_in_words(value[0], inside)
    words = (" and " if name == "all" else " or ").join(when_in_words(part, True) for part in value)
    return f"({words})" if inside else words
