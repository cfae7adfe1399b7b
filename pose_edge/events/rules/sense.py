"""Conditions that can never be so, or always are: nobody means them.

Each quantity by itself, as spans of numbers: what stands side by side or under one `all` has to overlap, what
stands under one `any` may not cover all there is. Nothing is said of what depends on several at once.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pose_edge.events.rules.conditions import POSTURES, ConditionBase, Limits, People
from pose_edge.events.rules.words import in_condition, when_in_words

Span: TypeAlias = tuple[float, float]
Spans: TypeAlias = tuple[Span, ...]
"""Apart from one another, in order."""

SLOPES: Final = ("head_tilt_deg", "shoulder_tilt_deg")
"""Angles against the horizon, either way: up to 90."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one line of a condition says of one quantity."""

    about: Hashable
    """The same for two that speak of the same quantity."""
    spans: Spans
    """Where the quantity has to be; words are 0, 1, 2 ... with half a step on either side."""
    domain: Span
    """Where it can be at all."""
    words: str

    def denied(self) -> Said:
        """Return what `not` makes of it."""
        return Said(self.about, _complement(self.spans, self.domain), self.domain, f"not {self.words}")


def senseless(condition: ConditionBase) -> Iterator[str]:
    """Say what in a condition can never be so, or always is; the innermost where that makes the outer so."""
    inner = [told for part in condition.inner() for told in senseless(part)]
    yield from inner or [*_of_one(condition), *_together(condition), *_either(condition)]


def _of_one(condition: ConditionBase) -> Iterator[str]:
    for said in _own(condition):
        if not said.spans:
            yield f"never so: {said.words}"
        elif said.spans == (said.domain,):
            yield f"always so: {said.words}"


def _together(condition: ConditionBase) -> Iterator[str]:
    """Say what excludes one another among all that has to be so at once."""
    found = [*_conjuncts(condition)]
    for about in dict.fromkeys(said.about for said in found):
        parts = [said for said in found if said.about == about]
        if len(parts) > 1 and all(said.spans for said in parts) and not _shared(parts):
            yield f"never so: {' and '.join(said.words for said in parts)} exclude one another"
            return
    items, denials = [*_items(condition)], [*_denials(condition)]
    for denied in denials:
        if all(_implies(items, name, value) for name, value in denied.given()):
            yield f"never so: {when_in_words(denied)} has to be so, and not so"
            return
    if any(_nobody(value, items) for name, value in items if name == "people"):
        yield "never so: nobody is there, and somebody is"


def _either(condition: ConditionBase) -> Iterator[str]:
    """Say what covers all there is under an `any`."""
    branches: Sequence[ConditionBase] = dict(condition.given()).get("any", ())
    single = [
        said
        for part in branches
        if len(said_of := [*_conjuncts(part)]) == 1 == _size(part)
        for said in said_of
    ]
    for about in dict.fromkeys(said.about for said in single):
        parts = [said for said in single if said.about == about]
        if len(parts) > 1 and _joined(span for said in parts for span in said.spans) == (parts[0].domain,):
            yield f"always so: {' or '.join(said.words for said in parts)} is all there is"
            return
    for part in branches:
        [(name, denied), *more] = part.given()
        if name == "not" and not more and denied in branches:
            yield f"always so: {when_in_words(denied)}, or not"
            return


def _own(condition: ConditionBase) -> Iterator[Said]:
    for name, value in condition.given():
        if (said := _said(name, value)) is not None:
            yield said


def _items(condition: ConditionBase) -> Iterator[tuple[str, Any]]:
    """Yield what has to be so at once, those under `all` included."""
    for name, value in condition.given():
        if name == "all" or (name == "any" and len(value) == 1):
            for part in value:
                yield from _items(part)
        elif name != "not":
            yield name, value


def _denials(condition: ConditionBase) -> Iterator[ConditionBase]:
    for name, value in condition.given():
        if name == "not":
            yield value
        elif name == "all":
            for part in value:
                yield from _denials(part)


def _conjuncts(condition: ConditionBase) -> Iterator[Said]:
    """Yield what is said of quantities that has to be so at once; `not` of a single one turned round."""
    for name, value in _items(condition):
        if (said := _said(name, value)) is not None:
            yield said
    for denied in _denials(condition):
        if len(own := [*_own(denied)]) == 1 == _size(denied):
            yield own[0].denied()


def _size(condition: ConditionBase) -> int:
    return sum(1 for _ in condition.given())


def _said(name: str, value: Any) -> Said | None:
    """Return a quantity as spans; None: a zone, or no quantity."""
    if name == "posture":
        spans = _joined((at - 0.5, at + 0.5) for at, word in enumerate(POSTURES) if word in value)
        return Said(name, spans, (-0.5, len(POSTURES) - 0.5), in_condition(name, value))
    if isinstance(value, People):
        spans = (((value.at_least or 0) - 0.5, math.inf if value.at_most is None else value.at_most + 0.5),)
        return Said((name, *sorted(value.zone)), spans, (-0.5, math.inf), in_condition(name, value))
    if isinstance(value, Limits):
        domain = (value.lowest, 90.0 if name in SLOPES else value.highest)
        points = tuple(getattr(value, point, None) for point in ("of", "over", "to"))
        return Said((name, *points), _within((value.interval,), domain), domain, in_condition(name, value))
    return None


def _implies(items: Sequence[tuple[str, Any]], name: str, value: Any) -> bool:
    """Whether something is so wherever all of `items` are; in a zone is in any longer list of zones."""
    if name == "zone":
        return any(other == "zone" and {*said} <= {*value} for other, said in items)
    return (name, value) in items


def _nobody(people: People, items: Sequence[tuple[str, Any]]) -> bool:
    """Whether nobody may be where `items` want somebody."""
    if people.at_most != 0:
        return False
    if not people.zone:
        return any(name != "people" and name != "any" for name, _ in items)
    return any(name == "zone" and {*value} <= {*people.zone} for name, value in items)


def _joined(spans: Iterable[Span]) -> Spans:
    """Return the spans with what touches or overlaps made one."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return tuple(found)


def _within(spans: Spans, domain: Span) -> Spans:
    cut = ((max(low, domain[0]), min(high, domain[1])) for low, high in spans)
    return tuple((low, high) for low, high in cut if low < high)


def _complement(spans: Spans, domain: Span) -> Spans:
    ends = [domain[0], *(end for span in spans for end in span), domain[1]]
    return tuple((low, high) for low, high in zip(ends[::2], ends[1::2], strict=True) if low < high)


def _shared(parts: Sequence[Said]) -> Spans:
    """Return where all of them are so."""
    shared = parts[0].spans
    for said in parts[1:]:
        shared = tuple(span for other in said.spans for span in _within(shared, other))
    return shared
