"""One YAML file -> frozen options. Every complaint at once, each with file, line, key and what is allowed."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel, Field, JsonValue, ValidationError

from pose_edge.complaints import Detail, kind, place, reason, worth_telling
from pose_edge.errors import ConfigError
from pose_edge.events import EventsOptions
from pose_edge.homeassistant import HomeAssistantOptions
from pose_edge.landmarker import LandmarkerOptions
from pose_edge.options import Options
from pose_edge.reporter import PublishOptions
from pose_edge.scene import SceneOptions
from pose_edge.sinks.mqtt import MqttOptions
from pose_edge.sources import SourceOptions
from pose_edge.sources.picamera2 import Picamera2Options
from pose_edge.spelling import nearest
from pose_edge.supervisor import VisionOptions
from pose_edge.tempo import TempoOptions

DEFAULT_PATH: Final = Path("/etc/pose-edge/config.yaml")

DEEPEST: Final = 32
"""Levels of the file that are looked through: more than any option has."""


def _host_id() -> str:
    """Return the host's name as a device id; the fleet's names are unique already."""
    return re.sub(r"[^a-z0-9_-]+", "-", socket.gethostname().lower()).strip("-")[:32] or "pose-edge"


class DeviceOptions(Options):
    """Options under ``device``: whose messages these are."""

    id: str = Field(default_factory=_host_id, pattern=r"^[a-z0-9_-]{1,32}$")
    """Level of every topic below `mqtt.base_topic`; the host's name where nothing is given."""

    name: str = ""
    """For people; the id where it is empty."""


class ModelOptions(LandmarkerOptions):
    """Options under ``model``: which model, and MediaPipe's own options."""

    variant: Literal["lite", "full", "heavy"] = "lite"
    """Which of the official models; lite is the one a Raspberry Pi 4 has time for."""

    path: Path | None = None
    """A model file of your own; wins over `variant`. So does POSE_EDGE_MODEL."""

    def landmarker(self) -> LandmarkerOptions:
        """Return the part that is MediaPipe's."""
        return LandmarkerOptions(**self.model_dump(include=set(LandmarkerOptions.model_fields)))


class ServiceOptions(Options):
    """Options under ``service``."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """DEBUG adds a line for much that happens per frame, and what native libraries print."""

    state_dir: Path | None = None
    """Where alerts wait for the broker, and a pause and an active fall for the next start. Default: what
    systemd names, else ~/.local/state/pose-edge."""


class Config(Options):
    """The whole file."""

    device: DeviceOptions = Field(default_factory=DeviceOptions)
    source: Annotated[SourceOptions, Field(discriminator="kind")] = Field(default_factory=Picamera2Options)
    model: ModelOptions = Field(default_factory=ModelOptions)
    rate: TempoOptions = Field(default_factory=TempoOptions)
    vision: VisionOptions = Field(default_factory=VisionOptions)
    scene: SceneOptions = Field(default_factory=SceneOptions)
    events: EventsOptions = Field(default_factory=EventsOptions)
    mqtt: MqttOptions = Field(default_factory=MqttOptions)
    publish: PublishOptions = Field(default_factory=PublishOptions)
    homeassistant: HomeAssistantOptions = Field(default_factory=HomeAssistantOptions)
    service: ServiceOptions = Field(default_factory=ServiceOptions)


def without_secrets(config: Config) -> dict[str, JsonValue]:
    """Return the options in force as they may be shown to others: who we are at the broker is left out."""
    hidden: dict[str, Any] = {"username": True, "password_file": True, "tls": {"cert_file", "key_file"}}
    return config.model_dump(mode="json", exclude={"mqtt": hidden})


def load(path: Path) -> Config:
    """Return the configuration in `path`.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or holds wrong options; one complaint a line.
    """
    text = _read(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(_yaml_complaint(path, error)) from error
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}, line 1: {kind(data)} found, a mapping of options is allowed")
    complaints = [*_duplicates(root), *_unknown_zones(root, data)]
    config = None
    try:
        config = Config.model_validate(data or {})
    except ValidationError as error:
        complaints += _complaints(root, error)
    if complaints or config is None:
        raise ConfigError("\n".join(f"{path}{complaint}" for complaint in sorted(complaints)))
    return config


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02x}"
        raise ConfigError(f"{path}, line {line}: {found} found, the file must be UTF-8") from error


def _yaml_complaint(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{path}{where}: no valid YAML: {problem}"


@dataclass(frozen=True, order=True, slots=True)
class _Complaint:
    """Sorts by line."""

    line: int
    """0: nowhere in the file."""
    key: str
    reason: str

    def __str__(self) -> str:
        where = f", line {self.line}" if self.line else ""
        return f"{where}: {self.key}: {self.reason}"


def _duplicates(node: yaml.Node | None, above: str = "") -> Iterator[_Complaint]:
    """YAML lets the last of two equal keys win without a word; that is never what was meant."""
    if not isinstance(node, yaml.MappingNode):
        return
    first_line: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in first_line:
            yield _Complaint(line, f"{above}{name}", f"given twice, first in line {first_line[name]}")
        first_line.setdefault(name, line)
        yield from _duplicates(value, f"{above}{name}.")


def _unknown_zones(root: yaml.Node | None, data: Any) -> Iterator[_Complaint]:
    """A rule that asks for a zone nobody drew would wait for ever; `data` may be wrong in any way."""
    scene, events = (_within(data, key) for key in ("scene", "events"))
    zones = _within(scene, "zones")
    drawn = zones if isinstance(zones, list) else []
    known = [str(_within(zone, "name")) for zone in drawn if isinstance(zone, dict)]
    for location, name in _zones_asked_for(_within(events, "rules"), ("events", "rules")):
        if name not in known:
            at = place(root, location)
            allowed = f"allowed, from scene.zones: {', '.join(known)}" if known else "scene.zones has none"
            yield _Complaint(
                at.line, ".".join(map(str, at.parts)), f"no zone {name!r}{_nearest(name, known)}; {allowed}"
            )


def _zones_asked_for(
    node: object, above: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if key == "zone" and isinstance(value, str | list):
            names = [value] if isinstance(value, str) else value
            yield from (((*above, key), name) for name in names if isinstance(name, str))
        elif len(above) < DEEPEST:  # YAML can say that something is inside itself
            yield from _zones_asked_for(value, (*above, key))


def _within(node: object, key: str) -> Any:
    return node.get(key) if isinstance(node, dict) else None


def _complaints(root: yaml.Node | None, error: ValidationError) -> Iterator[_Complaint]:
    """Yield one complaint a place: what pydantic says of each member of a union is said together."""
    by_place: dict[tuple[int, str], list[tuple[Detail, yaml.Node | None]]] = {}
    for detail in worth_telling(error.errors()):
        at = place(root, detail["loc"])
        parts = [*at.parts, *(str(part) for part in detail["loc"][-1:] if detail["type"] == "missing")]
        where = at.line, ".".join(map(str, parts)) or "the file"
        by_place.setdefault(where, []).append((detail, at.node))
    for (line, key), found in by_place.items():
        yield _Complaint(line, key, _reason([detail for detail, _ in found], key, found[0][1]))


def _reason(details: Sequence[Detail], key: str, node: yaml.Node | None) -> str:
    detail = details[0]
    if detail["type"] == "extra_forbidden":
        return _unknown(detail["loc"])
    if detail["type"] == "missing":
        return "missing"
    if detail["type"] == "union_tag_not_found":
        return f"kind is missing; allowed: {', '.join(sorted(_tags()))}"
    if detail["type"] == "union_tag_invalid":
        tag = str(detail["ctx"]["tag"]).replace("None", "nothing")
        return f"kind {tag!r} found{_nearest(tag, sorted(_tags()))}; allowed: {', '.join(sorted(_tags()))}"
    return f"{reason(details, key, node)}{_meant_mapping(detail)}"


def _meant_mapping(detail: Detail) -> str:
    """Guess what a value stands for where a mapping of options is due: `wave: off`, `left_elbow_deg: 40`."""
    value = detail["input"]
    if detail["type"] not in ("model_type", "model_attributes_type"):
        return ""
    known = _names(list(map(str, detail["loc"])))
    if isinstance(value, bool):
        return f"; did you mean {{enabled: {str(value).lower()}}}?" if "enabled" in known else ""
    if isinstance(value, int | float) and "below" in known:
        return f"; did you mean {{below: {value}}} or {{above: {value}}}?"
    return f"; did you mean {{at_least: {value}}}?" if isinstance(value, int) and "at_least" in known else ""


def _unknown(location: Sequence[str | int]) -> str:
    *above, name = map(str, location)
    known = sorted(_names(above))
    return f"unknown option{_nearest(name, known)}; allowed: {', '.join(known)}"


def _nearest(name: str, known: Sequence[str]) -> str:
    begun = [one for one in known if one.startswith(name) and len(name) > 2]
    near = begun[0] if begun else nearest(name, known)
    return f", did you mean {near!r}?" if near else ""


def _names(above: Sequence[str]) -> set[str]:
    """Return the options known at one of pydantic's locations; a tag chooses from a union."""
    models: list[type[BaseModel]] = [Config]
    for part in above:
        if part in _tags():
            models = [model for model in models if part in _kinds(model)]
        elif not part.isdecimal():  # one of a list
            models = [model for parent in models for model in _models_below(parent, part)]
    return {name for model in models for name in model.model_fields}


def _models_below(parent: type[BaseModel], name: str) -> list[type[BaseModel]]:
    """Return the option groups one option of `parent` may hold; where users choose the names, any name."""
    if name in parent.model_fields:
        return _models_of_items(parent.model_fields[name].annotation)
    named = get_args(get_type_hints(parent).get("__pydantic_extra__"))
    return models_in(named[1]) if parent.model_config.get("extra") == "allow" and named else []


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the option groups a field's type speaks of: none, one, or the members of a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [model for part in get_args(annotation) for model in models_in(part)]
    return []


def _models_of_items(annotation: Any) -> list[type[BaseModel]]:
    """Return the option groups of a field, or of the items of a list."""
    if get_origin(annotation) in (Union, UnionType):
        return [model for part in get_args(annotation) for model in _models_of_items(part)]
    items = get_args(annotation) if get_origin(annotation) is tuple else [annotation]
    return [model for item in items if item is not Ellipsis for model in models_in(item)]


def _kinds(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()


def _tags() -> set[str]:
    return {kind for model in models_in(SourceOptions) for kind in _kinds(model)}
