"""Whatever is wrong in a file, people are told in words of theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pose_edge.complaints import PATTERNS
from pose_edge.config import Config, load, models_in
from pose_edge.errors import ConfigError
from pose_edge.expectations import load_expectations
from pose_edge.sources import SourceOptions

JARGON = (
    "input should",
    "value error",
    "tuple",
    "valid ",
    "validation",
    "parse",
    "string",
    "instance",
    "boolean",
    "class",
    "permitted",
    "[a-z",
    "None",
    "lax-or-strict",
    "constrained",
)
"""Words of pydantic's and Python's."""

WRONG = (
    "null",
    "true",
    "-1",
    "0.0001",
    "99999999999",
    "text",
    "''",
    "[]",
    "[1, [a]]",
    "{x: 1}",
    ".nan",
    "1 km",
)

TRIANGLE = "[[0, 0], [1, 0], [1, 1]]"
RULE = "events: {rules: {a: {when: {posture: lying}, %s}}}"
WHEN = "events: {rules: {a: {when: %s}}}"


def complaints(path: Path, text: str) -> list[str]:
    """Return what is said about a configuration; nothing when it is right."""
    path.write_text(text)
    try:
        load(path)
    except ConfigError as error:
        return [line.removeprefix(str(path)) for line in str(error).splitlines()]
    return []


def options() -> Iterator[tuple[str, ...]]:
    """Yield every option down to the second level; deeper ones are fed as lists and mappings."""
    for name, field in Config.model_fields.items():
        yield (name,)
        for model in models_in(field.annotation):
            for inner, deeper in model.model_fields.items():
                yield (name, inner)
                yield from (
                    (name, inner, last) for part in models_in(deeper.annotation) for last in part.model_fields
                )


@pytest.mark.parametrize("wrong", WRONG)
def test_no_option_of_any_kind_is_refused_in_the_words_of_a_library(tmp_path: Path, wrong: str) -> None:
    told = 0
    for place in dict.fromkeys(options()):
        data: Any = yaml.safe_load(wrong)
        for name in reversed(place):
            data = {name: data}
        kinds = [kind for model in models_in(SourceOptions) for kind in _kinds(model)]
        for kind in kinds if place[0] == "source" and len(place) > 1 else [None]:
            if kind and place[1] != "kind":
                data["source"]["kind"] = kind
            for complaint in complaints(
                tmp_path / "c.yaml", json.dumps(data, allow_nan=True).replace("NaN", ".nan")
            ):
                told += 1
                words = complaint.split("; allowed: ")[0]
                assert not [one for one in JARGON if one in words], complaint
                assert complaint.startswith(", line 1: ")
    assert told > 20


def _kinds(model: Any) -> tuple[str, ...]:
    return (model.model_fields["kind"].default,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scene: {zones: 5}", "scene.zones: 5 found, a list is allowed"),
        (
            "scene: {zones: {bed: {}}}",
            "scene.zones: a mapping found, a list is allowed: each item begins with a dash",
        ),
        (
            "events: {wave: off}",
            "events.wave: off found, a mapping of options is allowed; did you mean {enabled: false}?",
        ),
        ("events: {presence: {off_delay_s: 2 min}}", "'2 min' found, a number is allowed; did you mean 120?"),
        ("events: {inactivity: {after_min: 2 h}}", "'2 h' found, a number is allowed; did you mean 120?"),
        ("events: {zones: {loiter_s: '2,5'}}", "'2,5' found, a number is allowed; did you mean 2.5?"),
        ("events: {zones: {loiter_s: 100000}}", "100000 found, at most 86400 (24 h) is allowed"),
        ("events: {fall: {repeat_s: 60}}", "60 found, a list is allowed; did you mean [60]?"),
        ("events: {desk: {quiet_hours: 22:00}}", '22:00 found, text is allowed; in quotes it is: "22:00"'),
        ("events: {desk: {quiet_hours: 9-17}}", "are allowed, or nothing; did you mean 09:00-17:00?"),
        ("mqtt: {client_id: ''}", "'' found, text of at least 1 character is allowed"),
        ("mqtt: {outbox: {receipt_schedule_s: []}}", "a list of 0 found, a list of at least 1 is allowed"),
        (
            "source: {kind: picamera2, camera: [1]}",
            "source.camera: a list found, a whole number or text is allowed",
        ),
        ("source: {kind: images, path: 5}", "source.path: 5 found, a path or a list is allowed"),
        ("service: {log_level: debug}", "is allowed; did you mean 'DEBUG'?"),
        (
            "device: {id: My Pi}",
            "'My Pi' found, a name of 1 to 32 of a-z, 0-9, _ and - is allowed; did you mean 'my_pi'?",
        ),
        (RULE % "for: 25 h", "rules.a.for: 25 h found, at most 86400 (24 h) is allowed"),
        (WHEN % "{left_knee_deg: {below: 30 deg}}", "'30 deg' found, a number is allowed; did you mean 30?"),
        (WHEN % "{left_knee_deg: 40}", "did you mean {below: 40} or {above: 40}?"),
        (WHEN % "{people: 2}", "did you mean {at_least: 2}?"),
        (WHEN % "{left_knee_deg: {between: [5, 6, 7]}}", "a list of 3 found, a list of at most 2 is allowed"),
        (
            WHEN % "{any: {posture: lying}}",
            "a mapping found, a list is allowed: each item begins with a dash",
        ),
        (WHEN % "{posture: 5}", "when.posture: 5 found, a list is allowed"),
    ],
)
def test_what_was_found_what_is_allowed_and_what_was_meant(tmp_path: Path, text: str, told: str) -> None:
    [complaint] = complaints(tmp_path / "c.yaml", text)

    assert complaint.startswith(", line 1: ")
    assert complaint.endswith(told)


@pytest.mark.parametrize(
    ("polygon", "told"),
    [
        ("[[0, 0], [1, 1]]", "polygon: 2 corners found, 3 to 64 are allowed; a rectangle needs all four"),
        ("[]", "polygon: 0 corners found, 3 to 64 are allowed"),
        (
            "[[0, 0], [640, 0], [640, 480]]",
            (
                "polygon: 640 found, shares of the picture, 0 to 1, are allowed; "
                "divide pixels by the picture's width (x) and height (y)"
            ),
        ),
        ("[[0, 0], [50, 0], [50, 90]]", "(x) and height (y), percent by 100"),
        (
            "[[0, 0], [1, 0], [1, 480]]",
            (
                "polygon.2: y is 480: shares of the picture, 0 to 1, are allowed; "
                "divide pixels by the picture's height"
            ),
        ),
        ("[[-0.1, 0], [1, 0], [1, 1]]", "polygon.0: x is -0.1: shares of the picture, 0 to 1, are allowed"),
        ("[[0, 0, 0], [1, 0], [1, 1]]", "polygon.0: a corner of 3 found, two are allowed: [x, y]"),
        ("[['10%', 0], [1, 0], [1, 1]]", "did you mean 0.1?"),
        (
            "[{x: 0, y: 0.5}, [1, 0], [1, 1]]",
            "polygon.0: a mapping found, a corner is [x, y]; did you mean [0, 0.5]?",
        ),
        ("[0, 0, 1, 0, 1, 1]", f"numbers found, corners are allowed; did you mean {TRIANGLE}?"),
        (f"[{TRIANGLE}]", "its corners are in one pair of brackets too many"),
        ("[[0, 0], [0.5, 0.5], [1, 1]]", "polygon: its corners lie on a line: nothing is inside"),
        (
            "left half",
            "polygon: 'left half' found, corners are allowed: [[0.1, 0.5], [0.6, 0.5], [0.6, 0.9]]",
        ),
        ("[[true, 0], [1, 0], [1, 1]]", "x is True: shares of the picture, 0 to 1, are allowed"),
    ],
)
def test_a_polygon_is_refused_once_and_in_words(tmp_path: Path, polygon: str, told: str) -> None:
    [complaint] = complaints(
        tmp_path / "c.yaml", f"scene:\n  zones:\n  - name: bed\n    polygon: {polygon}\n"
    )

    assert complaint.startswith(", line 4: scene.zones.0.polygon")
    assert complaint.endswith(told)


def test_a_polygon_in_the_right_form_stays_what_it_was(tmp_path: Path) -> None:
    assert complaints(tmp_path / "c.yaml", f"scene: {{zones: [{{name: bed, polygon: {TRIANGLE}}}]}}") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("never: fall", "line 1: never: 'fall' found, a list is allowed; did you mean [fall]?"),
        (
            "expect:\n- lying",
            (
                "line 2: expect.0: 'lying' found, a mapping of options is allowed; "
                "did you mean {posture: lying}?"
            ),
        ),
        (
            "expect:\n- {event: wave,\n   at_s: 5 s}",
            "line 3: expect.0.at_s: '5 s' found, a number is allowed; did you mean 5?",
        ),
        ("expect: [{}]", "line 1: expect.0: either event or posture is needed, neither found"),
        (
            "expect: [{event: wave, at: 5}]",
            "line 1: expect.0.at: unknown; did you mean 'at_s'?; allowed: event, posture, at_s, within_s",
        ),
        ("never: [fall]\nnever: [wave]", "line 2: never: given twice, first in line 1"),
    ],
)
def test_a_file_of_expectations_is_refused_with_line_key_and_what_was_meant(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError) as raised:
        load_expectations(path)
    assert str(raised.value) == f"{path}, {told}"


def test_a_secret_in_the_wrong_place_is_neither_repeated_nor_guessed_at(tmp_path: Path) -> None:
    told = complaints(tmp_path / "c.yaml", "mqtt: {port: 'anna:hunter2@host', password_file: [hunter2]}")

    assert len(told) == 2
    assert "hunter2" not in "".join(told)


def test_every_pattern_of_an_option_has_words() -> None:
    schema = json.dumps(Config.model_json_schema())
    found = {json.loads(f'"{part.split(chr(34))[0]}"') for part in schema.split('"pattern": "')[1:]}

    assert found
    assert found <= PATTERNS.keys()
