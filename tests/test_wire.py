from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_edge import wire
from pose_edge.errors import ModelError, PoseEdgeError
from pose_edge.records import PictureStats, Pose, PoseResult, Timing
from tests.bodies import pose, result

RECORDS: list[wire.Record] = [
    wire.Hello("clip.mp4", 640, 480, 29.97, None, "/models/lite.task", "1.2.2", "seccomp"),
    wire.Status(submitted=10, results=7, dropped=2, in_flight=1, last_frame_ns=2**60),
    wire.Ended(wire.Status(submitted=3, results=3)),
    wire.Failure("ModelError", "model x: not a model"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_comes_out_as_it_went_in(record: wire.Record) -> None:
    assert list(wire.Decoder().feed(wire.encode(record))) == [record]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_results_keep_every_bit(count: int) -> None:
    poses = tuple(pose("sitting", at=(0.1 * i, 0.5)) for i in range(count))
    sent = PoseResult(2**40, 1920, 1080, poses, timing=Timing(1, 2**61, 3, wall_ms=2**41))

    [got] = wire.Decoder().feed(wire.encode(sent))

    assert isinstance(got, PoseResult)
    assert (got.timestamp_ms, got.width_px, got.height_px, got.timing) == (2**40, 1920, 1080, sent.timing)
    assert len(got.poses) == count
    for mine, theirs in zip(poses, got.poses, strict=True):
        np.testing.assert_array_equal(mine.landmarks, theirs.landmarks)
        np.testing.assert_array_equal(mine.world_landmarks, theirs.world_landmarks)


def test_masks_stay_in_the_vision_process() -> None:
    mask = np.ones((480, 640), np.float32)
    sent = PoseResult(1, 640, 480, (pose(),), segmentation_masks=(mask,))

    assert len(wire.encode(sent)) < 2000
    [got] = wire.Decoder().feed(wire.encode(sent))
    assert isinstance(got, PoseResult)
    assert got.segmentation_masks is None


@given(st.lists(st.integers(1, 700), min_size=1, max_size=40))
def test_records_may_be_cut_anywhere(cuts: list[int]) -> None:
    stream = b"".join(wire.encode(record) for record in (*RECORDS, result(5, pose())))
    decoder, found, at = wire.Decoder(), 0, 0
    for cut in [*cuts, len(stream)]:
        found += len(list(decoder.feed(stream[at : at + cut])))
        at = min(len(stream), at + cut)
    found += len(list(decoder.feed(stream[at:])))

    assert found == 5


def test_garbage_is_refused() -> None:
    with pytest.raises(ValueError, match="record kind b'x'"):
        list(wire.Decoder().feed(b"x\0\0\0\0\0\0\0"))


def test_a_failure_becomes_the_error_it_was() -> None:
    error = wire.Failure("ModelError", "model x: not a model").exception()

    assert type(error) is ModelError
    assert str(error) == "model x: not a model"
    assert type(wire.Failure("Unheard", "of").exception()) is PoseEdgeError


def test_poses_are_views_that_cannot_be_changed() -> None:
    [got] = wire.Decoder().feed(wire.encode(result(1, pose())))
    assert isinstance(got, PoseResult)

    with pytest.raises(ValueError, match="read-only"):
        got.poses[0].landmarks[0, 0] = 1


def test_a_pose_is_three_dimensional_everywhere() -> None:
    [got] = wire.Decoder().feed(wire.encode(result(1, Pose(pose().landmarks, pose().world_landmarks))))
    assert isinstance(got, PoseResult)
    assert got.poses[0].landmarks.shape == got.poses[0].world_landmarks.shape == (33, 5)


def test_counts_of_two_processes_add_up() -> None:
    first = wire.Status(submitted=10, results=6, dropped=3, in_flight=1, empty=2, last_frame_ns=5)
    second = wire.Status(submitted=5, results=4, dropped=0, in_flight=1, last_frame_ns=9)

    both = first.plus(second)

    assert (both.submitted, both.results, both.dropped, both.empty) == (15, 10, 3, 2)
    assert (both.in_flight, both.last_frame_ns) == (1, 9)


@pytest.mark.parametrize("likeness", [None, -0.25])
def test_what_is_told_of_a_picture_travels_with_its_result(likeness: float | None) -> None:
    picture = PictureStats(120.5, 5.25, 30.125, likeness)
    sent = PoseResult(7, 640, 480, (pose(),), picture=picture)

    first, second = wire.Decoder().feed(wire.encode(sent) + wire.encode(result(8, pose())))

    assert isinstance(first, PoseResult)
    assert isinstance(second, PoseResult)
    assert (first.picture, second.picture) == (picture, None)
    assert len(first.poses) == 1
