"""The timeline as one picture: skeletons, quantities with their limits, states, and numbered decisions.

No pixel of the input is in it: bodies are drawn from landmarks on an empty ground.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2

from pose_edge.explanation.decisions import Decision
from pose_edge.explanation.marks import LANE_PX, LIST_PX, ROW_PX, chips_of, mark, write_list
from pose_edge.explanation.page import (
    FAINT_INK,
    PEOPLE,
    RIGHT_PX,
    SMALL_PX,
    TEXT_PX,
    TITLE_PX,
    WIDTH_PX,
    Axis,
    Page,
    fitted,
    wrapped,
)
from pose_edge.explanation.panels import (
    BAND_STEP_PX,
    GAP_PX,
    PANEL_PX,
    SECONDS_PX,
    THUMBNAIL_PX,
    band,
    panel,
    seconds,
    thumbnails,
)
from pose_edge.explanation.rows import rows_of
from pose_edge.explanation.timeline import QUANTITIES, Timeline
from pose_edge.overlay.text import Image
from pose_edge.posture import BENT_TILT_DEG

LISTED: Final = 24
"""Decisions written out below the panels; those that matter most where there are more."""


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
    axis = Axis(start_s, max(end_s, start_s + 0.1))
    shown = [decision for decision in told if axis.shows(decision.at_s)]
    by_rank = sorted(enumerate(shown, 1), key=lambda item: item[1].rank)
    written = [
        (number, decision, wrapped(decision.text, WIDTH_PX - LIST_PX - RIGHT_PX, TEXT_PX))
        for number, decision in sorted(by_rank[:LISTED], key=lambda item: item[0])
    ]
    chips = chips_of(axis, by_rank if len(shown) > LISTED else enumerate(shown, 1))
    lanes = max((chip.lane + 1 for chip in chips), default=0)
    rows = sum(len(lines) for _, _, lines in written) + (len(shown) > len(written))
    bands = rows_of(timeline, axis)
    page = Page(_height_px(rows, lanes, len(bands)))
    _title(page, title, timeline, shown)
    thumbnails(page, timeline, axis)
    top_px = page.y_px
    page.y_px += lanes * LANE_PX + 6
    panels_px = page.y_px
    for name, quantity in QUANTITIES.items():
        lines = {limit: limits[limit] for limit in quantity.limits if limit in limits} | (
            {"bent": BENT_TILT_DEG} if "BENT_TILT_DEG" in quantity.limits else {}
        )
        panel(page, timeline, axis, name, quantity, lines)
    for row in bands:
        band(page, axis, row)
    bottom_px = page.y_px - 6
    seconds(page, axis)
    mark(page, chips, top_px, panels_px, bottom_px)
    write_list(page, written, len(shown) - len(written))
    return page.image


def _height_px(rows: int, lanes: int, banded: int) -> int:
    panels = len(QUANTITIES) * (PANEL_PX + GAP_PX)
    bands = banded * BAND_STEP_PX
    return (
        14 + 66 + THUMBNAIL_PX + 34 + lanes * LANE_PX + 6 + panels + bands + SECONDS_PX + rows * ROW_PX + 20
    )


def _title(page: Page, title: str, timeline: Timeline, shown: Sequence[Decision]) -> None:
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
