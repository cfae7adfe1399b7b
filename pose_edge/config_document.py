"""The configuration as a file that explains itself: every option, its default, its bounds, its meaning.

`config/pose-edge.yaml` is what this writes; a test keeps the two equal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Final, get_args

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pose_edge.config import Config, models_in
from pose_edge.described import descriptions
from pose_edge.sources import SourceOptions

WIDTH: Final = 100
UNBROKEN: Final = "\N{NO-BREAK SPACE}"
"""Holds `[0 to 1]` together while lines are broken."""
HEAD: Final = """\
# pose-edge: every option with its default. Copy what you want to change to /etc/pose-edge/config.yaml;
# what is left out keeps its default. `pose-edge config check FILE` names every mistake at once.
# Written by `pose-edge config document`.
"""


def documented() -> str:
    """Return the text of a YAML file that means the same as an empty one."""
    lines = [HEAD]
    for name, field in Config.model_fields.items():
        if name == "source":
            lines += ["", *_sources()]
        else:
            lines += ["", *_group(name, _model(field), depth=0)]
    return "\n".join(lines) + "\n"


def _group(name: str, model: type[BaseModel], depth: int) -> Iterator[str]:
    yield from _comment(model.__doc__ or "", depth)
    empty = "" if model.model_fields else " {}"
    yield f"{'  ' * depth}{name}:{empty}"
    yield from _fields(model, depth + 1)


def _fields(model: type[BaseModel], depth: int) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if models := models_in(field.annotation):
            yield from _group(name, models[0], depth)
            continue
        allowed = _allowed(field).replace(" ", UNBROKEN)
        yield from _comment(f"{descriptions(model).get(name, '')} {allowed}".strip(" "), depth)
        yield f"{'  ' * depth}{_setting(name, field)}"


def _sources() -> Iterator[str]:
    """The default source in force, the others as comments: only one can be."""
    default = _model_default(Config.model_fields["source"])
    yield "# Where the pictures come from. One kind; the options of the others are below it as comments."
    yield "source:"
    yield from _fields(type(default), 1)
    for model in models_in(SourceOptions):
        if model is not type(default):
            yield ""
            yield from (f"# {line}" for line in ("source:", *_fields(model, 1)))


def _model(field: FieldInfo) -> type[BaseModel]:
    return models_in(field.annotation)[0]


def _model_default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True, validated_data={})


def _setting(name: str, field: FieldInfo) -> str:
    if field.is_required() and not (name == "kind" and get_args(field.annotation)):
        return f"# {name}: required"
    if name == "kind":
        return f"kind: {get_args(field.annotation)[0]}"
    if field.default_factory is not None:
        return f"# {name}: the default depends on the machine"
    value = field.default
    plain = value if isinstance(value, str | int | float | bool | type(None)) else list(value)
    written = yaml.safe_dump(plain, default_flow_style=True).splitlines()[0]
    return f"{name}: {written}"


def _allowed(field: FieldInfo) -> str:
    """Say what the declaration allows: `[0 to 1]`, `[lite | full | heavy]`."""
    words = [str(arg) for arg in get_args(field.annotation) if isinstance(arg, str)]
    if words:
        return f"[{' | '.join(words)}]"
    low = next(
        (f"{'above ' * isinstance(m, Gt)}{_bound(m)}" for m in field.metadata if isinstance(m, Ge | Gt)), ""
    )
    high = next(
        (f"{'below ' * isinstance(m, Lt)}{_bound(m)}" for m in field.metadata if isinstance(m, Le | Lt)), ""
    )
    if low and high:
        return f"[{low} to {high}]"
    return (
        f"[{low} or more]"
        if low and not low.startswith("above")
        else f"[{low or high}]"
        if low or high
        else ""
    )


def _bound(limit: Ge | Gt | Le | Lt) -> str:
    return f"{getattr(limit, type(limit).__name__.lower()):g}"


def _comment(text: str, depth: int) -> Iterator[str]:
    plain = " ".join(text.replace("``", "`").split(" ")).replace("\n", " ")
    for line in textwrap.wrap(plain, WIDTH - 2 - 2 * depth, break_on_hyphens=False):
        yield f"{'  ' * depth}# {line.replace(UNBROKEN, ' ')}"
