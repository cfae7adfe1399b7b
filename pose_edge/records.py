"""What flows through pose-edge, in the order in which it is made.

    Frame -> PoseResult -> Body -> Posture -> Scene -> Event, State -> Message

All are frozen. `None` means "not seen". `timestamp_ms` is the clock of the source and strictly
increasing; wall time exists only in `messages.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LANDMARKS = 33
"""Landmarks of one pose: MediaPipe's `PoseLandmark`, nose = 0 ... right foot index = 32."""

X, Y, Z, VISIBILITY, PRESENCE = range(5)
"""Columns of the arrays in `Pose`."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and the moment its exposure began."""

    image_rgb: npt.NDArray[np.uint8]
    """Shape (height_px, width_px, 3), C-contiguous, channel order R, G, B, turned upright."""

    timestamp_ms: int
    """Milliseconds of the source's own clock; strictly increasing, not wall time."""

    wall_ms: int | None = None
    """Milliseconds since 1970 at the same moment, where the source knows it: a camera, not a file."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """One body as the model sees it, rounded to 4 decimals.

    Rounded where it is made, so that a recording holds the very numbers the events saw. 4 decimals
    are 0.06 px at 640 px and 0.1 mm.
    """

    landmarks: npt.NDArray[np.float32]
    """Shape (33, 5): x, y as shares of width and height (may leave 0-1), z on the scale of x with
    its origin between the hips (smaller is nearer), visibility and presence in 0-1."""

    world_landmarks: npt.NDArray[np.float32]
    """Shape (33, 5): x, y, z in metres from between the hips, visibility, presence."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When one frame passed the stations of the vision process, in nanoseconds of CLOCK_MONOTONIC."""

    available_ns: int
    """The source had it."""

    submitted_ns: int
    """It went into MediaPipe."""

    finished_ns: int
    """Its result came out."""

    wall_ms: int | None = None
    """`Frame.wall_ms`."""


@dataclass(frozen=True, slots=True)
class PictureStats:
    """What is told of a picture once a second: that it shows something, and too little to know what."""

    luma: float
    """Median brightness, 0-255."""
    detail: float
    """How many and how sharp edges there are: mean second difference above the noise, in grey levels."""
    relief: float
    """How much its parts differ in brightness: standard deviation of the means of 10 x 8 cells."""
    likeness: float | None = None
    """How much of its edges are where they used to be: 1 all, 0 as many as by chance. None: not known."""


@dataclass(frozen=True, slots=True, eq=False)
class PoseResult:
    """What the model found in one frame; no poses is a result too."""

    timestamp_ms: int
    width_px: int
    height_px: int
    poses: tuple[Pose, ...]
    segmentation_masks: tuple[npt.NDArray[np.float32], ...] | None = None
    """One per pose, shape (height_px, width_px), 0-1: how likely the pixel is a person. Only when
    asked for, and only inside the vision process."""
    timing: Timing | None = None
    """None for recorded poses."""
    picture: PictureStats | None = None
    """About once a second; None otherwise, and for recorded poses."""


PointPx: TypeAlias = tuple[float, float]
"""(x, y) in pixels of the upright picture, y pointing down."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a body is, as shares of the picture (COCO order); may reach outside it."""

    x: float
    y: float
    width: float
    height: float


Rows: TypeAlias = Sequence[Sequence[float]]
"""Landmarks of one pose as plain numbers: reading one is ten times faster than from an array."""


@dataclass(frozen=True, slots=True)
class Body:
    """What can be measured on one pose without knowing who it is or what came before."""

    head_px: PointPx
    shoulders_px: PointPx
    hips_px: PointPx
    knees_px: PointPx | None
    ankles_px: PointPx | None
    torso_px: float
    """Shoulders to hips."""
    torso_tilt_deg: float
    """0 upright, 90 horizontal, above 90 head lower than hips."""
    hip_deg: float | None
    """Angle of trunk and thigh at the hip, from world landmarks; 180 is straight."""
    knee_deg: float | None
    """Inner angle of the knee, from world landmarks; 180 is straight."""
    thigh_deg: float | None
    """How far hip -> knee leans from hanging straight down, from world landmarks; 180 points up."""
    legs_visibility: float
    """Mean of knees and ankles, 0-1."""
    visibility: float
    """Mean of shoulders and hips, 0-1."""
    box: Box
    rows: Rows = field(default=(), compare=False, repr=False)
    """The pose's 33 landmarks, columns as in `Pose`, smoothed where the tracker smooths. One with a value
    that is no number is all zero, hence not visible."""
    world_rows: Rows = field(default=(), compare=False, repr=False)
    """The same in metres from between the hips; empty when a value is no number."""


class PostureClass(StrEnum):
    """What a body is doing, as published."""

    STANDING = "standing"
    SITTING = "sitting"
    BENDING = "bending"
    LYING = "lying"
    UNKNOWN = "unknown"

    __hash__ = str.__hash__  # Enum's own is written in Python, and every picture looks classes up


@dataclass(frozen=True, slots=True)
class Posture:
    """One tracked person at one moment. Lengths are in torso lengths, so distance cancels out."""

    timestamp_ms: int
    person_id: int
    body: Body
    scale_px: float
    """The person's torso length when upright; slow, so that bending does not shrink it."""
    head_above_ankles: float | None
    hips_above_knees: float | None
    hips_above_ankles: float | None
    posture_class: PostureClass
    """By this moment alone; `events/posture.py` decides what is reported."""
    confidence: float
    """0-1, of the class."""
    earlier: tuple[Posture, ...] = field(default=(), compare=False, repr=False)
    """With somebody's first sighting: those before it that showed that they are a person, oldest first."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everybody at one moment."""

    timestamp_ms: int
    width_px: int
    height_px: int
    people: tuple[Posture, ...]
    roll_deg: float = 0.0
    """How far everything in `people` was turned counterclockwise, about the middle of the picture, to stand
    upright. See `upright.py`; 0 without a calibration."""
    picture: PictureStats | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture that means something."""

    name: str
    polygon: tuple[PointPx, ...]
    """At least three corners, as shares of the picture's width and height."""
    lying_ok: bool = False
    """A bed or a sofa: whoever lies there has not fallen."""
    point: Literal["feet", "hips"] | None = None
    """Which part of a body decides who is in it; None: hips where lying is fine, else feet."""
    loiter_s: float | None = None
    """Being in it for so long is loitering, 0: never; None: as for all zones."""
    still_min: float | None = None
    """Not moving in it for so long is inactivity, 0: never; None: as for all zones."""


@dataclass(frozen=True, slots=True)
class DeskBaseline:
    """How one person sits at a desk when they sit well, as this camera sees it."""

    view: Literal["side", "front"]
    neck_deg: float | None = None
    """Side: how far shoulders -> ears lean forward from upright."""
    trunk_deg: float | None = None
    """Side: how far hip -> shoulder leans forward; None when the desk hides the hips."""
    gap: float | None = None
    """Front: how far the ears are above the shoulders, in shoulder widths."""
    face_width: float | None = None
    """Front: distance of the eyes in shoulder widths; grows with leaning to the screen."""
    shoulder_tilt_deg: float | None = None
    head_tilt_deg: float | None = None
    torso: float | None = None
    """Torso length then, as a share of the picture's height, to notice another chair or place."""
    hips_down: float | None = None
    """Height of the hips in the picture then, as a share of its height from the top."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line: `level` in the middle of the picture, `slope` more for each share of it."""

    level: float
    slope: float

    def at(self, share: float) -> float:
        """Return the value where 0.5 is the middle of the picture."""
        return self.level + self.slope * (share - 0.5)


@dataclass(frozen=True, slots=True)
class View:
    """How a camera looks at its room, measured on people who stood and walked there."""

    width_px: int
    height_px: int
    """Of the picture it was measured in."""
    roll_deg: float
    """How far what is upright leans clockwise in the picture: the camera hangs askew by as much."""
    elevation_deg: float
    """How far the camera looks down, by the model's idea of depth: a hint, not a measurement."""
    leg_share: float
    """How long legs look for a trunk, compared with a camera at eye level: 1 there, less from above."""
    floor: Line | None = None
    """Row of the feet by column, both as shares of the upright picture; None: not measured."""
    size: Line | None = None
    """Torso length by row of the feet, both as shares of its height; None: not measured."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured about this camera and who it looks at. None: not measured."""

    desk: DeskBaseline | None = None
    view: View | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for a whole run and is known before it."""

    zones: tuple[Zone, ...] = ()
    calibration: Calibration = Calibration()


class Stage(StrEnum):
    """Where in its life an event is."""

    NEW = "new"
    UPDATE = "update"
    END = "end"


Severity: TypeAlias = Literal["info", "warning", "alert"]
Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something began, changed or ended. Always the whole truth, never a difference."""

    kind: str
    """Row of the event table: `presence`, `posture` ..."""
    event_type: str
    """Word on the wire: `presence_started`, `posture_changed` ..."""
    stage: Stage
    number: int
    """Counts the events of this run; the same number through new, update and end."""
    timestamp_ms: int
    """When it was decided."""
    start_ms: int
    """When it began, which is earlier than when that was certain."""
    end_ms: int | None = None
    person_id: int | None = None
    zone: str | None = None
    """Where it happens, when that is part of what it is."""
    severity: Severity = "info"
    confidence: float | None = None
    reason: str = ""
    details: Mapping[str, Scalar] = field(default_factory=dict)
    """What this kind adds at the top level of the message: `posture`, `person_count` ..."""
    evidence: Mapping[str, Scalar] = field(default_factory=dict)
    """The numbers that decided it and the thresholds in force."""


@dataclass(frozen=True, slots=True)
class PersonState:
    """One person in `State`."""

    person_id: int
    posture: PostureClass
    since_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class FallState:
    """One fall in `State` that is not over."""

    number: int
    """Of its events."""
    person_id: int | None
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody in a zone, in `State`."""

    number: int
    """Of its events."""
    person_id: int
    zone: str


@dataclass(frozen=True, slots=True)
class SeatState:
    """One person in `State` who sits."""

    person_id: int
    measured: bool
    """Whether it can be told how they sit: the view allows it, and it is known how they usually sit."""
    slouching: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What holds now: a projection of all events so far."""

    occupied: bool | None = None
    """None until the first decision."""
    person_count: int = 0
    fall: Literal["none", "suspected", "confirmed"] = "none"
    """The worst of `falls`."""
    people: tuple[PersonState, ...] = ()
    falls: tuple[FallState, ...] = ()
    """Those that are not over, oldest first."""
    stays: tuple[Stay, ...] = ()
    """Who is in which zone, in the order in which they came."""
    seats: tuple[SeatState, ...] = ()
    """Those who have been sitting long enough for their view to be decided."""
    sedentary: bool = False
    """Somebody has been sitting for too long without a break."""

    @property
    def slouching(self) -> bool | None:
        """Whether anybody sits badly; None where nobody sits in a way that can be measured."""
        measured = [seat.slouching for seat in self.seats if seat.measured or seat.slouching]
        return any(measured) if measured else None

    @property
    def main_person(self) -> PersonState | None:
        """Whoever has been there longest: the one `state.posture` speaks of."""
        return self.present[0] if self.present else None

    @property
    def present(self) -> tuple[PersonState, ...]:
        """Whose posture is known, as long as somebody counts as being there."""
        return self.people if self.occupied else ()

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the zones in which somebody is, sorted; nobody is where nobody counts as being there."""
        return tuple(sorted({stay.zone for stay in self.stays})) if self.occupied else ()

    def zone_of(self, person_id: int) -> str | None:
        """Return the zone a person entered last of those they are in."""
        return next((stay.zone for stay in reversed(self.stays) if stay.person_id == person_id), None)


@dataclass(frozen=True, slots=True)
class ActiveFall:
    """A confirmed fall that nobody has ended: it outlives the daemon, so its times are wall time."""

    event_id: str
    """Of the event that confirmed it; the one that ends it carries the same."""
    start_ms: int
    """Milliseconds since 1970."""
    confirmed_ms: int
    """Milliseconds since 1970."""
    person_id: int | None = None
    zone: str | None = None
    confidence: float | None = None
    reason: str = ""


class Delivery(StrEnum):
    """How a message may be treated on its way; the sinks decide what that means."""

    RETAINED = "retained"
    """Only the newest counts and late subscribers want it."""
    EVENT = "event"
    """Each one counts; never retained."""
    STREAM = "stream"
    """Worth nothing when late; never queued."""
    REPLY = "reply"
    """An answer to somebody who waits: sent once if the broker is there, else forgotten."""


@dataclass(frozen=True, slots=True)
class Message:
    """One publication, before anybody knows the transport."""

    topic: str
    """Below the device's root: `state`, `events`, `landmarks` ...; with `absolute` the whole topic."""
    payload: bytes
    delivery: Delivery
    qos: Literal[0, 1] = 1
    expiry_s: int | None = None
    """MQTT 5 Message Expiry Interval."""
    content_type: str = "application/json"
    absolute: bool = False
    """The topic is not below the device's root: Home Assistant's, or one a requester named."""
    event_id: str = ""
    """Of the event it tells of; what a consumer's receipt names."""
    critical: bool = False
    """An alert: it never expires and is the last to go when there is no room."""
    correlation: bytes | None = None
    """MQTT 5 Correlation Data of the request this answers."""
