"""What an input should lead to, written down: `pose-edge replay clip.mp4 --expect clip.yaml`.

expect:
- {event: presence_started, at_s: 5.2, within_s: 1}
- {posture: sitting, at_s: 8}
never: [lying]
in_order: true
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, model_validator

from pose_edge.errors import ConfigError
from pose_edge.options import Options
from pose_edge.records import Event, Stage


class Expected(Options):
    """One thing that should happen: an event type or a posture, at a second if that matters."""

    event: str | None = None
    """`event_type` of the message: `presence_started`, `posture_started` ..."""
    posture: str | None = None
    """The posture that begins."""
    at_s: float | None = Field(None, ge=0)
    """When it should begin or be decided, in seconds of the source's clock; None: at any time."""
    within_s: float = Field(1.0, ge=0)
    """How far off `at_s` is still right."""

    @model_validator(mode="after")
    def _one_of(self) -> Expected:
        if (self.event is None) == (self.posture is None):
            raise ValueError("either event or posture is needed")
        return self

    def met_by(self, event: Event) -> bool:
        """Return whether `event` is what was expected."""
        if self.event is not None and event.event_type != self.event:
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
    """Event types and postures that may not begin."""
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
        forbidden = [e for e in events if {e.event_type, _posture(e)} & set(self.never)]
        found += [
            f"never {_posture(e) or e.event_type}: happened at {e.timestamp_ms / 1000:.1f} s"
            for e in forbidden
        ]
        return found


def load_expectations(path: Path) -> Expectations:
    """Return what a file expects.

    Raises:
        ConfigError: it cannot be read, or is not as described above.
    """
    try:
        return Expectations.model_validate(yaml.safe_load(path.read_text("utf-8")) or {})
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: no valid YAML: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors())
        raise ConfigError("\n".join(f"{path}: {line}" for line in lines)) from error


def _posture(event: Event) -> str | None:
    return str(event.details["posture"]) if event.kind == "posture" and event.stage is Stage.NEW else None
