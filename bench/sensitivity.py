"""How much the results on labelled clips hang on each parameter: one at a time, 20 % down and up.

    python bench/sensitivity.py MANIFEST [--model FILE] [--fps 15]

Reads the landmarks that `pose-edge evaluate` keeps (and makes those that are missing); prints a Markdown
table. A cell names what differs from the defaults.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pose_edge import posture, tracking
from pose_edge.cli.evaluate import cache_directory, eyes
from pose_edge.config import Config
from pose_edge.evaluation import report
from pose_edge.evaluation.manifest import load_manifest
from pose_edge.evaluation.running import Plan, evaluate, ladder
from pose_edge.events.fall import FallOptions
from pose_edge.events.posture import PostureOptions
from pose_edge.events.presence import PresenceOptions
from pose_edge.options import Options

STEP: Final = 0.2

COUNTS: Final = {
    "falls_suspected": "falls as is",
    "falls_suspected_held": "falls held",
    "falls_confirmed_held": "falls confirmed",
    "others_false_suspected": "false suspected",
    "others_false_confirmed": "false confirmed",
    "expect_met": "expect met",
    "never_violated": "never violated",
}
"""What is counted in clips or words."""

F1_NOTABLE: Final = 0.01
"""Differences of the posture macro-F1 below this are not worth a word."""

OPTIONS: Final[dict[str, type[Options]]] = {
    "fall": FallOptions,
    "posture": PostureOptions,
    "presence": PresenceOptions,
}

CONSTANTS: Final[dict[ModuleType, tuple[str, ...]]] = {
    posture: (
        "JOINT_VISIBILITY",
        "BENT_TILT_DEG",
        "STANDING_THIGH_DEG",
        "STRAIGHT_DEG",
        "LEANING_THIGH_DEG",
        "KNEES_BELOW",
        "HEEL_THIGH_DEG",
        "KNEES_UP_THIGH_DEG",
        "HEAD_DOWN",
        "HEAD_LOW",
        "SHORT_TRUNK",
        "LONG_TRUNK",
        "LEGS_VISIBILITY",
        "MARGIN_DEG",
    ),
    tracking: (
        "MIN_TORSO_SHARE",
        "GATE_MS",
        "KEEP_MS",
        "UPRIGHT_DEG",
        "MAX_STEP",
        "STEP_PER_S",
        "FAR_SIZE_SHARE",
        "MIN_SIZE",
        "MIN_SIZE_SHARE",
    ),
}


def values(options: type[Options]) -> dict[str, float]:
    """Return the numbers of a group of options that are in force."""
    group = options()
    given = {**group.model_dump(), **getattr(group, "in_force", dict)()}
    return {key: value for key, value in given.items() if type(value) is float}


@contextmanager
def changed(module: ModuleType, name: str, value: float) -> Iterator[None]:
    """Let a constant of a module have another value for a while."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def figures(plan: Plan) -> dict[str, Any]:
    """Return the summary of all clips."""
    return report.summary(evaluate(plan).clips[0])


def differences(base: dict[str, Any], found: dict[str, Any]) -> str:
    """Return in words what differs from the defaults."""
    told = [f"{word} {found[key] - base[key]:+d}" for key, word in COUNTS.items() if found[key] != base[key]]
    f1 = found["posture_macro_f1"] - base["posture_macro_f1"]
    if abs(f1) >= F1_NOTABLE:
        told.append(f"F1 {f1:+.3f}")
    return ", ".join(told) or "-"


def rows(plan: Plan) -> Iterator[tuple[str, float, list[dict[str, Any]]]]:
    """Yield each parameter, its default, and the figures 20 % below and above."""
    factors = (1 - STEP, 1 + STEP)
    for name, options in OPTIONS.items():
        for key, value in values(options).items():
            found = []
            for factor in factors:
                events = type(plan.events).model_validate({name: {key: value * factor}})
                found.append(
                    figures(Plan(plan.manifest, plan.folder, plan.rungs, plan.eyes, events, plan.hold_s))
                )
            yield f"{name}.{key}", value, found
    for module, names in CONSTANTS.items():
        for name in names:
            value = getattr(module, name)
            found = []
            for factor in factors:
                with changed(module, name, value * factor):
                    found.append(figures(plan))
            yield f"{module.__name__.removeprefix('pose_edge.')}.{name}", value, found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--fps", type=float, default=15.0)
    chosen = parser.parse_args()
    labels, config = load_manifest(chosen.manifest), Config()
    folder = chosen.manifest.parent
    model = chosen.model or (folder / labels.model if labels.model else None)
    seeing = eyes(config, model, labels.paths(folder), cache_directory(None, unwanted=False))
    plan = Plan(labels, folder, ladder([chosen.fps], []), seeing, config.events)
    base = figures(plan)
    print("Defaults: " + ", ".join(f"{word} {base[key]}" for key, word in COUNTS.items()), end=", ")
    print(f"F1 {base['posture_macro_f1']:.3f}\n")
    print("| parameter | default | -20 % | +20 % |\n| --- | --- | --- | --- |")
    for name, value, found in rows(plan):
        less, more = (differences(base, one) for one in found)
        print(f"| `{name}` | {value:g} | {less} | {more} |", flush=True)


if __name__ == "__main__":
    main()
