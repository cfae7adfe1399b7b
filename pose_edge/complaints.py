"""What pydantic has against a value in a file -> what is allowed and what was probably meant, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml
from pydantic_core import PydanticCustomError

from pose_edge.durations import in_words, seconds
from pose_edge.spelling import nearest

Detail: TypeAlias = Mapping[str, Any]
"""One of pydantic's `ValidationError.errors()`."""

ALLOWED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    "finite_number": "a finite number",
    "string_type": "text",
    "invalid_key": "text as a name",
    "path_type": "a path",
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a mapping of options"),
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "string_too_short": "text of at least {min_length}",
    "string_too_long": "text of at most {max_length}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}
"""pydantic's name of a mistake -> what is allowed."""

PATTERNS: Final[Mapping[str, str]] = {
    r"^[a-z0-9_-]{1,32}$": "a name of 1 to 32 of a-z, 0-9, _ and -",
    r"^[a-z][a-z0-9_]{0,31}$": "a name of 1 to 32 of a-z, 0-9 and _ that begins with a letter",
}
"""What may be written where a pattern decides, for people."""

_NUMBER: Final = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?)\s*(%?)\s*[a-zA-Z°/]*\s*")
_UNITS: Final[Mapping[str, float]] = {"_ms": 1000.0, "_s": 1.0, "_min": 1 / 60}
"""How an option's name ends -> its units in a second."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a YAML file one of pydantic's locations is."""

    line: int
    """Of the deepest part that is in the file; 0: none of it."""
    parts: tuple[str | int, ...]
    """Those in the file; what pydantic calls the members of a union is not."""
    node: yaml.Node | None
    """What is there."""


def place(root: yaml.Node | None, location: Sequence[str | int]) -> Place:
    """Follow a location through the YAML tree."""
    line, parts, node = 0, [], root
    for part in location:
        found = child(node, part)
        if found is not None:
            line, node = found
            parts.append(part)
    return Place(line, tuple(parts), node)


def child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    """Return the line and the value of one key of a mapping, or of one item of a list."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def _dotted(location: Sequence[str | int]) -> str:
    return ".".join(map(str, location))


def repeated(
    node: yaml.Node | None,
    written: Callable[[Sequence[str | int]], str] = _dotted,
    above: tuple[str | int, ...] = (),
) -> Iterator[tuple[int, str]]:
    """Yield line and complaint of keys that are there twice; YAML lets the last one win in silence."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from repeated(item, written, (*above, index))
    elif isinstance(node, yaml.MappingNode):
        first_line: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in first_line:
                where = written((*above, name))
                yield line, f", line {line}: {where}: given twice, first in line {first_line[name]}"
            first_line.setdefault(name, line)
            yield from repeated(value, written, (*above, name))


def worth_telling(details: Iterable[Detail]) -> list[Detail]:
    """Leave out lists that are too short only because pydantic does not count wrong items."""
    found = list(details)

    def is_echo(detail: Detail) -> bool:
        above = detail["loc"]
        return detail["type"] == "too_short" and any(
            len(other["loc"]) > len(above) and other["loc"][: len(above)] == above for other in found
        )

    return [detail for detail in found if not is_echo(detail)]


def reason(details: Sequence[Detail], key: str, node: yaml.Node | None = None) -> str:
    """Say what was found in one place and what is allowed; several details are the members of a union."""
    detail = details[0]
    allowed = list(dict.fromkeys(words for one in details if (words := _allowed(one, key))))
    if not allowed:
        return _own_words(detail, key, node)
    return f"{found(detail, key, node)} found, {' or '.join(allowed)} is allowed{_meant(detail, key, node)}"


def _allowed(detail: Detail, key: str) -> str | None:
    """Return what would be allowed; None: the message is in words of ours already."""
    if detail["type"] == "string_pattern_mismatch":
        pattern = detail["ctx"]["pattern"]
        return PATTERNS.get(pattern, f"text as {pattern}")
    words = ALLOWED.get(detail["type"])
    if words is None:
        return None
    bounds = {name: _bound(limit, key) for name, limit in detail.get("ctx", {}).items()}
    if detail["type"].startswith("string_too"):
        bounds = {name: f"{limit} character{'' if limit == 1 else 's'}" for name, limit in bounds.items()}
    return words.format(**bounds)


def _bound(limit: object, key: str) -> object:
    if isinstance(limit, float) and limit.is_integer():
        limit = int(limit)
    in_seconds = key.endswith(("_s", ".for", ".clear", ".refractory"))
    long = in_seconds and isinstance(limit, int | float) and limit >= 60
    return f"{limit} ({in_words(float(limit))})" if long and isinstance(limit, int | float) else limit


def _own_words(detail: Detail, key: str, node: yaml.Node | None) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    value = detail["input"]
    if isinstance(value, dict) or message.startswith(repr(value)) or detail["type"] == "polygon":
        return message
    return f"{found(detail, key, node)} found, {message[0].lower()}{message[1:]}"


def found(detail: Detail, key: str, node: yaml.Node | None = None) -> str:
    """Return what is in the file; never a secret."""
    value = detail["input"]
    if "password" in key or (isinstance(value, str) and "@" in value):
        return "a value"  # a secret in the wrong place is still a secret, as in user:password@host
    if isinstance(value, list | tuple) and detail["type"] in ("too_short", "too_long"):
        return f"a list of {len(value)}"
    if isinstance(value, dict | list | tuple | set):
        return kind(value)
    if isinstance(node, yaml.ScalarNode) and value is not None and not isinstance(value, str):
        return f"{node.value:.60}"  # as it is written: YAML reads 22:00 as 1320
    return "nothing" if value is None else f"{value!r:.60}"


def kind(value: object) -> str:
    """Return what something is called in a file."""
    names = {dict: "a mapping", list: "a list", tuple: "a list", str: "text", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)


def _meant(detail: Detail, key: str, node: yaml.Node | None) -> str:
    """Guess the intention, as `; did you mean 300?`; empty where there is no telling."""
    value, mistake = detail["input"], detail["type"]
    if "password" in key or (isinstance(value, str) and "@" in value):
        return ""
    if mistake == "string_type":
        scalar = node.value if isinstance(node, yaml.ScalarNode) and value is not None else ""
        return f'; in quotes it is: "{scalar:.40}"' if scalar else ""
    if mistake in ("tuple_type", "list_type"):
        if isinstance(value, dict):
            return ": each item begins with a dash"
        listed = isinstance(value, str) or (key.endswith("_s") and isinstance(value, int | float))
        return f"; did you mean [{value!s:.40}]?" if listed else ""
    if mistake in ("float_parsing", "int_parsing"):
        return _meant_number(value, key, mistake)
    if mistake == "literal_error":
        return nearest_of(str(value), re.findall(r"'([^']*)'", str(detail["ctx"]["expected"])))
    if mistake == "string_pattern_mismatch" and isinstance(value, str):
        name = re.sub(r"[^a-z0-9_]+", "_", value.lower()).strip("_")
        return f"; did you mean {name!r}?" if re.fullmatch(detail["ctx"]["pattern"], name) else ""
    return ""


def _meant_number(value: object, key: str, mistake: str) -> str:
    number = _seconds(value, key)
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if number is None and match:
        number = float(match[1].replace(",", ".")) / (100 if match[2] else 1)
    if number is None or (mistake.startswith("int") and not number.is_integer()):
        return ""
    return f"; did you mean {number:.10g}?"


def _seconds(value: object, key: str) -> float | None:
    """Return a duration in the unit of an option; None: it is none, or the option takes none."""
    ending = next((ending for ending in _UNITS if key.endswith(ending)), None)
    if ending is None:
        return None
    try:
        return float(str(seconds(value))) * _UNITS[ending]
    except PydanticCustomError:
        return None


def nearest_of(word: str, known: Sequence[str]) -> str:
    """Return `; did you mean 'feet'?`; empty where nothing is near."""
    by_lower = {one.lower(): one for one in known}
    near = nearest(word.lower(), by_lower)
    return f"; did you mean {by_lower[near]!r}?" if near else ""
