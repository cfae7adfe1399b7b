from __future__ import annotations

import numpy as np
import pytest

from pose_edge.overlay.annotations import Annotation, Figure, Headline
from pose_edge.overlay.layout import Rect, body_rect, head_rect, place
from pose_edge.overlay.painter import Painter
from pose_edge.overlay.skeleton import points_px
from tests.overlay.material import Image, Landmarks, person, plain

SIZES = [(160, 120), (160, 284), (270, 480), (640, 480), (4000, 3000)]
TELLING = Annotation((), 12.3, "1 person", Headline("posture: sitting", alert=False))


def painted(annotation: Annotation, before: Image) -> Image:
    image = before.copy()
    Painter().draw(image, annotation)
    return image


def figure(landmarks: Landmarks, label: str = "#1 standing") -> Figure:
    return Figure(landmarks, label, taken=True)


def changed_rows(image: Image, before: Image) -> list[int]:
    return [int(row) for row in np.flatnonzero((image != before).any(axis=(1, 2)))]


def contrast(image: Image) -> int:
    grey = image.mean(axis=2)
    return int(grey.max() - grey.min())


def test_nothing_to_say_leaves_the_picture_alone() -> None:
    assert np.array_equal(painted(Annotation(), plain()), plain())


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_text_can_be_read_on_dark_and_on_bright_pictures(grey: int) -> None:
    before = plain(grey=grey)
    image = painted(TELLING, before)

    rows = changed_rows(image, before)
    assert rows[0] > 400  # the bar is at the lower edge
    assert contrast(image[rows[0] :]) > 100


@pytest.mark.parametrize("size_px", SIZES)
def test_every_text_fits_into_the_picture(size_px: tuple[int, int]) -> None:
    width_px, height_px = size_px
    headline = Headline("presence started", alert=False)
    image = painted(Annotation((), 123.4, "1 person", headline), plain(width_px, height_px, 0))
    bright = np.flatnonzero((image > 200).any(axis=(0, 2)))

    margin_px = width_px * 0.005
    assert margin_px < bright[0]
    assert bright[-1] < width_px - margin_px
    assert len(changed_rows(image, plain(width_px, height_px, 0))) < height_px / 3


@pytest.mark.parametrize("size_px", SIZES)
@pytest.mark.parametrize("nose", [(0.5, 0.3), (0.5, 0.02), (0.02, 0.3), (0.98, 0.02), (0.5, 0.9)])
def test_neither_label_nor_bar_covers_a_face(size_px: tuple[int, int], nose: tuple[float, float]) -> None:
    width_px, height_px = size_px
    landmarks = person(nose, size=0.7, aspect=width_px / height_px)
    before = plain(width_px, height_px, 200)
    with_text = painted(Annotation((figure(landmarks),), 1.0, "1 person"), before)
    without = painted(Annotation((figure(landmarks, label=""),)), before)

    face = points_px(landmarks, width_px, height_px)[:11]
    (left, top), (right, bottom) = face.min(axis=0).astype(int), face.max(axis=0).astype(int)
    part = np.s_[max(0, top) : bottom + 1, max(0, left) : right + 1]
    assert np.array_equal(with_text[part], without[part])
    assert not np.array_equal(with_text, without)


@pytest.mark.parametrize("size_px", SIZES)
def test_texts_of_the_bar_do_not_run_into_each_other(size_px: tuple[int, int]) -> None:
    def ink(annotation: Annotation) -> int:
        return int((painted(annotation, plain(*size_px, grey=0)) > 60).sum())

    headline = Headline("presence started", alert=False)
    apart = ink(Annotation((), 123.4)) + ink(Annotation((), None, "12 people"))
    apart += ink(Annotation((), None, "", headline))

    assert ink(Annotation((), 123.4, "12 people", headline)) == apart


def test_the_bar_leaves_the_edge_where_a_face_is_and_does_not_flicker_back() -> None:
    painter = Painter()
    low, high = person((0.5, 0.95), size=0.5), person((0.5, 0.4), size=0.5)

    def bar_on_top(landmarks: Landmarks) -> bool:
        image = plain()
        painter.draw(image, Annotation((figure(landmarks, ""),), 1.0))
        return bool((image[0] != 90).any())

    assert [bar_on_top(it) for it in (high, low, high, low)] == [False, True, True, True]


def test_the_time_does_not_push_the_presence_around() -> None:
    def presence(time_s: float) -> Image:
        image = painted(Annotation((), time_s, "nobody"), plain(grey=0))
        return image[-30:, 60:200]

    assert np.array_equal(presence(1.1), presence(8.8))  # a 1 is narrower than an 8


def test_labels_of_neighbours_do_not_lie_on_each_other() -> None:
    within = Rect(0, 0, 640, 440)
    taken: list[Rect] = []
    bodies = [person((x, 0.3), size=0.6) for x in (0.4, 0.5, 0.6)]
    points = [points_px(body, 640, 480) for body in bodies]
    heads = [head for it in zip(points, bodies, strict=True) if (head := head_rect(*it)) is not None]
    for point, body, head in zip(points, bodies, heads, strict=True):
        whole = body_rect(point, body)
        assert whole is not None
        where, _ = place((120, 24), whole, head, within, heads, taken)
        assert all(where.overlap(other) == 0 for other in (*taken, *heads))
        taken.append(where)


def test_a_label_does_not_jump_when_somebody_nods() -> None:
    painter = Painter()

    def rows(nose_y: float) -> list[int]:
        image = plain()
        with_label = image.copy()
        landmarks = person((0.5, nose_y), size=0.8)
        Painter().draw(image, Annotation((figure(landmarks, ""),)))
        painter.draw(with_label, Annotation((figure(landmarks),)))
        return changed_rows(with_label, image)

    beside = [rows(nose_y)[0] for nose_y in (0.06, 0.20, 0.06, 0.20)]

    assert max(beside) - min(beside) == pytest.approx(0.14 * 480, abs=1)  # it moves with the head, no more


def test_an_alert_looks_different_from_news() -> None:
    news = painted(Annotation((), 1.0, "", Headline("fall confirmed", alert=False)), plain())
    alert = painted(Annotation((), 1.0, "", Headline("fall confirmed", alert=True)), plain())

    def most_red(image: Image) -> int:
        return int((image[..., 0].astype(int) - image[..., 2]).max())

    assert most_red(news) < 20
    assert most_red(alert) > 150


def test_a_body_that_is_no_person_gets_no_label_and_thin_lines() -> None:
    landmarks = person()
    phantom = painted(Annotation((Figure(landmarks, "", taken=False),)), plain())
    someone = painted(Annotation((Figure(landmarks, "", taken=True),)), plain())

    def marked(image: Image) -> int:
        return int((np.ptp(image.astype(int), axis=2) > 100).sum())

    assert 0 < marked(phantom) < 0.7 * marked(someone)
