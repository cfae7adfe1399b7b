"""Script files: what is shipped, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_edge.actor.acts import ACTS
from pose_edge.actor.script import load_script
from pose_edge.actor.shipped import shipped_names
from pose_edge.errors import ConfigError

HEAD = "acts:\n  - {act: walk_in, duration_s: 3}\n"


def complaints(tmp_path: Path, text: str | bytes) -> list[str]:
    """Return what is said about a script file, one line each, without the name of the file."""
    path = tmp_path / "play.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as raised:
        load_script(str(path))
    lines = str(raised.value).splitlines()
    assert all(line.startswith(str(path)) for line in lines)
    return [line.removeprefix(str(path)) for line in lines]


def test_the_scripts_that_are_shipped() -> None:
    assert shipped_names() == ["camera", "day", "demo"]


def test_day_and_camera_play_every_act_there_is() -> None:
    day, camera = ({step.name for step in load_script(name).steps} for name in ("day", "camera"))

    assert day | camera == set(ACTS)
    assert day & camera == {"nobody"}


def test_demo_is_over_in_less_than_fifty_seconds() -> None:
    assert load_script("demo").duration_ms < 50_000


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_script_begins_and_ends_with_an_empty_room(name: str) -> None:
    steps = load_script(name).steps

    assert steps[0].name == steps[-1].name == "nobody"


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_acts_are_held_long_enough_to_be_certain_of(name: str) -> None:
    # 1 s of smoothing and hold, and another for margin, as on a Pi that sees 8 frames a second.
    too_short = {
        step.name
        for step, follows in zip(load_script(name).steps, [*load_script(name).steps[1:], None], strict=True)
        if step.act.posture is not None
        and step.end_ms - step.still_ms < 2000
        and not (follows is not None and follows.act.posture is step.act.posture)
    }

    assert not too_short


def test_a_fallen_figure_stays_down_longer_than_a_fall_takes_to_be_confirmed() -> None:
    down = [period for period in load_script("day").periods if period.truth.fallen]

    assert down[-1].end_ms - down[0].start_ms >= 15_000


def test_a_script_may_be_any_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + "  - {act: stand, duration_s: 2.5}\n")

    script = load_script(str(path))

    assert script.name == "mine"
    assert [(step.name, step.start_ms, step.end_ms) for step in script.steps] == [
        ("walk_in", 0, 3000),
        ("stand", 3000, 5500),
    ]


def test_a_script_may_begin_in_the_middle_of_things(tmp_path: Path) -> None:
    path = tmp_path / "asleep.yaml"
    path.write_text("acts:\n  - {act: lie, duration_s: 2}\n")

    assert load_script(str(path)).truth(0).posture == "lying"


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        ConfigError, match=r"'dmo' is no script, did you mean 'demo'\?; allowed: camera, day, demo, or"
    ):
        load_script("dmo")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.yaml"

    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: no such file or directory"):
        load_script(str(path))


def test_an_unknown_act_is_named_with_line_nearest_and_allowed_names(tmp_path: Path) -> None:
    [line] = complaints(tmp_path, HEAD + "  - {act: stnad, duration_s: 2}\n")

    assert line.startswith(", line 3: 'stnad' is no act, did you mean 'stand'?; allowed: nobody, walk_in, ")
    assert all(name in line for name in ACTS)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = complaints(
        tmp_path, HEAD + "  - {act: sti, duration_s: 2}\n  - {act: get_up, duration_s: 1}\n  - {act: bent}\n"
    )

    assert found == [", line 5: acts.3.duration_s: missing"]

    found = complaints(tmp_path, HEAD + "  - {act: sti, duration_s: 2}\n  - {act: bend, duration_s: 1}\n")
    assert [line.partition(" is ")[0].partition(" found")[0] for line in found] == [
        ", line 3: 'sti'",
        ", line 4: duration_s 1",
    ]


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    assert complaints(tmp_path, HEAD + "  - {act: stand, duration_s: 2, duration: 3}\nact: []\n") == [
        ", line 3: acts.1.duration: unknown key, did you mean 'duration_s'?; allowed: act, duration_s",
        ", line 4: act: unknown key, did you mean 'acts'?; allowed: description, acts",
    ]


@pytest.mark.parametrize("duration", ["0", "-2", ".nan", ".inf", "soon", "[1]", "4000"])
def test_a_duration_that_is_none_is_refused(tmp_path: Path, duration: str) -> None:
    [line] = complaints(tmp_path, HEAD + f"  - {{act: stand, duration_s: {duration}}}\n")

    assert line.startswith(", line 3: acts.1.duration_s: ")
    assert " found, " in line
    assert line.endswith("is allowed")


def test_an_act_too_short_for_its_moves_is_refused_with_the_least(tmp_path: Path) -> None:
    [line] = complaints(tmp_path, HEAD + "  - {act: lie_down_slowly, duration_s: 3}\n")

    assert line == ", line 3: duration_s 3 found, 'lie_down_slowly' takes at least 4.2"


def test_an_impossible_order_is_refused_with_what_is_possible(tmp_path: Path) -> None:
    [line] = complaints(tmp_path, HEAD + "  - {act: get_up, duration_s: 4}\n")

    assert line.startswith(", line 3: 'get_up' cannot follow 'walk_in'; allowed: stand, raise_both_hands, ")
    assert "stand_up" not in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "nothing found"),
        ("# only a comment\n", "nothing found"),
        ("- stand\n", "['stand'] found, a mapping"),
        ("acts: []\n", "line 1: acts: a list of 0 found, a list of at least 1 is allowed"),
        ("acts:\n", "line 1: acts: nothing found, a list is allowed"),
        ("acts: [\n", "no valid YAML"),
        (b"\xff\xfe\x00", "line 1: byte 0xff found, the file must be UTF-8"),
        ("acts:\n- stand\n", "line 2: acts.0: 'stand' found"),
        ("acts: \x07\n", "no valid YAML"),
    ],
)
def test_a_file_that_is_no_script_is_refused(tmp_path: Path, text: str | bytes, expected: str) -> None:
    [line] = complaints(tmp_path, text)

    assert expected in line


def test_a_directory_is_no_script(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: is a directory"):
        load_script(f"{tmp_path}/")
