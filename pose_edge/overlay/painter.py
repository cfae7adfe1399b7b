"""An annotation onto one picture: skeletons, labels, caption bar."""

from __future__ import annotations

from typing import Final

import cv2

from pose_edge.overlay.annotations import Annotation, Figure
from pose_edge.overlay.layout import Rect, body_rect, head_rect, place
from pose_edge.overlay.skeleton import draw_skeleton, picture_scale, points_px
from pose_edge.overlay.text import Colour, Image, Sprite, chip_sprite, paste, text_sprite

WHITE: Final[Colour] = (255, 255, 255)
DARK: Final[Colour] = (16, 16, 16)
ALERT: Final[Colour] = (213, 94, 0)  # Okabe and Ito's vermilion
OPACITY: Final = 0.62

TEXT_PX: Final = 19
"""Line height at 640 x 480; grows with the picture."""

SMALLEST_TEXT_PX: Final = 10
"""Below it nobody can read."""


class Painter:
    """Draws on picture after picture of one source; remembers where texts were, so that they do not jump."""

    def __init__(self) -> None:
        self._bar_on_top = False
        self._corners: dict[str, int] = {}

    def draw(self, image: Image, annotation: Annotation) -> None:
        """Draw on `image`, in place."""
        height_px, width_px = image.shape[:2]
        text_px = max(SMALLEST_TEXT_PX, round(TEXT_PX * picture_scale(width_px, height_px)))
        for figure in annotation.figures:
            draw_skeleton(image, figure.landmarks, thin=not figure.taken)
        bodies = [_Body(figure, width_px, height_px) for figure in annotation.figures]
        faces = [body.head for body in bodies if body.head is not None]
        bar = _Bar(annotation, width_px, text_px)
        self._bar_on_top = bar.better_on_top(height_px, faces, now=self._bar_on_top)
        bar.draw(image, on_top=self._bar_on_top)
        self._draw_labels(image, bodies, faces, bar.rest(height_px, on_top=self._bar_on_top), text_px)

    def _draw_labels(
        self, image: Image, bodies: list[_Body], faces: list[Rect], within: Rect, text_px: int
    ) -> None:
        taken: list[Rect] = []
        corners: dict[str, int] = {}
        for body in bodies:
            if not body.label or body.rect is None:
                continue
            sprite = chip_sprite(body.label, text_px, WHITE, DARK, OPACITY)
            size_px, last = (sprite.width_px, sprite.height_px), self._corners.get(body.name)
            rect, corners[body.name] = place(size_px, body.rect, body.head, within, faces, taken, last)
            paste(image, sprite, round(rect.left), round(rect.top))
            taken.append(rect)
        self._corners = corners


class _Body:
    """A figure with its measures in pixels."""

    def __init__(self, figure: Figure, width_px: int, height_px: int) -> None:
        points = points_px(figure.landmarks, width_px, height_px)
        self.label = figure.label
        self.name = figure.label.partition(" ")[0]
        self.rect = body_rect(points, figure.landmarks)
        self.head = head_rect(points, figure.landmarks)


class _Bar:
    """The caption: time and presence on the left, the last event on the right, above them if too narrow."""

    def __init__(self, annotation: Annotation, width_px: int, text_px: int) -> None:
        self._width_px = width_px
        self._margin_px = round(text_px * 0.6)
        self._left = self._left_texts(annotation, text_px)
        self._right = _headline(annotation, text_px)
        self._row_px = round(text_px * 1.6)
        self._rows = self._count_rows()
        self.height_px = self._rows * self._row_px

    def rest(self, height_px: int, *, on_top: bool) -> Rect:
        """Return the part of the picture that the bar leaves free."""
        if on_top:
            return Rect(0, self.height_px, self._width_px, height_px)
        return Rect(0, 0, self._width_px, height_px - self.height_px)

    def better_on_top(self, height_px: int, faces: list[Rect], *, now: bool) -> bool:
        """Return on which edge it covers less of faces; where it is now if that makes no difference."""
        on_top = Rect(0, 0, self._width_px, self.height_px)
        below = Rect(0, height_px - self.height_px, self._width_px, height_px)
        covered = {edge is on_top: sum(edge.overlap(face) for face in faces) for edge in (on_top, below)}
        return now if covered[now] <= covered[not now] else not now

    def draw(self, image: Image, *, on_top: bool) -> None:
        """Darken the edge and write on it."""
        if not self._rows:
            return
        top_px = 0 if on_top else max(0, image.shape[0] - self.height_px)
        strip = image[top_px : top_px + self.height_px]
        cv2.convertScaleAbs(strip, dst=strip, alpha=1 - OPACITY, beta=OPACITY * DARK[0])
        last_row_px = top_px + self.height_px - self._row_px
        for sprite, x_px in self._left:
            paste(image, sprite, x_px, last_row_px + (self._row_px - sprite.height_px) // 2)
        if self._right is not None:
            x_px = self._width_px - self._margin_px - self._right.width_px
            if self._rows > 1:
                x_px = self._margin_px
            paste(image, self._right, x_px, top_px + (self._row_px - self._right.height_px) // 2)

    def _left_texts(self, annotation: Annotation, text_px: int) -> list[tuple[Sprite, int]]:
        """Return the texts and where they begin."""
        time = "" if annotation.time_s is None else f"{annotation.time_s:.1f} s"
        texts, x_px = [], self._margin_px
        for text in filter(None, (time, annotation.presence)):
            sprite = text_sprite(text, text_px, WHITE)
            texts.append((sprite, x_px))
            x_px += sprite.width_px + text_px
        return texts

    def _count_rows(self) -> int:
        if self._right is None:
            return 1 if self._left else 0
        left_px = max((x_px + sprite.width_px for sprite, x_px in self._left), default=0)
        fits = left_px + 2 * self._margin_px + self._right.width_px <= self._width_px
        return 1 if fits or not self._left else 2


def _headline(annotation: Annotation, text_px: int) -> Sprite | None:
    headline = annotation.headline
    if headline is None:
        return None
    if headline.alert:
        return chip_sprite(headline.text, text_px, WHITE, ALERT, 1.0)
    return text_sprite(headline.text, text_px, WHITE)
