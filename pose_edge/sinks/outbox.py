"""Events on their way to the broker: stored before they are sent, forgotten when the broker has them.

This is the queue alone: order, back-off, parking, room, receipts. It lives in memory; with a path a
`Journal` keeps the same on disk, on a thread of its own.
"""

from __future__ import annotations

import heapq
import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pose_edge.records import Message
from pose_edge.sinks.outbox_options import OutboxOptions
from pose_edge.sinks.outbox_store import Row
from pose_edge.sinks.outbox_writer import HANG_S, Journal
from pose_edge.sinks.outgoing import QueueCounts, Waiting

logger = logging.getLogger(__name__)

BELIEVABLE_AGE_S: Final = 30 * 24 * 3600.0
"""Older than this after a restart, or from the future: the wall clock was wrong, then or now."""
JITTER: Final = 0.2
DROP_LOG_EVERY_S: Final = 60.0


class _Place(Enum):
    READY = auto()
    ON_WAY = auto()
    LATER = auto()
    """Not before `due_s`: refused, parked, or a receipt is awaited."""


@dataclass(slots=True)
class _Entry:
    row: Row
    size: int
    since_s: float
    """When it was put in, on the monotonic clock; before this run counts too."""
    earlier: bool = False
    """It comes from an earlier run."""
    offered: bool = False
    """A consumer may have heard of it."""
    confirmed: bool = False
    """A consumer has it, though the broker has not acknowledged it yet."""
    place: _Place = _Place.READY
    due_s: float = 0.0
    acked_s: float | None = None
    """Since when only the receipt is missing."""

    @property
    def critical(self) -> bool:
        return self.row.message.critical


class Outbox:
    """An `Outgoing` that outlives the process, or in memory where `path` is None.

    `next` offers an event once it is on disk, which takes a moment: `wake` is called, on another thread,
    when it has something to offer. A disk that fails or does not answer holds nothing up; `counts` tells.
    Nothing but opening and closing waits for the disk.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        wake: Callable[[], None] | None = None,
        options: OutboxOptions = OutboxOptions(),  # noqa: B008  # frozen
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._clock = clock
        self._wall = wall
        self._journal = None if path is None else Journal(path, wake)
        self._entries: dict[int, _Entry] = {}
        self._bytes = 0
        self._last_key = 0
        # Heaps; entries that left or moved meanwhile are skipped when they come up.
        self._ready: list[int] = []
        self._later: list[tuple[float, int]] = []
        self._parked: dict[int, str] = {}  # reasons, the newest last
        self._awaiting: set[int] = set()  # keys of those that lack nothing but the receipt
        self._dropped = 0
        self._drop_logged_s: dict[int, float] = {}  # by log level

    def __enter__(self) -> Self:
        if self._journal is not None:
            self._last_key = self._journal.open()
            self._adopt(self._journal.take_found())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the disk, but not long; safe to call twice."""
        if self._journal is not None:
            self._journal.close()

    def __len__(self) -> int:
        return len(self._entries) - len(self._awaiting)

    def put(self, message: Message) -> None:
        """See `Outgoing.put`."""
        size = len(message.payload) + len(message.topic)
        if not self._make_room(message, size):
            return
        self._last_key += 1
        row = Row(self._last_key, message, created_ms=round(self._wall() * 1000))
        self._add(_Entry(row, size, self._clock()))
        if self._journal is not None:
            self._journal.keep(row)

    def next(self) -> Waiting | None:
        """See `Outgoing.next`. In the order of the keys, except those that wait for their next try."""
        now_s = self._clock()
        if self._journal is not None:
            self._adopt(self._journal.take_found())
        self._make_ready(now_s)
        while self._ready:
            entry = self._entries.get(self._ready[0])
            if entry is None or entry.place is not _Place.READY:
                heapq.heappop(self._ready)
            elif self._may_leave(entry, now_s):
                heapq.heappop(self._ready)
                return self._offer(entry, now_s)
            else:
                return None  # nor may those after it: they are written in this order
        return None

    def acked(self, key: int) -> None:
        """See `Outgoing.acked`."""
        entry = self._entries.get(key)
        if entry is None:
            return
        nameable = entry.critical and entry.row.message.event_id
        if not (self._options.receipts and nameable) or entry.confirmed:
            self._remove(key)
            return
        self._parked.pop(key, None)
        if entry.acked_s is None:
            entry.acked_s = self._clock()
            self._awaiting.add(key)
            self._change(entry, replace(entry.row, acked_ms=round(self._wall() * 1000), parked=None))
        self._await_receipt(entry, entry.acked_s)

    def refused(self, key: int, reason: str) -> None:
        """See `Outgoing.refused`."""
        if (entry := self._on_way(key)) is None:
            return
        tries = entry.row.tries + 1
        if tries >= self._options.park_after_tries or key in self._parked:
            self._park(entry, reason, tries)
            return
        self._change(entry, replace(entry.row, tries=tries))
        # The exponent is bounded: 2.0 ** 1024 is an error.
        pause_s = min(self._options.retry_max_s, self._options.retry_min_s * 2.0 ** min(tries - 1, 64))
        jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # spreads load, guards nothing
        self._wait_until(entry, self._clock() + pause_s * jitter)

    def park(self, key: int, reason: str, retry_s: float | None = None) -> None:
        """See `Outgoing.park`."""
        if (entry := self._on_way(key)) is not None:
            self._park(entry, reason, entry.row.tries + 1, retry_s)

    def rewind(self) -> None:
        """See `Outgoing.rewind`."""
        for entry in self._entries.values():
            if entry.place is _Place.ON_WAY:
                self._be_ready(entry)

    def receipt(self, event_id: str) -> bool:
        """See `Outgoing.receipt`. Takes what the broker has of this event, all its stages.

        What was sent and not acknowledged leaves with its acknowledgement: the consumer may have meant an
        earlier stage.
        """
        named = [entry for entry in self._entries.values() if entry.row.message.event_id == event_id]
        for entry in named if event_id else []:
            if entry.acked_s is not None:
                self._remove(entry.row.key)
            else:
                entry.confirmed = entry.offered
        return bool(event_id and named)

    def unpark(self) -> None:
        """See `Outgoing.unpark`."""
        for key in self._parked:
            entry = self._entries[key]
            self._change(entry, replace(entry.row, tries=0, parked=None))
            if entry.place is _Place.LATER:
                self._be_ready(entry)
        self._parked.clear()

    def counts(self) -> QueueCounts:
        """See `Outgoing.counts`."""
        return QueueCounts(
            waiting=len(self),
            parked=len(self._parked),
            dropped_total=self._dropped,
            problem=self._journal.problem if self._journal is not None else None,
            parked_reason=self._parked_reason,
        )

    @property
    def _parked_reason(self) -> str | None:
        return next(reversed(self._parked.values()), None)

    def _adopt(self, rows: Iterable[Row]) -> None:
        """Take in what an earlier run left: late, and parked no longer."""
        for row in rows:
            size = len(row.message.payload) + len(row.message.topic)
            entry = _Entry(row, size, self._since_s(row.created_ms), earlier=True, offered=True)
            if row.parked is not None:
                self._change(entry, replace(row, tries=0, parked=None))
            self._add(entry)
            if row.acked_ms is not None and self._options.receipts:
                entry.acked_s = self._since_s(row.acked_ms)
                self._awaiting.add(row.key)
                self._await_receipt(entry, entry.acked_s)
            elif row.acked_ms is not None:  # receipts were asked for when it was sent
                self._remove(row.key)

    def _since_s(self, wall_ms: int) -> float:
        """Return a moment of an earlier run on the clock of this one; now if the wall clock was wrong."""
        age_s = self._wall() - wall_ms / 1000
        return self._clock() - (age_s if 0 <= age_s <= BELIEVABLE_AGE_S else 0.0)

    def _add(self, entry: _Entry) -> None:
        self._entries[entry.row.key] = entry
        self._bytes += entry.size
        self._be_ready(entry)

    def _remove(self, key: int) -> None:
        self._bytes -= self._entries.pop(key).size
        self._parked.pop(key, None)
        self._awaiting.discard(key)
        if self._journal is not None:
            self._journal.forget(key)

    def _change(self, entry: _Entry, row: Row) -> None:
        entry.row = row
        if self._journal is not None:
            self._journal.keep(row, urgent=False)

    def _make_ready(self, now_s: float) -> None:
        while self._later and self._later[0][0] <= now_s:
            due_s, key = heapq.heappop(self._later)
            entry = self._entries.get(key)
            if entry is None or entry.place is not _Place.LATER or entry.due_s != due_s:
                continue
            if entry.acked_s is not None and now_s - entry.acked_s >= self._options.receipt_give_up_s:
                logger.warning("no receipt came for event %s: giving it up", entry.row.message.event_id)
                self._remove(key)
            else:
                self._be_ready(entry)

    def _may_leave(self, entry: _Entry, now_s: float) -> bool:
        """Say whether it is on disk, or need not be because the disk fails."""
        if self._journal is None or entry.row.key <= self._journal.stored_through:
            return True
        return self._journal.failing or now_s - entry.since_s > HANG_S

    def _offer(self, entry: _Entry, now_s: float) -> Waiting:
        age_s = max(0.0, now_s - entry.since_s)
        late = entry.earlier or age_s > self._options.late_after_s
        entry.place, entry.offered = _Place.ON_WAY, True
        return Waiting(entry.row.key, entry.row.message, late, age_s)

    def _on_way(self, key: int) -> _Entry | None:
        """Return what the broker would not have, if that makes a difference."""
        entry = self._entries.get(key)
        if entry is None or entry.place is not _Place.ON_WAY:
            return None
        if entry.acked_s is not None:  # it had it before: only the repetition failed
            self._await_receipt(entry, entry.acked_s)
            return None
        return entry

    def _be_ready(self, entry: _Entry) -> None:
        entry.place = _Place.READY
        heapq.heappush(self._ready, entry.row.key)

    def _wait_until(self, entry: _Entry, due_s: float) -> None:
        entry.place, entry.due_s = _Place.LATER, due_s
        heapq.heappush(self._later, (due_s, entry.row.key))

    def _park(self, entry: _Entry, reason: str, tries: int, retry_s: float | None = None) -> None:
        if reason != self._parked_reason:
            logger.warning("event %s is parked: %s", entry.row.message.event_id or entry.row.key, reason)
        self._parked.pop(entry.row.key, None)  # so that its reason is the newest
        self._parked[entry.row.key] = reason
        self._change(entry, replace(entry.row, tries=tries, parked=reason))
        self._wait_until(entry, self._clock() + (retry_s or self._options.parked_retry_s))

    def _await_receipt(self, entry: _Entry, acked_s: float) -> None:
        waited_s = self._clock() - acked_s + 0.001  # or the step that was just taken would come again
        steps_s = self._options.receipt_schedule_s
        step_s = next((step_s for step_s in steps_s if step_s > waited_s), None)
        if step_s is None:
            step_s = (waited_s // steps_s[-1] + 1) * steps_s[-1]
        self._wait_until(entry, acked_s + min(step_s, self._options.receipt_give_up_s))

    def _make_room(self, message: Message, size: int) -> bool:
        """Let others go until it fits; False: it goes itself, and is counted."""
        while not self._fits(size):
            victim = self._victim(message.critical) if size <= self._options.max_bytes else None
            if victim is None:
                self._count_dropped(message)
                return False
            self._count_dropped(self._entries[victim].row.message)
            self._remove(victim)
        return True

    def _fits(self, size: int) -> bool:
        options = self._options
        return len(self._entries) < options.max_events and self._bytes + size <= options.max_bytes

    def _victim(self, for_alert: bool) -> int | None:
        """Return the key of what goes first: never an alert the broker does not have."""
        parked = self._parked.keys()
        idle = [
            key
            for key, entry in self._entries.items()
            if not entry.critical and entry.place is not _Place.ON_WAY
        ]
        candidates = [key for key in idle if key not in parked] or idle
        if not candidates and for_alert:
            candidates = [*self._awaiting]
        return min(candidates, default=None)

    def _count_dropped(self, message: Message) -> None:
        self._dropped += 1
        level = logging.ERROR if message.critical else logging.WARNING
        now_s = self._clock()
        if now_s - self._drop_logged_s.get(level, -DROP_LOG_EVERY_S) >= DROP_LOG_EVERY_S:
            self._drop_logged_s[level] = now_s
            what = "an alert" if message.critical else "an event"
            logger.log(level, "no room for %s: %d events given up so far", what, self._dropped)
