"""The MQTT sink against real brokers that are there, not there, killed, frozen, strict."""

from __future__ import annotations

import functools
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_edge.errors import UnavailableError
from pose_edge.messages import Device, Messages
from pose_edge.payloads import HealthValues, InfoValues
from pose_edge.records import Delivery, Event, Message, Pose, PoseResult, Stage, State
from pose_edge.sinks.flight import WINDOW
from pose_edge.sinks.mqtt import BrokerEvent, MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sinks.news import Connected, Lost
from pose_edge.sinks.outbox import Outbox
from pose_edge.sinks.outbox_options import OutboxOptions
from tests.brokers import Mosquitto, Subscriber, amqtt, below_device, eventually, free_port
from tests.contract import DELIVERIES, check_json
from tests.faults.gate import Gate

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = Messages(Device("livingroom"), "b00t", "lite", "live_stream")
NUMBERS = np.full((33, 5), 0.1234, dtype=np.float32)

SLOW = {"reconnect_min_s": 0.5, "reconnect_max_s": 0.5}
"""Time for a subscriber to be back before the sink: Mosquitto keeps nothing for one that is away."""


def options(port: int, **others: Any) -> MqttOptions:
    quick = {"reconnect_min_s": 0.05, "reconnect_max_s": 0.2, "will_delay_s": 0}
    return MqttOptions.model_validate({"host": "127.0.0.1", "port": port, **quick, **others})


def sink_to(port: int, **others: Any) -> MqttSink:
    return MqttSink(options(port, **others), "livingroom", boot_id="b00t")


def until(sink: MqttSink, true: Callable[[], bool], timeout_s: float = 8.0) -> list[BrokerEvent]:
    """Do what the owner's loop does until `true()`; return what `poll` told."""
    told: list[BrokerEvent] = []
    deadline_s = time.monotonic() + timeout_s
    while True:
        told += sink.poll()
        if true():
            return told
        assert time.monotonic() < deadline_s, f"never came true; told {told}"
        time.sleep(0.01)


@functools.cache  # made once: a second one would have another sequence
def event(number: int) -> Message:
    return MESSAGES.event(Event("presence", "presence_started", Stage.NEW, number, 0, 0))


def events(count: int, first: int = 0) -> list[Message]:
    return [event(number) for number in range(first, first + count)]


def payloads(messages: list[Message]) -> list[bytes]:
    return [message.payload for message in messages]


def landmarks() -> Message:
    return MESSAGES.landmarks(PoseResult(0, 640, 480, (Pose(NUMBERS, NUMBERS),)))


def retained_set() -> list[Message]:
    state = MESSAGES.state(
        State(False, 0),
        None,
        timestamp_ms=0,
        detection="running",
        inference_fps=None,
        frame_age_ms=None,
    )
    return [
        MESSAGES.info(InfoValues()),
        MESSAGES.health(HealthValues(status="ok"), 0),
        MESSAGES.pipeline_status(True),
        MESSAGES.detection(True),
        *state,
        MESSAGES.status(True),
    ]


def test_a_late_subscriber_gets_what_is_retained_and_nothing_else(mosquitto: Mosquitto) -> None:
    kept = retained_set()
    with sink_to(mosquitto.port) as sink:
        sink.wait_connected(5)
        for message in [*kept, event(1), landmarks()]:
            sink.send(message)
        assert sink.drain(5)

        with Subscriber(mosquitto.port) as late:
            for message in kept:
                assert late.wait_for(message.topic) == [message.payload]
            assert {below_device(message.topic) for message in late.messages} == {
                message.topic for message in kept
            }


def test_every_message_arrives_as_the_contract_says(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port, "pose-edge/livingroom/#") as subscriber:
        with sink_to(mosquitto.port) as sink:
            sink.wait_connected(5)
            for message in [*retained_set(), event(1), landmarks()]:
                sink.send(message)
            assert sink.drain(5)
            subscriber.wait_for("landmarks")
        received = {below_device(message.topic): message for message in subscriber.messages}

    assert received.keys() - {"heartbeat"} == {
        message.topic for message in [*retained_set(), event(1), landmarks()]
    }
    received.pop("heartbeat", None)
    for topic, arrived in received.items():
        assert arrived.qos == DELIVERIES[topic][1]
        properties: Any = arrived.properties
        assert properties.PayloadFormatIndicator == 1
        if topic != "status":  # that one is the farewell
            assert dict(properties.UserProperty) == {"schema_version": "1", "boot_id": "b00t"}
        assert getattr(properties, "MessageExpiryInterval", None) in {
            DELIVERIES[topic][2],
            (DELIVERIES[topic][2] or 0) - 1,
        }
        if properties.ContentType == "application/json":
            check_json(topic, bytes(arrived.payload))


def test_whoever_leaves_properly_is_offline_at_once(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber:
        with sink_to(mosquitto.port, will_delay_s=3600) as sink:
            sink.send(MESSAGES.status(True))
            sink.wait_connected(5)
        assert subscriber.wait_for("status", 2) == [b"online", b"offline"]

    # Threads of attempts that earlier tests gave up take a moment to end.
    assert eventually(
        lambda: not [one for one in threading.enumerate() if "pose-edge-livingroom" in one.name]
    )
    with Subscriber(mosquitto.port) as late:
        assert late.wait_for("status") == [b"offline"]


def test_events_sent_last_leave_before_the_end(mosquitto: Mosquitto) -> None:
    sent = events(30)
    with Subscriber(mosquitto.port) as subscriber:
        with sink_to(mosquitto.port) as sink:
            sink.wait_connected(5)
            for message in sent:
                sink.send(message)
        assert subscriber.wait_for("events", 30) == payloads(sent)


PUBLISHER = """
import sys, time
from pose_edge.messages import Device, Messages
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions
options = MqttOptions(host="127.0.0.1", port=int(sys.argv[1]), will_delay_s=0)
with MqttSink(options, "livingroom") as sink:
    sink.send(Messages(Device("livingroom"), "b", "m", "video").status(True))
    sink.wait_connected(5)
    print(sink.drain(5), flush=True)
    time.sleep(60)
"""


def test_whoever_is_killed_is_offline_for_late_subscribers_too(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber:
        arguments = [sys.executable, "-c", PUBLISHER, str(mosquitto.port)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=ROOT) as publisher:
            assert publisher.stdout is not None
            assert publisher.stdout.readline() == b"True\n"
            publisher.kill()
        assert subscriber.wait_for("status", 2) == [b"online", b"offline"]

    with Subscriber(mosquitto.port) as late:
        assert late.wait_for("status") == [b"offline"]


def test_a_broker_that_comes_later_gets_everything_in_order(mosquitto: Mosquitto) -> None:
    sent = events(30)
    mosquitto.kill()
    with sink_to(mosquitto.port, **SLOW) as sink:
        for message in [*sent, MESSAGES.status(True), landmarks()]:
            sink.send(message)
        until(sink, lambda: bool(sink._standing.failed))
        mosquitto.start()
        with Subscriber(mosquitto.port) as subscriber:
            told = until(sink, lambda: sink.connected)
            assert isinstance(told[-1], Connected)
            assert sink.drain(5)

            assert subscriber.wait_for("events", 30) == payloads(sent)
            assert subscriber.payloads("status") == [b"online"]
            assert subscriber.payloads("landmarks") == []


def test_on_a_healthy_network_landmarks_arrive_beside_everything_else(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber, sink_to(mosquitto.port) as sink:
        sink.wait_connected(5)
        for number in range(50):
            for message in [*retained_set(), event(number), landmarks()]:
                sink.send(message)
            until(sink, lambda: sink._settled)

        subscriber.wait_for("landmarks", 50)
        assert sink.state().stream_dropped == 0


def test_a_broker_that_does_not_read_gets_no_old_landmarks_afterwards(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber, sink_to(mosquitto.port) as sink:
        sink.wait_connected(5)
        until(sink, lambda: sink._settled)
        mosquitto.freeze()
        for _ in range(40):
            sink.send(landmarks())
            sink.poll()
            time.sleep(0.05)
        assert sink.state().stream_dropped >= 38
        mosquitto.thaw()
        sink.send(event(1))
        assert sink.drain(5)
        subscriber.wait_for("events")
        assert len(subscriber.payloads("landmarks")) <= 1, "the one that had just been put in"


def test_an_answer_read_together_with_the_end_of_the_connection_sends_nothing(mosquitto: Mosquitto) -> None:
    with sink_to(mosquitto.port, **SLOW) as sink:
        sink.wait_connected(5)
        until(sink, lambda: sink._settled)
        sink.send(landmarks())
        time.sleep(0.3)  # the heartbeat is acknowledged, and nobody has read that yet
        mosquitto.kill()
        time.sleep(0.3)

        sink.poll()

        assert not sink.connected
        assert sink.state().stream_dropped == 1


def test_events_of_an_outage_all_arrive_in_order_and_retained_topics_are_back(mosquitto: Mosquitto) -> None:
    kept, before, during = retained_set(), events(5), events(50, first=5)
    with (
        sink_to(mosquitto.port, **SLOW) as sink,
        Subscriber(mosquitto.port) as subscriber,
    ):
        sink.wait_connected(5)
        for message in [*kept, *before]:
            sink.send(message)
        assert sink.drain(5)
        assert subscriber.wait_for("events", 5) == payloads(before)

        mosquitto.kill()
        until(sink, lambda: not sink.connected)
        for message in [landmarks(), *during, landmarks(), MESSAGES.pipeline_status(False)]:
            sink.send(message)
        subscriber.messages.clear()
        mosquitto.start()
        subscriber.again()  # back before the sink, whose pause is longer
        until(sink, lambda: sink.connected)
        assert sink.drain(5)

        assert subscriber.wait_for("events", 50) == payloads(during)
        assert below_device(subscriber.messages[0].topic) == "status"
        for message in kept:
            subscriber.wait_for(message.topic)
        assert subscriber.payloads("pipeline/status") == [b"offline"]
        assert subscriber.payloads("landmarks") == []
        assert sink.state().stream_dropped == 2
        assert sink.state().reconnects == 1


def test_events_on_their_way_when_the_broker_dies_are_sent_again(mosquitto: Mosquitto) -> None:
    sent = events(40)
    with (
        sink_to(mosquitto.port, **SLOW) as sink,
        Subscriber(mosquitto.port) as subscriber,
    ):
        sink.wait_connected(5)
        mosquitto.freeze()
        for message in sent:
            sink.send(message)
        sink.poll()
        assert sink.state().queue.waiting == 40
        mosquitto.kill()
        mosquitto.start()
        subscriber.again()
        until(sink, lambda: sink.state().queue.waiting == 0)

        assert subscriber.wait_for("events", 40) == payloads(sent)


def test_no_more_than_the_window_is_on_its_way(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port) as subscriber, sink_to(mosquitto.port) as sink:
        sink.wait_connected(5)
        mosquitto.freeze()
        for message in [*retained_set(), *events(20)]:
            sink.send(message)
        sink.poll()
        assert len(sink._flight) == WINDOW

        mosquitto.thaw()
        assert sink.drain(5)
        subscriber.wait_for("events", 20)


def test_a_broker_that_takes_few_at_once_is_not_driven_to_hang_up(tmp_path: Path) -> None:
    # Mosquitto announces this as Receive Maximum and ends the connection of whoever exceeds it.
    with (
        Mosquitto(tmp_path, "max_inflight_messages 4") as broker,
        Subscriber(broker.port) as subscriber,
        sink_to(broker.port) as sink,
    ):
        for message in [*retained_set(), *events(60)]:
            sink.send(message)
        sink.wait_connected(5)
        broker.freeze()
        assert len(sink._flight) <= 4
        broker.thaw()
        assert sink.drain(5)

        assert sink.state().reconnects == 0
        assert subscriber.wait_for("events", 60)[-1] == event(59).payload


def test_a_packet_the_broker_would_hang_up_on_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Mosquitto(tmp_path, "max_packet_size 2000") as broker,
        Subscriber(broker.port) as subscriber,
        sink_to(broker.port) as sink,
    ):
        sink.wait_connected(5)
        huge = Event("x", "x_started", Stage.NEW, 1, 0, 0, reason="x" * 3000)
        for message in [landmarks(), MESSAGES.event(huge), event(2), MESSAGES.status(True)]:
            sink.send(message)
        until(sink, lambda: len(sink._flight) == 0)

        assert subscriber.wait_for("events") == [event(2).payload]
        assert sink.state().stream_dropped == 1
        assert sink.state().reconnects == 0
        assert sink.state().queue.waiting == 1
    assert "pose-edge/livingroom/events is left out: it has" in caplog.text


def test_an_event_the_broker_forbids_is_named_and_stops_no_other_topic(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic read #\ntopic write pose-edge/+/status\n")
    with (
        Mosquitto(tmp_path, f"acl_file {rules}") as broker,
        Subscriber(broker.port) as subscriber,
        sink_to(broker.port) as sink,
    ):
        sink.wait_connected(5)
        for message in [event(1), MESSAGES.status(True)]:
            sink.send(message)
        until(sink, lambda: len(sink._flight) == 0)

        assert subscriber.wait_for("status") == [b"online"]
        assert sink.state().queue.waiting == 1
    assert "refused pose-edge/livingroom/events: not authorized" in caplog.text


def test_a_broker_that_knows_only_3_1_1_is_spoken_to_in_3_1_1(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pose_edge")
    sent = events(20)
    with amqtt() as port, Subscriber(port, protocol="3.1.1") as subscriber:
        with sink_to(port) as sink:
            sink.wait_connected(10)
            assert [told.protocol for told in sink.poll() if isinstance(told, Connected)] == ["3.1.1"]
            stream = landmarks()
            for message in [*sent, MESSAGES.status(True), stream]:
                sink.send(message)
            assert sink.drain(5)

            assert subscriber.wait_for("events", 20) == payloads(sent)
            assert subscriber.wait_for("status") == [b"online"]
            assert subscriber.wait_for("landmarks") == [stream.payload]
        assert subscriber.wait_for("status", 2)[-1] == b"offline"
    assert sum("trying 3.1.1" in record.message for record in caplog.records) == 1


def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_ends(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pose_edge")
    with sink_to(mosquitto.port) as sink:
        sink.wait_connected(5)
        mosquitto.kill()
        until(sink, lambda: not sink.connected)
        ended_s = time.monotonic() + 1.0  # several attempts
        until(sink, lambda: time.monotonic() > ended_s)
        mosquitto.start()
        told = until(sink, lambda: sink.connected)
        assert isinstance(told[-1], Connected)
    own = [record for record in caplog.records if record.name.startswith("pose_edge")]

    assert [record.levelname for record in own] == ["INFO", "WARNING", "INFO", "INFO"]
    assert "connected: MQTT 5" in own[0].message
    assert own[1].message == f"broker 127.0.0.1:{mosquitto.port} lost: connection closed; retrying"
    assert "cannot be reached: connection refused" in own[2].message
    assert "back after 1 s" in own[3].message


def test_the_loop_is_told_of_each_change_once(mosquitto: Mosquitto) -> None:
    with sink_to(mosquitto.port) as sink:
        first = until(sink, lambda: sink.connected)
        mosquitto.kill()
        mosquitto.start()
        rest = until(sink, lambda: sink.state().reconnects == 1)
        time.sleep(0.3)
        rest += sink.poll()

    assert [type(told) for told in first] == [Connected]
    assert [type(told) for told in rest if isinstance(told, Connected | Lost)] == [Lost, Connected]


def test_a_wake_that_fails_does_not_stop_the_network(mosquitto: Mosquitto) -> None:
    woken = threading.Event()

    def fail() -> None:
        woken.set()
        raise RuntimeError("the loop's pipe is closed")

    with MqttSink(options(mosquitto.port), "livingroom", wake=fail) as sink:
        sink.wait_connected(5)
        for message in events(20):
            sink.send(message)

        assert sink.drain(5)
    assert woken.is_set()


def test_without_a_broker_draining_and_closing_take_no_longer_than_they_may() -> None:
    with sink_to(free_port()) as sink:
        sink.send(event(1))
        assert not sink.drain(0.2)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 2.5


def test_a_broker_that_hangs_does_not_keep_the_program(mosquitto: Mosquitto) -> None:
    with sink_to(mosquitto.port) as sink:
        sink.wait_connected(5)
        mosquitto.freeze()
        sink.send(event(1))
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 5
    sink.__exit__(None, None, None)  # safe to close twice


def test_waiting_for_no_broker_ends_with_its_address_and_the_reason() -> None:
    port = free_port()
    with sink_to(port) as sink, pytest.raises(UnavailableError) as raised:
        sink.wait_connected(5)

    assert str(raised.value) == f"broker 127.0.0.1:{port} cannot be reached: connection refused"


def test_what_the_disk_gives_back_damaged_is_set_aside_and_stops_nobody(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    queue = Outbox(None, options=OutboxOptions(late_after_s=0))
    sink = MqttSink(options(mosquitto.port), "livingroom", queue=queue)
    with Subscriber(mosquitto.port, "pose-edge/#") as subscriber, sink:
        for number, payload in enumerate([b"\xff\x00garbage", b"[1]"]):
            queue.put(Message("events", payload, Delivery.EVENT, event_id=f"broken-{number}"))
        queue.put(Message("a+b", b"{}", Delivery.EVENT, event_id="no-topic"))
        queue.put(event(1))
        sink.wait_connected(5)
        until(sink, lambda: sink.state().queue.waiting == 3)

        [arrived] = subscriber.wait_for("events")
        assert b'"livingroom-b00t-000001"' in arrived
        assert sink.state().queue.parked == 3
    assert "cannot be read" in caplog.text


def test_a_slow_line_is_not_taken_for_a_dead_one(mosquitto: Mosquitto) -> None:
    with Subscriber(mosquitto.port, "pose-edge/#") as subscriber, Gate(mosquitto.port) as gate:
        with sink_to(gate.port, keepalive_s=4) as sink:
            sink.wait_connected(5)
            gate.bytes_per_s = 20_000
            big = Message("big", bytes(120_000), Delivery.RETAINED, content_type="image/png", absolute=True)
            sink.send(big)
            sink.send(event(1))
            until(sink, lambda: sink.state().queue.waiting == 0, timeout_s=20)
            assert sink.state().reconnects == 0
        subscriber.wait_for("events")
