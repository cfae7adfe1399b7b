"""What can be chosen about falls, and where each default comes from.

"Science" is `research/posture_science.md`; lengths are in torso lengths of the person, so distance to
the camera cancels out. 1 torso length is about 0.46 m.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Final, Literal, TypeAlias

from pydantic import Field

from pose_edge.options import Options

Sensitivity: TypeAlias = Literal["low", "medium", "high"]


class FallOptions(Options):
    """Options under ``events.fall``. What is left empty follows from `sensitivity`."""

    sensitivity: Sensitivity = "medium"
    """`high` finds a few falls more and rings more often for nothing; `low` the other way round."""

    drop: float | None = Field(None, gt=0, le=5)
    """How far the head must go down within 2 s, in torso lengths. Medium 1.0: falls 1.16-3.5, sitting down
    0.8-0.9, lying down from sitting 0.8."""

    drop_speed: float | None = Field(None, gt=0, le=20)
    """How fast, in torso lengths a second. Medium 1.3, about 0.6 m/s: real falls reach 2.1 +- 0.6 m/s."""

    torso_angle_deg: float | None = Field(None, gt=0, lt=180)
    """The trunk counts as down when it leans more. Medium 55; published rules use 45 to 60."""

    aspect_ratio: float | None = Field(None, gt=0, le=10)
    """The body counts as down when it is wider than this many times its height. Medium 1.0."""

    height_ratio: float | None = Field(None, gt=0, lt=1)
    """The body counts as down when it looks shorter than this share of before. Medium 0.60."""

    low_s: float | None = Field(None, ge=0, le=30)
    """How long somebody must stay down until a fall is suspected. Medium 0.9 (science 4.1: 1.0, of which the
    median over 0.2 s takes 0.1); 0.6 doubled false suspicions in a trial."""

    loss_after_descent_s: float | None = Field(None, ge=0, le=30)
    """The same when nobody is seen any more after going down. Medium 0.8: the model often loses people on
    the floor, and without this a trial found 20 falls of 30 instead of 29."""

    score: float | None = Field(None, ge=0, le=1)
    """Least score of a suspicion. Medium 0.50; 0.60 loses one fall of 9, below 0.50 nothing is gained."""

    confirm_s: float | None = Field(None, ge=0, le=600)
    """How long after the suspicion it is confirmed, if nobody gets up. Medium 10: real lies last minutes."""

    recovery_s: float | None = Field(None, ge=0, le=60)
    """How long somebody must be up again to end a suspicion, twice as long to end a confirmed fall. 1.5."""

    cooldown_s: float | None = Field(None, ge=0, le=3600)
    """After a confirmed fall is over, how long a descent is not told again. Medium 60. Whoever stays down is
    still found by `floor_after_stand_s`."""

    low_watch: bool = True
    """Also watch for people who lie on the floor however they got there. Without `lying_ok` zones a bed in
    the picture is the floor, too."""

    floor_s: float = Field(60.0, ge=1, le=86400)
    """Lying this long outside `lying_ok` zones is suspected, however it began (science 4.1)."""

    floor_after_stand_s: float = Field(30.0, ge=1, le=86400)
    """The same for somebody who stood within the last 15 s. Science 4.1 says 20; 30 leaves time to lie down
    for a moment."""

    floor_upright_s: float = Field(120.0, ge=1, le=86400)
    """Sitting on the floor this long is suspected (science 4.1)."""

    repeat_s: tuple[float, ...] = (60.0, 300.0)
    """A confirmed fall that nobody has ended is told again so long after it was confirmed."""

    when_multiple_people: Literal["lower", "suppress", "ignore"] = "lower"
    """With somebody else standing there: `lower` waits twice as long and tells a warning, `suppress` waits as
    long as they stand there (and may be the fallen one's helpless spouse), `ignore` makes no difference."""

    help_gesture: bool = True
    """Whether hands raised or waved while a fall is suspected confirm it at once: somebody who has sat up on
    the floor calls. Of a lying body no gesture can be seen. Gestures as `hands_raised` and `wave` have them
    when nothing is set."""

    def in_force(self) -> dict[str, float]:
        """Return what the options leave to `sensitivity`, with the values it gives; for reports."""
        return asdict(limits(self))


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds in force; see `FallOptions`."""

    drop: float
    drop_speed: float
    torso_angle_deg: float
    aspect_ratio: float
    height_ratio: float
    low_s: float
    loss_after_descent_s: float
    score: float
    confirm_s: float
    recovery_s: float
    cooldown_s: float


PRESETS: Final[dict[Sensitivity, Limits]] = {
    "low": Limits(1.2, 1.5, 60.0, 1.1, 0.55, 1.5, 1.2, 0.60, 15.0, 1.5, 120.0),
    "medium": Limits(1.0, 1.3, 55.0, 1.0, 0.60, 0.9, 0.8, 0.50, 10.0, 1.5, 60.0),
    "high": Limits(0.9, 1.1, 50.0, 0.9, 0.65, 0.6, 0.6, 0.40, 5.0, 2.0, 30.0),
}
"""The table of science 4.1."""


def limits(options: FallOptions) -> Limits:
    """Return the thresholds in force: those of the sensitivity, but for what is set."""
    given = {field.name: getattr(options, field.name) for field in fields(Limits)}
    return replace(
        PRESETS[options.sensitivity], **{name: value for name, value in given.items() if value is not None}
    )
