from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pose_edge.evaluation.running import ladder
from pose_edge.evaluation.stress import CHANGES, OTHER_SIDE, Change, changed
from pose_edge.landmark_names import LANDMARK_NAMES
from pose_edge.posture import measure
from pose_edge.records import Body, PoseResult
from tests.bodies import HEIGHT_PX, WIDTH_PX, pose, result, timeline

BENDING = [*timeline((10_000, pose("bending", at=(0.4, 0.6))))]


def body(results: tuple[PoseResult, ...] | list[PoseResult], index: int = 0) -> Body:
    found = measure(results[index].poses[0], WIDTH_PX, HEIGHT_PX)
    assert found is not None
    return found


def test_the_sides_of_a_mirror_are_each_others() -> None:
    assert LANDMARK_NAMES[OTHER_SIDE[LANDMARK_NAMES.index("left_knee")]] == "right_knee"
    assert LANDMARK_NAMES[OTHER_SIDE[LANDMARK_NAMES.index("mouth_right")]] == "mouth_left"
    assert [OTHER_SIDE[OTHER_SIDE[index]] for index in range(33)] == list(range(33))
    assert OTHER_SIDE[0] == 0


def test_a_mirror_turns_the_body_round_and_changes_no_angle() -> None:
    mirrored = changed(BENDING, Change("mirror"), "")
    left = LANDMARK_NAMES.index("left_hip")

    assert body(mirrored).head_px[0] == pytest.approx(WIDTH_PX - body(BENDING).head_px[0], abs=0.1)
    assert body(mirrored).torso_tilt_deg == pytest.approx(body(BENDING).torso_tilt_deg, abs=0.1)
    assert body(mirrored).hip_deg == pytest.approx(body(BENDING).hip_deg, abs=0.1)
    # Left is still on the left side of somebody who faces away from the mirror: it changed places.
    assert mirrored[0].poses[0].landmarks[left, 0] == pytest.approx(
        1 - BENDING[0].poses[0].landmarks[OTHER_SIDE[left], 0]
    )
    assert changed(mirrored, Change("mirror"), "")[0].poses[0].landmarks == pytest.approx(
        BENDING[0].poses[0].landmarks, abs=1e-6
    )


@pytest.mark.parametrize("turned_deg", [10.0, -10.0])
def test_turning_adds_to_the_tilt_in_pixels_and_keeps_every_length(turned_deg: float) -> None:
    turned = body(changed(BENDING, Change("rotate", turned_deg), ""))

    assert turned.torso_tilt_deg == pytest.approx(body(BENDING).torso_tilt_deg + turned_deg, abs=0.2)
    assert turned.torso_px == pytest.approx(body(BENDING).torso_px, rel=1e-3)
    assert turned.knee_deg == pytest.approx(body(BENDING).knee_deg, abs=0.1)


def test_half_size_is_half_the_trunk_about_the_middle() -> None:
    half = body(changed(BENDING, Change("half_size"), ""))

    assert half.torso_px == pytest.approx(body(BENDING).torso_px / 2, rel=1e-3)
    assert half.hips_px == pytest.approx((0.45 * WIDTH_PX, 0.55 * HEIGHT_PX), abs=0.1)


def test_dropped_frames_are_gone_and_the_others_are_what_they_were() -> None:
    fewer = changed(BENDING, Change("drop", 0.3), "seed")

    assert 55 <= len(fewer) <= 85
    assert fewer[0] is BENDING[0]
    assert {id(one) for one in fewer} <= {id(one) for one in BENDING}


def test_bursts_are_half_seconds() -> None:
    everything = [*timeline((60_000, pose()))]
    fewer = changed(everything, Change("drop_bursts", 0.3), "seed")
    gaps_ms = {b.timestamp_ms - a.timestamp_ms for a, b in pairwise(fewer[1:])}

    assert 0.55 < len(fewer) / len(everything) < 0.85
    assert gaps_ms == {100, 600}


def test_scrambled_visibilities_are_the_same_numbers_elsewhere() -> None:
    numbered = pose()
    numbered.landmarks[:, 3] = np.arange(33) / 33
    [scrambled] = changed([result(0, numbered)], Change("scramble_visibility"), "seed")

    found = scrambled.poses[0].landmarks
    assert sorted(found[:, 3]) == pytest.approx(sorted(numbered.landmarks[:, 3]))
    assert (found[:, 3] != numbered.landmarks[:, 3]).sum() > 20
    assert (found[:, :3] == numbered.landmarks[:, :3]).all()


@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_the_same_seed_gives_the_same_and_nothing_of_the_base_is_touched(kind: str) -> None:
    before = [one.poses[0].landmarks.copy() for one in BENDING]
    one, two = (changed(BENDING, Change(kind, 0.3), "a") for _ in range(2))

    assert [r.timestamp_ms for r in one] == [r.timestamp_ms for r in two]
    assert all((a.poses[0].landmarks == b.poses[0].landmarks).all() for a, b in zip(one, two, strict=True))
    assert all((r.poses[0].landmarks == b).all() for r, b in zip(BENDING, before, strict=True))


@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_pictures_without_anybody_go_through(kind: str) -> None:
    assert changed([result(0), result(100)], Change(kind, 0.3), "seed")


def test_the_highest_rate_is_the_base_and_changes_are_made_to_it_alone() -> None:
    rungs = ladder([5, 15, 8, 15], [Change("mirror"), Change("rotate", -10)])

    assert [(rung.name, rung.rate_hz) for rung in rungs] == [
        ("fps 15", 15),
        ("fps 8", 8),
        ("fps 5", 5),
        ("mirror", 15),
        ("rotate -10", 15),
        ("rotate -10 calibrated", 15),
    ]
