"""The pages of deploy/ name what is there."""

from __future__ import annotations

import re

import pytest

from tests.deploy.recipes import DEPLOY

FOLDERS = ("bridge", "grafana", "mosquitto", "nodered", "telegraf")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_is_in_the_table_and_every_name_in_it_is_a_file(folder: str) -> None:
    [line] = re.findall(rf"^\| \[{folder}\].*$", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    named = {*re.findall(r"`([^`]+)`", line)}

    assert named == {path.name for path in (DEPLOY / folder).iterdir()} - {"README.md"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_page_says_what_was_tried_and_what_not(folder: str) -> None:
    text = (DEPLOY / folder / "README.md").read_text()

    assert "\n## Tried\n" in text
    assert "ot tried**" in text
    assert "Pitfalls" in text or "What it costs" in text
