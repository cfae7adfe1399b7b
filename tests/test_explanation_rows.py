"""Rows of zones, rules, gestures and repetitions in the picture of `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pose_edge.events import EventsOptions
from pose_edge.explanation.decisions import decisions
from pose_edge.explanation.marks import CHIPS
from pose_edge.explanation.page import LEFT_PX, PEOPLE, RIGHT_PX, WIDTH_PX, Axis
from pose_edge.explanation.panels import BAND_STEP_PX
from pose_edge.explanation.picture import draw
from pose_edge.explanation.rows import MOST, SEVERAL, Row, rows_of
from pose_edge.explanation.timeline import Timeline, timeline
from pose_edge.records import Event, Pose, Stage, Surroundings, Zone
from tests.bodies import pose
from tests.bodies import timeline as poses

STANDING, SITTING = pose("standing"), pose("sitting")
EVERYWHERE = Zone("all", ((0, 0), (1, 0), (1, 1), (0, 1)))
CORNER = Zone("corner", ((0, 0), (0.05, 0), (0.05, 0.05)))
ALWAYS = ["posture seen", "posture told", "person present", "fall"]


def lived(
    *stretches: tuple[int, Pose | None], zones: Sequence[Zone] = (), rules: dict[str, Any] | None = None
) -> Timeline:
    options = EventsOptions.model_validate({"rules": rules or {}})
    return timeline(poses(*stretches, step_ms=100), options, Surroundings(tuple(zones)))


def rows(line: Timeline, start_s: float = 0.0, end_s: float = 1000.0) -> dict[str, Row]:
    return {row.label: row for row in rows_of(line, Axis(start_s, end_s))}


def event(kind: str, number: int, stage: Stage, at_s: float, start_s: float, **more: Any) -> Event:
    at_ms = round(1000 * at_s)
    end_ms = at_ms if stage is Stage.END else None
    told = "gesture" if kind != "repetition" else "repetition"
    return Event(kind, told, stage, number, at_ms, round(1000 * start_s), person_id=1, end_ms=end_ms, **more)


def test_what_there_is_nothing_of_takes_no_room() -> None:
    line = lived((4000, STANDING))

    assert [*rows(line)] == ALWAYS
    assert [*rows(lived((4000, STANDING), zones=[EVERYWHERE]))] == [*ALWAYS, "in all"]


def test_a_zone_has_a_row_of_who_is_in_it_in_their_colour() -> None:
    row = rows(lived((2000, None), (4000, STANDING), (5000, None), zones=[EVERYWHERE, CORNER]))["in all"]
    [inside] = [one for one in row.marked if one[2]]
    paint = row.paint(inside[2])

    assert inside[0] == pytest.approx(2.5, abs=0.25)
    assert paint is not None
    assert (paint.ground, paint.words) == (PEOPLE[0], ("person 1", "1"))
    several = row.paint("1, 2")
    assert several is not None
    assert (several.ground, several.words[0]) == (SEVERAL, "persons 1, 2")


def test_a_rule_has_a_row_of_when_it_was_so_and_when_that_was_an_event() -> None:
    rule = {"when": {"posture": "sitting"}, "for": "2 s", "clear": 1, "severity": "warning"}
    row = rows(lived((3000, STANDING), (4000, SITTING), (4000, STANDING), rules={"sits": rule}))["rule sits"]

    assert [word for _, _, word in row.marked] == [None, "true", "warning", None]
    assert [start_s for start_s, _, _ in row.marked] == pytest.approx([0, 3, 5, 7], abs=0.35)
    paint = row.paint("warning")
    assert paint is not None
    assert paint.ground == CHIPS["warning"]


def test_a_rule_about_what_is_hidden_says_so() -> None:
    rule = {"when": {"left_knee_deg": {"below": 40}}}
    hidden = lived((3000, pose("standing", legs_visibility=0.1)), rules={"kneels": rule})

    assert [word for _, _, word in rows(hidden)["rule kneels"].marked] == [None, "hidden"]


def test_how_near_a_rule_with_a_zone_came_is_known() -> None:
    rules = {"waits": {"when": {"zone": "all", "posture": "standing"}, "for": "1 min"}}
    line = lived((4000, STANDING), zones=[EVERYWHERE], rules=rules)
    options = EventsOptions.model_validate({"rules": rules})
    [miss] = [one for one in decisions(line, options) if one.what == "no_rule_waits"]

    assert miss.reason == "not so for long enough, person 1"
    assert miss.numbers["zone"] == "all"
    assert miss.numbers["held_s"] == pytest.approx(3.9, abs=0.2)


def test_gestures_and_repetitions_have_a_row_each_where_there_are_any() -> None:
    counted = [
        event("repetition", 2, Stage.NEW, 6.5, 4.0, details={"exercise": "squat", "count": 3}),
        event("repetition", 2, Stage.UPDATE, 7.5, 4.0, details={"exercise": "squat", "count": 4}),
        event("repetition", 2, Stage.END, 8.0, 4.0, details={"exercise": "squat", "count": 4}),
    ]
    waved = [event("wave", 1, Stage.NEW, 2.0, 1.0), event("wave", 1, Stage.END, 3.0, 1.0)]
    line = replace(lived((10_000, STANDING)), events=(*waved, *counted))
    found = rows(line)

    assert [*found] == [*ALWAYS, "wave", "squat"]
    assert [one for one in found["wave"].marked if one[2]] == [(1.0, 3.0, "1")]
    assert [one for one in found["squat"].marked if one[2]] == [(4.0, 8.0, "4 times")]
    assert [*rows(line, 5.0, 10.0)] == [*ALWAYS, "squat"]


def test_of_many_zones_those_with_somebody_in_them_are_shown() -> None:
    empty = [replace(CORNER, name=f"corner_{number}") for number in range(MOST + 3)]
    found = rows(lived((4000, STANDING), zones=[*empty, EVERYWHERE]))

    assert len(found) == len(ALWAYS) + MOST
    assert "in all" in found


def test_a_row_makes_the_picture_higher_and_paints_only_its_own_band() -> None:
    without, with_row = lived((4000, STANDING)), lived((4000, STANDING), zones=[EVERYWHERE])
    plain, zoned = (draw(line, [], {}, "a title") for line in (without, with_row))

    assert zoned.shape[0] == plain.shape[0] + BAND_STEP_PX
    changed = np.flatnonzero((zoned[: plain.shape[0]] != plain).any(axis=(1, 2)))
    assert changed.min() > plain.shape[0] - 120
    band = zoned[changed.min() : changed.min() + BAND_STEP_PX, LEFT_PX : WIDTH_PX - RIGHT_PX]
    assert (band == np.array(PEOPLE[0], np.uint8)).all(axis=2).mean() > 0.4
