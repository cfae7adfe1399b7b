"""An empty page for the timeline: its paper, its axis of time, text that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from pose_edge.overlay.text import Colour, Image, paste, text_sprite

WIDTH_PX: Final = 1600
LEFT_PX, RIGHT_PX = 264, 24
"""Margins of what has an axis of time."""
TITLE_PX, TEXT_PX, SMALL_PX = 30, 20, 18
"""From one line of text to the next, which is also how OpenCV's fonts are measured here."""

INK: Final[Colour] = (35, 38, 45)
FAINT_INK: Final[Colour] = (110, 114, 122)
PAPER: Final[Colour] = (252, 252, 250)
WHITE: Final[Colour] = (255, 255, 255)
GRID: Final[Colour] = (226, 228, 232)

# Okabe and Ito's palette, told apart with every kind of colour blindness.
PEOPLE: Final[tuple[Colour, ...]] = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (90, 90, 90),
)
"""Colour of each person's lines; those seen longest come first."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Seconds -> pixels."""

    start_s: float
    end_s: float

    def x(self, at_s: float) -> int:
        """Return the column of a moment."""
        share = (at_s - self.start_s) / (self.end_s - self.start_s)
        return round(LEFT_PX + share * (WIDTH_PX - RIGHT_PX - LEFT_PX))

    def shows(self, at_s: float) -> bool:
        """Return whether a moment is on the page."""
        return self.start_s <= at_s <= self.end_s


class Page:
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


def wrapped(words: str, width_px: int, text_px: int, most: int = 3) -> list[str]:
    """Return `words` in at most that many lines of that width; the last one is cut with dots."""
    lines: list[str] = []
    rest = words.split(" ")
    while rest and len(lines) < most - 1:
        count = next(
            (n for n in range(len(rest), 1, -1) if width_px_of(" ".join(rest[:n]), text_px) <= width_px), 1
        )
        lines.append(fitted(" ".join(rest[:count]), width_px, text_px))
        rest = rest[count:]
    return [*lines, fitted(" ".join(rest), width_px, text_px)] if rest else lines


def width_px_of(words: str, text_px: int) -> int:
    """Return how wide a line of text is."""
    return text_sprite(words, text_px, INK).width_px


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two, at most about so many."""
    for step in (unit * 10.0**power for power in range(-3, 7) for unit in (1, 2, 5)):
        if (high - low) / step <= most:
            first = int(np.ceil(low / step - 1e-9))
            last = int(np.floor(high / step + 1e-9))
            return [round(index * step, 6) for index in range(first, last + 1)]
    return [low, high]
