from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from pose_edge.evaluation.cache import Key, LandmarkCache, default_directory, key_of
from pose_edge.landmarker import LandmarkerOptions
from pose_edge.recording import read
from tests.bodies import pose, timeline

KEY = key_of("c" * 64, "m" * 64, 15.0, LandmarkerOptions())
RESULTS = [*timeline((2000, pose()), (500, None), (500, pose("lying")))]


@pytest.fixture
def cache(tmp_path: Path) -> LandmarkCache:
    cache = LandmarkCache(tmp_path / "not" / "there")
    cache.write("clip", KEY, "lite.task", RESULTS)
    return cache


def test_what_was_kept_is_what_comes_back(cache: LandmarkCache) -> None:
    found = cache.read("clip", KEY)

    assert found is not None
    assert [(r.timestamp_ms, r.width_px, r.height_px) for r in found] == [
        (r.timestamp_ms, r.width_px, r.height_px) for r in RESULTS
    ]
    for one, other in zip(found, RESULTS, strict=True):
        assert len(one.poses) == len(other.poses)
        for kept, made in zip(one.poses, other.poses, strict=True):
            assert (kept.landmarks == made.landmarks).all()
            assert (kept.world_landmarks == made.world_landmarks).all()


def test_a_kept_file_is_a_recording(cache: LandmarkCache) -> None:
    assert len(list(read(cache.path("clip", KEY)))) == len(RESULTS)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, clip_sha256="d" * 64),
        replace(KEY, model_sha256="d" * 64),
        replace(KEY, rate_hz=8.0),
        replace(KEY, rate_hz=None),
        replace(KEY, mediapipe="0.10.18"),
        replace(KEY, format=KEY.format + 1),
        key_of("c" * 64, "m" * 64, 15.0, LandmarkerOptions(num_poses=2)),
        key_of("c" * 64, "m" * 64, 15.0, LandmarkerOptions(min_tracking_confidence=0.5)),
    ],
)
def test_anything_that_decides_landmarks_makes_it_another_recording(cache: LandmarkCache, other: Key) -> None:
    assert cache.read("clip", other) is None


def test_what_decides_no_landmark_does_not() -> None:
    assert key_of("c" * 64, "m" * 64, 15.0, LandmarkerOptions(stall_limit_s=1)) == KEY


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "text", "fewer lines", "another's"])
def test_damage_is_noticed(cache: LandmarkCache, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    import gzip

    path = cache.path("clip", KEY)
    data = path.read_bytes()
    middle = len(data) // 2
    other = replace(KEY, clip_sha256="d" * 64)
    cache.write("clip", other, "lite.task", RESULTS)
    path.write_bytes(
        {
            "cut": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 0x55]) + data[middle + 1 :],
            "emptied": b"",
            "text": b"hello\n",
            "fewer lines": gzip.compress(b"\n".join(gzip.decompress(data).split(b"\n")[:-3]) + b"\n"),
            "another's": cache.path("clip", other).read_bytes(),
        }[damage]
    )

    with caplog.at_level(logging.WARNING):
        assert cache.read("clip", KEY) is None
    assert str(path) in caplog.text
    assert "recorded again" in caplog.text


def test_a_file_is_whole_or_not_there(cache: LandmarkCache) -> None:
    cache.write("clip", KEY, "lite.task", RESULTS[:5])

    folder = cache.path("clip", KEY).parent
    assert [file.name for file in folder.iterdir()] == [cache.path("clip", KEY).name]
    assert len(cache.read("clip", KEY) or []) == 5


def test_where_nothing_can_be_kept_that_is_said_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = LandmarkCache(tmp_path / "file" / "below")

    cache.write("clip", KEY, "lite.task", RESULTS)

    assert "not kept" in caplog.text
    assert cache.read("clip", KEY) is None


def test_the_directory_is_the_users_cache() -> None:
    assert default_directory({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/pose-edge/landmarks")
    assert default_directory({"XDG_CACHE_HOME": "c", "HOME": "/h"}) == Path("/h/.cache/pose-edge/landmarks")
    assert default_directory({}) is None
