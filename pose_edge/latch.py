"""The fall latch: what keeps `fall/state` ON.

A fall is latched when the engine confirms it and stays so, over restarts too, until the engine ends that
very fall or somebody clears all of them; nothing else ends it, least of all time or a lost person.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from pose_edge.records import ActiveFall, Event, Stage

REMEMBERED: Final = 64


class What(Enum):
    """What became of the latch."""

    NOTHING = auto()
    """Nothing to publish; `reason` says why."""
    LATCHED = auto()
    UPDATED = auto()
    """It was ON already; the attributes may differ."""
    RECOVERED = auto()
    """The engine has seen it and sent the event itself. The latch is still ON while `active` is not None."""
    CLEARED = auto()
    """By command: the engine does not know, so a `fall_cleared` event is due for each of `ended`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be stored and published."""

    what: What
    active: ActiveFall | None
    """What holds now: `fall/state` is ON unless it is None, and this goes into the attributes."""
    ended: tuple[ActiveFall, ...] = ()
    reason: str = ""


class FallLatch:
    """Holds every fall that nobody has ended, oldest first; begins with the one that was stored.

    With several the oldest is `active`. Only that one outlives the daemon: the latch comes back ON, which is
    what counts, though not with all their ids.
    """

    def __init__(self, active: ActiveFall | None = None) -> None:
        self._down: dict[str, ActiveFall] = {} if active is None else {active.event_id: active}
        self._cleared: deque[str] = deque(maxlen=REMEMBERED)

    @property
    def active(self) -> ActiveFall | None:
        """The oldest fall nobody has ended."""
        return next(iter(self._down.values()), None)

    @property
    def count(self) -> int:
        """How many falls nobody has ended."""
        return len(self._down)

    def take(self, event: Event, fall: ActiveFall) -> Change:
        """Follow the engine: any of its events may come; `fall` is how this one would be remembered."""
        if event.kind == "fall" and event.stage is Stage.END:
            return self._recover(fall.event_id, event.reason or "recovered")
        if event.kind == "fall" and event.event_type == "fall_confirmed":
            return self._confirm(fall)
        return self._nothing(f"{event.event_type} does not concern the latch")

    def clear(self, reason: str) -> Change:
        """End every fall by command."""
        if not self._down:
            return self._nothing("no fall is active")
        ended = tuple(self._down.values())
        self._cleared.extend(self._down)
        self._down.clear()
        return Change(What.CLEARED, None, ended, reason)

    def _confirm(self, fall: ActiveFall) -> Change:
        # The engine goes on to tell of whoever still lies there, which a person has already seen to.
        if fall.event_id in self._cleared:
            return self._nothing("that fall was cleared")
        what = What.UPDATED if self._down else What.LATCHED
        before = self._down.get(fall.event_id, fall)
        if before is not fall:
            fall = replace(fall, start_ms=before.start_ms, confirmed_ms=before.confirmed_ms)
        self._down[fall.event_id] = fall
        return Change(what, self.active, reason=fall.reason)

    def _recover(self, event_id: str, reason: str) -> Change:
        fall = self._down.pop(event_id, None)
        if fall is None:  # only suspected, or cleared before
            return self._nothing("that fall is not active")
        return Change(What.RECOVERED, self.active, (fall,), reason)

    def _nothing(self, why: str) -> Change:
        return Change(What.NOTHING, self.active, reason=why)
