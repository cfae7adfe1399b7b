"""Rules as users write them: what is refused and how, and what is said back."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pose_edge.config import load
from pose_edge.errors import ConfigError
from pose_edge.events import EventsOptions
from pose_edge.events.rules import RulesOptions, event_types, sentences
from pose_edge.events.rules.options import MOST_RULES
from tests.cli.command import lines, run

ROOT = Path(__file__).resolve().parent.parent


def written(path: Path, rules: str, zones: str = "") -> Path:
    indented = "\n".join(f"    {line}" for line in rules.splitlines())
    path.write_text(f"scene: {{zones: [{zones}]}}\nevents:\n  rules:\n{indented}\n")
    return path


def complaints(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(path)
    return [line.removeprefix(str(path)) for line in str(raised.value).splitlines()]


SIX = f"{{any: [{', '.join(6 * ['{zone: stove}'])}]}}"
STOVE = "{name: stove, polygon: [[0, 0], [1, 0], [1, 1]]}"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            "arm: {when: {left_elbo: {below: 40}}}",
            ["line 4: events.rules.arm.when.left_elbo: unknown option", "did you mean 'left_elbow_deg'?"],
        ),
        (
            "arm: {when: {all: [{posture: standing}, {not: {postur: sitting}}]}}",
            ["events.rules.arm.when.all.1.not.postur", "did you mean 'posture'?", "allowed: all, any"],
        ),
        (
            "arm: {when: {height: {of: right_wirst, over: nose, above: 0}}}",
            ["when.height.of: 'right_wirst' found", "did you mean 'right_wrist'?", "left_foot_index"],
        ),
        ("arm: {when: {left_elbow_deg: {below: 400}}}", ["left_elbow_deg.below: 400 found, 0 to 180"]),
        (
            "arm: {when: {left_elbow_deg: {below: 4, above: 3}}}",
            ["one of below, above, between", "below and"],
        ),
        ("arm: {when: {left_elbow_deg: {margin: 3}}}", ["one of below, above, between", "none given"]),
        ("arm: {when: {left_elbow_deg: {between: [90, 20]}}}", ["the lower limit comes first"]),
        ("arm: {when: {left_elbow_deg: 40}}", ["left_elbow_deg: 40 found, a mapping"]),
        ("arm: {when: {distance: {of: nose, to: hips, below: -1}}}", ["below: -1 found, 0 or more"]),
        ("arm: {when: {posture: standin}}", ["'standin' found", "did you mean 'standing'?", "lying"]),
        (
            "arm: {when: {zone: stov}}",
            ["when.zone: no zone 'stov', did you mean 'stove'?", "scene.zones: stove"],
        ),
        ("arm: {when: {people: {at_least: 1, zone: [stove, bed]}}}", ["people.zone: no zone 'bed'"]),
        ("arm: {when: {people: {}}}", ["at_least, at_most or both"]),
        ("arm: {when: {people: {at_least: 3, at_most: 2}}}", ["never so"]),
        ("arm: {when: {}}", ["at least one quantity"]),
        ("arm: {when: {any: []}}", ["when.any", "at least 1"]),
        ("arm: {for: 2 s}", ["events.rules.arm.when: missing"]),
        ("arm: {when: {zone: stove}, for: 2 sek}", ["rules.arm.for: '2 sek' found, a duration", "20 min"]),
        ("arm: {when: {zone: stove}, for: 0.1}", ["rules.arm.for: 0.1 found", "0.3"]),
        ("arm: {when: {zone: stove}, sevrity: info}", ["did you mean 'severity'?"]),
        ("arm: {when: {zone: stove}, severity: loud}", ["'loud' found", "'alert'"]),
        (
            "Arm 1: {when: {zone: stove}}",
            ["events.rules.Arm 1: 'Arm 1' found", "begins with a letter", "did you mean 'arm_1'?"],
        ),
        ("arm: left_elbow_deg < 40", ["'left_elbow_deg < 40' found, a mapping"]),
        (
            "arm: {when: {not: {not: {not: {not: {box_share: {above: 0.5}}}}}}}",
            ["nested 5 deep, at most 4"],
        ),
        (
            f"arm: {{when: {{all: [{', '.join(3 * [SIX])}]}}}}",
            ["18 quantities, at most 16"],
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(
    tmp_path: Path, rule: str, words: list[str]
) -> None:
    [complaint] = complaints(written(tmp_path / "config.yaml", rule, STOVE))

    assert complaint.startswith(", line 4: events.rules")
    for word in words:
        assert word in complaint


@pytest.mark.parametrize(
    ("when", "told"),
    [
        (
            "{all: [{left_knee_deg: {below: 30}}, {left_knee_deg: {above: 60}}]}",
            "never so: left knee below 30 deg and left knee above 60 deg exclude one another",
        ),
        ("{left_knee_deg: {below: 30}, all: [{left_knee_deg: {between: [40, 50]}}]}", "exclude one another"),
        (
            "{left_knee_deg: {below: 30}, not: {left_knee_deg: {below: 40}}}",
            "not left knee below 40 deg exclude",
        ),
        (
            "{left_knee_deg: {between: [20, 30]}, not: {left_knee_deg: {between: [10, 40]}}}",
            "exclude one another",
        ),
        ("{left_knee_deg: {below: 0}}", "never so: left knee below 0 deg"),
        ("{left_knee_deg: {above: 180}}", "never so: left knee above 180 deg"),
        ("{head_tilt_deg: {above: 95}}", "never so: head tilt above 95 deg"),
        ("{visibility: {between: [0, 1]}}", "always so: visibility between 0 and 1"),
        (
            "{posture: [lying, sitting, standing, bending]}",
            "always so: lying or sitting or standing or bending",
        ),
        (
            "{posture: lying, not: {posture: [lying, sitting]}}",
            "never so: lying and not lying or sitting exclude",
        ),
        ("{all: [{posture: lying}, {posture: sitting}]}", "never so: lying and sitting exclude one another"),
        ("{people: {at_least: 0}}", "always so: at least 0 people"),
        ("{posture: lying, people: {at_least: 0}}", "always so: at least 0 people"),
        ("{posture: lying, people: {at_most: 0}}", "never so: nobody is there, and somebody is"),
        ("{zone: stove, people: {at_most: 0, zone: stove}}", "never so: nobody is there, and somebody is"),
        ("{zone: stove, not: {zone: stove}}", "never so: in zone stove has to be so, and not so"),
        (
            "{any: [{zone: stove}, {posture: lying}], not: {zone: stove}}",
            "",
        ),
        (
            "{any: [{left_knee_deg: {below: 100}}, {left_knee_deg: {above: 90}}]}",
            "always so: left knee below 100 deg or left knee above 90 deg is all there is",
        ),
        ("{any: [{zone: stove}, {not: {zone: stove}}]}", "always so: in zone stove, or not"),
        (
            "{any: [{posture: lying}, {not: {posture: lying}}]}",
            "always so: lying or not lying is all there is",
        ),
        (
            "{any: [{posture: lying}, {all: [{box_share: {below: 0.1}}, {box_share: {above: 0.2}}]}]}",
            "never so: box share below 0.1 and box share above 0.2",
        ),
        ("{height: {of: nose, over: hips, above: 1}, all: [{height: {of: hips, over: nose, above: 1}}]}", ""),
        ("{all: [{left_knee_deg: {above: 30}}, {left_knee_deg: {below: 60}}]}", ""),
        ("{left_knee_deg: {below: 60}, not: {left_knee_deg: {below: 30}}}", ""),
        ("{left_knee_deg: {below: 30}, right_knee_deg: {above: 60}}", ""),
        ("{any: [{left_knee_deg: {below: 30}}, {left_knee_deg: {above: 60}}]}", ""),
        ("{posture: lying, people: {at_most: 0, zone: stove}}", ""),
        ("{people: {at_most: 0}}", ""),
        ("{posture: [lying, sitting, standing]}", ""),
        ("{zone: stove, not: {people: {at_least: 2, zone: stove}}}", ""),
    ],
)
def test_what_can_never_be_so_or_always_is_is_refused_and_nothing_else(
    tmp_path: Path, when: str, told: str
) -> None:
    file = written(tmp_path / "config.yaml", f"arm: {{when: {when}}}", STOVE)
    if not told:
        assert load(file)
        return
    [complaint] = complaints(file)

    assert complaint.startswith(
        (", line 4: events.rules.arm: never so: ", ", line 4: events.rules.arm: always so: ")
    )
    assert told in complaint


def test_all_mistakes_are_named_at_once_those_of_zones_too(tmp_path: Path) -> None:
    rules = "a: {when: {zone: stov}}\nb: {when: {left_elbo: {below: 4}}}\nc: {for: x, when: {zone: bath}}"

    found = complaints(written(tmp_path / "config.yaml", rules, STOVE))

    assert [complaint.split(":")[0] for complaint in found] == [
        ", line 4",
        ", line 5",
        ", line 6",
        ", line 6",
    ]


def test_what_is_inside_itself_is_refused_and_no_endless_search(tmp_path: Path) -> None:
    rules = "a:\n  when: &w {all: [{zone: stov}, *w]}"
    found = complaints(written(tmp_path / "config.yaml", rules, STOVE))

    assert found


def test_there_is_a_most_of_rules(tmp_path: Path) -> None:
    many = "\n".join(f"r{number}: {{when: {{posture: lying}}}}" for number in range(MOST_RULES + 1))
    [complaint] = complaints(written(tmp_path / "config.yaml", many))

    assert "33 rules, at most 32" in complaint
    assert load(written(tmp_path / "config.yaml", many.rsplit("\n", 1)[0]))


def test_what_is_shown_can_be_loaded_again_and_is_no_longer_than_what_was_written(tmp_path: Path) -> None:
    rule = "arm: {when: {any: [{left_elbow_deg: {below: 40}}, {posture: sitting}]}, for: 2 min}"
    config = load(written(tmp_path / "config.yaml", rule))
    shown = config.model_dump(mode="json")["events"]["rules"]

    assert shown["arm"]["when"] == {"any": [{"left_elbow_deg": {"below": 40}}, {"posture": ["sitting"]}]}
    assert shown["arm"]["for"] == 120
    assert RulesOptions.model_validate(shown) == RulesOptions.model_validate(yaml.safe_load(f"{{{rule}}}"))
    assert event_types(config.events) == ("rule_arm",)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            {"when": {"left_elbow_deg": {"below": 40}}, "for": "2 s"},
            "left elbow below 40 deg for 2 s -> rule_r, info",
        ),
        (
            {"when": {"posture": "standing", "zone": "stove"}, "for": "20 min", "who": "anybody"},
            "standing and in zone stove for 20 min, anybody -> rule_r, info",
        ),
        (
            {"when": {"height": {"of": "right_wrist", "over": "nose", "above": 0}}, "for": 3},
            "height of right wrist over nose above 0 torso lengths for 3 s -> rule_r, info",
        ),
        (
            {"when": {"people": {"at_most": 0}}, "for": "2 h", "severity": "alert"},
            "nobody for 2 h -> rule_r, alert",
        ),
        (
            {"when": {"people": {"at_least": 2, "zone": "bed"}}},
            "at least 2 people in zone bed for 1 s -> rule_r, info",
        ),
        (
            {"when": {"any": [{"posture": ["sitting", "lying"]}, {"not": {"zone": "b"}}], "zone": "a"}},
            "in zone a and (sitting or lying or not (in zone b)) for 1 s -> rule_r, info",
        ),
        (
            {"when": {"all": [{"left_knee_deg": {"between": [60, 100]}}, {"box_share": {"above": 0.5}}]}},
            "left knee between 60 and 100 deg and box share above 0.5 for 1 s -> rule_r, info",
        ),
    ],
)
def test_a_rule_is_said_back_in_words(rule: dict[str, object], words: str) -> None:
    assert sentences(EventsOptions.model_validate({"rules": {"r": rule}})) == [words]


def test_config_check_says_them(tmp_path: Path) -> None:
    path = written(tmp_path / "config.yaml", "arm: {when: {left_elbow_deg: {below: 40}}, for: 2 s}")
    done = run("config", "check", path)

    assert done.returncode == 0
    assert lines(done)[0]["rules"] == ["left elbow below 40 deg for 2 s -> rule_arm, info"]
