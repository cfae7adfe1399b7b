from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pose_edge.errors import SourceError, UsageError
from pose_edge.landmark_names import LANDMARK_FIELDS
from pose_edge.messages import Device, Messages
from pose_edge.recording import Recording, read, write_line
from pose_edge.records import Pose, PoseResult
from tests.contract import check_json

OFFSET_MS = 1_795_348_800_000
_RANDOM = np.random.default_rng(7)


def messages() -> Messages:
    made = Messages(Device("livingroom"), "b00t", "pose_landmarker_lite", "live_stream")
    made.set_clock(OFFSET_MS, synced=True)
    return made


def points() -> npt.NDArray[np.float32]:
    numbers: npt.NDArray[np.float32] = _RANDOM.normal(size=(33, 5)).astype(np.float32)
    return np.round(numbers, 4)


def result(at_ms: int, people: int = 1) -> PoseResult:
    return PoseResult(at_ms, 640, 480, tuple(Pose(points(), points()) for _ in range(people)))


def line(at_ms: int, people: int = 1) -> bytes:
    return write_line(result(at_ms, people), None, messages())


def altered(at_ms: int, **fields: Any) -> bytes:
    return orjson.dumps({**orjson.loads(line(at_ms)), **fields}) + b"\n"


def with_points(at_ms: int, landmarks: Any) -> bytes:
    content = orjson.loads(line(at_ms))
    content["poses"][0]["landmarks"] = landmarks
    return orjson.dumps(content) + b"\n"


def times(path: Path) -> list[int]:
    return [found.timestamp_ms for found in read(path)]


def saved(directory: Path, *lines: bytes, name: str = "poses.jsonl") -> Path:
    path = directory / name
    path.write_bytes(b"".join(lines))
    return path


def assert_same(one: PoseResult, other: PoseResult) -> None:
    assert (one.timestamp_ms, one.width_px, one.height_px) == (
        other.timestamp_ms,
        other.width_px,
        other.height_px,
    )
    for pose, back in zip(one.poses, other.poses, strict=True):
        # Bytes, because 0.0 == -0.0 would hide a lost sign.
        assert pose.landmarks.tobytes() == back.landmarks.tobytes()
        assert pose.world_landmarks.tobytes() == back.world_landmarks.tobytes()


rounded = arrays(np.float32, (33, 5), elements=st.floats(-1000, 1000, width=32, allow_nan=False)).map(
    lambda numbers: np.round(numbers, 4)
)


@given(st.lists(st.tuples(rounded, rounded), max_size=2), st.integers(0, 10**13))
def test_a_round_trip_changes_no_bit(
    tmp_path_factory: pytest.TempPathFactory,
    poses: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]],
    at_ms: int,
) -> None:
    made = PoseResult(at_ms, 1280, 720, tuple(Pose(*pose) for pose in poses))
    path = saved(tmp_path_factory.getbasetemp(), write_line(made, None, messages()), name="round_trip.jsonl")

    [back] = read(path)

    assert_same(made, back)


def test_a_line_is_a_landmarks_message() -> None:
    made = check_json("landmarks", write_line(result(40), [5], messages()))

    assert made["poses"][0]["person_id"] == 5


def test_a_picture_with_nobody_is_kept(tmp_path: Path) -> None:
    path = saved(tmp_path, line(0), line(33, people=0), line(66, people=2))

    assert [len(found.poses) for found in read(path)] == [1, 0, 2]


def test_the_wall_clock_and_the_model_of_the_recording_are_known_at_once(tmp_path: Path) -> None:
    with Recording(saved(tmp_path, line(5000), line(5033))) as recording:
        assert recording.wall_offset_ms == OFFSET_MS
        assert recording.model == "pose_landmarker_lite"
        assert [found.timestamp_ms for found in recording] == [5000, 5033]


def test_reading_what_was_written_and_writing_it_again_gives_the_same_file(tmp_path: Path) -> None:
    path = saved(tmp_path, *(write_line(result(at_ms), None, messages()) for at_ms in (0, 33)))
    again = messages()

    with Recording(path) as recording:
        lines = [write_line(found, None, again) for found in recording]

    assert [orjson.loads(text)["poses"] for text in lines] == [
        orjson.loads(text)["poses"] for text in path.read_bytes().splitlines()
    ]


def as_objects(text: bytes) -> bytes:
    content = orjson.loads(text)
    for pose in content["poses"]:
        for name in ("landmarks", "world_landmarks"):
            flat = pose[name]
            pose[name] = [
                dict(zip(LANDMARK_FIELDS, flat[at : at + 5], strict=True)) for at in range(0, 165, 5)
            ]
    return orjson.dumps(content) + b"\n"


@pytest.mark.parametrize("prefix", [b"", b"pose-edge/livingroom/landmarks "])
def test_what_was_published_as_objects_changes_no_bit_either(prefix: bytes, tmp_path: Path) -> None:
    made = result(40, people=2)
    published = messages().landmarks(made, [1, None], "objects").payload

    [back] = read(saved(tmp_path, prefix + published + b"\n"))

    assert_same(made, back)


def test_binary_landmarks_are_told_apart_from_damage(tmp_path: Path) -> None:
    binary = messages().landmarks(result(40), [1], "f16").payload

    with pytest.raises(SourceError, match=r"binary landmarks \(encoding f16\)"):
        times(saved(tmp_path, b"pose-edge/livingroom/landmarks/f16 " + binary + b"\n"))


def test_named_objects_are_read_like_arrays(tmp_path: Path) -> None:
    text = line(0)
    [arrays_] = read(saved(tmp_path, text))
    [objects] = read(saved(tmp_path, as_objects(text), name="objects.jsonl"))

    assert_same(arrays_, objects)


@pytest.mark.parametrize(
    "text",
    [
        line(0).replace(b"\n", b"\r\n") + line(33).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + line(0) + line(33),
        b"\n" + line(0) + b"\n  \n\r\n" + line(33) + b"\n",
        line(0) + line(33).rstrip(b"\n"),
        b"pose-edge/livingroom/landmarks " + line(0) + b"pose-edge/livingroom/landmarks " + line(33),
    ],
    ids=["CRLF", "byte order mark", "blank lines", "no last line feed", "mosquitto_sub -v"],
)
def test_what_mosquitto_sub_and_editors_leave_is_accepted_without_a_word(
    text: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert times(saved(tmp_path, text)) == [0, 33]
    assert not caplog.records


def test_other_topics_in_the_same_file_are_passed_over_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = [
        b'{"schema_version":1,"event_type":"presence_started","frame_timestamp_ms":12}\n',
        b"pose-edge/livingroom/status online\n",
        b"standing\n",
        b"pose-edge/livingroom/landmarks (null)\n",
        b"pose-edge/livingroom/heartbeat (null)\n",
        b"pose-edge/livingroom/test_alert PRESS\n",
        b"pose-edge/livingroom/events/receipt livingroom-b00t-000012\n",
    ]

    with Recording(saved(tmp_path, others[0], line(0), *others[1:], line(33))) as recording:
        assert [found.timestamp_ms for found in recording] == [0, 33]
        assert recording.counts["others"] == 7

    assert not caplog.records


@pytest.mark.parametrize("name", ["poses.jsonl.gz", "poses.jsonl"])
def test_packed_files_are_known_by_their_content(name: str, tmp_path: Path) -> None:
    assert times(saved(tmp_path, gzip.compress(line(0) + line(33)), name=name)) == [0, 33]


def test_a_packed_file_that_ends_early_gives_what_it_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = gzip.compress(b"".join(line(at_ms) for at_ms in range(0, 3300, 33)))
    found = times(saved(tmp_path, whole[: len(whole) // 2], name="poses.jsonl.gz"))

    assert 20 < len(found) < 100
    assert found == list(range(0, 33 * len(found), 33))
    assert "ends early" in caplog.text


def test_a_cut_off_last_line_costs_only_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert times(saved(tmp_path, line(0), line(33), line(66)[:-200])) == [0, 33]

    [warning] = caplog.records
    assert warning.levelno == logging.WARNING
    assert "1 damaged lines skipped; first complaint: line 3: cut off" in warning.message


def holed() -> list[Any]:
    return [None if place == 7 else 0.5 for place in range(165)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(33)[:-90] + b"\n", "no JSON: unexpected end of data"),
        (line(33)[90:], "no JSON: unexpected content"),
        (line(33)[1000:], "neither a JSON object"),
        (b"garbage\n", "neither a JSON object"),
        (with_points(33, [0.5] * 160), r"landmarks: 160 numbers, not 165 \(33 x 5\)"),
        (with_points(33, []), r"landmarks: 0 numbers, not 165"),
        (with_points(33, [{"x": 0.0, "y": 0.0, "z": 0.0, "visibility": 1.0}] * 33), "presence is missing"),
        (with_points(33, holed()), "landmarks: not every one is a number"),
        (with_points(33, None), "not as a landmarks message is built"),
        (with_points(33, ["a"] * 165), "could not convert"),
        (with_points(33, [[0.5]] * 165), "landmarks: not every one is a number"),
        (line(33).replace(b"[", b"[NaN,", 2), "no JSON: unexpected character.*NaN is none"),
        (altered(33, poses=[{"landmarks": [0.5] * 165}]), "world_landmarks is missing"),
        (altered(33, poses=None), "not as a landmarks message is built"),
        (altered(33, frame_timestamp_ms=33.5), "frame_timestamp_ms: 33.5 is not a whole number"),
        (altered(33, frame_timestamp_ms=True), "frame_timestamp_ms: True is not a whole number"),
        (altered(33, frame_timestamp_ms=-1), "frame_timestamp_ms: -1 is not a whole number from 0"),
        (altered(33, frame_timestamp_ms=10**17), "is not a whole number from 0 to 100000000000000"),
        (altered(33, image={"width": 0, "height": 480}), "width: 0 is not a whole number from 1"),
        (altered(33, image={"width": 640}), "height is missing"),
        (altered(33, image=None), "not as a landmarks message is built"),
        (altered(33, schema_version=None), "schema_version None, not 1"),
        (altered(33, schema_version="1"), "schema_version '1', not 1"),
    ],
)
def test_a_damaged_line_is_skipped_and_named_once(
    bad: bytes, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(tmp_path, line(0), bad, bad, line(66))

    assert times(path) == [0, 66]

    [warning] = caplog.records
    assert "poses.jsonl: 2 damaged lines skipped; first complaint: line 2: " in warning.message
    assert warning.message.count("first complaint") == 1
    with pytest.raises(SourceError, match=f"poses.jsonl: no landmarks in it: 1 damaged.*line 1: .*{reason}"):
        times(saved(tmp_path, bad))


def test_time_that_does_not_increase_is_skipped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Recording(saved(tmp_path, line(0), line(66), line(33), line(66), line(99))) as recording:
        assert [found.timestamp_ms for found in recording] == [0, 66, 99]
        assert recording.counts["not_increasing"] == 2

    assert "line 3: frame_timestamp_ms 33 after 66" in caplog.text


@pytest.mark.parametrize("later", [altered(33, schema_version=2), b'{"schema_version":3,"skeletons":[]}\n'])
def test_a_later_schema_is_refused_and_the_understood_one_named(later: bytes, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"poses.jsonl, line 2: schema_version [23]; .* understands 1"):
        times(saved(tmp_path, line(0), later))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"online\n", b'{"schema_version":1,"event_type":"x"}\n'])
def test_a_file_without_landmarks_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"poses.jsonl: no landmarks in it"):
        times(saved(tmp_path, content))


def test_a_missing_file_and_a_directory_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone.jsonl: no such file or directory"):
        times(tmp_path / "gone.jsonl")
    with pytest.raises(UsageError, match=r"is a directory"):
        times(tmp_path)


def test_whoever_stops_early_leaves_nothing_open(tmp_path: Path) -> None:
    path = saved(tmp_path, *(line(at_ms) for at_ms in (0, 33, 66)))
    with Recording(path) as recording:
        next(iter(recording))
        file = recording._file

    assert file is not None
    assert file.closed
    recording.__exit__(None, None, None)  # safe to close twice
