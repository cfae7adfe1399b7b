from __future__ import annotations

import numpy as np
import pytest

from pose_edge.arms import Side, apart, arm, elbow_deg, hands_px, may_be_up
from pose_edge.posture import describe, measure
from pose_edge.records import Pose, Posture
from tests.bodies import pose
from tests.limbs import EYES, HANGING, body


def seen(shown: Pose, width_px: int = 640, height_px: int = 480) -> Posture:
    measured = measure(shown, width_px, height_px)
    assert measured is not None
    return describe(measured, 1, 100.0, 0)


def test_heights_are_in_torso_lengths_and_each_side_has_its_own() -> None:
    posture = seen(body((0.3, 0.8), HANGING))
    left, right = arm(posture, "left", 640, 480), arm(posture, "right", 640, 480)

    assert left is not None
    assert right is not None
    assert left.above_shoulder == pytest.approx(0.8, abs=0.01)
    assert left.above_eyes == pytest.approx(0.8 - EYES, abs=0.01)
    assert left.above_elbow == pytest.approx(0.55, abs=0.01)
    assert left.out == pytest.approx(0.3, abs=0.01)
    assert right.out == pytest.approx(-0.05, abs=0.01)
    assert right.above_shoulder == pytest.approx(-0.6, abs=0.01)
    assert left.below_top == pytest.approx((0.55 * 480 - 100 - 80) / 100, abs=0.01)
    assert apart(left, right, posture.scale_px) == pytest.approx(np.hypot(0.75, 1.4), abs=0.02)


def test_lengths_are_measured_in_pixels_not_in_shares() -> None:
    wide = arm(seen(body((0.3, 0.8)), 1280, 480), "left", 1280, 480)

    assert wide is not None
    assert wide.out == pytest.approx(0.6, abs=0.01)
    assert wide.above_shoulder == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("index", "missing"), [(11, "above_shoulder"), (13, "above_elbow")])
def test_a_hidden_part_is_none_and_never_a_guess(index: int, missing: str) -> None:
    shown = body((0.3, 0.8))
    shown.landmarks[index, 3] = 0.1
    found = arm(seen(shown), "left", 640, 480)

    assert found is not None
    assert getattr(found, missing) is None


def test_without_wrist_or_eyes_there_is_no_arm_or_no_height() -> None:
    hidden, faceless = body((0.3, 0.8), hands_seen=0.1), body((0.3, 0.8))
    faceless.landmarks[[2, 5], 3] = 0.1
    half = body((0.3, 0.8))
    half.landmarks[2, 3], half.landmarks[2, 1] = 0.1, 0.9

    assert arm(seen(hidden), "left", 640, 480) is None
    blind = arm(seen(faceless), "left", 640, 480)
    assert blind is not None
    assert blind.above_eyes is None
    one_eyed = arm(seen(half), "left", 640, 480)
    assert one_eyed is not None
    assert one_eyed.above_eyes == pytest.approx(0.35, abs=0.01)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_glance_never_rules_out_a_hand_above_elbow_and_shoulder(side: Side) -> None:
    up, low = (0.3, 0.1), (0.3, -0.1)

    assert may_be_up(seen(body(up, up)).body, side)
    assert not may_be_up(seen(body(low, low)).body, side)


def test_the_elbow_is_measured_in_the_room() -> None:
    world = pose().world_landmarks.copy()
    world[[11, 13, 15], :3] = [(0.1, -0.5, 0), (0.1, -0.2, 0), (0.1, -0.2, -0.3)]  # the forearm points at us
    bent = Pose(body().landmarks, world)

    assert elbow_deg(seen(bent).body, "left") == pytest.approx(90)
    bent.landmarks[13, 3] = 0.1
    assert elbow_deg(seen(bent).body, "left") is None
    world[0, 0] = np.nan
    assert elbow_deg(seen(Pose(body().landmarks, world)).body, "left") is None


def test_hands_are_the_point_between_the_wrists_or_the_one_that_is_seen() -> None:
    both = hands_px(seen(body()).body, 640, 480)
    one_hidden, none = body(), body(hands_seen=0.1)
    one_hidden.landmarks[15, 3] = 0.1

    assert both == pytest.approx((320, 0.55 * 480 - 40), abs=0.1)
    assert hands_px(seen(one_hidden).body, 640, 480) == pytest.approx((295, 0.55 * 480 - 40), abs=0.1)
    assert hands_px(seen(none).body, 640, 480) is None
