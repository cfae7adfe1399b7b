"""What can happen: one file a kind, one protocol, one table. See `TABLE`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import Field, create_model

from pose_edge.events.camera import CameraDetector, CameraOptions
from pose_edge.events.desk import REMINDER, DeskDetector, DeskOptions
from pose_edge.events.exits import BedExit, BedExitOptions, ChairExit, ChairExitOptions
from pose_edge.events.fall import FallDetector, FallOptions
from pose_edge.events.gesture import (
    HandsRaisedOptions,
    OneArmRaisedOptions,
    WaveOptions,
    hands_raised,
    one_arm_raised,
    wave,
)
from pose_edge.events.inactivity import InactivityDetector, InactivityOptions
from pose_edge.events.posture import PostureDetector, PostureOptions
from pose_edge.events.presence import Presence, PresenceOptions
from pose_edge.events.repetition import RepetitionDetector, RepetitionOptions
from pose_edge.events.rules import Rules, RulesOptions
from pose_edge.events.zones import ZonesDetector, ZonesOptions
from pose_edge.options import Options
from pose_edge.records import Event, Scene, Surroundings

__all__ = ["REMINDER", "TABLE", "Detector", "EventsOptions", "Kind", "detectors"]


class Detector(Protocol):
    """A state machine over scenes. No clock: time is in the data, and frames may be missing."""

    kind: str

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """Return what began, changed or ended at this moment, in the order it should be told.

        Scenes come in the order of their timestamps.
        """


@dataclass(frozen=True, slots=True)
class Kind:
    """One row: the YAML key, the options and the detector of an event kind."""

    name: str
    options: type[Options]
    detector: Callable[..., Detector]
    """Takes the options, what counts events, and what it `needs` to know of its surroundings."""
    needs: tuple[Literal["zones", "calibration"], ...] = ()


TABLE: tuple[Kind, ...] = (
    Kind("presence", PresenceOptions, Presence),
    Kind("posture", PostureOptions, PostureDetector),
    Kind("camera", CameraOptions, CameraDetector, needs=("calibration",)),
    Kind("fall", FallOptions, FallDetector, needs=("zones", "calibration")),
    Kind("hands_raised", HandsRaisedOptions, hands_raised),
    Kind("one_arm_raised", OneArmRaisedOptions, one_arm_raised),
    Kind("wave", WaveOptions, wave),
    Kind("repetition", RepetitionOptions, RepetitionDetector),
    Kind("zones", ZonesOptions, ZonesDetector, needs=("zones",)),
    Kind("bed_exit", BedExitOptions, BedExit, needs=("zones",)),
    Kind("chair_exit", ChairExitOptions, ChairExit, needs=("zones",)),
    Kind("inactivity", InactivityOptions, InactivityDetector, needs=("zones",)),
    Kind("rules", RulesOptions, Rules, needs=("zones",)),
    Kind("desk", DeskOptions, DeskDetector, needs=("calibration",)),
)
"""Every event kind. Presence comes first: what happens to somebody is told after that they are there."""

EventsOptions: type[Options] = create_model(
    "EventsOptions",
    __base__=Options,
    __doc__="Options under ``events``: one group a kind.",
    **{row.name: (row.options, Field(default_factory=row.options)) for row in TABLE},  # type: ignore[call-overload]  # fields come from the table
)


def detectors(options: Options, numbers: Iterator[int], surroundings: Surroundings) -> tuple[Detector, ...]:
    """Return one detector a kind, in the order of the table. `options` is an `EventsOptions`."""
    return tuple(
        row.detector(
            getattr(options, row.name), numbers, *(getattr(surroundings, need) for need in row.needs)
        )
        for row in TABLE
    )
