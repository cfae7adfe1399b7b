from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_edge.engine import Engine
from pose_edge.evaluation.stress import Change, changed
from pose_edge.messages import Device, Messages
from pose_edge.records import Calibration, Pose, PoseResult, Scene, Surroundings, View, Zone
from pose_edge.upright import LEAST_DEG, as_seen, box_as_seen, correction_deg, turned, turned_zones
from tests.bodies import pose, result, timeline


def view(roll_deg: float, leg_share: float = 1.0) -> View:
    return View(640, 480, roll_deg, 0.0, leg_share)


def askew(results: list[PoseResult], roll_deg: float) -> tuple[PoseResult, ...]:
    return changed(results, Change("rotate", roll_deg), "seed")


@settings(max_examples=30, deadline=None)
@given(st.floats(-25, 25), st.floats(0.2, 0.8), st.floats(0.3, 0.7))
def test_a_camera_that_hangs_askew_is_set_right(roll_deg: float, across: float, down: float) -> None:
    straight = result(0, pose("standing", at=(across, down)))
    seen = askew([straight], roll_deg)[0]

    found = turned(seen, roll_deg)

    assert found.poses[0].landmarks == pytest.approx(straight.poses[0].landmarks, abs=1e-5)
    assert found.poses[0].world_landmarks == pytest.approx(straight.poses[0].world_landmarks, abs=1e-5)


def test_a_small_lean_is_left_alone_and_a_large_one_bounded() -> None:
    assert correction_deg(None) == correction_deg(view(LEAST_DEG)) == correction_deg(view(-LEAST_DEG)) == 0
    assert (correction_deg(view(-3.1)), correction_deg(view(60))) == (-3.1, 25)


def test_what_is_no_number_stays_none_and_spoils_nothing_else() -> None:
    broken = pose("standing")
    landmarks = broken.landmarks.copy()
    landmarks[5] = np.nan

    found = turned(result(0, Pose(landmarks, broken.world_landmarks)), 10.0).poses[0].landmarks

    assert np.isnan(found[5, :2]).all()
    assert np.isfinite(np.delete(found, 5, axis=0)).all()


def test_zones_turn_with_the_people_in_them() -> None:
    corner = Zone("bed", ((0.9, 0.8), (1.0, 0.8), (1.0, 1.0)))
    person = result(0, pose("standing", at=(0.9, 0.8)))

    [zone] = turned_zones((corner,), view(10.0))
    hips = turned(person, 10.0).poses[0].landmarks[23:25, :2].mean(axis=0)

    assert zone.polygon[0] == pytest.approx(hips, abs=1e-3)
    assert turned_zones((corner,), view(1.0)) == (corner,)


def lying_ok(roll_deg: float, calibration: Calibration, *, bed_is_there: bool = True) -> list[str]:
    # A bed below the middle: in the picture of the camera askew somebody who lies there is elsewhere.
    lies_at = (0.75, 0.8)
    lying = pose("lying", at=lies_at, torso_px=80)
    seen = askew([result(0, lying)], roll_deg)[0].poses[0].landmarks[23:25, :2].mean(axis=0)
    across, down = float(seen[0]), float(seen[1])
    bed = Zone(
        "bed", ((across - 0.03, down - 0.05), (across + 0.03, down - 0.05), (across, down + 0.05)), True
    )
    engine = Engine(surroundings=Surroundings((bed,) if bed_is_there else (), calibration))
    story = askew(list(timeline((90_000, lying), step_ms=200)), roll_deg)
    return [event.event_type for one in story for event in engine.update(one).events if event.kind == "fall"]


def test_a_bed_drawn_into_the_picture_is_where_it_was_drawn() -> None:
    assert lying_ok(12.0, Calibration(view=view(12.0))) == lying_ok(0.0, Calibration())
    assert "fall_confirmed" not in lying_ok(12.0, Calibration(view=view(12.0)))
    assert "fall_confirmed" in lying_ok(12.0, Calibration(view=view(12.0)), bed_is_there=False)


def test_what_is_published_is_as_the_camera_shows_it() -> None:
    engine = Engine(surroundings=Surroundings((), Calibration(view=view(10.0))))
    seen = list(
        askew([result(at_ms, pose("standing", at=(0.3, 0.5))) for at_ms in range(0, 3000, 100)], 10.0)
    )
    scene = [engine.update(one).scene for one in seen][-1]
    body = scene.people[0].body
    landmarks = seen[-1].poses[0].landmarks

    box = box_as_seen(body, scene)

    assert box.x == pytest.approx(landmarks[:, 0].min(), abs=1e-3)
    assert box.y + box.height == pytest.approx(landmarks[:, 1].max(), abs=1e-3)
    hips_px = landmarks[23:25, :2].mean(axis=0) * (640, 480)
    assert as_seen(body.hips_px, scene) == pytest.approx(hips_px, abs=0.5)


def test_the_state_names_the_zone_and_box_of_the_real_picture() -> None:
    story = list(askew(list(timeline((6000, pose("standing", at=(0.3, 0.8))))), 12.0))
    hips = story[-1].poses[0].landmarks[23:25, :2].mean(axis=0)
    across, down = float(hips[0]), float(hips[1])
    corners = ((across - 0.02, down - 0.02), (across + 0.02, down - 0.02), (across, down + 0.02))
    spot = Zone("spot", corners, point="hips")
    engine = Engine(surroundings=Surroundings((spot,), Calibration(view=view(12.0))))
    step = [engine.update(one) for one in story][-1]
    messages = Messages(Device("test"), "boot", "model", "live_stream")

    state, *_ = messages.state(
        step.state, step.scene, timestamp_ms=0, detection="running", inference_fps=None, frame_age_ms=None
    )

    assert b'"zones":["spot"]' in state.payload
    assert b'"posture":"standing"' in state.payload


@pytest.mark.parametrize("roll_deg", [-20.0, -10.0, 10.0, 20.0])
def test_the_events_are_those_of_a_camera_that_hangs_straight(roll_deg: float) -> None:
    story = list(timeline((4000, pose("standing")), (4000, pose("sitting")), (20_000, pose("lying"))))

    def told(results: list[PoseResult], calibration: Calibration) -> list[tuple[str, int]]:
        engine = Engine(surroundings=Surroundings((), calibration))
        events = [event for one in results for event in engine.update(one).events]
        return [(event.event_type, event.timestamp_ms) for event in events]

    found = told(list(askew(story, roll_deg)), Calibration(view=view(roll_deg)))

    assert found == told(story, Calibration(view=view(0.0)))


def test_legs_seen_from_above_are_as_long_as_at_eye_level() -> None:
    flat = Engine(surroundings=Surroundings((), Calibration(view=view(0.0, leg_share=0.7))))
    level = Engine()
    for one in timeline((2000, pose("standing"))):
        short, long = flat.update(one).scene, level.update(one).scene

    hips, head = long.people[0].hips_above_ankles, long.people[0].head_above_ankles
    assert hips is not None
    assert head is not None
    assert short.people[0].hips_above_ankles == pytest.approx(hips / 0.7)
    assert short.people[0].head_above_ankles == pytest.approx(
        hips / 0.7 + head - hips
    )  # the trunk is as it was


def test_without_a_calibration_nothing_is_turned_or_copied() -> None:
    one = result(0, pose("standing"))

    assert turned(one, 0.0) is one
    assert Engine().update(one).scene.roll_deg == 0.0
    scene = Scene(0, 640, 480, ())
    assert as_seen((3.0, 4.0), scene) == (3.0, 4.0)
    assert replace(scene, roll_deg=5.0) != scene
