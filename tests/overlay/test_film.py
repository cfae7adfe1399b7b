from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose_edge.errors import PoseEdgeError
from pose_edge.overlay.film import Film
from tests.overlay.material import Image, plain, read_clip

ENDINGS = [".mp4", ".avi", ".mkv"]


def film(path: Path, rate_hz: float | None, *shots: tuple[int, Image]) -> tuple[list[Image], float]:
    """Write (moment, picture) as a film and return what is in it."""
    with Film(path, path, rate_hz, lambda: None) as made:
        for moment_ms, image in shots:
            made.add(image, moment_ms)
    return read_clip(path)


def greys(pictures: list[Image]) -> list[int]:
    """Return the brightness of each, in tens."""
    return [round(float(picture.mean()) / 10) for picture in pictures]


def shot(moment_ms: int, tens: int) -> tuple[int, Image]:
    return moment_ms, plain(64, 48, tens * 10)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_steady_source_gives_picture_for_picture(tmp_path: Path, ending: str) -> None:
    moments_ms = [round(index * 1000 / 29.97) for index in range(20)]

    pictures, rate_hz = film(tmp_path / f"a{ending}", 29.97, *map(shot, moments_ms, range(20)))

    assert greys(pictures) == list(range(20))
    assert rate_hz == pytest.approx(29.97, abs=0.01)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_source_with_gaps_keeps_its_length_and_every_picture_its_moment(
    tmp_path: Path, ending: str
) -> None:
    shots = [shot(5000, 4), shot(5100, 8), shot(5600, 12), shot(5630, 16), shot(6000, 20)]

    pictures, rate_hz = film(tmp_path / f"a{ending}", 10.0, *shots)

    # 5630 is nearest to the same tick as 5600: the later one stands there.
    assert greys(pictures) == [4, 8, 8, 8, 8, 8, 16, 16, 16, 16, 20]
    assert len(pictures) / rate_hz == pytest.approx((6000 - 5000) / 1000 + 1 / 10)


def test_photos_stand_as_long_as_they_are_apart(tmp_path: Path) -> None:
    pictures, rate_hz = film(tmp_path / "a.mp4", None, shot(0, 5), shot(1000, 15))

    assert len(pictures) / rate_hz == pytest.approx(2.0)
    assert greys(pictures)[0] == greys(pictures)[24] == 5
    assert greys(pictures)[25] == greys(pictures)[-1] == 15


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_film_of_one_picture_is_a_film(tmp_path: Path, ending: str) -> None:
    assert greys(film(tmp_path / f"a{ending}", 15.0, shot(0, 9))[0]) == [9]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("size_px", [(161, 120), (160, 121), (161, 121)])
def test_odd_sizes_lose_no_row_and_no_column(tmp_path: Path, ending: str, size_px: tuple[int, int]) -> None:
    width_px, height_px = size_px
    image = plain(width_px, height_px, 60)
    image[:, -1] = image[-1, :] = 220

    [picture], _ = film(tmp_path / f"a{ending}", 10.0, (0, image))

    assert picture.shape[0] - height_px in {0, 1}
    assert picture.shape[1] - width_px in {0, 1}
    # Neither cut off nor followed by a black line, which the encoder would smear over it.
    assert picture[height_px // 2, width_px - 1 :].mean() > 180
    assert picture[height_px - 1 :, width_px // 2].mean() > 180


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rate_hz", [0.5, 23.976, 29.8731, 59.94, 143.856, 1000.0, None])
def test_whatever_rate_a_file_states_a_film_of_the_same_length_comes_out(
    tmp_path: Path, ending: str, rate_hz: float | None
) -> None:
    pictures, found_hz = film(tmp_path / f"a{ending}", rate_hz, shot(0, 5), shot(4000, 15))

    assert len(pictures) / found_hz == pytest.approx(4.0 if rate_hz else 8.0, rel=0.02, abs=1 / found_hz)
    assert len(pictures) < 1000


def test_pictures_of_other_sizes_are_shown_whole(tmp_path: Path) -> None:
    tall = plain(30, 96, 200)

    pictures, _ = film(tmp_path / "a.avi", 1.0, (0, plain(96, 48, 80)), (1000, tall))

    assert pictures[1].shape == (48, 96, 3)
    columns = np.flatnonzero(pictures[1][24].mean(axis=1) > 100)
    assert (columns[0], columns[-1]) == pytest.approx((40, 55), abs=2)


def test_what_the_encoder_cannot_do_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"

    with pytest.raises(PoseEdgeError, match=r"a\.mp4: OpenCV \S+ cannot encode mp4v, 9000 x 64 px at 10 Hz"):
        film(path, 10.0, (0, plain(9000, 64)))


def test_a_film_that_is_shorter_than_written_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    made = Film(path, path, 10.0, lambda: None)
    for index in range(10):
        made.add(plain(64, 48), index * 100)
    path.unlink()  # all of it is lost

    with pytest.raises(PoseEdgeError, match=r"a\.mp4: not written completely: .* MB free in "):
        made.__exit__(None, None, None)
