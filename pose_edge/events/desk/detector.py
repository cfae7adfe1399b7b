"""Feeds people to what is known of how they sit, and tells what begins, is due and ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pose_edge.desk import View
from pose_edge.events.desk.habit import Habit
from pose_edge.events.desk.judging import JUDGES, Verdict, evidence
from pose_edge.events.desk.learning import Chair, Learning, fits
from pose_edge.events.desk.options import DeskOptions
from pose_edge.events.desk.sedentary import SeatClock
from pose_edge.events.desk.sitter import Sitter
from pose_edge.events.ending import ended
from pose_edge.records import Calibration, Event, Posture, PostureClass, Scalar, Scene, Severity, Stage
from pose_edge.signals import GAP_MS

GONE_MS: Final = 10_000
"""Somebody at a desk who is not seen has turned away or leans out; after this long they have left."""

LOOK_MS: Final = 195
"""Closer sightings add work, not knowledge: everything here takes 3 s or more. Not 200, or of 5 pictures a
second every other one would be left out."""

REMINDER: Final = "posture_reminder"
"""Type of every event that asks somebody to sit otherwise or get up; always an update of one that began."""

UNCALIBRATED: Final = 0.8
"""Confidence is for display; a learnt baseline is a guess at how they sit when they sit well."""


class DeskDetector:
    """See the package. Its events are of the kinds `desk`, those of `JUDGES`, and `sedentary`."""

    kind = "desk"

    def __init__(
        self, options: DeskOptions, numbers: Iterator[int], calibration: Calibration | None = None
    ) -> None:
        self._options = options
        self._numbers = numbers
        self._calibrated = None if calibration is None else calibration.desk
        self._sitters: dict[int, Sitter] = {}
        self._kept: dict[str, Learning] = {}
        """What was learnt in each view of whoever sat there last, for whoever comes back to that chair."""
        self._clock = SeatClock(round(options.break_every_min * 60_000))
        self._too_long: Event | None = None
        self._too_long_reminders = 0
        self._reminded_ms: dict[str, int] = {}
        """When each kind was last reminded of."""
        self._previous_ms: int | None = None

    def update(self, scene: Scene) -> tuple[Event, ...]:
        """See `Detector.update`."""
        if not self._options.enabled:
            return ()
        events: list[Event] = []
        for posture in scene.people:
            sitter = self._sitters.get(posture.person_id)
            if sitter is None:
                if posture.posture_class is not PostureClass.SITTING:
                    continue
                sitter = self._welcome(posture, scene, events)
            elif 0 <= scene.timestamp_ms - sitter.seen_ms < LOOK_MS:
                continue
            step_ms = sitter.see(posture, scene)
            self._follow(sitter, step_ms, events)
        self._forget(scene.timestamp_ms, events)
        self._run_clock(scene, events)
        return tuple(events)

    def _welcome(self, posture: Posture, scene: Scene, events: list[Event]) -> Sitter:
        """Return who that is: somebody new, or under another id whoever was lost from sight on that chair."""
        seen = {one.person_id for one in scene.people}
        for sitter in self._sitters.values():
            if sitter.person_id not in seen and sitter.is_near(posture):
                self._end_all(sitter, scene.timestamp_ms, "lost", events)
                del self._sitters[sitter.person_id]
                break
        else:
            sitter = Sitter(posture, self._options)
        sitter.person_id = posture.person_id
        self._sitters[posture.person_id] = sitter
        return sitter

    def _follow(self, sitter: Sitter, step_ms: int, events: list[Event]) -> None:
        if not sitter.seated:
            if sitter.begun is not None or sitter.view is not None:
                self._end_all(sitter, sitter.seen_ms, "stood_up", events)
                sitter.get_up()
                _forget_lately(sitter)
            for habit in sitter.habits.values():
                habit.rest(step_ms)
            return
        self._know_usual(sitter, step_ms)
        if sitter.view is None:
            return
        self._tell_view(sitter, events)
        if sitter.shown is not None and sitter.baseline is not None:
            self._judge(sitter, step_ms, events)

    def _know_usual(self, sitter: Sitter, step_ms: int) -> None:
        """See to it that there is a baseline for this view and this chair, or that one is being learnt."""
        view = sitter.looks
        if sitter.shown is None or view not in ("side", "front"):
            return
        baseline = sitter.baseline
        if baseline is not None and sitter.chair.moved(baseline, sitter.place, step_ms):
            sitter.calibrated = sitter.learning = None
        if sitter.calibrated is not None and sitter.calibrated.view != view:
            sitter.calibrated = None
        if sitter.learning is not None and sitter.learning.view != view:
            self._keep(sitter)
        if sitter.calibrated is None and sitter.learning is None:
            self._choose(sitter, view)
        if sitter.learning is not None:
            sitter.learning.see(sitter.shown, sitter.place, step_ms)

    def _choose(self, sitter: Sitter, view: View) -> None:
        sitter.chair = Chair()
        ours = self._calibrated
        if ours is not None and ours.view == view and fits(ours, sitter.place):
            sitter.calibrated = ours
            return
        kept = self._kept.pop(view, None)
        known = None if kept is None else kept.baseline()
        sitter.learning = kept if known is not None and fits(known, sitter.place) else Learning(view)

    def _judge(self, sitter: Sitter, step_ms: int, events: list[Event]) -> None:
        shown, baseline = sitter.shown, sitter.baseline
        assert shown is not None
        assert baseline is not None
        for kind, judge in JUDGES.items():
            habit = sitter.habits[kind]
            verdict = judge(shown, baseline, self._options, habit.bad.holds)
            if verdict is None:
                continue
            habit.see(verdict, sitter.seen_ms, step_ms)
            if habit.begins:
                habit.begun = self._bad(sitter, kind, habit, verdict, Stage.NEW, f"{kind}_started")
                habit.good.reset()
                events.append(habit.begun)
            if habit.ends:
                self._end_habit(sitter, kind, sitter.seen_ms, habit.good_since_ms, "good", events)
            elif habit.due and self._may_remind(sitter, kind):
                self._reminded_ms[kind] = sitter.seen_ms
                events.append(self._bad(sitter, kind, habit, verdict, Stage.UPDATE, REMINDER))
                habit.reminded()

    def _may_remind(self, sitter: Sitter, kind: str) -> bool:
        # Who slouches has the head forward, too: that is one thing to be told of, not two.
        if kind == "forward_head" and sitter.habits["slouch"].begun is not None:
            return False
        return self._options.remind and self._is_time(kind, sitter.seen_ms)

    def _is_time(self, kind: str, now_ms: int) -> bool:
        last_ms = self._reminded_ms.get(kind)
        return last_ms is None or now_ms - last_ms >= self._options.remind_at_most_every_min * 60_000

    def _bad(
        self, sitter: Sitter, kind: str, habit: Habit, verdict: Verdict, stage: Stage, event_type: str
    ) -> Event:
        begun, baseline, shown = habit.begun, sitter.baseline, sitter.shown
        assert baseline is not None
        assert shown is not None
        calibrated = sitter.calibrated is not None
        certain = sitter.visibility * (0.5 + 0.5 * verdict.excess) * (1.0 if calibrated else UNCALIBRATED)
        due_by = "dose" if habit.dose >= 1.0 else "held"
        return Event(
            kind=kind,
            event_type=event_type,
            stage=stage,
            number=begun.number if begun else next(self._numbers),
            timestamp_ms=sitter.seen_ms,
            start_ms=begun.start_ms if begun else habit.since_ms,
            person_id=sitter.person_id,
            # A second reminder of the same stretch was not heeded.
            severity="warning" if stage is Stage.UPDATE and habit.reminders else "info",
            confidence=round(min(1.0, certain), 2),
            reason=due_by if stage is Stage.UPDATE else verdict.cause,
            details={"view": sitter.view, "calibrated": calibrated, "cause": verdict.cause},
            evidence={
                **evidence(kind, shown, baseline, self._options),
                "bad_s": round((sitter.seen_ms - (begun.start_ms if begun else habit.since_ms)) / 1000, 1),
                "dose": round(habit.dose, 3),
                "bad_share": round(habit.lately.share(), 2),
                "limit_hold_s": self._options.slouch_hold_s,
            },
        )

    def _end_habit(
        self, sitter: Sitter, kind: str, now_ms: int, end_ms: int, reason: str, events: list[Event]
    ) -> None:
        habit = sitter.habits[kind]
        if habit.begun is not None:
            reminders: dict[str, Scalar] = {"reminders": habit.reminders}
            events.append(_ended(habit.begun, now_ms, end_ms, reason, reminders))
        habit.over()

    def _tell_view(self, sitter: Sitter, events: list[Event]) -> None:
        """Say from where somebody is seen, and whether that lets anything be measured."""
        assert sitter.view is not None
        measured, calibrated = sitter.baseline is not None, sitter.calibrated is not None
        told = (str(sitter.view), measured, calibrated)
        if sitter.begun is not None and told == sitter.told:
            return
        if sitter.begun is not None and sitter.told[0] != sitter.view:
            self._end_habits(sitter, sitter.seen_ms, "view", events)
            _forget_lately(sitter)
        sitter.told = told
        begun = sitter.begun
        reason = "measured" if measured else "learning" if sitter.view in ("side", "front") else sitter.view
        event = Event(
            kind=self.kind,
            event_type="desk_changed" if begun else "desk_started",
            stage=Stage.UPDATE if begun else Stage.NEW,
            number=begun.number if begun else next(self._numbers),
            timestamp_ms=sitter.seen_ms,
            start_ms=begun.start_ms if begun else sitter.seen_ms,
            person_id=sitter.person_id,
            confidence=round(sitter.visibility, 2),
            reason=reason,
            details={"view": sitter.view, "measured": measured, "calibrated": calibrated},
            evidence=sitter.view_evidence(),
        )
        sitter.begun = event
        events.append(event)

    def _forget(self, now_ms: int, events: list[Event]) -> None:
        """End what is known of people who are gone."""
        if not self._sitters:
            return
        gone = [sitter for sitter in self._sitters.values() if now_ms - sitter.seen_ms > GONE_MS]
        for sitter in gone:
            self._end_all(sitter, now_ms, "gone", events)
            del self._sitters[sitter.person_id]

    def _end_all(self, sitter: Sitter, now_ms: int, reason: str, events: list[Event]) -> None:
        self._end_habits(sitter, now_ms, reason, events)
        if sitter.begun is not None:
            events.append(_ended(sitter.begun, now_ms, sitter.seen_ms, reason))
            sitter.begun = None
        self._keep(sitter)

    def _keep(self, sitter: Sitter) -> None:
        if sitter.learning is not None:
            self._kept[sitter.learning.view] = sitter.learning
            sitter.learning = None

    def _end_habits(self, sitter: Sitter, now_ms: int, reason: str, events: list[Event]) -> None:
        for kind in sitter.habits:
            self._end_habit(sitter, kind, now_ms, sitter.seen_ms, reason, events)

    def _run_clock(self, scene: Scene, events: list[Event]) -> None:
        """Tell of sitting too long; see `sedentary.py`."""
        now_ms, previous_ms = scene.timestamp_ms, self._previous_ms
        self._previous_ms = now_ms
        step_ms = 0 if previous_ms is None or now_ms - previous_ms > GAP_MS else now_ms - previous_ms
        clock = self._clock
        sits = clock.run(scene, step_ms) == "sits"
        if self._too_long is None and clock.full:
            self._too_long, self._too_long_reminders = self._sedentary(now_ms, "sedentary_started"), 0
            events.append(self._too_long)
        if self._too_long is None:
            return
        if clock.sat_ms == 0:
            reminders: dict[str, Scalar] = {"reminders": self._too_long_reminders}
            events.append(_ended(self._too_long, now_ms, clock.up_since_ms, "break", reminders))
            self._too_long = None
        elif sits and clock.full and self._options.remind and self._is_time("sedentary", now_ms):
            self._reminded_ms["sedentary"] = now_ms
            events.append(self._sedentary(now_ms, REMINDER))
            self._too_long_reminders += 1

    def _sedentary(self, now_ms: int, event_type: str) -> Event:
        begun, sitter = self._too_long, self._clock.sitter
        assert sitter is not None
        severity: Severity = "warning" if begun is not None and self._too_long_reminders else "info"
        return Event(
            kind="sedentary",
            event_type=event_type,
            stage=Stage.UPDATE if begun else Stage.NEW,
            number=begun.number if begun else next(self._numbers),
            timestamp_ms=now_ms,
            start_ms=begun.start_ms if begun else self._clock.since_ms,
            person_id=sitter.person_id,
            severity=severity,
            confidence=round(sitter.confidence, 2),
            reason="sat_too_long",
            evidence={
                "sat_min": round(self._clock.sat_ms / 60_000, 2),
                "limit_min": self._options.break_every_min,
            },
        )


def _forget_lately(sitter: Sitter) -> None:
    for habit in sitter.habits.values():
        habit.lately.clear()


def _ended(
    begun: Event, now_ms: int, end_ms: int, reason: str, evidence: Mapping[str, Scalar] | None = None
) -> Event:
    held = {"held_s": round((end_ms - begun.start_ms) / 1000, 1), **(evidence or {})}
    return ended(begun, f"{begun.kind}_ended", now_ms, end_ms, reason, held)
