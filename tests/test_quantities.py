from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_edge.engine import Engine
from pose_edge.events.rules.conditions import Condition
from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.quantities import BY_NAME, POINTS, TABLE, Quantity, mirrored
from pose_edge.records import Pose, PoseResult, Posture, Scene, Zone
from tests.bodies import HEIGHT_PX, WIDTH_PX, pose, result

LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, NOSE = (
    LANDMARK_NAMES.index(name) for name in ("left_shoulder", "left_elbow", "left_wrist", "nose")
)
NUMBERS = [row for row in TABLE if row.shape == "number"]


def looked_at(*poses: Pose, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> Scene:
    """The scene once the tracker is sure that these are people."""
    engine = Engine()
    for at_ms in (0, 100, 200, 300):
        scene = engine.update(PoseResult(at_ms, width_px, height_px, poses)).scene
    assert len(scene.people) == len(poses)
    return scene


def measured(name: str, made: Pose, *more: object) -> float | None:
    scene = looked_at(made)
    found: float | None = BY_NAME[name].measure(scene.people[0], scene, *more)
    return found


def moved(made: Pose, **to_px: tuple[float, float]) -> Pose:
    """The pose with landmarks elsewhere in the picture."""
    landmarks = made.landmarks.copy()
    for name, (x, y) in to_px.items():
        landmarks[LANDMARK_NAMES.index(name), :2] = x / WIDTH_PX, y / HEIGHT_PX
    return Pose(landmarks, made.world_landmarks)


def hidden(made: Pose, *names: str) -> Pose:
    landmarks = made.landmarks.copy()
    for name in names:
        landmarks[LANDMARK_NAMES.index(name), 3] = 0.1
    return Pose(landmarks, made.world_landmarks)


def arm(elbow_deg: float) -> Pose:
    """Left shoulder, 50 px below it the elbow, and the forearm at that angle."""
    turn = math.radians(elbow_deg)
    wrist = 340 + 50 * math.sin(turn), 190 - 50 * math.cos(turn)
    return moved(pose(), left_shoulder=(340, 140), left_elbow=(340, 190), left_wrist=wrist)


@pytest.mark.parametrize("elbow_deg", [0, 30, 90, 140, 180])
def test_an_elbow_is_measured_in_pixels_and_not_in_shares(elbow_deg: float) -> None:
    assert measured("left_elbow_deg", arm(elbow_deg)) == pytest.approx(elbow_deg, abs=0.5)


def test_an_elbow_stays_what_it_is_when_the_arm_is_turned() -> None:
    turned = moved(pose(), left_shoulder=(310, 140), left_elbow=(350, 180), left_wrist=(390, 140))

    assert measured("left_elbow_deg", turned) == pytest.approx(90, abs=0.5)


def test_a_knee_is_measured_in_space_where_the_picture_shows_a_straight_leg() -> None:
    # The thighs point at the camera: in the picture hips, knees and ankles are on one line.
    assert measured("left_knee_deg", pose("sitting")) == pytest.approx(100, abs=1)
    assert measured("left_knee_deg", pose("standing")) == pytest.approx(180, abs=1)


@pytest.mark.parametrize(("stance", "tilt_deg"), [("standing", 0), ("bending", 75), ("lying", 90)])
def test_the_trunk_leans_as_far_as_it_was_leaned(stance: str, tilt_deg: float) -> None:
    assert measured("trunk_tilt_deg", pose(stance)) == pytest.approx(tilt_deg, abs=1)


def test_heights_and_distances_are_in_torso_lengths_of_the_person() -> None:
    for torso_px in (60.0, 100.0, 150.0):
        made = pose(torso_px=torso_px)
        assert measured("height", made, POINTS["nose"], POINTS["shoulders"]) == pytest.approx(0.45, abs=0.02)
        assert measured("height", made, POINTS["ankles"], POINTS["hips"]) == pytest.approx(-1.68, abs=0.03)
        assert measured("distance", made, POINTS["nose"], POINTS["hips"]) == pytest.approx(1.45, abs=0.03)
        assert measured("distance_m", made, POINTS["left_hip"], POINTS["right_hip"]) == pytest.approx(0.2)


def test_shoulders_that_slope_are_told_in_degrees_of_the_picture() -> None:
    made = moved(pose(), left_shoulder=(350, 130), right_shoulder=(290, 130 + 60))

    assert measured("shoulder_tilt_deg", made) == pytest.approx(45, abs=0.5)


def test_people_are_counted_in_sight_and_in_zones() -> None:
    left, right = pose(at=(0.2, 0.5)), pose(at=(0.8, 0.5))
    scene = looked_at(left, right)
    zone = Zone("bed", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))

    assert BY_NAME["people"].measure(scene, ()) == 2
    assert BY_NAME["people"].measure(scene, (zone,)) == 1
    inside = [BY_NAME["zone"].measure(who, scene, (zone,)) for who in scene.people]
    assert sorted(inside) == [(), ("bed",)]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("left_elbow_deg", ("left_shoulder", "left_elbow", "left_wrist")),
        ("right_shoulder_deg", ("right_elbow",)),
        ("left_knee_deg", ("left_hip", "left_knee", "left_ankle")),
        ("right_ankle_deg", ("right_foot_index",)),
        ("shoulder_tilt_deg", ("left_shoulder",)),
        ("head_tilt_deg", ("right_ear",)),
    ],
)
def test_one_hidden_part_is_enough_to_know_nothing(name: str, parts: tuple[str, ...]) -> None:
    apart = moved(pose(), left_ear=(325, 100), left_foot_index=(350, 410), right_foot_index=(310, 410))
    bent = moved(apart, left_elbow=(350, 160), left_wrist=(355, 200), right_elbow=(290, 160))

    assert measured(name, bent) is not None
    for part in parts:
        assert measured(name, hidden(bent, part)) is None


def test_one_of_a_pair_stands_in_for_the_other_where_the_middle_is_meant() -> None:
    scene = looked_at(hidden(pose(), "left_ankle"))
    none = looked_at(hidden(pose(), "left_ankle", "right_ankle"))
    height = BY_NAME["height"].measure

    assert height(scene.people[0], scene, POINTS["hips"], POINTS["ankles"]) == pytest.approx(1.68, abs=0.03)
    assert height(none.people[0], none, POINTS["hips"], POINTS["ankles"]) is None


def test_every_row_is_an_option_and_every_option_a_row() -> None:
    assert set(Condition.model_fields) - {"all", "any", "not"} == set(BY_NAME)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_row_says_what_it_is_and_has_its_mirror_image(row: Quantity) -> None:
    assert row.meaning.endswith(".")
    assert row.mirrored in BY_NAME
    assert BY_NAME[row.mirrored].mirrored == row.name
    assert BY_NAME[row.mirrored].unit == row.unit


def test_left_and_right_are_swapped_whole() -> None:
    assert {mirrored(name) for name in POINTS} == set(POINTS)
    assert (mirrored("left_elbow_deg"), mirrored("mouth_right")) == ("right_elbow_deg", "mouth_left")


def flipped(made: Pose) -> Pose:
    """What the model would say of the mirrored picture."""
    order = [LANDMARK_NAMES.index(mirrored(name)) for name in LANDMARK_NAMES]
    landmarks, world = made.landmarks[order].copy(), made.world_landmarks[order].copy()
    landmarks[:, 0] = 1 - landmarks[:, 0]
    world[:, 0] = -world[:, 0]
    return Pose(landmarks, world)


coordinates = st.lists(st.floats(-0.125, 0.125, width=32), min_size=66, max_size=66)


@settings(max_examples=40, deadline=None)
@given(coordinates, st.sampled_from(["standing", "sitting", "bending", "lying"]))
def test_a_mirror_swaps_left_and_right_and_nothing_else(shifts: list[float], stance: str) -> None:
    made = pose(stance, torso_px=90)
    offsets = np.array(shifts, np.float32).reshape(33, 2) / 3
    landmarks, world = made.landmarks.copy(), made.world_landmarks.copy()
    landmarks[:, :2] += offsets
    world[:, :2] += offsets
    made = Pose(landmarks, world)
    here, there = looked_at(made), looked_at(flipped(made))

    for row in NUMBERS:
        one = row.measure(here.people[0], here)
        other = BY_NAME[row.mirrored].measure(there.people[0], there)
        assert one == pytest.approx(other, abs=0.05), row.name


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-3, 3, width=32) | st.just(float("nan")), min_size=330, max_size=330))
def test_no_pose_however_broken_stops_a_measurement(values: list[float]) -> None:
    array = np.array(values, np.float32).reshape(2, 33, 5)
    engine = Engine()
    for at_ms in (0, 100, 200):
        scene = engine.update(result(at_ms, Pose(array[0], array[1]))).scene
        for who in scene.people:
            check(who, scene)
            check(replace(who, body=replace(who.body, world_rows=())), scene)


def check(who: Posture, scene: Scene) -> None:
    for row in NUMBERS:
        value = row.measure(who, scene)
        assert value is None or math.isfinite(value), row.name
    for name in ("height", "distance", "distance_m"):
        for point in POINTS.values():
            value = BY_NAME[name].measure(who, scene, point, POINTS["hips"])
            assert value is None or math.isfinite(value), name
