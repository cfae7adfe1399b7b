"""The parts of the timeline that share its axis: skeletons, quantities with their limits, states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import cv2
import numpy as np

from pose_edge.explanation.page import (
    FAINT_INK,
    GRID,
    INK,
    LEFT_PX,
    PEOPLE,
    RIGHT_PX,
    SMALL_PX,
    TEXT_PX,
    WIDTH_PX,
    Axis,
    Page,
    fitted,
    ticks,
    width_px_of,
)
from pose_edge.explanation.rows import Row
from pose_edge.explanation.timeline import GAP_S, Quantity, Sample, Series, Timeline, stretches
from pose_edge.overlay.skeleton import draw_skeleton
from pose_edge.overlay.text import Colour, Image, paste, text_sprite

PANEL_PX, BAND_PX, GAP_PX = 124, 30, 14
BAND_STEP_PX: Final = BAND_PX + 6
SECONDS_PX: Final = 40
THUMBNAILS: Final = 8
THUMBNAIL_PX: Final = 150
"""Height of the row."""
LABEL_PX: Final = 25
"""From one line of a label to the next."""

PANEL: Final[Colour] = (255, 255, 255)
NO_POSE: Final[Colour] = (238, 238, 236)
NIGHT: Final[Colour] = (44, 48, 56)
LIMIT: Final[Colour] = (190, 30, 45)


def thumbnails(page: Page, timeline: Timeline, axis: Axis) -> None:
    """Draw bodies at the middle of equal parts of the time."""
    slot_px = (WIDTH_PX - RIGHT_PX - LEFT_PX) / THUMBNAILS
    page.text("poses", 24, page.y_px + 6)
    for index in range(THUMBNAILS):
        at_s = axis.start_s + (index + 0.5) / THUMBNAILS * (axis.end_s - axis.start_s)
        sample = _nearest(timeline, at_s, 0.3 * (axis.end_s - axis.start_s) / THUMBNAILS)
        middle_px = round(LEFT_PX + (index + 0.5) * slot_px)
        picture = _thumbnail(sample, round(slot_px) - 10)
        height_px, width_px = picture.shape[:2]
        left_px, top_px = middle_px - width_px // 2, page.y_px + (THUMBNAIL_PX - height_px) // 2
        page.image[top_px : top_px + height_px, left_px : left_px + width_px] = picture
        label = f"{sample.at_s:.1f} s" if sample.result.poses else f"{sample.at_s:.1f} s: no pose"
        label_px = width_px_of(label, SMALL_PX)
        page.text(label, middle_px - label_px // 2, page.y_px + THUMBNAIL_PX + 4, SMALL_PX)
    page.y_px += THUMBNAIL_PX + 34


def _nearest(timeline: Timeline, at_s: float, reach_s: float) -> Sample:
    """Return the picture of that moment; one nearby with a pose in it, rather than one without."""
    near = [s for s in timeline.samples if abs(s.at_s - at_s) <= reach_s and s.result.poses]
    return min(near, key=lambda sample: abs(sample.at_s - at_s)) if near else timeline.sample_at(at_s)


def _thumbnail(sample: Sample, widest_px: int) -> Image:
    result = sample.result
    scale = min(THUMBNAIL_PX / result.height_px, widest_px / result.width_px)
    # Drawn larger and shrunk: thin lines stay smooth.
    finer = 3
    size_px = (max(8, round(result.width_px * scale)), max(8, round(result.height_px * scale)))
    large: Image = np.full((size_px[1] * finer, size_px[0] * finer, 3), NIGHT, np.uint8)
    for pose, person_id in zip(result.poses, sample.person_ids, strict=True):
        draw_skeleton(large, pose.landmarks, thin=person_id is None)
    thicker = cv2.dilate(large, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.resize(thicker, size_px, interpolation=cv2.INTER_AREA), np.uint8)


def panel(
    page: Page,
    timeline: Timeline,
    axis: Axis,
    name: str,
    quantity: Quantity,
    limits: Mapping[str, float],
) -> None:
    """Draw one quantity of everybody, with its limits."""
    people = timeline.people()[: len(PEOPLE)]
    lines = {person_id: timeline.series(person_id, name) for person_id in people}
    low, high = _range(lines.values(), quantity, limits.values())
    top_px, bottom_px = page.y_px, page.y_px + PANEL_PX

    def y_px(value: float) -> int:
        return round(bottom_px - 4 - (value - low) / (high - low) * (PANEL_PX - 8))

    page.box(LEFT_PX, top_px, WIDTH_PX - RIGHT_PX, bottom_px, PANEL)
    _gaps(page, timeline, axis, top_px, bottom_px)
    # Beside the panel, where they cover no line.
    words = [(quantity.unit, FAINT_INK), *((f"{limit} {value:g}", LIMIT) for limit, value in limits.items())]
    label_px = top_px + (PANEL_PX - (len(words) + 1) * LABEL_PX) // 2
    page.text(quantity.label, 24, label_px)
    for row, (word, colour) in enumerate(words, 1):
        page.text(word, 24, label_px + row * LABEL_PX, SMALL_PX, colour)
    for value in ticks(low, high, 4):
        page.across(y_px(value), GRID)
        label = f"{value:g}"
        width_px = text_sprite(label, SMALL_PX, FAINT_INK).width_px
        at_px = min(max(y_px(value) - 11, top_px - 2), bottom_px - 22)
        page.text(label, LEFT_PX - 8 - width_px, at_px, SMALL_PX, FAINT_INK)
    for value in limits.values():
        page.across(y_px(value), LIMIT, dashed=True)
    for person_id, line in lines.items():
        _line(page, axis, line, y_px, PEOPLE[people.index(person_id)])
    cv2.rectangle(page.image, (LEFT_PX, top_px), (WIDTH_PX - RIGHT_PX - 1, bottom_px - 1), GRID, 1)
    page.y_px = bottom_px + GAP_PX


def _range(lines: Iterable[Series], quantity: Quantity, limits: Iterable[float]) -> tuple[float, float]:
    """Return what an axis shows: its usual range, and whatever lies outside."""
    values = [value for line in lines for _, value in line if value is not None]
    low = min([quantity.low, *values])
    high = max([quantity.high, *values, *(1.1 * limit for limit in limits)])
    return low, high


def _gaps(page: Page, timeline: Timeline, axis: Axis, top_px: int, bottom_px: int) -> None:
    """Shade where nobody was seen."""
    seen = ((sample.at_s, bool(sample.scene.people)) for sample in timeline.samples)
    for start_s, end_s, anybody in stretches(seen, timeline.duration_s):
        if not anybody and end_s > axis.start_s and start_s < axis.end_s:
            left_px, right_px = axis.x(max(start_s, axis.start_s)), axis.x(min(end_s, axis.end_s))
            page.box(left_px, top_px, max(right_px, left_px + 1), bottom_px, NO_POSE)


def _line(page: Page, axis: Axis, line: Series, y_px: Callable[[float], int], colour: Colour) -> None:
    part: list[tuple[int, int]] = []
    last_s = 0.0
    for at_s, value in (*line, (float("inf"), None)):
        if part and (value is None or at_s - last_s > GAP_S):
            points = np.array(part, np.int32)
            if len(part) == 1:
                cv2.circle(page.image, part[0], 2, colour, cv2.FILLED, cv2.LINE_AA)
            cv2.polylines(page.image, [points], False, colour, 2, cv2.LINE_AA)
            part = []
        if value is not None and axis.shows(at_s):
            part.append((axis.x(at_s), y_px(value)))
            last_s = at_s


def band(page: Page, axis: Axis, row: Row) -> None:
    """Draw one row of states."""
    top_px = page.y_px
    page.text(fitted(row.label, LEFT_PX - 24 - 8, TEXT_PX), 24, top_px + 3)
    page.box(LEFT_PX, top_px, WIDTH_PX - RIGHT_PX, top_px + BAND_PX, PANEL)
    for start_s, end_s, word in row.marked:
        paint = row.paint(word)
        if paint is None or end_s < axis.start_s or start_s > axis.end_s:
            continue
        left_px, right_px = axis.x(max(start_s, axis.start_s)), axis.x(min(end_s, axis.end_s))
        page.box(left_px, top_px, max(right_px, left_px + 1), top_px + BAND_PX, paint.ground)
        sprites = (text_sprite(words, SMALL_PX, paint.ink) for words in paint.words)
        fits = next((sprite for sprite in sprites if sprite.width_px + 8 <= right_px - left_px), None)
        if fits:
            paste(page.image, fits, left_px + 5, top_px + 4)
    cv2.rectangle(page.image, (LEFT_PX, top_px), (WIDTH_PX - RIGHT_PX - 1, top_px + BAND_PX - 1), GRID, 1)
    page.y_px += BAND_STEP_PX


def seconds(page: Page, axis: Axis) -> None:
    """Write the seconds below everything that has them."""
    for value in ticks(axis.start_s, axis.end_s, 12):
        x_px = axis.x(value)
        page.upright(x_px, page.y_px - 6, page.y_px, FAINT_INK)
        label = f"{value:g} s"
        width_px = text_sprite(label, SMALL_PX, INK).width_px
        page.text(label, min(x_px - width_px // 2, WIDTH_PX - RIGHT_PX - width_px), page.y_px + 2, SMALL_PX)
    page.y_px += SECONDS_PX
