from __future__ import annotations

import json
from pathlib import Path

import pytest

from pose_edge.calibration_file import FILE, keep, made, named
from pose_edge.cli.calibrate import calibrate
from pose_edge.errors import PoseEdgeError, UsageError
from pose_edge.evaluation.stress import Change, changed
from pose_edge.messages import Device, Messages
from pose_edge.records import DeskBaseline, PoseResult
from tests.bodies import pose, result, timeline
from tests.cli.command import run


def write(path: Path, results: list[PoseResult]) -> Path:
    messages = Messages(Device("test"), "boot", "by_hand.task", "video")
    path.write_bytes(b"".join(messages.landmarks(one).payload + b"\n" for one in results))
    return path


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """Somebody who crosses the picture of a camera that hangs 8 degrees askew."""
    steps = [result(i * 100, pose("standing", at=(0.3 + i / 200, 0.5))) for i in range(80)]
    return write(tmp_path / "walk.jsonl", list(changed(steps, Change("rotate", 8.0), "seed")))


def here(*inputs: Path, out: Path | None = None, desk: bool = False) -> None:
    """The command without the second a process takes."""
    calibrate(list(inputs), desk=desk, seconds=None, out=out, dry_run=False, model=None, config=None)


def state(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "home"), "STATE_DIRECTORY": ""}


def test_what_it_measures_is_printed_and_kept(walk: Path, tmp_path: Path) -> None:
    done = run("calibrate", walk, **state(tmp_path))

    path = tmp_path / "home" / "pose-edge" / FILE
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert told["view"]["roll_deg"] == pytest.approx(8.0, abs=0.2)
    assert told["file"] == str(path)
    stored = named(path)
    assert stored.view is not None
    assert stored.view.roll_deg == told["view"]["roll_deg"]
    assert stored.camera is None  # a file knows no camera


def test_a_dry_run_keeps_nothing(walk: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"

    calibrate([walk], desk=False, seconds=None, out=out, dry_run=True, model=None, config=None)

    assert not out.exists()


def test_what_does_not_suffice_is_one_line_and_keeps_what_was(tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    keep(out, made(None, (640, 480), None, DeskBaseline("side", neck_deg=16.0)))
    before = out.read_bytes()

    done = run(
        "calibrate", write(tmp_path / "sits.jsonl", list(timeline((9000, pose("sitting"))))), "--out", out
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().startswith("pose-edge: nobody stood in full view")
    assert out.read_bytes() == before


def test_the_room_and_the_desk_are_kept_side_by_side(walk: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    keep(out, made("imx708", (640, 480), None, DeskBaseline("side", neck_deg=16.0)))

    here(walk, out=out)

    stored = named(out)
    assert stored.desk == DeskBaseline("side", neck_deg=16.0)
    assert stored.view is not None
    assert stored.camera == "imx708"


def test_a_desk_baseline_is_measured_or_refused_with_its_reason(walk: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"

    with pytest.raises(PoseEdgeError, match=r"desk baseline: somebody sits for 0\.0 s"):
        here(walk, out=out, desk=True)

    assert not out.exists()


@pytest.mark.parametrize("command", ["replay", "explain"])
def test_a_calibration_of_another_size_is_refused(walk: Path, tmp_path: Path, command: str) -> None:
    out = tmp_path / "calibration.json"
    keep(out, made(None, (320, 240), None, None))

    done = run(command, walk, "--calibration", out)

    assert done.returncode == 1
    assert "made with pictures of 320 x 240 px, and these are of 640 x 480 px" in done.stderr


def test_replay_sees_with_a_calibration_what_it_missed_without(tmp_path: Path) -> None:
    steps = [result(i * 100, pose("standing", at=(0.3 + i / 400, 0.5))) for i in range(80)]
    leaning = list(changed(steps, Change("rotate", 24.0), "seed"))
    recording, out = write(tmp_path / "leans.jsonl", leaning), tmp_path / "calibration.json"
    here(recording, out=out)

    def tilt(*more: str | Path) -> float:
        events = [json.loads(line) for line in run("replay", recording, *more).stdout.splitlines()]
        found = [event["evidence"]["torso_tilt_deg"] for event in events if event["kind"] == "posture"]
        return float(found[0])

    assert tilt() == pytest.approx(24.0, abs=0.5)
    assert tilt("--calibration", out) == pytest.approx(0.0, abs=0.5)


def test_inputs_that_cannot_be_are_refused(walk: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.touch()

    with pytest.raises(UsageError, match="photos have not"):
        here(photo)
    with pytest.raises(UsageError, match="it would be lost"):
        here(walk, out=walk)
    with pytest.raises(UsageError, match="no such file"):
        here(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="no such directory"):
        here(walk, out=tmp_path / "none" / "c.json")
