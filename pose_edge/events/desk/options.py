"""Options of the desk kinds."""

from __future__ import annotations

from pydantic import Field, field_validator

from pose_edge.options import Options
from pose_edge.quiet import QuietHours


class DeskOptions(Options):
    """Options under ``events.desk``: sitting badly, and sitting too long."""

    enabled: bool = True
    """Watch how people sit, and tell it in `state` and in quiet events (`slouch_started` ...)."""

    remind: bool = False
    """Also send reminders (`posture_reminder`). Off, because a camera that watches for falls must not tell a
    family to sit up; for a desk turn it on."""

    neck_deg: float = Field(10.0, ge=3, le=60)
    """Side view: so much further forward than your own upright seat the head may be. Reminders in use take
    10; below 3 is noise."""

    trunk_deg: float = Field(10.0, ge=3, le=60)
    """The same of the trunk."""

    gap_share: float = Field(0.85, gt=0, lt=1)
    """Front view: the ears may come nearer to the shoulders, down to this share of your own upright gap."""

    tilt_deg: float = Field(10.0, ge=3, le=60)
    """Front view: so far from your own usual tilt shoulders and head may be (ISO 11226: 10 to the side)."""

    slouch_hold_s: float = Field(180.0, ge=10, le=3600)
    """Remind when 80 % of this long was bad, however slightly. What is worse is told earlier, by dose."""

    break_every_min: float = Field(30.0, ge=1, le=240)
    """Remind to get up after sitting so long; a tenth of it on your feet or away is a whole break (ADA: 3
    minutes every 30)."""

    remind_at_most_every_min: float = Field(20.0, ge=1, le=1440)
    """The least time between two reminders of one kind."""

    quiet_hours: str = ""
    """Local hours without reminders, as "22:00-07:00"; falls are told at any time. While the device does not
    know the time of day, reminders are told."""

    @field_validator("quiet_hours")
    @classmethod
    def _are_hours(cls, text: str) -> str:
        QuietHours.parse(text)
        return text
