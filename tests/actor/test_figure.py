"""The drawn body itself, before any model sees it: rigid limbs, feet on the floor, true postures."""

from __future__ import annotations

import math

import pytest

from pose_edge.actor.figure import CLEARANCE_M, EDGE_SHARE, Joints, joints, landmarks_px
from pose_edge.actor.looks import Build, looks
from pose_edge.actor.room import Camera, Point
from pose_edge.actor.script import load_script
from pose_edge.actor.stance import BEND, FALLEN, HANDS_UP, LIE, ONE_HAND_UP, SIT, SLOUCH, STAND, WALK, Stance
from pose_edge.geometry import midpoint, tilt_from_vertical_deg
from pose_edge.records import PointPx

CAMERA = Camera(640, 480, 1.0, mirrored=False)
LIMBS = {
    ("shoulder", "elbow"): Build().upper_arm_m,
    ("elbow", "wrist"): Build().forearm_m,
    ("hip", "knee"): Build().thigh_m,
    ("knee", "ankle"): Build().shank_m,
}


def seen(stance: Stance, camera: Camera = CAMERA) -> dict[str, PointPx]:
    return landmarks_px(joints(stance, Build(), camera), camera)


def middle(points: dict[str, PointPx], pair: str) -> PointPx:
    return midpoint(points[f"left_{pair}"], points[f"right_{pair}"])


def tilt_deg(stance: Stance) -> float:
    points = seen(stance)
    return tilt_from_vertical_deg(middle(points, "shoulder"), middle(points, "hip"))


def drop(stance: Stance, above: str, below: str) -> float:
    """Return how far one pair of joints is above another in the picture, in torso lengths."""
    points = seen(stance)
    return (middle(points, below)[1] - middle(points, above)[1]) / (Build().torso_m * CAMERA.px_per_m)


def lowest_m(places: Joints) -> float:
    heights = []
    for name, place in places.items():
        clearance_m = CLEARANCE_M.get(name.removeprefix("left_").removeprefix("right_"))
        if clearance_m is not None:
            heights.append(place.y_m - clearance_m)
    return min(heights)


def test_limbs_keep_their_lengths_and_something_touches_the_floor_at_every_moment() -> None:
    script = load_script("day")
    for at_ms in range(0, script.duration_ms, 90):
        stance = script.stance(at_ms)
        if stance is None:
            continue
        places = joints(stance, Build(), CAMERA)
        assert lowest_m(places) == pytest.approx(0, abs=1e-9), at_ms
        for (start, end), length_m in LIMBS.items():
            for side in ("left", "right"):
                found_m = math.dist(places[f"{side}_{start}"], places[f"{side}_{end}"])
                assert found_m == pytest.approx(length_m), (at_ms, side, start)


@pytest.mark.parametrize("stance", [STAND, HANDS_UP, ONE_HAND_UP, WALK])
def test_standing_is_upright_on_straight_legs(stance: Stance) -> None:
    assert tilt_deg(stance) < 15
    assert drop(stance, "hip", "knee") > 0.7
    assert drop(stance, "hip", "ankle") > 1.3


@pytest.mark.parametrize("stance", [SIT, SLOUCH])
def test_sitting_folds_the_legs_below_an_upright_trunk(stance: Stance) -> None:
    assert tilt_deg(stance) < 25
    assert 0.1 < drop(stance, "hip", "knee") < 0.4
    assert 0.8 < drop(stance, "hip", "ankle") < 1.2


def test_bending_tilts_the_trunk_over_straight_legs() -> None:
    assert tilt_deg(BEND) > 70
    assert drop(BEND, "hip", "ankle") > 1.4


@pytest.mark.parametrize("stance", [LIE, FALLEN])
def test_lying_is_low_and_flat(stance: Stance) -> None:
    points = seen(stance)

    assert tilt_deg(stance) > 75
    assert abs(drop(stance, "hip", "ankle")) < 0.3
    assert middle(points, "ankle")[1] - points["nose"][1] < 0.5 * Build().torso_m * CAMERA.px_per_m
    assert middle(points, "hip")[1] > 0.75 * CAMERA.height_px


def test_raised_hands_are_above_the_eyes_and_apart() -> None:
    points = seen(HANDS_UP)
    torso_px = Build().torso_m * CAMERA.px_per_m

    for side in ("left", "right"):
        assert points[f"{side}_wrist"][1] < points[f"{side}_eye"][1] - 0.3 * torso_px
    assert abs(points["left_wrist"][0] - points["right_wrist"][0]) > 0.5 * torso_px


def test_one_raised_hand_leaves_the_other_down() -> None:
    points = seen(ONE_HAND_UP)

    assert points["right_wrist"][1] < points["nose"][1]
    assert points["left_wrist"][1] > middle(points, "hip")[1] - 10


def test_slouching_brings_the_ears_in_front_of_the_shoulders() -> None:
    def neck_deg(stance: Stance) -> float:
        points = seen(stance)
        return tilt_from_vertical_deg(middle(points, "ear"), middle(points, "shoulder"))

    assert neck_deg(SIT) < 15
    assert neck_deg(SLOUCH) > neck_deg(SIT) + 20


def test_the_other_side_is_the_mirror_image_with_left_and_right_exchanged() -> None:
    here, there = seen(ONE_HAND_UP), seen(ONE_HAND_UP, Camera(640, 480, 1.0, mirrored=True))

    assert there["left_wrist"] == pytest.approx((639 - here["right_wrist"][0], here["right_wrist"][1]))
    assert there["nose"] == pytest.approx((639 - here["nose"][0], here["nose"][1]))


@pytest.mark.parametrize("size_px", [(160, 120), (640, 480), (480, 640), (1920, 1080), (1080, 1920)])
@pytest.mark.parametrize("size", [0.4, 1.0])
def test_the_middle_of_the_body_crosses_the_edge_where_the_truth_says_so(
    size_px: tuple[int, int], size: float
) -> None:
    camera = Camera(*size_px, size, mirrored=False)

    edge = joints(WALK._replace(out=EDGE_SHARE), Build(), camera)["pelvis"]
    gone = [camera.project(place).x_px for place in joints(WALK._replace(out=1.0), Build(), camera).values()]

    assert camera.project(edge).x_px == pytest.approx(0, abs=0.6)
    assert max(gone) < 0.1 * camera.width_px


@pytest.mark.parametrize(
    "size_px", [(160, 120), (640, 480), (480, 640), (360, 640), (1280, 720), (1080, 1920)]
)
@pytest.mark.parametrize("stance", [STAND, HANDS_UP, SIT, BEND, LIE, FALLEN])
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4])
def test_every_joint_of_a_held_stance_is_inside_the_picture(
    size_px: tuple[int, int], stance: Stance, seed: int
) -> None:
    camera = Camera(*size_px, 1.0, mirrored=False)

    for name, (x_px, y_px) in landmarks_px(joints(stance, looks(seed).build, camera), camera).items():
        assert 0 <= x_px <= camera.width_px, name
        assert 0 <= y_px <= camera.height_px, name


def test_what_is_nearer_is_larger_and_lower() -> None:
    near, far = CAMERA.project(Point(0.5, 0.0, -0.5)), CAMERA.project(Point(0.5, 0.0, 0.5))

    assert near.px_per_m > far.px_per_m
    assert near.y_px > far.y_px
