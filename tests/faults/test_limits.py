"""Brokers that take less than everything: the others still flow, and the reason can be seen."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.brokers import Mosquitto
from tests.faults.arrivals import Collector
from tests.faults.conftest import Measured
from tests.faults.driving import driven, event_id
from tests.faults.fake_broker import FakeBroker, Published
from tests.faults.together import Outcomes, Together, wanted_names

LIMITS = Together()
BIG = 20_000
EVENTS = "pose-edge/livingroom/events"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    yield from LIMITS.start(tmp_path_factory.mktemp("limits"), wanted_names(request))


def received(broker: FakeBroker) -> list[str]:
    return [event_id(payload) for payload in broker.payloads("/events")]


def is_event(one: Published) -> bool:
    return one.topic == EVENTS


@pytest.mark.parametrize(("most", "protocol"), [(1, "5"), (2, "5"), (10, "5"), (10, "3.1.1")])
def test_no_more_is_on_its_way_than_the_broker_takes(
    most: int, protocol: str, tmp_path: Path, measured: Measured
) -> None:
    # 3.1.1 has no word for it, and 10 is what HiveMQ takes all the same.
    with (
        FakeBroker(receive_maximum=most, ack_delay_s=0.02) as broker,
        driven(broker.port, outbox=tmp_path / "outbox.db", protocol=protocol) as device,
    ):
        device.landmarks = True
        for message in device.speaker.retained():
            device.send(message)
        device.connect()
        began_s = time.monotonic()
        ids = [device.alert() for _ in range(60)]
        assert device.run(lambda: device.waiting == 0, 20)
        took_s = time.monotonic() - began_s
        device.run_for(0.5)

    assert broker.violations == []
    assert broker.most_unacknowledged <= most
    assert len(broker.attempts_s) == 1
    assert received(broker) == ids
    assert broker.payloads("/landmarks"), "the stream is thinned out, not stopped"
    measured(
        f"Receive Maximum {most}, MQTT {protocol}",
        f"60 of 60 in {took_s:.1f} s, {broker.most_unacknowledged} at once, 0 violations",
    )


def test_after_a_reconnect_no_more_than_that_either(tmp_path: Path) -> None:
    with (
        FakeBroker(receive_maximum=2, ack_delay_s=0.02) as broker,
        driven(broker.port, outbox=tmp_path / "outbox.db") as device,
    ):
        device.connect()
        ids = [device.alert() for _ in range(60)]
        for _ in range(4):
            device.run_for(0.2)
            broker.cut()
        assert device.run(lambda: device.waiting == 0, 20)

    assert broker.violations == []
    assert list(dict.fromkeys(received(broker))) == ids


def test_a_packet_longer_than_announced_is_not_even_sent(tmp_path: Path) -> None:
    with (
        FakeBroker(maximum_packet=BIG // 2) as broker,
        driven(broker.port, outbox=tmp_path / "outbox.db") as device,
    ):
        device.connect()
        big = device.alert(filling=BIG)
        others = [device.alert() for _ in range(5)]
        assert device.run(lambda: received(broker) == others)
        device.run_for(0.3)
        state = device.sink.state()

    assert broker.violations == []
    assert len(broker.attempts_s) == 1
    assert big not in received(broker)
    assert (state.queue.waiting, state.queue.parked) == (1, 1)
    assert str(BIG // 2) in (state.queue.parked_reason or "")


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_mosquitto_with_a_longest_packet(protocol: str, tmp_path: Path, measured: Measured) -> None:
    with (
        Mosquitto(tmp_path, f"max_packet_size {BIG // 2}") as broker,
        Collector(broker.port) as collector,
        driven(broker.port, outbox=tmp_path / "outbox.db", protocol=protocol) as device,
    ):
        device.connect()
        device.alert(filling=BIG)
        began_s = time.monotonic()
        others = [device.alert() for _ in range(5)]
        assert device.run(lambda: set(others) <= set(collector.ids()), 20), device.sink.state()
        took_s = time.monotonic() - began_s
        assert device.run(lambda: device.sink.state().queue.parked == 1, 20), device.sink.state()
        assert device.run(lambda: device.waiting == 1)
        state = device.sink.state()

    assert state.queue.parked_reason
    measured(
        f"alert beyond Mosquitto's max_packet_size, MQTT {protocol}",
        f"5 others after {took_s:.1f} s; parked: {state.queue.parked_reason}",
    )


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_mosquitto_with_a_longest_message(protocol: str, tmp_path: Path, measured: Measured) -> None:
    """3.1.1 acknowledges what it drops: there is nothing to see, and nothing must stop either."""
    with (
        Mosquitto(tmp_path, f"message_size_limit {BIG // 2}") as broker,
        Collector(broker.port) as collector,
        driven(broker.port, outbox=tmp_path / "outbox.db", protocol=protocol) as device,
    ):
        device.connect()
        device.alert(filling=BIG)
        others = [device.alert() for _ in range(5)]
        assert device.run(lambda: set(others) <= set(collector.ids()), 20), device.sink.state()
        device.run(lambda: device.waiting == (1 if protocol == "5" else 0))
        state = device.sink.state()

    assert state.queue.waiting == (1 if protocol == "5" else 0)
    assert bool(state.queue.parked_reason) == (protocol == "5")
    measured(
        f"alert beyond Mosquitto's message_size_limit, MQTT {protocol}",
        f"5 others through; {state.queue.parked} parked: {state.queue.parked_reason}",
    )


@LIMITS.scenario
def access_list_of_3_1_1_drops_all_in_silence(folder: Path) -> str:
    broker, _ = limited(folder, "topic readwrite pose-edge/livingroom/status")
    with (
        broker,
        driven(broker.port, outbox=folder / "outbox.db", protocol="3.1.1") as device,
    ):
        device.connect()
        device.alert()
        began_s = time.monotonic()
        assert not device.sink.state().mute
        assert device.run(lambda: device.sink.state().mute, 75)
        return f"noticed after {time.monotonic() - began_s:.0f} s: what is sent does not come back"


@LIMITS.scenario
def quota_exceeded_for_4_s(folder: Path) -> str:
    full = True
    with (
        FakeBroker(ack=lambda one: 0x97 if full and is_event(one) else 0) as broker,
        driven(broker.port, outbox=folder / "outbox.db") as device,
    ):
        device.connect()
        ids = {device.alert() for _ in range(5)}
        device.run_for(4)
        assert device.waiting == 5
        assert "quota" in device.sink.state().denied[EVENTS]
        refused = len(received(broker))
        full = False
        began_s = time.monotonic()
        assert device.run(lambda: device.waiting == 0, 20)
        took_s = time.monotonic() - began_s
        assert device.sink.state().denied == {}
    assert set(received(broker)) == ids
    assert len(broker.attempts_s) == 1
    assert refused <= 5 * 4, "at once, after 1, 2 and 4 s: no hammering"
    return f"5 of 5 within {took_s:.1f} s; {refused} refusals before"


@pytest.mark.parametrize("reason", [0x80, 0x83, 0x87, 0x97, 0x99])
def test_one_that_is_refused_stops_nobody(reason: int, tmp_path: Path) -> None:
    with (
        FakeBroker(ack=lambda one: reason if b"filling" in one.payload else 0) as broker,
        driven(
            broker.port,
            outbox=tmp_path / "outbox.db",
            kept={"retry_min_s": 0.1, "retry_max_s": 0.2, "park_after_tries": 4},
        ) as device,
    ):
        device.connect()
        bad = device.alert(filling=1)
        others = [device.alert() for _ in range(5)]
        assert device.run(lambda: device.sink.state().queue.parked == 1)
        state = device.sink.state()
        tries = received(broker).count(bad)
        device.run_for(1)
        assert received(broker).count(bad) == tries == 4

    assert set(others) <= set(received(broker))
    assert state.queue.waiting == 1
    assert state.queue.parked_reason
    assert len(broker.attempts_s) == 1


@LIMITS.scenario
def poison_between_2_others(folder: Path) -> str:
    return set_aside(folder, 1)


@LIMITS.scenario
def poison_between_40_others(folder: Path) -> str:
    return set_aside(folder, 20)


def set_aside(folder: Path, burst: int) -> str:
    """The broker hangs up on one message. With the pauses of a real device: each hang-up costs one."""
    with (
        FakeBroker(poison=lambda one: b"filling" in one.payload) as broker,
        driven(broker.port, outbox=folder / "outbox.db", reconnect_min_s=1.0, reconnect_max_s=30.0) as device,
    ):
        for message in device.speaker.retained():
            device.send(message)
        device.connect()
        before = [device.alert() for _ in range(burst)]
        bad = device.alert(filling=1)
        others = [device.alert() for _ in range(burst)]
        began_s = time.monotonic()
        assert device.run(lambda: {*before, *others} <= set(received(broker)), 40), device.sink.state()
        took_s = time.monotonic() - began_s
        assert device.run(lambda: device.waiting == 1, 5)
        state = device.sink.state()
    assert received(broker).count(bad) <= 8
    assert state.queue.parked == 1
    assert "connection" in (state.queue.parked_reason or "")
    return f"others after {took_s:.1f} s, {len(broker.attempts_s)} connections; {state.queue.parked_reason}"


@LIMITS.scenario
def no_puback_at_all(folder: Path) -> str:
    return unacknowledged(folder, lambda _: True)


@LIMITS.scenario
def no_puback_for_events(folder: Path) -> str:
    return unacknowledged(folder, is_event)


def unacknowledged(folder: Path, withheld: Callable[[Published], bool]) -> str:
    """Nothing is taken for delivered that was not acknowledged; the next connection brings it."""
    broker = FakeBroker()
    broker.ack = lambda one: None if len(broker.attempts_s) < 2 and withheld(one) else 0
    with broker, driven(broker.port, outbox=folder / "outbox.db") as device:
        device.connect()
        one = device.alert()
        began_s = time.monotonic()
        assert device.run(lambda: len(broker.attempts_s) == 2 or device.waiting != 1, 20), device.sink.state()
        took_s = time.monotonic() - began_s
        assert device.run(lambda: device.waiting == 0)
    assert received(broker) == [one, one]
    assert took_s <= 16
    return f"a new connection after {took_s:.1f} s, delivered by that"


@LIMITS.scenario
def server_that_says_nothing(folder: Path) -> str:
    with FakeBroker(connack=None) as broker, driven(broker.port, outbox=folder / "outbox.db") as device:
        one = device.alert()
        assert device.run(lambda: device.state == "silent", 15), device.sink.state()
        assert device.run(lambda: len(broker.attempts_s) >= 3, 15)
        assert device.waiting == 1
        broker.connack = 0
        began_s = time.monotonic()
        assert device.run(lambda: device.waiting == 0, 30)
        took_s = time.monotonic() - began_s
    assert received(broker) == [one]
    return f"3 attempts; delivered {took_s:.1f} s after it began to speak"


@LIMITS.scenario
def connack_and_then_nothing(folder: Path) -> str:
    with FakeBroker(deaf=True) as broker, driven(broker.port, outbox=folder / "outbox.db") as device:
        device.connect()
        device.alert()
        began_s = time.monotonic()
        assert device.run(lambda: device.state == "silent", 15), device.sink.state()
        took_s = time.monotonic() - began_s
        assert device.waiting == 1
    assert took_s <= 10
    return f"noticed after {took_s:.1f} s"


def test_one_that_knows_no_mqtt_5(tmp_path: Path) -> None:
    with (
        FakeBroker(versions=(4,)) as broker,
        driven(broker.port, outbox=tmp_path / "outbox.db") as device,
    ):
        device.connect()
        one = device.alert()
        assert device.run(lambda: device.waiting == 0)
        assert device.sink.state().protocol == "3.1.1"

    assert received(broker) == [one]
    assert len(broker.attempts_s) == 2


# Access lists.


def limited(folder: Path, *lines: str) -> tuple[Mosquitto, Path]:
    acl = folder / "acl"
    acl.write_text("\n".join(("topic read #", *lines)) + "\n")
    acl.chmod(0o600)
    return Mosquitto(folder, f"acl_file {acl}"), acl


ALL_BUT_EVENTS = [
    f"topic readwrite pose-edge/livingroom/{topic}"
    for topic in ("status", "pipeline/status", "detection/state", "state", "heartbeat", "landmarks")
]


@LIMITS.scenario
def access_list_forbids_events(folder: Path) -> str:
    broker, acl = limited(folder, *ALL_BUT_EVENTS)
    with (
        broker,
        Collector(broker.port) as collector,
        driven(broker.port, outbox=folder / "outbox.db", protocol="5") as device,
    ):
        device.connect()
        for message in device.speaker.retained():
            device.send(message)
        ids = {device.alert() for _ in range(5)}
        assert device.run(lambda: bool(collector.of("state")) and EVENTS in device.sink.state().denied)
        state = device.sink.state()
        assert "not authorized" in state.denied[EVENTS]
        assert state.queue.waiting == 5
        acl.write_text("topic readwrite #\n")
        hang_up(broker)
        began_s = time.monotonic()
        assert device.run(lambda: ids <= set(collector.ids()), 20)
        took_s = time.monotonic() - began_s
        assert device.run(lambda: device.waiting == 0)
        assert EVENTS not in device.sink.state().denied
    return f"said {state.denied[EVENTS]!r}; 5 of 5 {took_s:.1f} s after it allowed them"


def hang_up(broker: Mosquitto) -> None:
    """Let it read its files again."""
    assert broker._process is not None
    broker._process.send_signal(signal.SIGHUP)


@pytest.mark.faults
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", LIMITS.names)
def test_the_others_flow_and_the_reason_is_known(name: str, outcomes: Outcomes, measured: Measured) -> None:
    measured(*outcomes(name))
