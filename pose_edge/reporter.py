"""Results and news -> messages: what to say, and how often. No I/O; the time comes in.

For the daemon; a replay tells everything at once (`replay.py`). `Engine` decides what happened, `Messages`
how it looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import Field

from pose_edge.engine import Closing, Engine, Step
from pose_edge.events import REMINDER
from pose_edge.messages import Messages
from pose_edge.options import Options
from pose_edge.payloads import HealthValues, LandmarkEncoding
from pose_edge.quiet import QuietHours
from pose_edge.records import Event, Message, PoseResult, Scene, Stage, State
from pose_edge.signals import percentile
from pose_edge.wire import Status

FRESH_MS: Final = 3000
"""Results older than this are stale: nobody is being watched over."""

CLOCK_STEP_MS: Final = 50
"""The wall clock is followed when it is off by more; smaller differences are the jitter of scheduling."""

WINDOW: Final = 300
"""Results over which rates and durations are taken."""

SLOW_HZ: Final = 5.0
"""Below it a fall of 0.6 s is two frames: too few to judge."""


class LandmarksOptions(Options):
    """Options under ``publish.landmarks``."""

    enabled: bool = True
    """Whether the `landmarks` topic is fed at all."""

    encoding: LandmarkEncoding = "arrays"
    """`arrays`: flat lists of numbers; `objects`: 33 named objects a pose, twice as long; `f16`: binary on
    `landmarks/f16`, a quarter as long."""

    max_hz: float = Field(5.0, gt=0, le=120)
    """At most so many a second; the events see every result all the same."""


class PublishOptions(Options):
    """Options under ``publish``: what is sent how often."""

    state_min_interval_s: float = Field(0.5, ge=0, le=60)
    """Changes of `state` closer than this are told together."""

    state_heartbeat_s: float = Field(60.0, ge=1, le=3600)
    """`state` is repeated this often when nothing changes."""

    health_interval_s: float = Field(30.0, ge=1, le=3600)
    """How often `health` is sent."""

    landmarks: LandmarksOptions = Field(default_factory=LandmarksOptions)


@dataclass(frozen=True, slots=True)
class Now:
    """The moment, on every clock that matters."""

    monotonic_ns: int
    wall_ms: int
    """Milliseconds since 1970."""
    clock_synced: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What one result led to."""

    messages: tuple[Message, ...]
    events: tuple[Event, ...]


class Reporter:
    """Owns what happened so far in one run of the device."""

    def __init__(
        self,
        engine: Engine,
        messages: Messages,
        options: PublishOptions,
        quiet: QuietHours | None = None,
    ) -> None:
        """In `quiet` hours no reminders are told."""
        self._engine = engine
        self._quiet = quiet
        self._withheld = 0
        self._messages = messages
        self._options = options
        self._state, self._scene = State(), Scene(0, 0, 0, ())
        self._clock_offset_ms = 0
        self._results: deque[PoseResult] = deque(maxlen=WINDOW)
        self._last_result_ns: int | None = None
        self._last_landmarks_ms: int | None = None
        self._last_ms: int | None = None
        self._shift_ms: int | None = 0
        self._state_due_ns = self._heartbeat_ns = self._health_ns = 0
        self._state_changed = False
        self._flowing: bool | None = None
        self._camera: dict[int, str] = {}
        self._standing: tuple[bool, ...] = ()
        self.paused = False
        """Nobody is to be looked at: what was seen before is not said again."""
        self.fall_active = False
        """A confirmed fall, of this run or an earlier one, has not been ended."""

    def result(self, result: PoseResult, now: Now) -> Told:
        """Return what there is to say about one result of the model."""
        result = self._in_order(result, now)
        self._follow_clock(result, now)
        self._results.append(result)
        self._last_result_ns = now.monotonic_ns
        step = self._engine.update(result)
        self._state_changed |= step.state != self._state
        self._state, self._scene = step.state, step.scene
        self._follow_camera(step.events)
        told = tuple(event for event in step.events if not self._is_withheld(event, now))
        events = [self._messages.event(event) for event in told]
        return Told((*self._landmarks(result, step), *events), told)

    def use(self, engine: Engine) -> None:
        """Go on with an engine that knows more of its surroundings; before the first result."""
        self._engine = engine

    def clear_falls(self) -> None:
        """Learn that somebody has seen to every fall: the engine must not end them a second time."""
        self._state = self._engine.clear_falls()
        self._state_changed = True

    def close(self, reason: Closing) -> tuple[Message, ...]:
        """Return the ends of all that goes on, because nobody is looked at from now on."""
        ends, self._state = self._engine.close(reason)
        self._follow_camera(ends)
        self._state_changed = True
        return tuple(self._messages.event(event) for event in ends)

    def restarted(self) -> None:
        """Learn that the next results come from another vision process, whose clock may begin anew."""
        self._results.clear()
        self._shift_ms = None

    def tick(self, now: Now) -> list[Message]:
        """Return what is due apart from results: freshness, `state` when it changed or is old."""
        messages: list[Message] = []
        self._messages.set_clock(self._offset_ms(now), now.clock_synced)
        flowing = self.flowing(now)
        if flowing is not self._flowing:
            self._flowing = flowing
            messages.append(self._messages.pipeline_status(flowing))
        standing = (flowing, self.paused, self.fall_active)
        if standing != self._standing:
            self._standing, self._state_changed = standing, True
        changed = self._state_changed and now.monotonic_ns >= self._state_due_ns
        if changed or now.monotonic_ns >= self._heartbeat_ns:
            messages += self._tell_state(now)
        return messages

    def health_due(self, now: Now) -> bool:
        """Return whether `health` is wanted; once true, not again for the interval."""
        if now.monotonic_ns < self._health_ns:
            return False
        self._health_ns = now.monotonic_ns + int(self._options.health_interval_s * 1e9)
        return True

    def health(self, values: HealthValues, now: Now) -> Message:
        """Return the `health` message of this moment."""
        return self._messages.health(values, self.timestamp_ms(now))

    def timestamp_ms(self, now: Now) -> int:
        """Return this moment on the clock of the pictures."""
        return now.wall_ms - self._offset_ms(now)

    def flowing(self, now: Now) -> bool:
        """Return whether results come: the truth behind availability, readiness and the watchdog."""
        if self._last_result_ns is None or self.paused:
            return False
        return now.monotonic_ns - self._last_result_ns <= FRESH_MS * 1_000_000

    def rate_hz(self, now: Now) -> float | None:
        """Return results a second, lately; None without results."""
        if len(self._results) < 2 or not self.flowing(now):
            return None
        first, last = self._results[0].timing, self._results[-1].timing
        if first is None or last is None or last.finished_ns <= first.finished_ns:
            return None
        return (len(self._results) - 1) * 1e9 / (last.finished_ns - first.finished_ns)

    def measured(self, status: Status, now: Now) -> dict[str, float | int | str | None]:
        """Return the fields of `health` that follow from results and the counts of the vision process."""
        inference_ms = [(t.finished_ns - t.submitted_ns) / 1e6 for r in self._results if (t := r.timing)]
        whole_ms = [(t.finished_ns - t.available_ns) / 1e6 for r in self._results if (t := r.timing)]
        return {
            "frames_captured_total": status.submitted,
            "frames_submitted_total": status.submitted,
            "frames_dropped_total": status.dropped,
            "frames_in_flight": status.in_flight,
            "rate_pace": status.pace,
            "rate_limit_fps": status.limit_hz,
            "results_total": status.results,
            "results_empty_total": status.empty,
            "timestamp_errors_total": status.timestamp_errors,
            "callback_errors_total": status.callback_errors,
            "inference_fps": _rounded(self.rate_hz(now)),
            "inference_ms_p50": _percentile(inference_ms, 50),
            "inference_ms_p95": _percentile(inference_ms, 95),
            "end_to_end_ms_p95": _percentile(whole_ms, 95),
            "reminders_withheld_total": self._withheld,
            "last_frame_age_s": _age_s(status.last_frame_ns or None, now),
            "last_result_age_s": _age_s(self._last_result_ns, now),
        }

    @property
    def camera_problems(self) -> tuple[str, ...]:
        """What keeps the camera from seeing, in the words of the events of that kind."""
        return tuple(sorted(set(self._camera.values())))

    def _follow_camera(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind != "camera":
                continue
            if event.stage is Stage.END:
                self._camera.pop(event.number, None)
            else:
                self._camera[event.number] = str(event.details["problem"])

    def _is_withheld(self, event: Event, now: Now) -> bool:
        """Whether an event is a reminder in quiet hours.

        While the time of day is not known it never is: else a device without network would remind nobody.
        """
        if self._quiet is None or event.event_type != REMINDER or not now.clock_synced:
            return False
        withheld = self._quiet.cover(now.wall_ms)
        self._withheld += withheld
        return withheld

    def _in_order(self, result: PoseResult, now: Now) -> PoseResult:
        """Let the stamps of a file or actor that was opened again follow the last; a camera's do anyway."""
        if self._shift_ms is None:
            self._shift_ms = 0
            if self._last_ms is not None and result.timestamp_ms <= self._last_ms:
                gap_ms = (now.monotonic_ns - (self._last_result_ns or now.monotonic_ns)) // 1_000_000
                self._shift_ms = self._last_ms + max(1, gap_ms) - result.timestamp_ms
        self._last_ms = result.timestamp_ms + self._shift_ms
        return result if not self._shift_ms else replace(result, timestamp_ms=self._last_ms)

    def _follow_clock(self, result: PoseResult, now: Now) -> None:
        """Learn how far the wall clock is from the source's, and follow it when it is set."""
        timing = result.timing
        wall_ms = timing.wall_ms if timing else None
        if wall_ms is None:  # then the picture was taken when it came
            available_ns = timing.available_ns if timing else now.monotonic_ns
            wall_ms = now.wall_ms - (now.monotonic_ns - available_ns) // 1_000_000
        offset_ms = wall_ms - result.timestamp_ms
        if self._last_result_ns is None or abs(offset_ms - self._clock_offset_ms) > CLOCK_STEP_MS:
            self._clock_offset_ms = offset_ms
        self._messages.set_clock(self._clock_offset_ms, now.clock_synced)

    def _offset_ms(self, now: Now) -> int:
        """Return how far the wall clock is from the pictures'; before the first picture that is a choice."""
        if self._last_result_ns is None:
            self._clock_offset_ms = now.wall_ms - now.monotonic_ns // 1_000_000
        return self._clock_offset_ms

    def _landmarks(self, result: PoseResult, step: Step) -> Sequence[Message]:
        wanted = self._options.landmarks
        if not wanted.enabled or not _due(self._last_landmarks_ms, result.timestamp_ms, wanted.max_hz):
            return ()
        self._last_landmarks_ms = result.timestamp_ms
        return (self._messages.landmarks(result, step.person_ids, wanted.encoding),)

    def _tell_state(self, now: Now) -> Sequence[Message]:
        self._state_changed = False
        self._state_due_ns = now.monotonic_ns + int(self._options.state_min_interval_s * 1e9)
        self._heartbeat_ns = now.monotonic_ns + int(self._options.state_heartbeat_s * 1e9)
        age_s = _age_s(self._last_result_ns, now)
        detection = self._detection(now)
        state, *texts = self._messages.state(
            State() if self.paused else self._state,
            None if self.paused else self._scene,
            timestamp_ms=self.timestamp_ms(now),
            detection=detection,
            fall="confirmed" if self.fall_active else None,
            inference_fps=self.rate_hz(now),
            frame_age_ms=None if age_s is None else round(age_s * 1000),
        )
        return (state, *(texts if detection == "running" else self._messages.nobody_looks()))

    def _detection(self, now: Now) -> Literal["running", "paused", "stalled"]:
        if self.paused:
            return "paused"
        return "running" if self.flowing(now) else "stalled"


def _due(last_ms: int | None, now_ms: int, max_hz: float) -> bool:
    # Half a frame of tolerance, or a 5 Hz cap on a 30 Hz camera would give 4.3.
    return last_ms is None or now_ms - last_ms >= 1000 / max_hz - 17


def _age_s(at_ns: int | None, now: Now) -> float | None:
    return None if at_ns is None else round(max(0, now.monotonic_ns - at_ns) / 1e9, 2)


def _percentile(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:
        return None
    return round(percentile(values, percent), 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
