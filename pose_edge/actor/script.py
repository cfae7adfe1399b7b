"""A YAML file -> a script. All mistakes are told at once, with their lines.

description: what this script is for
acts:
  - {act: nobody, duration_s: 3}
  - {act: walk_in, duration_s: 4}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from pose_edge.actor.acts import ACTS, before
from pose_edge.actor.shipped import SHIPPED_DIR, is_path, shipped_names, unknown_script
from pose_edge.actor.timeline import Script, least_ms
from pose_edge.complaints import Detail, place, reason
from pose_edge.errors import ConfigError
from pose_edge.options import Options
from pose_edge.spelling import nearest


class ActEntry(Options):
    """One act of a script."""

    act: str
    duration_s: float = Field(gt=0, le=3600)


class ScriptFile(Options):
    """A script as it is written."""

    description: str = ""
    acts: list[ActEntry] = Field(min_length=1)


def load_script(script: str) -> Script:
    """Return a shipped script by its name, or the one in the file named.

    Raises:
        ConfigError: there is no such script, or what it says cannot be played; one complaint a line.
    """
    if is_path(script):
        return _parse(Path(script).stem, script, _read(Path(script)))
    if script not in shipped_names():
        raise ConfigError(unknown_script(script))
    return _parse(script, f"{script}.yaml", _read(SHIPPED_DIR / f"{script}.yaml"))


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, found = data.count(b"\n", 0, error.start) + 1, f"byte 0x{data[error.start]:02x}"
        raise ConfigError(f"{path}, line {line}: {found} found, the file must be UTF-8") from error


def _parse(name: str, file: str, text: str) -> Script:
    root, data = _yaml(file, text)
    try:
        parsed = ScriptFile.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_complaint(file, root, detail) for detail in error.errors())) from error
    if complaints := list(_impossible(parsed.acts)):
        lines = [f"{_where(file, root, ('acts', index))}: {why}" for index, why in complaints]
        raise ConfigError("\n".join(lines))
    return Script(name, [(entry.act, round(entry.duration_s * 1000)) for entry in parsed.acts])


def _yaml(file: str, text: str) -> tuple[yaml.Node | None, Any]:
    try:
        root, data = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{file}{where}: no valid YAML: {problem}") from error
    if not isinstance(data, Mapping):
        found = "nothing" if data is None else f"{data!r:.40}"
        raise ConfigError(f"{file}: {found} found, a mapping with `acts` is allowed")
    return root, data


def _impossible(entries: Sequence[ActEntry]) -> Iterator[tuple[int, str]]:
    """Yield (which act, why it cannot be played). After an unknown act anything may follow."""
    situation, held = None, None
    for index, entry in enumerate(entries):
        act = ACTS.get(entry.act)
        if act is None:
            allowed = f"allowed: {', '.join(ACTS)}"
            yield index, f"{entry.act!r} is no act{_nearest(entry.act, list(ACTS))}; {allowed}"
            situation, held = None, None
            continue
        if situation is not None and situation not in act.follows:
            allowed = ", ".join(name for name, other in ACTS.items() if situation in other.follows)
            yield index, f"{entry.act!r} cannot follow {entries[index - 1].act!r}; allowed: {allowed}"
            held = None
        start = act.appears_as or held or before(act)
        if round(entry.duration_s * 1000) < least_ms(act, start):
            least_s = least_ms(act, start) / 1000
            yield index, f"duration_s {entry.duration_s:g} found, {entry.act!r} takes at least {least_s:g}"
        situation, held = act.leads_to, act.moves[-1].to if act.moves else start


def _complaint(file: str, root: yaml.Node | None, detail: Detail) -> str:
    location = detail["loc"]
    where, key = _where(file, root, location), ".".join(map(str, location))
    if detail["type"] == "extra_forbidden":
        known = list((ScriptFile if len(location) == 1 else ActEntry).model_fields)
        nearest = _nearest(str(location[-1]), known)
        return f"{where}: {key}: unknown key{nearest}; allowed: {', '.join(known)}"
    if detail["type"] == "missing":
        return f"{where}: {key}: missing"
    return f"{where}: {key}: {reason([detail], key, place(root, location).node)}"


def _where(file: str, root: yaml.Node | None, location: Sequence[str | int]) -> str:
    """Return the file and the line of a place in it, or of the nearest thing above it."""
    line = place(root, location).line
    return f"{file}, line {line}" if line else file


def _nearest(name: str, known: Sequence[str]) -> str:
    near = nearest(name, known)
    return f", did you mean {near!r}?" if near else ""
