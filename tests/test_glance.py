from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.glance import EVERY_MS, FORGET_MS, LEARN_MS, Glances, glance
from pose_edge.records import PictureStats
from pose_edge.sources.actor import ActorOptions, ActorSource

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def room() -> Picture:
    with ActorSource(ActorOptions(script="demo", noise=0)) as source:
        source.grab()
        return source.retrieve().image_rgb


def noisy(image: Picture, seed: int = 0, light: float = 1.0) -> Picture:
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    return np.clip(image * light + noise, 0, 255).astype(np.uint8)


def turned(image: Picture, deg: float) -> Picture:
    height_px, width_px, _ = image.shape
    matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), deg, 1.0)
    return np.asarray(
        cv2.warpAffine(image, matrix, (width_px, height_px), borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def likeness(room: Picture, then: Picture) -> float:
    glances = Glances()
    for second in range(15):
        glances.look(noisy(room, second), second * 1000)
    told = glances.look(noisy(then, 99), 15_000)
    assert told is not None
    assert told.likeness is not None
    return told.likeness


def test_noise_is_no_detail(room: Picture) -> None:
    assert glance(noisy(np.full_like(room, 90))).detail < 0.02
    assert glance(noisy(room)).detail == pytest.approx(glance(room).detail, rel=0.05)


def test_night_is_dark_and_a_blurred_room_has_its_light_and_shade(room: Picture) -> None:
    blurred = np.asarray(cv2.GaussianBlur(room, (0, 0), 12), np.uint8)

    assert glance(noisy(room, light=0.02)).luma < 12 < glance(room).luma
    assert glance(blurred).detail < 0.35 * glance(room).detail
    assert glance(blurred).relief == pytest.approx(glance(room).relief, rel=0.1)


@pytest.mark.parametrize(
    ("change", "low", "high"),
    [
        (lambda image: image, 0.95, 1.0),
        (lambda image: (image * 0.3).astype(np.uint8), 0.85, 1.0),  # the lamp
        (lambda image: turned(image, 6.0), -1.0, 0.2),
        (lambda image: turned(image, -8.0), -1.0, 0.2),
    ],
)
def test_light_changes_and_places_differ(
    room: Picture, change: Callable[[Picture], Picture], low: float, high: float
) -> None:
    assert low <= likeness(room, change(room)) <= high


def test_somebody_in_the_picture_is_no_other_place() -> None:
    glances, told = Glances(), []
    with ActorSource(ActorOptions(script="demo", rate_hz=1, loop=False)) as source:
        while (at_ms := source.grab()) is not None:
            told.append(glances.look(source.retrieve().image_rgb, at_ms))

    assert min(one.likeness for one in told if one and one.likeness is not None) > 0.5


@pytest.mark.parametrize("step_ms", [33, 125, 200, 700])
def test_it_looks_once_a_second_whatever_the_rate(room: Picture, step_ms: int) -> None:
    glances = Glances()
    told = [glances.look(room, at_ms) for at_ms in range(0, 20_000, step_ms)]

    assert sum(one is not None for one in told) == pytest.approx(20_000 / max(EVERY_MS, step_ms), rel=0.35)
    assert all(told[i] is None or told[i + 1] is None for i in range(len(told) - 1)) or step_ms > 500


def test_what_a_place_is_like_takes_a_while_to_know(room: Picture) -> None:
    glances = Glances()
    told = [glances.look(room, at_ms) for at_ms in range(0, LEARN_MS + 2000, 1000)]

    assert all(one is not None and one.likeness is None for one in told[: LEARN_MS // 1000])
    assert told[-1] is not None
    assert told[-1].likeness is not None


def test_a_night_is_not_forgotten_but_another_place_becomes_the_place(room: Picture) -> None:
    glances, there = Glances(), turned(room, 8.0)
    for at_ms in range(0, 20_000, 1000):
        glances.look(room, at_ms)
    night_ms = 8 * 3_600_000
    for at_ms in range(20_000, 40_000, 1000):
        glances.look(noisy(room, light=0.02), at_ms)
    moved = glances.look(there, night_ms)
    later = [glances.look(there, at_ms) for at_ms in range(night_ms, night_ms + 2 * FORGET_MS, 20_000)]

    assert moved is not None
    assert moved.likeness is not None
    assert moved.likeness < 0.3
    assert later[-1] is not None
    assert later[-1].likeness == pytest.approx(1.0, abs=0.05)


def test_nobody_can_be_seen_in_what_is_told() -> None:
    # Numbers of the whole picture and nothing by place: whoever adds more should think twice.
    assert [field.name for field in fields(PictureStats)] == ["luma", "detail", "relief", "likeness"]
    assert replace(PictureStats(1, 2, 3), likeness=0.5) == PictureStats(1, 2, 3, 0.5)


def test_a_glance_costs_less_than_a_third_of_a_thousandth_of_the_time(room: Picture) -> None:
    glances, took = Glances(), []
    for second in range(40):
        begun_s = time.perf_counter()
        glances.look(room, second * 1000)
        took.append(time.perf_counter() - begun_s)

    assert min(took[20:]) < 0.001  # 0.2 ms measured; the machine may be busy
