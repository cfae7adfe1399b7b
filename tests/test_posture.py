from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pose_edge.posture import describe, measure
from pose_edge.records import Body, Pose, PostureClass
from tests.bodies import HEIGHT_PX, WIDTH_PX, pose


def body_of(shown: Pose) -> Body:
    body = measure(shown, WIDTH_PX, HEIGHT_PX)
    assert body is not None
    return body


def class_of(shown: Pose) -> PostureClass:
    body = body_of(shown)
    return describe(body, 1, body.torso_px, 0).posture_class


@pytest.mark.parametrize("stance", ["standing", "sitting", "bending", "lying"])
def test_each_posture_is_told_apart(stance: str) -> None:
    assert class_of(pose(stance)) == stance


@pytest.mark.parametrize("stance", ["standing", "sitting", "bending", "lying"])
def test_a_mirror_changes_no_posture(stance: str) -> None:
    shown = pose(stance)
    swap = [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33))]
    landmarks, world = shown.landmarks[swap].copy(), shown.world_landmarks[swap].copy()
    landmarks[:, 0] = 1 - landmarks[:, 0]
    world[:, 0] = -world[:, 0]

    assert class_of(Pose(landmarks, world)) == stance


@pytest.mark.parametrize("torso_px", [30, 100, 200])
@pytest.mark.parametrize("stance", ["standing", "sitting", "bending", "lying"])
def test_distance_to_the_camera_changes_no_posture(stance: str, torso_px: float) -> None:
    assert class_of(pose(stance, torso_px=torso_px)) == stance


def test_the_torso_is_measured_in_pixels_not_in_shares() -> None:
    # Lying along x and standing along y have the same length only if the aspect ratio is taken out.
    assert body_of(pose("lying")).torso_px == pytest.approx(100, abs=0.5)
    assert body_of(pose("standing")).torso_px == pytest.approx(100, abs=0.5)


def test_without_shoulders_there_is_no_body() -> None:
    shown = pose()
    landmarks = shown.landmarks.copy()
    landmarks[11:13, 3] = 0.1

    assert measure(Pose(landmarks, shown.world_landmarks), WIDTH_PX, HEIGHT_PX) is None


def test_one_shoulder_stands_in_for_the_other() -> None:
    shown = pose()
    landmarks = shown.landmarks.copy()
    landmarks[11, 3] = 0.1

    body = body_of(Pose(landmarks, shown.world_landmarks))

    assert body.shoulders_px == pytest.approx(tuple(landmarks[12, :2] * (WIDTH_PX, HEIGHT_PX)))


def test_hidden_legs_are_none_not_zero() -> None:
    body = body_of(pose("sitting", legs_visibility=0.1))

    assert (body.knees_px, body.ankles_px, body.thigh_deg, body.knee_deg) == (None, None, None, None)


def test_hidden_legs_halve_the_confidence() -> None:
    hidden, seen = (body_of(pose("lying", legs_visibility=v)) for v in (0.1, 0.9))

    assert describe(hidden, 1, 100, 0).posture_class is PostureClass.LYING
    assert describe(hidden, 1, 100, 0).confidence == pytest.approx(describe(seen, 1, 100, 0).confidence / 2)


def test_coinciding_landmarks_make_no_body() -> None:
    shown = pose()
    everywhere_the_same = np.broadcast_to(shown.landmarks[0], (33, 5)).copy()

    assert measure(Pose(everywhere_the_same, shown.world_landmarks), WIDTH_PX, HEIGHT_PX) is None


def test_heights_are_in_torso_lengths_of_the_upright_person() -> None:
    body = body_of(pose("standing"))

    near, far = describe(body, 1, 100, 0), describe(dataclasses.replace(body), 1, 50, 0)

    assert near.hips_above_ankles == pytest.approx(1.68, abs=0.02)  # two limbs of 0.42 m, a torso of 0.5 m
    assert far.hips_above_ankles == pytest.approx(2 * 1.68, abs=0.04)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_landmark_that_is_no_number_is_not_seen(value: float) -> None:
    shown = pose()
    landmarks = shown.landmarks.copy()
    landmarks[(11, 0, 31), (0, 1, 1)] = value

    body = body_of(Pose(landmarks, shown.world_landmarks))

    assert body.shoulders_px == pytest.approx(tuple(landmarks[12, :2] * (WIDTH_PX, HEIGHT_PX)))
    assert np.isfinite([*body.head_px, body.box.x, body.box.height, body.torso_px]).all()


def test_world_landmarks_that_are_no_numbers_hide_the_legs_angles() -> None:
    shown = pose()
    world = shown.world_landmarks.copy()
    world[26, 2] = np.nan

    assert body_of(Pose(shown.landmarks, world)).thigh_deg is None
