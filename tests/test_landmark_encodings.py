from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pose_edge import landmark_encodings
from pose_edge.landmark_encodings import Landmarks, decode, encode
from pose_edge.records import Pose

points = arrays(np.float32, (33, 5), elements=st.floats(-60000, 60000, width=32, allow_nan=False))


def numbers() -> npt.NDArray[np.float32]:
    return np.linspace(-1.5, 1.5, 165, dtype=np.float32).reshape(33, 5)


def landmarks(*poses: tuple[int | None, Pose]) -> Landmarks:
    return Landmarks(7, 1250, 1_795_348_800_250, True, 640, 480, poses)


@given(points, points, st.integers(1, 2**32 - 1) | st.none())
def test_the_binary_form_comes_back_as_near_as_11_bits_allow(
    image: npt.NDArray[np.float32], world: npt.NDArray[np.float32], person_id: int | None
) -> None:
    [(back_id, back)] = decode(encode(landmarks((person_id, Pose(image, world))))).poses

    assert back_id == person_id
    np.testing.assert_allclose(back.landmarks, image, rtol=2**-11, atol=2**-24)
    np.testing.assert_allclose(back.world_landmarks, world, rtol=2**-11, atol=2**-24)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**62),
    st.integers(-(2**62), 2**62),
    st.booleans(),
    st.integers(1, 65535),
)
def test_the_header_comes_back_as_it_was(
    sequence: int, frame_ms: int, wall_ms: int, synced: bool, width_px: int
) -> None:
    back = decode(encode(Landmarks(sequence, frame_ms, wall_ms, synced, width_px, 480, ())))

    assert (back.sequence, back.frame_timestamp_ms, back.timestamp_ms) == (sequence, frame_ms, wall_ms)
    assert (back.clock_synced, back.width_px, back.height_px, back.poses) == (synced, width_px, 480, ())


def test_the_layout_is_the_one_the_docstring_publishes() -> None:
    """Reads by offsets alone, as a program in another language would."""
    payload = encode(landmarks((3, Pose(numbers(), numbers() * 2)), (None, Pose(numbers(), numbers()))))

    assert len(payload) == 32 + 2 * 664
    assert payload[:4] == b"PE\x01\x01"
    assert struct.unpack_from("<I", payload, 4) == (7,)
    assert struct.unpack_from("<qq", payload, 8) == (1250, 1_795_348_800_250)
    assert struct.unpack_from("<HHHH", payload, 24) == (640, 480, 2, 664)
    assert struct.unpack_from("<I", payload, 32) == (3,)
    assert struct.unpack_from("<165e", payload, 36)[5] == pytest.approx(numbers()[1, 0], abs=1e-3)
    assert struct.unpack_from("<165e", payload, 36 + 330)[164] == pytest.approx(3.0)
    assert struct.unpack_from("<I", payload, 32 + 664) == (0,)


def test_a_number_too_large_stays_a_number() -> None:
    far = numbers()
    far[0, 0] = 1e9
    [(_, back)] = decode(encode(landmarks((1, Pose(far, numbers()))))).poses

    assert back.landmarks[0, 0] == 65504.0


def test_what_a_later_version_appends_to_a_pose_is_passed_over() -> None:
    plain = encode(landmarks((1, Pose(numbers(), numbers())), (2, Pose(numbers(), numbers() * 2))))
    longer = bytearray(plain[:32])
    struct.pack_into("<H", longer, 30, 664 + 8)
    for start in (32, 32 + 664):
        longer += plain[start : start + 664] + b"whatever"

    one, two = decode(bytes(longer)).poses
    assert (one[0], two[0]) == (1, 2)
    assert two[1].world_landmarks[32, 4] == 3.0


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "no binary landmarks: 0 bytes"),
        (b'{"schema_version":1,"timestamp":"..."}', "no binary landmarks"),
        (encode(landmarks())[:31], "no binary landmarks: 31 bytes"),
        (b"PE\x02" + encode(landmarks())[3:], "layout 2, understood is 1"),
        (encode(landmarks((1, Pose(numbers(), numbers()))))[:-1], "695 bytes for 1 poses of 664 bytes"),
        (encode(landmarks())[:30] + b"\x00\x00", "poses of 0 bytes"),
    ],
)
def test_what_is_something_else_or_cut_off_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode(payload)


@given(st.binary(max_size=800))
def test_no_bytes_make_it_fail_in_another_way(payload: bytes) -> None:
    for tried in (payload, b"PE\x01" + payload):
        try:
            decode(tried)
        except ValueError:
            continue


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["landmarks", "world_landmarks"])
def test_a_pose_with_a_number_that_is_none_is_left_out(bad: float, where: str) -> None:
    good = Pose(numbers(), numbers())
    broken = numbers()
    broken[20, 3] = bad

    told = landmark_encodings.tellable([replace(good, **{where: broken}), good], [1, 2])

    assert told == ((2, good),)


def test_one_id_too_few_is_an_error() -> None:
    good = Pose(numbers(), numbers())

    with pytest.raises(ValueError, match="zip"):
        landmark_encodings.tellable([good, good], [1])
