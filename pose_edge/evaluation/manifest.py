"""The labels: one YAML file beside the clips. `docs/manifest.md` describes it for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pose_edge.complaints import Detail, nearest_of, place, reason, repeated, worth_telling
from pose_edge.errors import ConfigError, UsageError
from pose_edge.evaluation.words import known_words
from pose_edge.records import PostureClass, Zone
from pose_edge.scene import SceneOptions, ZoneOptions, repeated_names
from pose_edge.spelling import nearest

VERSION: Final = 1

CLASS_OF_LABEL: Final[dict[str, PostureClass]] = {
    "standing": PostureClass.STANDING,
    "walking": PostureClass.STANDING,
    "sitting": PostureClass.SITTING,
    "bending": PostureClass.BENDING,
    "lying": PostureClass.LYING,
}
"""Which class a labelled posture should be reported as."""

OTHER_LABELS: Final = frozenset(
    (
        "falling",
        "squatting",
        "kneeling",
        "hands_and_knees",
        "push_ups",
        "sitting_down",
        "standing_up",
        "going_down",
        "lying_down",
        "partial",
        "nobody",
    )
)
"""Moments with these are left out: transitions, and postures between the classes."""


class Labels(BaseModel):
    """Something labelled. What describes it for people (source, licence ...) is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Stretch(Labels):
    """What the main person is doing for a while; gaps between stretches are transitions."""

    t0: float = Field(ge=0)
    """Seconds from the first frame."""
    t1: float = Field(gt=0)
    label: str = Field(min_length=1)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Stretch:
        if self.t1 <= self.t0:
            raise ValueError(f"t1 must be greater than t0 ({self.t0:g}), found {self.t1:g}")
        return self


class FallLabel(Labels):
    """One fall."""

    start: float = Field(ge=0)
    """Balance is lost."""
    on_ground: float = Field(gt=0)
    """The trunk has come to rest."""
    end_on_ground: float | None = Field(None, gt=0)
    """Last moment seen lying."""
    direction: str | None = None
    surface: str | None = None
    ambiguous: bool = False
    """Onto furniture: whether that is a fall is a matter of taste, so these are counted apart as well."""

    @model_validator(mode="after")
    def _in_order(self) -> FallLabel:
        if self.on_ground <= self.start:
            raise ValueError(
                f"on_ground must be greater than start ({self.start:g}), found {self.on_ground:g}"
            )
        if self.end_on_ground is not None and self.end_on_ground < self.on_ground:
            msg = f"end_on_ground must not be less than on_ground ({self.on_ground:g})"
            raise ValueError(f"{msg}, found {self.end_on_ground:g}")
        return self


class Origin(Labels):
    """Where a clip comes from, as far as the report groups by it."""

    repo: str | None = None


class VideoFacts(Labels):
    """What the labels were made on."""

    sha256: str | None = None
    duration: float | None = Field(None, gt=0)


class Clip(Labels):
    """One clip and what is true of it."""

    file: str = Field(min_length=1)
    """Video or recording, relative to the manifest."""
    posture: tuple[Stretch, ...] = ()
    falls: tuple[FallLabel, ...] = ()
    actions: tuple[Stretch, ...] = ()
    expect: tuple[str, ...] = ()
    """Words a good detector says at some point."""
    never: tuple[str, ...] = ()
    """Words it must not say."""
    continuous: bool = False
    """Footage as it came, not cut to an action: false alarms per hour are counted on such clips only."""
    zones: tuple[ZoneOptions, ...] | None = None
    """As `scene.zones` of a configuration, for this clip alone; None: those of the configuration."""
    source: Origin = Origin()
    video: VideoFacts = VideoFacts()

    @field_validator("posture", "falls", "actions", "expect", "never", mode="before")
    @classmethod
    def _nothing_is_none_of_it(cls, value: object) -> object:
        return () if value is None else value

    @field_validator("source", mode="before")
    @classmethod
    def _source_may_be_a_name(cls, value: object) -> object:
        return {"repo": value} if isinstance(value, str) else value or {}

    @model_validator(mode="after")
    def _says_and_does_not_say(self) -> Clip:
        if both := sorted({*self.expect} & {*self.never}):
            raise ValueError(f"expect and never both hold {', '.join(both)}")
        duration_s = self.video.duration
        if duration_s is not None:
            # 0.5 s: durations are rounded, and labels are read off by eye.
            late = [t for t in self._times_s() if t > duration_s + 0.5]
            if late:
                raise ValueError(
                    f"label at {max(late):g} s, but video.duration says the clip has {duration_s:g} s"
                )
        return self

    def all_zones(self) -> tuple[Zone, ...]:
        """Return its own zones as the engine knows them."""
        return SceneOptions(zones=self.zones or ()).all_zones()

    @field_validator("zones")
    @classmethod
    def _zones_differ(cls, value: tuple[ZoneOptions, ...] | None) -> tuple[ZoneOptions, ...] | None:
        if value and (twice := repeated_names(value)):
            raise ValueError(f"{', '.join(twice)} is there more than once; names must differ")
        return value

    def _times_s(self) -> Iterator[float]:
        for stretch in (*self.posture, *self.actions):
            yield stretch.t1
        for fall in self.falls:
            yield fall.end_on_ground or fall.on_ground


class Manifest(Labels):
    """The whole file."""

    version: int = VERSION
    model: Path | None = None
    """The model to use where none is named otherwise, relative to the manifest."""
    clips: tuple[Clip, ...]

    @field_validator("version")
    @classmethod
    def _known_version(cls, value: int) -> int:
        if value != VERSION:
            raise ValueError(f"version {VERSION} is understood")
        return value

    @field_validator("clips")
    @classmethod
    def _some(cls, value: tuple[Clip, ...]) -> tuple[Clip, ...]:
        if not value:
            raise ValueError("at least one clip is needed")
        return value

    def paths(self, folder: Path) -> list[Path]:
        """Return where the clips are; `folder` holds the manifest."""
        return [folder / clip.file for clip in self.clips]


def load_manifest(path: Path, rule_types: Iterable[str] = ()) -> Manifest:
    """Return the manifest in `path`. `rule_types` are the events of the user's own rules.

    Raises:
        UsageError: there is no such file.
        ConfigError: it is not as described, names clips that are not there, or has a label or a word that
            nothing says; one complaint a line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: byte 0x{error.object[error.start]:02x} found, it must be UTF-8"
        ) from error
    try:
        root, data = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: no valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: {type(data).__name__} found, a mapping with `clips` is allowed")
    complaints = [
        *repeated(root, _key),
        *_misspelt(root, data),
        *_missing_files(root, data, path.parent),
        *_unknown_words(root, data, known_words(rule_types)),
    ]
    manifest = None
    try:
        manifest = Manifest.model_validate(data)
    except ValidationError as error:
        complaints += [_complaint(root, detail) for detail in worth_telling(error.errors())]
    if complaints or manifest is None:
        raise ConfigError("\n".join(f"{path}{complaint}" for _, complaint in sorted(complaints)))
    return manifest


Complaint = tuple[int, str]
"""Line (0: none) and words, which begin with the place."""


def _said(root: yaml.Node | None, location: Sequence[str | int], why: str) -> Complaint:
    line = place(root, location).line
    where = f", line {line}" if line else ""
    return line, f"{where}: {_key(location)}: {why}"


def _key(location: Sequence[str | int]) -> str:
    """Write a place as people do: `clips[3].falls[0].start`."""
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return parts.removeprefix(".") or "the file"


def _complaint(root: yaml.Node | None, detail: Detail) -> Complaint:
    if detail["type"] == "missing":
        return _said(root, detail["loc"], "missing")
    if detail["type"] == "extra_forbidden":  # zones alone are as strict as a configuration
        return _said(root, detail["loc"], f"unknown; allowed are {', '.join(ZoneOptions.model_fields)}")
    key = ".".join(map(str, detail["loc"]))
    return _said(root, detail["loc"], reason([detail], key, place(root, detail["loc"]).node))


def _misspelt(root: yaml.Node | None, data: dict[str, Any]) -> Iterator[Complaint]:
    """Descriptions may have any key; one that nearly has the name of a label is a slip of the pen."""
    yield from _near(root, (), data, Manifest)
    for index, clip in _mappings(data.get("clips")):
        yield from _near(root, ("clips", index), clip, Clip)
        for name, kind in (("posture", Stretch), ("actions", Stretch), ("falls", FallLabel)):
            for number, entry in _mappings(clip.get(name)):
                yield from _near(root, ("clips", index, name, number), entry, kind)


def _near(
    root: yaml.Node | None, location: Sequence[str | int], entry: dict[str, Any], kind: type[Labels]
) -> Iterator[Complaint]:
    known = [*kind.model_fields]
    for key in entry:
        if key not in known and (close := nearest(str(key), known, likeness=0.75)):
            yield _said(root, (*location, str(key)), f"unknown; did you mean {close!r}?")


def _missing_files(root: yaml.Node | None, data: dict[str, Any], folder: Path) -> Iterator[Complaint]:
    for index, clip in _mappings(data.get("clips")):
        name = clip.get("file")
        if isinstance(name, str) and name and not (folder / name).is_file():
            yield _said(root, ("clips", index, "file"), f"{folder / name}: no such file")


def _unknown_words(root: yaml.Node | None, data: dict[str, Any], known: Sequence[str]) -> Iterator[Complaint]:
    """What is in no table would be held against nothing: a slip in `never` would always be respected."""
    labels = sorted({*CLASS_OF_LABEL, *OTHER_LABELS})
    for index, clip in _mappings(data.get("clips")):
        for name in ("expect", "never"):
            words = clip.get(name)
            for number, word in enumerate(words if isinstance(words, list) else ()):
                if isinstance(word, str) and word not in known:
                    yield _said(root, ("clips", index, name, number), _unknown(word, known))
        for number, stretch in _mappings(clip.get("posture")):
            label = stretch.get("label")
            if isinstance(label, str) and label and label not in labels:
                yield _said(root, ("clips", index, "posture", number, "label"), _unknown(label, labels))


def _unknown(word: str, known: Sequence[str]) -> str:
    return f"{word!r} found{nearest_of(word, known)}; allowed: {', '.join(known)}"


def _mappings(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(value, list):
        yield from ((index, entry) for index, entry in enumerate(value) if isinstance(entry, dict))
