"""What an input should lead to, written down: `pose-edge replay clip.mp4 --expect clip.yaml`.

expect:
- {event: presence_started, at_s: 5.2, within_s: 1}
- {posture: sitting, at_s: 8}
never: [lying]
in_order: true
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml
from pydantic import Field, ValidationError, model_validator

from pose_edge.complaints import Detail, nearest_of, place, reason, repeated, worth_telling
from pose_edge.errors import ConfigError
from pose_edge.options import Options
from pose_edge.records import Event, PostureClass, Stage
from pose_edge.spelling import nearest

_HABITS: Final = ("slouch", "forward_head", "shoulder_tilt", "head_tilt", "sedentary")

TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "presence": ("presence_started", "presence_changed", "presence_ended"),
    "posture": ("posture_started", "posture_ended"),
    "camera": ("camera_problem",),
    "fall": ("fall_suspected", "fall_confirmed", "fall_cleared"),
    "hands_raised": ("gesture",),
    "one_arm_raised": ("gesture",),
    "wave": ("gesture",),
    "repetition": ("repetition",),
    "zones": ("zone_entered", "zone_changed", "zone_left", "loitering"),
    "bed_exit": ("bed_exit",),
    "chair_exit": ("chair_exit",),
    "inactivity": ("inactivity",),
    "desk": ("desk_started", "desk_changed", "desk_ended"),
    **{habit: (f"{habit}_started", "posture_reminder", f"{habit}_ended") for habit in _HABITS},
}
"""Event kind -> its event types: what can be expected or forbidden, with postures and rules."""

POSTURES: Final = tuple(posture.value for posture in PostureClass)


class Expected(Options):
    """One thing that should happen: an event type or a posture, at a second if that matters."""

    event: str | None = None
    """`event_type` of the message or, where it begins, its `kind`: `presence_started`, `wave` ..."""
    posture: str | None = None
    """The posture that begins."""
    at_s: float | None = Field(None, ge=0)
    """When it should begin or be decided, in seconds of the source's clock; None: at any time."""
    within_s: float = Field(1.0, ge=0)
    """How far off `at_s` is still right."""

    @model_validator(mode="after")
    def _one_of(self) -> Expected:
        if (self.event is None) == (self.posture is None):
            found = "neither" if self.event is None else "both"
            raise ValueError(f"either event or posture is needed, {found} found")
        return self

    def met_by(self, event: Event) -> bool:
        """Return whether `event` is what was expected."""
        if self.event is not None and self.event not in _names(event):
            return False
        if self.posture is not None and _posture(event) != self.posture:
            return False
        begun_ms = event.start_ms if event.end_ms is None else event.end_ms
        moments_s = (begun_ms / 1000, event.timestamp_ms / 1000)
        return self.at_s is None or any(abs(moment_s - self.at_s) <= self.within_s for moment_s in moments_s)

    def __str__(self) -> str:
        what = self.event or f"posture {self.posture}"
        return what if self.at_s is None else f"{what} at {self.at_s:g} s (+-{self.within_s:g} s)"


class Expectations(Options):
    """A file of them."""

    expect: tuple[Expected, ...] = ()
    """What should happen."""
    never: tuple[str, ...] = ()
    """Event types that may not be told; kinds and postures that may not begin."""
    in_order: bool = False
    """Whether what is expected must happen in the order written."""

    def complaints(self, events: Sequence[Event]) -> list[str]:
        """Return what `events` fall short of, in words; empty when everything is met."""
        found: list[str] = []
        position = 0
        for expected in self.expect:
            index = next((i for i in range(position, len(events)) if expected.met_by(events[i])), None)
            if index is None:
                found.append(f"expected {expected}: did not happen")
            elif self.in_order:
                position = index + 1
        for event in events:
            broken = [word for word in self.never if word in (*_names(event), _posture(event))]
            found += [f"never {word}: happened at {event.timestamp_ms / 1000:.1f} s" for word in broken]
        return found

    def unknown(self, rule_types: Iterable[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the place of each word that nothing can ever say, and why; it would never have happened."""
        names = sorted({*TYPES, *(name for types in TYPES.values() for name in types), *rule_types})
        for index, one in enumerate(self.expect):
            if one.event is not None and one.event not in names:
                yield ("expect", index, "event"), _unknown(one.event, names)
            if one.posture is not None and one.posture not in POSTURES:
                yield ("expect", index, "posture"), _unknown(one.posture, POSTURES)
        for index, word in enumerate(self.never):
            if word not in names and word not in POSTURES:
                yield ("never", index), _unknown(word, (*POSTURES, *names))


def load_expectations(path: Path, rule_types: Iterable[str] = ()) -> Expectations:
    """Return what a file expects. `rule_types` are the events of the user's own rules.

    Raises:
        ConfigError: it cannot be read, is not as described above, or has a word that nothing says; one
            complaint a line.
    """
    root, data = _read(path)
    told = list(repeated(root))
    expectations = None
    try:
        expectations = Expectations.model_validate({} if data is None else data)
        told += [_told(root, location, why) for location, why in expectations.unknown(rule_types)]
    except ValidationError as error:
        told += [_complaint(root, detail) for detail in worth_telling(error.errors())]
    if told or expectations is None:
        raise ConfigError("\n".join(f"{path}{complaint}" for _, complaint in sorted(told)))
    return expectations


def _read(path: Path) -> tuple[yaml.Node | None, object]:
    try:
        text = path.read_text("utf-8-sig")
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: no valid YAML: {str(error).splitlines()[0]}") from error


def _told(root: yaml.Node | None, location: Sequence[str | int], why: str) -> tuple[int, str]:
    """Return the line and the complaint."""
    line = place(root, location).line
    where = f", line {line}" if line else ""
    return line, f"{where}: {'.'.join(map(str, location)) or 'the file'}: {why}"


def _complaint(root: yaml.Node | None, detail: Detail) -> tuple[int, str]:
    location, value = detail["loc"], detail["input"]
    if detail["type"] == "extra_forbidden":
        known = [*(Expectations if len(location) == 1 else Expected).model_fields]
        why = f"unknown{nearest_of(str(location[-1]), known)}; allowed: {', '.join(known)}"
        return _told(root, location, why)
    why = reason([detail], ".".join(map(str, location)), place(root, location).node)
    if detail["type"] == "model_type" and isinstance(value, str):
        why += f"; did you mean {{{'posture' if value in POSTURES else 'event'}: {value:.40}}}?"
    return _told(root, location, why)


def _posture(event: Event) -> str | None:
    return str(event.details["posture"]) if event.kind == "posture" and event.stage is Stage.NEW else None


def _names(event: Event) -> tuple[str, ...]:
    """Return what an event can be called: its type, and its kind when it begins."""
    return (event.event_type, event.kind) if event.stage is Stage.NEW else (event.event_type,)


def _unknown(word: str, known: Sequence[str]) -> str:
    near = nearest(word, known)
    hint = f"did you mean '{near}'? " if near else ""
    return f"'{word}' found, {hint}allowed: {', '.join(known)}"
