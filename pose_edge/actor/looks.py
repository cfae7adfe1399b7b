"""Who plays: proportions and colours, chosen by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]
"""R, G, B, 0-255, under full light."""

SHIRTS: tuple[Colour, ...] = (
    (60, 90, 150),
    (158, 58, 56),
    (52, 122, 84),
    (112, 74, 140),
    (44, 48, 60),
    (206, 126, 48),
)
PANTS: tuple[Colour, ...] = ((52, 56, 72), (44, 62, 104), (70, 66, 60), (36, 38, 40))
SKINS: tuple[Colour, ...] = ((224, 178, 148), (206, 156, 122), (168, 116, 84), (122, 80, 56))
HAIRS: tuple[Colour, ...] = ((62, 42, 30), (34, 28, 26), (126, 88, 46), (112, 104, 98))
SHOES: tuple[Colour, ...] = ((232, 232, 230), (40, 40, 44), (150, 60, 50))
EYES: Colour = (244, 244, 242)
PUPILS: Colour = (42, 32, 26)
LIPS: Colour = (164, 84, 80)


@dataclass(frozen=True, slots=True)
class Build:
    """Lengths between joints, in metres; the average adult, before the seed changes a little."""

    torso_m: float = 0.50
    """Between the middle of the hips and the middle of the shoulders."""
    shoulders_m: float = 0.185
    """From the middle to one shoulder."""
    hips_m: float = 0.10
    neck_m: float = 0.22
    """From between the shoulders to the middle of the head."""
    upper_arm_m: float = 0.29
    forearm_m: float = 0.25
    thigh_m: float = 0.43
    shank_m: float = 0.41
    foot_m: float = 0.14
    """From below the ankle to the toes."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Everything about the figure that does not move."""

    build: Build
    girth: float
    """1 is average; widens trunk and limbs, not the head."""
    colours: dict[str, Colour]
    """By what they are on: `shirt`, `pants`, `skin`, `hair`, `shoes`, `eyes`, `pupils`, `lips`."""


def looks(seed: int) -> Looks:
    """Return the looks that belong to `seed`: the same for the same number, always."""
    chance = random.Random(seed)  # noqa: S311 - chooses a shirt, keeps no secret
    average = Build()
    legs, width = chance.uniform(0.97, 1.03), chance.uniform(0.95, 1.08)
    build = replace(
        average,
        thigh_m=average.thigh_m * legs,
        shank_m=average.shank_m * legs,
        shoulders_m=average.shoulders_m * width,
    )
    colours = {
        "shirt": chance.choice(SHIRTS),
        "pants": chance.choice(PANTS),
        "skin": chance.choice(SKINS),
        "hair": chance.choice(HAIRS),
        "shoes": chance.choice(SHOES),
        "eyes": EYES,
        "pupils": PUPILS,
        "lips": LIPS,
    }
    return Looks(build, chance.uniform(0.94, 1.08), colours)
