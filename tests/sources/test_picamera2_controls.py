from __future__ import annotations

import logging
from typing import Any

import pytest
from pydantic import ValidationError

from pose_edge.errors import SourceError
from pose_edge.sources.picamera2 import Picamera2Options
from pose_edge.sources.picamera2_controls import controls_for

MODULE_3: dict[str, tuple[Any, Any, Any]] = {
    "FrameDurationLimits": (17849, 220535845, 33333),
    "ExposureTime": (26, 112015096, 20000),
    "AnalogueGain": (1.12, 16.0, 1.0),
    "ExposureValue": (-8.0, 8.0, 0.0),
    "AwbMode": (0, 7, 0),
    "AfMode": (0, 2, 0),
    "LensPosition": (0.0, 32.0, 1.0),
}
FIXED_FOCUS = {name: limits for name, limits in MODULE_3.items() if name not in {"AfMode", "LensPosition"}}


def told(has: dict[str, tuple[Any, Any, Any]], **options: Any) -> dict[str, Any]:
    return controls_for(Picamera2Options.model_validate(options), 20, has, "camera 0")


def test_left_alone_only_the_rate_is_set_and_focus_follows() -> None:
    assert told(MODULE_3) == {"FrameDurationLimits": (50000, 50000), "AfMode": 2}


def test_a_camera_without_focus_is_not_bothered_with_it(caplog: pytest.LogCaptureFixture) -> None:
    assert told(FIXED_FOCUS) == {"FrameDurationLimits": (50000, 50000)}
    assert caplog.records == [], "nobody asked for it"


def test_a_distance_is_told_in_dioptres_and_ends_following() -> None:
    assert told(MODULE_3, focus_m=4.0) == {
        "FrameDurationLimits": (50000, 50000),
        "AfMode": 0,
        "LensPosition": 0.25,
    }


def test_each_wish_the_camera_has_no_control_for_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert told({}, focus_m=2, gain=2, white_balance="indoor", exposure_us=5000, exposure_ev=-1) == {}

    assert [record.message.rpartition(": ")[2] for record in caplog.records] == [
        f"{option} is left out"
        for option in ("exposure_us", "gain", "exposure_ev", "white_balance", "focus_m")
    ]


def test_what_is_nearer_than_the_lens_can_is_refused() -> None:
    near = {**MODULE_3, "LensPosition": (0.0, 10.0, 1.0)}
    with pytest.raises(
        SourceError, match=r"camera 0: focus_m 0\.05: this camera's LensPosition goes from 0 to 10, found 20"
    ):
        told(near, focus_m=0.05)


def test_an_exposure_longer_than_a_picture_is_refused_with_the_configuration() -> None:
    with pytest.raises(ValidationError, match="exposure_us 100000: at fps 15 a picture lasts 66666 us"):
        Picamera2Options(fps=15, exposure_us=100_000)
    assert Picamera2Options(fps=10, exposure_us=100_000).exposure_us == 100_000


def test_a_colour_of_light_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValidationError, match="'auto', 'incandescent', 'tungsten'"):
        Picamera2Options.model_validate({"white_balance": "neon"})
