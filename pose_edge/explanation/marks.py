"""The numbers of the decisions: over their moments, and with their text in a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pose_edge.explanation.decisions import Decision
from pose_edge.explanation.page import FAINT_INK, INK, LEFT_PX, RIGHT_PX, TEXT_PX, WHITE, WIDTH_PX, Axis, Page
from pose_edge.overlay.text import Colour, Sprite, chip_sprite, paste

LANES: Final = 3
"""Rows of numbers above the panels, so that decisions that come at once stay apart."""
LANE_PX: Final = 26
ROW_PX: Final = TEXT_PX + 8
LIST_PX: Final = 76
"""Left edge of the list."""

CHIPS: Final[Mapping[str, Colour]] = {
    "info": (70, 80, 96),
    "warning": (200, 120, 0),
    "alert": (190, 30, 45),
}
NOTHING_CAME_OF_IT: Final[Colour] = (150, 154, 162)


@dataclass(frozen=True, slots=True)
class Chip:
    """The number of a decision over its moment."""

    number: int
    x_px: int
    """Of the moment."""
    left_px: int
    lane: int
    colour: Colour


def chips_of(axis: Axis, by_rank: Iterable[tuple[int, Decision]]) -> list[Chip]:
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
            chips.append(Chip(number, x_px, left_px, lane, _colour(decision)))
    return chips


def _number(number: int, colour: Colour) -> Sprite:
    return chip_sprite(str(number), TEXT_PX, WHITE, colour, 1.0)


def mark(page: Page, chips: Sequence[Chip], top_px: int, panels_px: int, bottom_px: int) -> None:
    """Draw each number, and a line from it down through everything."""
    for chip in chips:
        below = page.image[panels_px:bottom_px, chip.x_px]
        below[:] = (below.astype(np.uint16) + np.array(chip.colour, np.uint16)) // 2
        paste(page.image, _number(chip.number, chip.colour), chip.left_px, top_px + chip.lane * LANE_PX)


def _colour(decision: Decision) -> Colour:
    return NOTHING_CAME_OF_IT if decision.event is None else CHIPS[decision.event.severity]


def write_list(page: Page, written: Sequence[tuple[int, Decision, list[str]]], more: int) -> None:
    """Write the decisions that have a place in the list, and how many have none."""
    for number, decision, lines in written:
        sprite = _number(number, _colour(decision))
        paste(page.image, sprite, LIST_PX - 12 - sprite.width_px, page.y_px)
        for line in lines:
            page.text(line, LIST_PX, page.y_px, colour=INK)
            page.y_px += ROW_PX
    if more:
        page.text(f"and {more} more: they are in the text", LIST_PX, page.y_px, colour=FAINT_INK)
        page.y_px += ROW_PX
