"""The report of `pose-edge evaluate` for a terminal."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pose_edge.evaluation.report import SHARES

Json = dict[str, Any]

RUNG_COLUMNS: Final = (
    ("falls suspected", "falls_suspected", "falls_total"),
    ("held", "falls_suspected_held", "falls_total"),
    ("confirmed held", "falls_confirmed_held", "falls_total"),
    ("false suspected", "others_false_suspected", "others_total"),
    ("false confirmed", "others_false_confirmed", "others_total"),
    ("expect", "expect_met", "expect_total"),
)


def print_tables(found: Json) -> None:
    """Print clips, rungs and summary."""
    console = Console()
    console.print(_clips(found["clips"]))
    if found["stress"]:
        console.print(_rungs(found))
    console.print(_summary(found))


def _clips(clips: list[Json]) -> Table:
    table = Table(title="clips", title_justify="left")
    for name in ("clip", "fall suspected", "confirmed", "false alarms", "expect", "never", "posture"):
        table.add_column(name, justify="left" if name == "clip" else "right")
    for clip in clips:
        table.add_row(
            clip["file"].rpartition("/")[2],
            _joined(_fall_time(fall, "suspected_s", clip["duration_s"]) for fall in clip["falls"]),
            _joined(_fall_time(fall, "confirmed_s", clip["duration_s"]) for fall in clip["falls"]),
            _false_alarms(clip),
            _unmet(clip["expect"], "met", wanted=True),
            _unmet(clip["never"], "violated", wanted=False),
            _percent(clip["posture"]["right_reported"]),
        )
    return table


def _fall_time(fall: Json, field: str, duration_s: float) -> Text:
    at_s = fall[field]
    if at_s is None:
        return Text("missed", "bold red")
    return Text(f"{at_s:.1f} s" + (" held" if at_s > duration_s else ""), "green")


def _joined(parts: Any) -> Text:
    return Text(", ").join(parts)


def _false_alarms(clip: Json) -> Text:
    counts = {"suspected": clip["false_suspected"], "confirmed": clip["false_confirmed"]}
    words = [f"{count} {word}" for word, count in counts.items() if count]
    return Text(", ".join(words), "bold red")


def _unmet(words: list[Json], field: str, *, wanted: bool) -> Text:
    wrong = [word["word"] for word in words if word["judged"] and word[field] is not wanted]
    if wrong:
        return Text(f"{'not said' if wanted else 'said'}: {', '.join(wrong)}", "bold red")
    return Text("met" if wanted else "respected", "green") if words else Text("")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _rungs(found: Json) -> Table:
    table = Table(title="stress ladder", title_justify="left")
    table.add_column("rung")
    for title, _, _ in RUNG_COLUMNS:
        table.add_column(title, justify="right")
    for title in ("onset to suspected", "posture F1", "never violated"):
        table.add_column(title, justify="right")
    base_name = f"base, {found['parameters']['rate_hz']:g} fps"
    for name, figures in (
        (base_name, found["summary"]),
        *((r["name"], r["summary"]) for r in found["stress"]),
    ):
        delay_s, f1 = figures["onset_to_suspected_s_median"], figures["posture_macro_f1"]
        table.add_row(
            name,
            *(f"{figures[count]} of {figures[total]}" for _, count, total in RUNG_COLUMNS),
            "" if delay_s is None else f"{delay_s:.2f} s",
            "" if f1 is None else f"{f1:.3f}",
            str(figures["never_violated"]),
        )
    return table


def _summary(found: Json) -> Table:
    title = f"summary: {found['model']['name']}, {found['parameters']['rate_hz']:g} fps"
    table = Table("figure", "value", "95 %", title=title, title_justify="left")
    for name, value in found["summary"].items():
        if name.endswith("_total"):
            continue
        shown = f"{value} of {found['summary'][SHARES[name]]}" if name in SHARES else f"{value}"
        interval = found["wilson_95"].get(name)
        table.add_row(name, shown, f"{interval[0]:.2f}-{interval[1]:.2f}" if interval else "")
    return table
