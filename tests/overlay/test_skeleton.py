from __future__ import annotations

import cv2
import numpy as np
import pytest

from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.overlay.skeleton import CENTRE, CONNECTIONS, LEFT, RIGHT, draw_skeleton
from tests.overlay.material import Image, Landmarks, person, plain

WRIST = LANDMARK_NAMES.index("left_wrist")
SIZES = [(160, 120), (270, 480), (640, 480), (1920, 1080), (4000, 3000)]


def apart() -> Landmarks:
    """Every joint in a field of its own, far from the lines between the others' neighbours."""
    landmarks = np.zeros((33, 5), np.float32)
    landmarks[:, 3:] = 0.99
    for index in range(33):
        landmarks[index, :2] = (index % 6 + 0.5) / 6, (index // 6 + 0.5) / 6
    return landmarks


def at_joint(image: Image, landmarks: Landmarks, index: int) -> tuple[int, ...]:
    """Return the colour at a joint: the one of the palette that is nearest to it, or else what is there."""
    x, y = (landmarks[index, :2] * (image.shape[1], image.shape[0])).round().astype(int)
    there = image[y, x].astype(int)
    nearest = min((LEFT, RIGHT, CENTRE), key=lambda colour: np.abs(there - colour).max())
    return nearest if np.abs(there - nearest).max() < 70 else tuple(there.tolist())


def changed(image: Image, before: Image) -> int:
    return int((image != before).any(axis=2).sum())


def coloured(image: Image) -> int:
    """How many pixels are of a side's colour."""
    return int((np.ptp(image.astype(int), axis=2) > 100).sum())


@pytest.mark.parametrize("name", LANDMARK_NAMES)
def test_every_joint_has_the_colour_of_the_bodys_own_side(name: str) -> None:
    index = LANDMARK_NAMES.index(name)
    landmarks = apart()
    landmarks[:, 3] = 0.0
    landmarks[index, 3] = 0.99
    image = plain()

    draw_skeleton(image, landmarks)

    expected = LEFT if "left" in name else RIGHT if "right" in name else CENTRE
    assert at_joint(image, landmarks, index) == expected


@pytest.mark.parametrize("size_px", SIZES)
def test_joints_and_bones_are_where_the_body_is_at_any_size(size_px: tuple[int, int]) -> None:
    landmarks = person()
    image = plain(*size_px)

    draw_skeleton(image, landmarks)

    for index in (11, 12, 15, 16, 25, 28):  # shoulders, wrists, knee, ankle
        assert at_joint(image, landmarks, index) in {LEFT, RIGHT}
    between = (landmarks[25] + landmarks[27]) / 2  # on the left shin
    assert at_joint(image, between[None], 0) == LEFT


def test_a_joint_nobody_can_see_is_not_drawn_and_neither_are_its_bones() -> None:
    seen, hidden = person(), person()
    hidden[WRIST, 3] = 0.29
    hidden[17:23:2, 3] = 0.29  # the hand on it
    with_wrist, without, before = plain(), plain(), plain()

    draw_skeleton(with_wrist, seen)
    draw_skeleton(without, hidden)

    x, y = (hidden[WRIST, :2] * (640, 480)).round().astype(int)
    around = np.s_[y - 12 : y + 40, x - 10 : x + 20]
    assert changed(without[around], before[around]) == 0
    assert changed(with_wrist[around], before[around]) > 0


@pytest.mark.parametrize("visibility", [0.3, 0.49])
def test_a_doubtful_joint_is_drawn_thin(visibility: float) -> None:
    doubtful = person()
    doubtful[:, 3] = visibility
    sure_image, doubtful_image = plain(), plain()

    draw_skeleton(sure_image, person())
    draw_skeleton(doubtful_image, doubtful)

    assert 0 < coloured(doubtful_image) < 0.7 * coloured(sure_image)


def test_lines_are_wider_on_larger_pictures_and_never_vanish_on_small_ones() -> None:
    shares = []
    for width_px in (160, 320, 640, 1280, 4000):
        image = plain(width_px, width_px * 3 // 4)
        draw_skeleton(image, person())
        shares.append(changed(image, plain(width_px, width_px * 3 // 4)) / (width_px * width_px * 3 / 4))

    assert min(shares) > 0.015
    assert max(shares[1:]) < 0.06
    assert shares[0] < 0.1  # lines of one pixel, each with its outline


def test_landmarks_far_outside_the_picture_are_harmless() -> None:
    landmarks = person()
    landmarks[:, 3] = 0.0
    landmarks[[11, 13], 3] = 0.99
    landmarks[11, :2] = 0.5, 0.5
    landmarks[13, :2] = 1e7, 0.5
    image = plain()

    draw_skeleton(image, landmarks)

    assert tuple(image[240, 600]) == LEFT
    assert changed(image[:, :300], plain()[:, :300]) == 0


def test_a_body_nobody_can_see_changes_nothing() -> None:
    landmarks = person()
    landmarks[:, 3] = 0.0
    image = plain()

    draw_skeleton(image, landmarks)

    assert changed(image, plain()) == 0


def test_the_connections_are_mediapipes() -> None:
    module = pytest.importorskip("mediapipe.tasks.python.vision.pose_landmarker")
    theirs = module.PoseLandmarksConnections.POSE_LANDMARKS

    assert sorted(CONNECTIONS) == sorted((pair.start, pair.end) for pair in theirs)


# What a dichromat's eye makes of linear R, G, B: the reduction of Vienot, Brettel and Mollon (1999).
DICHROMATS = {
    "protan": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
    "deutan": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
}


@pytest.mark.parametrize("eye", DICHROMATS)
def test_the_sides_can_be_told_apart_by_the_colour_blind(eye: str) -> None:
    colours = (np.array([LEFT, RIGHT, CENTRE]) / 255) ** 2.2
    seen = (colours @ np.array(DICHROMATS[eye]).T).clip(0, 1) ** (1 / 2.2)
    lab = cv2.cvtColor(seen[None].astype(np.float32), cv2.COLOR_RGB2Lab)[0]

    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(lab[first] - lab[second]) > 25  # 2.3 is just noticeable
