"""Options under `mqtt.outbox`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from pose_edge.options import Options


class OutboxOptions(Options):
    """Options under ``mqtt.outbox``: what happens to events until the broker has them."""

    max_events: int = Field(10_000, ge=1, le=1_000_000)
    """Most events that wait. Then the oldest that are no alerts go first, and no alert ever goes to make
    room."""

    max_bytes: int = Field(16 * 1024 * 1024, ge=1024)
    """Most bytes that wait."""

    retry_min_s: float = Field(1.0, gt=0, le=3600)
    """Pause after the broker refused an event for the first time; doubles with each."""

    retry_max_s: float = Field(60.0, gt=0, le=86400)
    """Longest such pause."""

    park_after_tries: int = Field(20, ge=1)
    """An event that was refused this often is set aside and told of in `health`."""

    parked_retry_s: float = Field(3600.0, gt=0)
    """What was set aside is tried again after this time."""

    receipts: bool = False
    """Send each alert again until a consumer confirms it on `receipt`: that the broker has it does not mean
    that anybody heard of it."""

    receipt_schedule_s: Annotated[tuple[float, ...], Field(min_length=1)] = (30, 120, 600)
    """When to send again, counted from the broker's confirmation; from the last on at multiples of it."""

    receipt_give_up_s: float = Field(86400.0, gt=0)
    """After this an alert that nobody confirmed is given up."""

    late_after_s: float = Field(5.0, ge=0)
    """An event that waited longer does not happen now, and is marked so."""

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.retry_max_s < self.retry_min_s:
            raise ValueError(f"retry_max_s is {self.retry_max_s}, less than retry_min_s {self.retry_min_s}")
        if any(later <= sooner for sooner, later in pairwise((0.0, *self.receipt_schedule_s))):
            raise ValueError("receipt_schedule_s: each has to be above the one before it, and above 0")
        return self
