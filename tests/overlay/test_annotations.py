from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest

from pose_edge.errors import SourceError
from pose_edge.overlay.annotations import Annotation, Annotations, Headline
from pose_edge.records import Stage
from tests.overlay.material import Teller, person, write_lines

TELLER = Teller()


def told(folder: Path, lines: Iterable[bytes], *moments_ms: int, photos: bool = False) -> list[Annotation]:
    path = write_lines(folder / "told.jsonl", lines)
    with Annotations(path, photos=photos) as annotations:
        return [annotations.at(moment_ms) for moment_ms in moments_ms]


def noses(annotations: Iterable[Annotation]) -> list[float | None]:
    """Return where the nose of the first figure is: it tells which result was taken."""
    return [round(float(it.figures[0].landmarks[0, 0]), 2) if it.figures else None for it in annotations]


def results(*moments_ms: int) -> list[bytes]:
    """A result a moment, whose nose says when: x = seconds / 10."""
    return [TELLER.landmarks(moment_ms, person((moment_ms / 10000, 0.2))) for moment_ms in moments_ms]


def test_each_picture_gets_the_result_of_its_own_moment(tmp_path: Path) -> None:
    found = told(tmp_path, results(1000, 1100, 1200, 1300), 1000, 1100, 1200, 1300)

    assert noses(found) == [0.1, 0.11, 0.12, 0.13]


def test_a_dropped_picture_shows_the_result_before_it_never_the_one_after(tmp_path: Path) -> None:
    found = told(tmp_path, results(1000, 1300), 999, 1000, 1299, 1300)

    assert noses(found) == [None, 0.1, 0.1, 0.13]


def test_a_result_is_shown_for_half_a_second_at_most(tmp_path: Path) -> None:
    assert noses(told(tmp_path, results(1000, 9000), 1500, 1501)) == [0.1, None]


def test_a_result_without_a_body_ends_the_one_before_it(tmp_path: Path) -> None:
    assert noses(told(tmp_path, [*results(1000), TELLER.landmarks(1100)], 1050, 1100)) == [0.1, None]


def test_presence_is_what_the_events_say_and_nothing_before_they_do(tmp_path: Path) -> None:
    lines = [
        TELLER.event(1000, "presence_started", person_count=1),
        TELLER.event(2000, "presence_changed", stage=Stage.UPDATE, person_count=2),
        TELLER.event(3000, "presence_ended", stage=Stage.END, person_count=0),
    ]

    found = told(tmp_path, lines, 999, 1000, 2000, 3000)

    assert [it.presence for it in found] == ["", "1 person", "2 people", "nobody"]
    assert [it.time_s for it in found] == [0.999, 1.0, 2.0, 3.0]


def test_a_label_says_who_it_is_and_since_when_it_is_known_what_they_do(tmp_path: Path) -> None:
    lines = [
        TELLER.landmarks(1000, person(), person(), ids=[7, None]),
        TELLER.event(1200, "posture_started", person_id=7, posture="sitting"),
        TELLER.landmarks(1300, person(), ids=[7]),
        TELLER.event(1400, "posture_ended", stage=Stage.END, person_id=7, posture="sitting"),
    ]

    found = told(tmp_path, lines, 1000, 1200, 1399, 1400)

    assert [[(it.label, it.taken) for it in one.figures] for one in found] == [
        [("#7", True), ("", False)],
        [("#7 sitting", True), ("", False)],
        [("#7 sitting", True)],
        [("#7", True)],
    ]


def test_an_event_is_in_the_caption_for_a_while(tmp_path: Path) -> None:
    lines = [
        TELLER.event(1000, "presence_started", person_count=1),
        TELLER.event(2000, "posture_started", person_id=1, posture="sitting"),
        TELLER.event(5000, "posture_ended", stage=Stage.END, person_id=1, posture="sitting"),
    ]

    found = told(tmp_path, lines, 1000, 1999, 2000, 4500, 4501, 5000)

    assert [it.headline and it.headline.text for it in found] == [
        "presence started",
        "presence started",
        "posture: sitting",
        "posture: sitting",
        None,
        None,
    ]


def test_an_alert_is_not_pushed_out_by_news(tmp_path: Path) -> None:
    lines = [
        TELLER.event(1000, "fall_confirmed", person_id=1, severity="alert"),
        TELLER.event(1100, "posture_started", person_id=1, posture="lying"),
        TELLER.event(4000, "posture_started", person_id=1, posture="sitting"),
    ]

    found = told(tmp_path, lines, 1100, 4000)

    assert found[0].headline == Headline("fall confirmed", alert=True)
    assert found[1].headline == Headline("posture: sitting", alert=False)


def test_photos_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    lines = [TELLER.landmarks(0, person(), ids=[None]), TELLER.landmarks(400)]

    found = told(tmp_path, lines, 0, 200, 400, photos=True)

    assert [it.presence for it in found] == ["1 person", "nobody", "nobody"]
    assert [it.time_s for it in found] == [None, None, None]
    assert found[0].figures[0].taken


def test_a_photo_says_what_was_made_of_each_body(tmp_path: Path) -> None:
    payload = orjson.loads(TELLER.landmarks(0, person(), person(), ids=[None, None]))
    payload["poses"][0] |= {"person": True, "posture": "sitting"}
    payload["poses"][1] |= {"person": False, "posture": "lying"}

    [found] = told(tmp_path, [orjson.dumps(payload)], 0, photos=True)

    assert [(it.label, it.taken) for it in found.figures] == [("sitting", True), ("", False)]
    assert found.presence == "1 person"


def test_lines_of_other_topics_are_passed_over(tmp_path: Path) -> None:
    found = told(tmp_path, [b'{"schema_version":1,"person_count":9}', *results(1000)], 1000)

    assert noses(found) == [0.1]
    assert found[0].presence == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "unexpected end"),
        (b'{"poses": []}', "'frame_timestamp_ms' is missing"),
        (b'{"poses": [{"landmarks": [1, 2]}], "frame_timestamp_ms": 1000}', "reshape"),
        (b'{"poses": [{}], "frame_timestamp_ms": 1000}', "'landmarks' is missing"),
        (b'{"event_type": "x", "frame_timestamp_ms": 1000}', "validation errors"),
        (TELLER.event(1000, "presence_started"), "'person_count' is missing"),
        (TELLER.event(1000, "posture_started", person_id=1, posture="flying"), "flying"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=r"told\.jsonl, line 2: ") as caught:
        told(tmp_path, [*results(900), line], 1000)

    assert reason in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.jsonl: no such file"), Annotations(tmp_path / "none.jsonl"):
        pass
