from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from pose_edge.engine import Engine
from pose_edge.messages import Device, Messages
from pose_edge.payloads import HealthValues
from pose_edge.records import Message, Pose, PoseResult, Timing
from pose_edge.reporter import Now, PublishOptions, Reporter
from pose_edge.wire import Status
from tests.bodies import pose

WALL_MS = 1_790_000_000_000
BOOT_MS = 5_000_000


class Bench:
    """A reporter with a hand on the clock: a result every `step_ms`, a tick after each."""

    def __init__(self, **options: object) -> None:
        messages = Messages(Device("test"), "boot", "lite", "live_stream")
        self.reporter = Reporter(Engine(), messages, PublishOptions.model_validate(options))
        self.at_ms = BOOT_MS
        self.wall_step_ms = 0
        self.sent: list[tuple[int, Message]] = []

    @property
    def now(self) -> Now:
        return Now(self.at_ms * 1_000_000, WALL_MS + self.at_ms - BOOT_MS + self.wall_step_ms, True)

    def watch(self, duration_ms: int, *shown: Pose, step_ms: int = 100) -> None:
        for _ in range(0, duration_ms, step_ms):
            available_ns = self.at_ms * 1_000_000
            timing = Timing(available_ns, available_ns + 1_000_000, available_ns + 21_000_000)
            result = PoseResult(self.at_ms, 640, 480, shown, timing=timing)
            self._keep(self.reporter.result(result, self.now).messages)
            self._tick(step_ms)

    def wait(self, duration_ms: int, step_ms: int = 100) -> None:
        for _ in range(0, duration_ms, step_ms):
            self._tick(step_ms)

    def payloads(self, topic: str) -> list[Any]:
        return [json.loads(message.payload) for _, message in self.sent if message.topic == topic]

    def times_ms(self, topic: str) -> list[int]:
        return [at_ms - BOOT_MS for at_ms, message in self.sent if message.topic == topic]

    def texts(self, topic: str) -> list[str]:
        return [message.payload.decode() for _, message in self.sent if message.topic == topic]

    def _tick(self, step_ms: int) -> None:
        self._keep(self.reporter.tick(self.now))
        self.at_ms += step_ms

    def _keep(self, messages: Sequence[Message]) -> None:
        self.sent += [(self.at_ms, message) for message in messages]


@pytest.mark.parametrize(
    ("step_ms", "max_hz", "expected"), [(100, 5, 5), (33, 5, 5), (66, 5, 5), (200, 10, 5)]
)
def test_landmarks_come_at_most_so_often(step_ms: int, max_hz: float, expected: float) -> None:
    bench = Bench(landmarks={"max_hz": max_hz})
    bench.watch(10_000, pose(), step_ms=step_ms)

    assert len(bench.times_ms("landmarks")) / 10 == pytest.approx(expected, abs=0.6)


def test_landmarks_can_be_turned_off_and_events_still_come() -> None:
    bench = Bench(landmarks={"enabled": False})
    bench.watch(3000, pose())

    assert not bench.times_ms("landmarks")
    assert [event["event_type"] for event in bench.payloads("events")] == [
        "presence_started",
        "posture_started",
    ]


def test_state_is_told_when_it_changes_and_by_heartbeat() -> None:
    bench = Bench(state_heartbeat_s=20)
    bench.watch(60_000, pose())

    occupied = [state["occupied"] for state in bench.payloads("state")]
    assert occupied.index(True) <= 2
    assert 4 <= len(occupied) <= 7


def test_changes_close_together_are_told_together() -> None:
    bench = Bench(state_min_interval_s=5)
    bench.watch(5000, pose())

    assert len(bench.times_ms("state")) <= 2


def test_availability_follows_results_not_a_timer() -> None:
    bench = Bench()
    bench.wait(1000)
    bench.watch(3000, pose())
    bench.wait(6000)
    bench.watch(2000, pose())

    assert bench.texts("pipeline/status") == ["offline", "online", "offline", "online"]
    gone_ms = bench.times_ms("pipeline/status")[2]
    assert 6900 <= gone_ms <= 7100  # three seconds after the last result at 3.9 s


def test_a_stalled_camera_is_said_in_the_state() -> None:
    bench = Bench()
    bench.watch(3000, pose())
    bench.wait(6000)

    assert bench.payloads("state")[-1]["detection"] == "stalled"


def test_wall_time_is_that_of_the_frame_not_of_the_message() -> None:
    bench = Bench()
    bench.watch(3000, pose())
    event = bench.payloads("events")[0]

    assert event["timestamp"].startswith("2026-09-21T")
    assert event["frame_timestamp_ms"] == BOOT_MS + 500


def test_a_clock_that_is_set_moves_wall_times_and_nothing_else() -> None:
    bench = Bench()
    bench.watch(2000, pose())
    bench.wall_step_ms = 3_600_000
    bench.watch(2000, pose())

    times = [landmarks["timestamp_ms"] for landmarks in bench.payloads("landmarks")]
    frames = [landmarks["frame_timestamp_ms"] for landmarks in bench.payloads("landmarks")]
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) == pytest.approx(3_600_200, abs=100)
    assert {after - before for before, after in pairwise(frames)} == {200}
    assert [event["event_type"] for event in bench.payloads("events")] == [
        "presence_started",
        "posture_started",
    ]


def test_where_the_camera_knows_the_wall_clock_of_a_picture_its_way_to_us_does_not_count() -> None:
    """A sensor is read out and processed for tens of milliseconds before anybody has the picture."""
    bench, late_ms = Bench(), 120
    for _ in range(20):
        taken_ms, taken_wall_ms = bench.at_ms, bench.now.wall_ms
        bench.at_ms += late_ms
        now_ns = bench.at_ms * 1_000_000
        timing = Timing(now_ns, now_ns, now_ns, wall_ms=taken_wall_ms)
        result = PoseResult(taken_ms, 640, 480, (pose(),), timing=timing)
        for message in bench.reporter.result(result, bench.now).messages:
            bench.sent.append((bench.at_ms, message))
        assert bench.payloads("landmarks")[-1]["timestamp_ms"] == WALL_MS + taken_ms - BOOT_MS
        bench.at_ms += 80


def test_scheduling_jitter_does_not_shake_wall_times() -> None:
    bench = Bench()
    offsets = set()
    for jitter_ms in (0, 7, -9, 20, 3):
        bench.wall_step_ms = jitter_ms
        bench.watch(300, pose())
    for landmarks in bench.payloads("landmarks"):
        offsets.add(landmarks["timestamp_ms"] - landmarks["frame_timestamp_ms"])

    assert len(offsets) == 1


def test_health_is_due_at_its_interval() -> None:
    bench = Bench(health_interval_s=30)
    due = []
    for _ in range(1000):
        due.append(bench.reporter.health_due(bench.now))
        bench.at_ms += 100

    assert [index for index, is_due in enumerate(due) if is_due] == [0, 300, 600, 900]


def test_health_measures_what_came_through() -> None:
    bench = Bench()
    bench.watch(5000, pose())
    status = Status(submitted=70, results=50, dropped=19, in_flight=1, last_frame_ns=bench.now.monotonic_ns)

    message = bench.reporter.health(
        HealthValues(status="ok", **bench.reporter.measured(status, bench.now)), bench.now
    )

    health = json.loads(message.payload)
    assert health["inference_fps"] == pytest.approx(10, abs=0.1)
    assert health["inference_ms_p50"] == pytest.approx(20)
    assert health["end_to_end_ms_p95"] == pytest.approx(21)
    counted = [health[f"{name}_total"] for name in ("frames_submitted", "results", "frames_dropped")]
    assert counted == [70, 50, 19]


def test_a_source_that_begins_anew_goes_on_in_time() -> None:
    """After a restart of the vision process a film is at its first frame again."""
    bench = Bench()
    bench.watch(5000, pose())
    before = bench.payloads("landmarks")[-1]
    bench.wait(2000)
    bench.reporter.restarted()
    for stamp_ms in range(0, 3000, 100):
        now_ns = bench.now.monotonic_ns
        timing = Timing(now_ns, now_ns, now_ns)
        again = PoseResult(stamp_ms, 640, 480, (pose(),), timing=timing)
        bench._keep(bench.reporter.result(again, bench.now).messages)
        bench.at_ms += 100

    frames = [landmarks["frame_timestamp_ms"] for landmarks in bench.payloads("landmarks")]
    assert all(earlier < later for earlier, later in pairwise(frames))
    after = bench.payloads("landmarks")[-15]
    assert 2000 <= after["frame_timestamp_ms"] - before["frame_timestamp_ms"] < 2600
    assert after["timestamp_ms"] - before["timestamp_ms"] < 2600


def test_words_that_cannot_say_how_old_they_are_are_taken_back_while_nothing_is_seen() -> None:
    bench = Bench(state_heartbeat_s=5)
    bench.watch(3000, pose())
    assert (bench.texts("occupancy")[-1], bench.texts("posture")[-1]) == ("ON", "standing")
    bench.wait(30_000)

    assert (bench.texts("occupancy")[-1], bench.texts("posture")[-1]) == ("", "unknown")
    assert bench.payloads("state")[-1]["detection"] == "stalled"


def test_a_fall_cleared_by_command_is_not_ended_a_second_time_by_the_engine() -> None:
    bench = Bench()
    bench.watch(3000, pose("standing", at=(0.5, 0.45)))
    bench.watch(13_000, pose("lying", at=(0.5, 0.75)))
    bench.reporter.clear_falls()
    bench.watch(4000, pose("lying", at=(0.5, 0.75)))
    bench.watch(2000, pose("sitting", at=(0.5, 0.7)))
    bench.watch(6000, pose("standing", at=(0.5, 0.45)))

    falls = [one["event_type"] for one in bench.payloads("events") if one["kind"] == "fall"]
    assert falls == ["fall_suspected", "fall_confirmed"]
    assert "confirmed" in [one["fall"] for one in bench.payloads("state")]
    assert bench.payloads("state")[-1]["fall"] == "none"


def test_a_pause_ends_what_goes_on_and_afterwards_it_begins_anew() -> None:
    bench = Bench()
    bench.watch(2000, pose())
    bench._keep(bench.reporter.close("paused"))
    bench.reporter.paused = True
    bench.wait(3000)
    bench.reporter.paused = False
    bench.watch(2000, pose())

    events = bench.payloads("events")
    assert [(event["event_type"], event["stage"]) for event in events] == [
        ("presence_started", "new"),
        ("posture_started", "new"),
        ("presence_ended", "end"),
        ("posture_ended", "end"),
        ("presence_started", "new"),
        ("posture_started", "new"),
    ]
    assert [event["reason"] for event in events[2:4]] == ["paused", "paused"]
    assert [event["event_id"] for event in events[2:4]] == [event["event_id"] for event in events[:2]]
    assert bench.reporter.close("stopped")
    assert not bench.reporter.close("stopped")
