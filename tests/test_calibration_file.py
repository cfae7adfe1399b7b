from __future__ import annotations

import json
from pathlib import Path

import pytest

from pose_edge.calibration_file import FILE, Stored, keep, kept, made, named
from pose_edge.errors import CalibrationError
from pose_edge.records import Calibration, DeskBaseline, Line, View

VIEW = View(640, 480, -7.5, 12.0, 0.72, Line(0.8, 0.1), None)
DESK = DeskBaseline("side", neck_deg=16.0)


def stored(camera: str | None = "imx708") -> Stored:
    return made(camera, (640, 480), VIEW, DESK)


WRITTEN = json.loads(stored().model_dump_json())["view"]


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / FILE
    keep(path, stored())

    found, problem = kept(path.parent)

    assert problem is None
    assert found is not None
    assert found.calibration == Calibration(desk=DESK, view=VIEW)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert named(path) == found


def test_nobody_has_calibrated(tmp_path: Path) -> None:
    assert kept(tmp_path) == kept(tmp_path / "not there") == (None, None)


@pytest.mark.parametrize(
    ("camera", "width_px", "reason"),
    [
        ("imx708", 640, None),
        (None, 640, None),
        ("/dev/video0", 640, "was made with imx708, and this is /dev/video0"),
        ("imx708", 1280, "was made with pictures of 640 x 480 px, and these are of 1280 x 480 px"),
    ],
)
def test_it_belongs_to_one_camera_and_size(camera: str | None, width_px: int, reason: str | None) -> None:
    assert stored().misfit(camera, width_px, 480) == reason


def test_one_from_a_clip_fits_any_camera_of_its_size() -> None:
    assert stored(None).misfit("imx708", 640, 480) is None
    assert stored(None).misfit("imx708", 640, 360) is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema_version": 2}, "is of version 2, only 1 is known here"),
        ({"view": {**json.loads(stored().model_dump_json())["view"], "roll_deg": 80.0}}, "is damaged"),
        (
            {"view": {**json.loads(stored().model_dump_json())["view"], "leg_share": float("nan")}},
            "is damaged",
        ),
        ({"width_px": 320}, "is damaged"),
        ({"desk": {"view": "above"}}, "is damaged: desk"),
    ],
)
def test_a_damaged_file_is_set_aside_and_told(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    document = {**json.loads(stored().model_dump_json()), **change}
    (tmp_path / FILE).write_text(json.dumps(document))

    with pytest.raises(CalibrationError, match=reason):
        named(tmp_path / FILE)
    found, problem = kept(tmp_path)

    assert found is None
    assert problem is not None
    assert reason in problem
    [aside] = tmp_path.iterdir()
    assert aside.name.startswith(f"{FILE}.corrupt-")
    assert aside.name in problem


def test_half_a_file_is_damaged_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(stored().model_dump_json()[:80])

    assert "is damaged" in str(kept(tmp_path)[1])
