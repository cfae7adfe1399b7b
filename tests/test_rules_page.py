"""docs/rules.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pose_edge.config import load
from pose_edge.events.rules import RuleOptions, sentences
from pose_edge.quantities import TABLE

PAGE = Path(__file__).resolve().parent.parent / "docs" / "rules.md"


def quantities() -> str:
    """The table as it should stand in the page."""
    lines = ["| quantity | unit | meaning | margin |", "|---|---|---|---|"]
    for row in TABLE:
        margin = f"{row.margin:g}" if row.margin else ""
        lines.append(f"| `{row.name}` | {row.unit} | {row.meaning} | {margin} |")
    return "\n".join(lines)


def test_the_table_of_quantities_is_that_of_the_code() -> None:
    written = PAGE.read_text().split("<!-- quantities -->\n")[1].split("\n\n")[0].strip()

    assert written == quantities(), f"docs/rules.md should say:\n{quantities()}"


def test_every_key_of_a_rule_is_explained_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE))

    for name, field in RuleOptions.model_fields.items():
        value = field.default
        told = rows[name].strip().strip("`")
        if isinstance(value, float):
            assert told == f"{value:g} s", name
        elif field.is_required():
            assert told == "required"
        elif value:
            assert told == value, name


def test_the_examples_load_and_are_said_back_as_the_page_says(tmp_path: Path) -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    path = tmp_path / "config.yaml"
    path.write_text(example)
    told = sentences(load(path).events)

    assert len(told) == len(yaml.safe_load(example)["events"]["rules"]) == 3
    for line in told[:2]:
        assert line in PAGE.read_text()


@pytest.mark.parametrize("word", ["4 deep", "16 quantities", "32 rules"])
def test_the_bounds_are_those_of_the_code(word: str) -> None:
    from pose_edge.events.rules.options import MOST_CONDITIONS, MOST_DEPTH, MOST_RULES

    assert word in PAGE.read_text()
    assert word.split(" ", maxsplit=1)[0] in {str(MOST_CONDITIONS), str(MOST_DEPTH), str(MOST_RULES)}
