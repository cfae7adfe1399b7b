"""The timeline as one picture: skeletons, quantities with their limits, states, and numbered decisions.

No pixel of the input is in it: bodies are drawn from landmarks on an empty ground.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pose_edge.explanation.decisions import Decision
from pose_edge.explanation.timeline import GAP_S, QUANTITIES, Quantity, Sample, Series, Timeline, stretches
from pose_edge.overlay.skeleton import draw_skeleton
from pose_edge.overlay.text import Colour, Image, Sprite, chip_sprite, paste, text_sprite
from pose_edge.posture import BENT_TILT_DEG
from pose_edge.records import PostureClass, Scalar

WIDTH_PX: Final = 1600
LEFT_PX, RIGHT_PX = 264, 24
PANEL_PX, BAND_PX, GAP_PX = 124, 30, 14
THUMBNAILS: Final = 8
THUMBNAIL_PX: Final = 150
"""Height of the row."""

TITLE_PX, TEXT_PX, SMALL_PX = 30, 20, 18
LABEL_PX: Final = 25
"""From one line of a label to the next."""
BANDED: Final = 3
"""People whose postures are shown as bands; beyond that nobody could read them."""
LANES: Final = 3
"""Rows of numbers above the panels, so that decisions that come at once stay apart."""
LANE_PX: Final = 26
LISTED: Final = 24
"""Decisions written out below the panels."""
LINES_EACH: Final = 3
"""Lines a decision may take there."""
ROW_PX: Final = TEXT_PX + 8
LIST_PX: Final = 76
"""Left edge of the list."""

INK: Final[Colour] = (35, 38, 45)
FAINT_INK: Final[Colour] = (110, 114, 122)
PAPER: Final[Colour] = (252, 252, 250)
PANEL: Final[Colour] = (255, 255, 255)
GRID: Final[Colour] = (226, 228, 232)
NO_POSE: Final[Colour] = (238, 238, 236)
NIGHT: Final[Colour] = (44, 48, 56)
LIMIT: Final[Colour] = (190, 30, 45)
WHITE: Final[Colour] = (255, 255, 255)

# Okabe and Ito's palette, told apart with every kind of colour blindness.
PEOPLE: Final[tuple[Colour, ...]] = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (90, 90, 90),
)
WORDS: Final[Mapping[Scalar, tuple[Colour, Colour]]] = {
    PostureClass.STANDING.value: ((0, 158, 115), WHITE),
    PostureClass.SITTING.value: ((86, 180, 233), INK),
    PostureClass.BENDING.value: ((240, 228, 66), INK),
    PostureClass.LYING.value: ((213, 94, 0), WHITE),
    PostureClass.UNKNOWN.value: ((200, 202, 206), INK),
    "present": ((0, 114, 178), WHITE),
    "nobody": ((200, 202, 206), INK),
    "suspected": ((230, 159, 0), INK),
    "confirmed": ((190, 30, 45), WHITE),
}
"""Colour of a stretch, and of the word on it; other words leave the ground."""
CHIPS: Final[Mapping[str, Colour]] = {
    "info": (70, 80, 96),
    "warning": (200, 120, 0),
    "alert": (190, 30, 45),
}
NOTHING_CAME_OF_IT: Final[Colour] = (150, 154, 162)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Seconds -> pixels."""

    start_s: float
    end_s: float

    def x(self, at_s: float) -> int:
        share = (at_s - self.start_s) / (self.end_s - self.start_s)
        return round(LEFT_PX + share * (WIDTH_PX - RIGHT_PX - LEFT_PX))

    def shows(self, at_s: float) -> bool:
        return self.start_s <= at_s <= self.end_s


def write_picture(
    path: Path,
    timeline: Timeline,
    told: Sequence[Decision],
    limits: Mapping[str, float],
    title: str,
    window_s: tuple[float, float] | None = None,
) -> None:
    """Write the picture as PNG; see `draw`. Raises OSError when it cannot be written."""
    image = draw(timeline, told, limits, title, window_s)
    _, data = cv2.imencode(".png", image[..., ::-1])
    path.write_bytes(data.tobytes())


def draw(
    timeline: Timeline,
    told: Sequence[Decision],
    limits: Mapping[str, float],
    title: str,
    window_s: tuple[float, float] | None = None,
) -> Image:
    """Return the picture, `WIDTH_PX` wide; `window_s` is the part of the time that is shown."""
    start_s, end_s = window_s or (0.0, timeline.duration_s)
    axis = _Axis(start_s, max(end_s, start_s + 0.1))
    shown = [decision for decision in told if axis.shows(decision.at_s)]
    by_rank = sorted(enumerate(shown, 1), key=lambda item: item[1].rank)
    written = [
        (number, decision, wrapped(decision.text, WIDTH_PX - LIST_PX - RIGHT_PX, TEXT_PX))
        for number, decision in sorted(by_rank[:LISTED], key=lambda item: item[0])
    ]
    chips = _chips(axis, by_rank if len(shown) > LISTED else enumerate(shown, 1))
    lanes = max((chip.lane + 1 for chip in chips), default=0)
    rows = sum(len(lines) for _, _, lines in written) + (len(shown) > len(written))
    bands = _bands(timeline)
    page = _Page(_height_px(rows, lanes, len(bands)))
    _title(page, title, timeline, shown)
    _thumbnails(page, timeline, axis)
    top_px = page.y_px
    page.y_px += lanes * LANE_PX + 6
    panels_px = page.y_px
    for name, quantity in QUANTITIES.items():
        lines = {limit: limits[limit] for limit in quantity.limits if limit in limits} | (
            {"bent": BENT_TILT_DEG} if "BENT_TILT_DEG" in quantity.limits else {}
        )
        _panel(page, timeline, axis, name, quantity, lines)
    for label, marked in bands:
        _band(page, axis, label, marked)
    _seconds(page, axis)
    _marks(page, chips, top_px, panels_px)
    _list(page, written, len(shown) - len(written))
    return page.image


class _Page:
    """The picture, filled from top to bottom."""

    def __init__(self, height_px: int) -> None:
        self.image: Image = np.full((height_px, WIDTH_PX, 3), PAPER, np.uint8)
        self.y_px = 14

    def text(self, words: str, x_px: int, y_px: int, text_px: int = TEXT_PX, colour: Colour = INK) -> int:
        """Write a line with its upper left corner there; return how wide it became."""
        sprite = text_sprite(words, text_px, colour)
        paste(self.image, sprite, x_px, y_px)
        return sprite.width_px

    def box(self, left_px: int, top_px: int, right_px: int, bottom_px: int, colour: Colour) -> None:
        """Fill a rectangle; the right and lower edges are outside."""
        cv2.rectangle(self.image, (left_px, top_px), (right_px - 1, bottom_px - 1), colour, cv2.FILLED)

    def upright(self, x_px: int, top_px: int, bottom_px: int, colour: Colour) -> None:
        """Draw a line from top to bottom."""
        cv2.line(self.image, (x_px, top_px), (x_px, bottom_px), colour, 1)

    def across(self, y_px: int, colour: Colour, dashed: bool = False) -> None:
        """Draw a line over the width of the panels."""
        step_px = 14 if dashed else WIDTH_PX
        for x_px in range(LEFT_PX, WIDTH_PX - RIGHT_PX, step_px):
            end_px = min(x_px + (8 if dashed else WIDTH_PX), WIDTH_PX - RIGHT_PX - 1)
            cv2.line(self.image, (x_px, y_px), (end_px, y_px), colour, 2 if dashed else 1)


def fitted(words: str, width_px: int, text_px: int) -> str:
    """Return `words`, cut with dots where they are wider than that."""
    if text_sprite(words, text_px, INK).width_px <= width_px:
        return words
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if text_sprite(f"{words[:middle]}...", text_px, INK).width_px <= width_px:
            low = middle
        else:
            high = middle - 1
    return f"{words[:low]}..."


def wrapped(words: str, width_px: int, text_px: int) -> list[str]:
    """Return `words` in at most `LINES_EACH` lines of that width; the last one is cut with dots."""
    lines: list[str] = []
    rest = words.split(" ")
    while rest and len(lines) < LINES_EACH - 1:
        count = next(
            (n for n in range(len(rest), 1, -1) if _width_px(" ".join(rest[:n]), text_px) <= width_px), 1
        )
        lines.append(fitted(" ".join(rest[:count]), width_px, text_px))
        rest = rest[count:]
    return [*lines, fitted(" ".join(rest), width_px, text_px)] if rest else lines


def _width_px(words: str, text_px: int) -> int:
    return text_sprite(words, text_px, INK).width_px


def _height_px(rows: int, lanes: int, banded: int) -> int:
    panels = len(QUANTITIES) * (PANEL_PX + GAP_PX)
    bands = banded * (BAND_PX + 6)
    return 14 + 66 + THUMBNAIL_PX + 34 + lanes * LANE_PX + 6 + panels + bands + 40 + rows * ROW_PX + 20


def _title(page: _Page, title: str, timeline: Timeline, shown: Sequence[Decision]) -> None:
    page.text(fitted(title, WIDTH_PX - 48, TITLE_PX), 24, page.y_px, TITLE_PX)
    seen = sum(bool(sample.scene.people) for sample in timeline.samples)
    facts = (
        f"{timeline.duration_s:.1f} s, {len(timeline.samples)} pictures, somebody seen in {seen}; "
        f"{len(shown)} decisions, numbered; dashed: limits in force"
    )
    x_px = 24 + page.text(facts, 24, page.y_px + 36, SMALL_PX, FAINT_INK) + 24
    people = timeline.people()[: len(PEOPLE)]
    for person_id, colour in zip(people, PEOPLE, strict=False):
        x_px += page.text(f"person {person_id}", x_px, page.y_px + 36, SMALL_PX, colour) + 18
    page.y_px += 66


def _thumbnails(page: _Page, timeline: Timeline, axis: _Axis) -> None:
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
        label_px = _width_px(label, SMALL_PX)
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


def _panel(
    page: _Page,
    timeline: Timeline,
    axis: _Axis,
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
    for value in _ticks(low, high, 4):
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


def _gaps(page: _Page, timeline: Timeline, axis: _Axis, top_px: int, bottom_px: int) -> None:
    """Shade where nobody was seen."""
    seen = ((sample.at_s, bool(sample.scene.people)) for sample in timeline.samples)
    for start_s, end_s, anybody in stretches(seen, timeline.duration_s):
        if not anybody and end_s > axis.start_s and start_s < axis.end_s:
            left_px, right_px = axis.x(max(start_s, axis.start_s)), axis.x(min(end_s, axis.end_s))
            page.box(left_px, top_px, max(right_px, left_px + 1), bottom_px, NO_POSE)


def _line(page: _Page, axis: _Axis, line: Series, y_px: Callable[[float], int], colour: Colour) -> None:
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


def _bands(timeline: Timeline) -> list[tuple[str, list[tuple[float, float, Scalar]]]]:
    """Return the rows of states: label and stretches."""
    people = timeline.people()[:BANDED]
    rows: list[tuple[str, Callable[[Sample], Scalar]]] = []
    for person_id in people or (0,):
        whose = f", person {person_id}" if len(people) > 1 else ""
        rows += [
            (
                f"{'seen' if whose else 'posture seen'}{whose}",
                partial(Sample.seen_posture, person_id=person_id),
            ),
            (
                f"{'told' if whose else 'posture told'}{whose}",
                partial(Sample.told_posture, person_id=person_id),
            ),
        ]
    rows += [("person present", _present), ("fall", _fall)]
    return [
        (label, stretches(((s.at_s, word(s)) for s in timeline.samples), timeline.duration_s))
        for label, word in rows
    ]


def _present(sample: Sample) -> Scalar:
    occupied = sample.state.occupied
    return None if occupied is None else "present" if occupied else "nobody"


def _fall(sample: Sample) -> Scalar:
    return sample.state.fall


def _band(page: _Page, axis: _Axis, label: str, marked: Sequence[tuple[float, float, Scalar]]) -> None:
    top_px = page.y_px
    page.text(label, 24, top_px + 3)
    page.box(LEFT_PX, top_px, WIDTH_PX - RIGHT_PX, top_px + BAND_PX, PANEL)
    for start_s, end_s, word in marked:
        if word not in WORDS or end_s < axis.start_s or start_s > axis.end_s:
            continue
        ground, ink = WORDS[word]
        left_px, right_px = axis.x(max(start_s, axis.start_s)), axis.x(min(end_s, axis.end_s))
        page.box(left_px, top_px, max(right_px, left_px + 1), top_px + BAND_PX, ground)
        sprite = text_sprite(str(word), SMALL_PX, ink)
        if sprite.width_px + 8 <= right_px - left_px:
            paste(page.image, sprite, left_px + 5, top_px + 4)
    cv2.rectangle(page.image, (LEFT_PX, top_px), (WIDTH_PX - RIGHT_PX - 1, top_px + BAND_PX - 1), GRID, 1)
    page.y_px += BAND_PX + 6


def _seconds(page: _Page, axis: _Axis) -> None:
    for value in _ticks(axis.start_s, axis.end_s, 12):
        x_px = axis.x(value)
        page.upright(x_px, page.y_px - 6, page.y_px, FAINT_INK)
        label = f"{value:g} s"
        width_px = text_sprite(label, SMALL_PX, INK).width_px
        page.text(label, min(x_px - width_px // 2, WIDTH_PX - RIGHT_PX - width_px), page.y_px + 2, SMALL_PX)
    page.y_px += 40


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two, at most about so many."""
    for step in (unit * 10.0**power for power in range(-3, 7) for unit in (1, 2, 5)):
        if (high - low) / step <= most:
            first = int(np.ceil(low / step - 1e-9))
            last = int(np.floor(high / step + 1e-9))
            return [round(index * step, 6) for index in range(first, last + 1)]
    return [low, high]


@dataclass(frozen=True, slots=True)
class _Chip:
    """The number of a decision over its moment."""

    number: int
    x_px: int
    """Of the moment."""
    left_px: int
    lane: int
    colour: Colour


def _chips(axis: _Axis, by_rank: Iterable[tuple[int, Decision]]) -> list[_Chip]:
    """Find a lane for each number in which it covers no other; where all are taken it is in the list only."""
    taken: list[list[tuple[int, int]]] = [[] for _ in range(LANES)]
    chips = []
    for number, decision in by_rank:
        x_px, width_px = axis.x(decision.at_s), _number(number, INK).width_px
        left_px = min(max(x_px - width_px // 2, LEFT_PX), WIDTH_PX - RIGHT_PX - width_px)
        right_px = left_px + width_px + 2
        free = (
            lane
            for lane, spans in enumerate(taken)
            if all(right_px <= left or left_px >= right for left, right in spans)
        )
        lane = next(free, None)
        if lane is not None:
            taken[lane].append((left_px, right_px))
            chips.append(_Chip(number, x_px, left_px, lane, _colour(decision)))
    return chips


def _number(number: int, colour: Colour) -> Sprite:
    return chip_sprite(str(number), TEXT_PX, WHITE, colour, 1.0)


def _marks(page: _Page, chips: Sequence[_Chip], top_px: int, panels_px: int) -> None:
    """Draw each number, and a line from it down through everything."""
    bottom_px = page.y_px - 46
    for chip in chips:
        below = page.image[panels_px:bottom_px, chip.x_px]
        below[:] = (below.astype(np.uint16) + np.array(chip.colour, np.uint16)) // 2
        paste(page.image, _number(chip.number, chip.colour), chip.left_px, top_px + chip.lane * LANE_PX)


def _colour(decision: Decision) -> Colour:
    return NOTHING_CAME_OF_IT if decision.event is None else CHIPS[decision.event.severity]


def _list(page: _Page, written: Sequence[tuple[int, Decision, list[str]]], more: int) -> None:
    for number, decision, lines in written:
        sprite = _number(number, _colour(decision))
        paste(page.image, sprite, LIST_PX - 12 - sprite.width_px, page.y_px)
        for line in lines:
            page.text(line, LIST_PX, page.y_px, colour=INK)
            page.y_px += ROW_PX
    if more:
        page.text(f"and {more} more: they are in the text", LIST_PX, page.y_px, colour=FAINT_INK)
        page.y_px += ROW_PX
