from __future__ import annotations

import re
from pathlib import Path

import pytest

import pose_edge.events
from pose_edge.engine import Engine
from pose_edge.errors import ConfigError
from pose_edge.events import TABLE
from pose_edge.events.desk.judging import JUDGES
from pose_edge.expectations import TYPES, Expectations, load_expectations
from pose_edge.records import Event
from tests.bodies import pose, timeline


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Nobody; somebody comes at 3 s, stands, sits from 7 s on and leaves at 12 s."""
    engine, edge = Engine(), (0.97, 0.5)
    day = timeline((3000, None), (4000, pose(at=edge)), (5000, pose("sitting", at=edge)), (4000, None))
    return [event for one in day for event in engine.update(one).events]


def complaints(events: list[Event], **expectations: object) -> list[str]:
    return Expectations.model_validate(expectations).complaints(events)


def test_what_happened_is_met(events: list[Event]) -> None:
    assert not complaints(
        events,
        expect=[
            {"event": "presence_started", "at_s": 3},
            {"posture": "standing"},
            {"posture": "sitting", "at_s": 7},
            {"event": "presence_ended", "at_s": 12},
        ],
        in_order=True,
        never=["lying", "presence_changed"],
    )


def test_what_did_not_happen_is_named(events: list[Event]) -> None:
    [complaint] = complaints(events, expect=[{"posture": "lying", "at_s": 4, "within_s": 2}])

    assert complaint == "expected posture lying at 4 s (+-2 s): did not happen"


def test_the_wrong_second_is_a_complaint(events: list[Event]) -> None:
    assert complaints(events, expect=[{"event": "presence_started", "at_s": 6}])


def test_the_wrong_order_is_a_complaint_only_when_it_matters(events: list[Event]) -> None:
    backwards = [{"posture": "sitting"}, {"posture": "standing"}]

    assert not complaints(events, expect=backwards)
    assert complaints(events, expect=backwards, in_order=True)


def test_what_must_never_happen_is_named_with_its_second(events: list[Event]) -> None:
    [complaint] = complaints(events, never=["sitting"])

    assert complaint.startswith("never sitting: happened at 7.")  # sits from 7 s on, told 0.7 s later


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("expect: [{posture: sitting, event: x}]", "either event or posture"),
        ("expct: []", "expct"),
        ("expect: [", "no valid YAML"),
    ],
)
def test_a_wrong_file_is_named_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "expect.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=reason) as raised:
        load_expectations(path)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_expectations(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("never: [lyign]", "never.0: 'lyign' found, did you mean 'lying'?"),
        ("never: [fall_suspectd]", "never.0: 'fall_suspectd' found, did you mean 'fall_suspected'?"),
        ("expect: [{event: loiterin}]", "expect.0.event: 'loiterin' found, did you mean 'loitering'?"),
        ("expect: [{posture: sittng}]", "expect.0.posture: 'sittng' found, did you mean 'sitting'?"),
        ("never: [rule_other]", "never.0: 'rule_other' found, did you mean 'rule_mine'?"),
    ],
)
def test_a_word_that_nothing_says_is_refused_because_it_would_never_happen(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "expect.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError) as raised:
        load_expectations(path, ("rule_mine",))
    assert f"{path}, line 1: {complaint}" in str(raised.value)


def test_the_events_of_the_users_rules_can_be_forbidden(tmp_path: Path) -> None:
    path = tmp_path / "expect.yaml"
    path.write_text("never: [rule_mine, unknown, wave, fall]")

    assert load_expectations(path, ("rule_mine",)).never == ("rule_mine", "unknown", "wave", "fall")


def test_a_kind_that_begins_can_be_named_as_well(events: list[Event]) -> None:
    assert not complaints(events, expect=[{"event": "presence", "at_s": 3}])
    assert complaints(events, never=["presence"]) == ["never presence: happened at 3.5 s"]


def test_every_kind_and_type_of_event_can_be_named() -> None:
    """Held against the words in the code of the detectors: one that is left out could not be expected."""
    code = "\n".join(path.read_text() for path in Path(pose_edge.events.__file__).parent.rglob("*.py"))
    verbs = "started|changed|ended|suspected|confirmed|cleared|entered|left|problem|reminder"
    literal = {*re.findall(rf'"([a-z_]+_(?:{verbs}))"', code), "loitering", "gesture"}

    assert {row.name for row in TABLE} - {"rules"} | {*JUDGES, "sedentary"} == set(TYPES)
    assert len(literal) > 15
    assert literal <= {name for types in TYPES.values() for name in types}
