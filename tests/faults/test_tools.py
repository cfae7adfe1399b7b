"""The tools of the fault tests do what they say, and nothing else: held against plain paho."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.brokers import Mosquitto, Subscriber, eventually
from tests.faults.fake_broker import FakeBroker
from tests.faults.gate import Gate

pytestmark = pytest.mark.faults


class Plain:
    """paho, and what it was told."""

    def __init__(self, version: MQTTProtocolVersion, name: str = "plain") -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, name, protocol=version)
        self.connacks: list[ReasonCode] = []
        self.acks: dict[int, ReasonCode] = {}
        self.ends: list[ReasonCode] = []
        self.received: list[tuple[str, bytes]] = []
        self.granted = threading.Event()
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self.connacks.append(reason)
        self.client.on_publish = lambda _c, _u, mid, reason, _p: self.acks.update({mid: reason})
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.ends.append(reason)
        self.client.on_subscribe = lambda *_: self.granted.set()
        self.client.on_message = lambda _c, _u, one: self.received.append((one.topic, bytes(one.payload)))

    def publish(self, topic: str, payload: bytes = b"x", qos: int = 1) -> MQTTMessageInfo:
        return self.client.publish(topic, payload, qos)


@contextmanager
def plain(
    port: int, version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5, name: str = "plain"
) -> Iterator[Plain]:
    told = Plain(version, name)
    told.client.connect_async("127.0.0.1", port, 1)
    told.client.loop_start()
    try:
        yield told
    finally:
        told.client.disconnect()
        told.client.loop_stop()


def up(told: Plain) -> bool:
    return eventually(lambda: bool(told.connacks) and not told.connacks[-1].is_failure)


@pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311])
def test_by_itself_it_behaves(version: MQTTProtocolVersion) -> None:
    with FakeBroker() as broker, plain(broker.port, version) as told:
        assert up(told)
        told.client.subscribe("a/+", 1)
        assert told.granted.wait(5)
        for number in range(50):
            told.publish("a/b", str(number).encode())
        assert eventually(lambda: len(told.received) == 50 == len(told.acks))
        told.client.unsubscribe("a/+")
        time.sleep(2)  # over a ping

        assert told.client.is_connected()
        assert len(broker.attempts_s) == 1
    assert broker.violations == []
    assert not any(reason.is_failure for reason in told.acks.values())
    assert [payload for _, payload in told.received] == [str(number).encode() for number in range(50)]
    assert [one.payload for one in broker.published] == [payload for _, payload in told.received]


def test_properties_are_read() -> None:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types there
    properties.UserProperty = [("boot_id", "b00t")]
    properties.MessageExpiryInterval = 7
    with FakeBroker() as broker, plain(broker.port) as told:
        assert up(told)
        told.client.publish("a", b"x", 1, properties=properties)
        assert eventually(lambda: len(broker.published) == 1)

    assert broker.published[0].user == (("boot_id", "b00t"),)
    assert broker.published[0].expiry_s == 7


def test_no_local_is_obeyed_and_others_hear_it() -> None:
    with FakeBroker() as broker, plain(broker.port) as told, plain(broker.port, name="other") as other:
        assert up(told)
        assert up(other)
        told.client.subscribe("a", options=SubscribeOptions(1, noLocal=True))
        other.client.subscribe("a", 1)
        assert told.granted.wait(5)
        assert other.granted.wait(5)
        told.publish("a")
        assert eventually(lambda: other.received == [("a", b"x")])
        assert told.received == []


def test_one_more_than_receive_maximum_ends_the_connection() -> None:
    with FakeBroker(receive_maximum=2, ack_delay_s=0.3) as broker, plain(broker.port) as told:
        assert up(told)
        told.publish("a")
        told.publish("a")
        assert eventually(lambda: len(told.acks) == 2)
        assert broker.violations == []
        for _ in range(3):
            told.publish("a")
        assert eventually(lambda: bool(broker.violations))
        assert eventually(lambda: bool(told.ends))
        assert told.ends[0].value == 0x93


def test_acknowledgements_come_late_and_with_the_reasons_asked_for() -> None:
    reasons = {"fine": 0, "denied": 0x87, "full": 0x97}
    with (
        FakeBroker(ack_delay_s=0.2, ack=lambda one: reasons.get(one.topic)) as broker,
        plain(broker.port) as told,
    ):
        assert up(told)
        began_s = time.monotonic()
        mids = {topic: told.publish(topic).mid for topic in ("fine", "denied", "full", "withheld")}
        assert eventually(lambda: len(told.acks) == 3)
        assert time.monotonic() - began_s > 0.2

    assert {topic: told.acks[mid].value for topic, mid in mids.items() if topic != "withheld"} == reasons


def test_too_long_a_packet_ends_the_connection() -> None:
    with FakeBroker(maximum_packet=100) as broker, plain(broker.port) as told:
        assert up(told)
        told.publish("a", b"x" * 80)
        assert eventually(lambda: len(told.acks) == 1)
        told.publish("a", b"x" * 200)
        assert eventually(lambda: bool(told.ends))
        assert told.ends[0].value == 0x95
        assert len(broker.violations) >= 1


def test_poison_ends_the_connection_without_a_word() -> None:
    with FakeBroker(poison=lambda one: one.payload == b"bad") as broker, plain(broker.port) as told:
        assert up(told)
        told.publish("a", b"good")
        told.publish("a", b"bad")
        assert eventually(lambda: bool(told.ends))
        assert eventually(lambda: len(broker.attempts_s) >= 2), "paho sends it again"
    assert broker.violations == []


def test_mute_deaf_and_of_another_age() -> None:
    with FakeBroker(connack=None) as mute, plain(mute.port) as told:
        assert eventually(lambda: len(mute.attempts_s) == 1)
        time.sleep(0.3)
        assert told.connacks == []
    with FakeBroker(deaf=True) as deaf, plain(deaf.port) as told:
        assert up(told)
        told.publish("a")
        time.sleep(0.3)
        assert told.acks == {}
    with FakeBroker(versions=(4,)) as old, plain(old.port) as told:
        assert eventually(lambda: bool(told.connacks))
        assert told.connacks[0].value == 0x84
    with FakeBroker(connack=0x86) as strict, plain(strict.port) as told:
        assert eventually(lambda: bool(told.connacks))
        assert told.connacks[0].value == 0x86


def test_the_second_of_a_name_throws_the_first_out() -> None:
    with FakeBroker() as broker, plain(broker.port) as first:
        assert up(first)
        with plain(broker.port) as second:
            assert up(second)
            assert eventually(lambda: bool(first.ends))
            assert first.ends[0].value == 0x8E


def test_an_open_gate_is_not_noticed(mosquitto: Mosquitto) -> None:
    with Gate(mosquitto.port) as gate, Subscriber(mosquitto.port) as subscriber, plain(gate.port) as told:
        assert up(told)
        for number in range(300):
            told.publish("tools/d/x", str(number).encode() * 100)
        assert eventually(lambda: len(told.acks) == 300)
        assert [one[:3] for one in subscriber.wait_for("x", 300)][-1] == b"299"


def test_a_holding_gate_passes_nothing_and_all_of_it_later(mosquitto: Mosquitto) -> None:
    with Gate(mosquitto.port) as gate, Subscriber(mosquitto.port) as subscriber, plain(gate.port) as told:
        assert up(told)
        gate.hold()
        told.publish("tools/d/x")
        time.sleep(1)
        assert subscriber.payloads("x") == []
        assert told.acks == {}
        assert told.ends == []
        gate.open()
        subscriber.wait_for("x")
        assert eventually(lambda: len(told.acks) == 1)


def test_what_was_given_up_while_held_never_arrives(mosquitto: Mosquitto) -> None:
    with Gate(mosquitto.port) as gate, Subscriber(mosquitto.port) as subscriber:
        with plain(gate.port) as told:
            assert up(told)
            gate.hold()
            told.publish("tools/d/x")
        time.sleep(0.5)
        gate.open()
        time.sleep(0.5)
        assert subscriber.payloads("x") == []


def test_a_gate_refuses_cuts_and_opens_again(mosquitto: Mosquitto) -> None:
    with Gate(mosquitto.port) as gate, plain(gate.port) as told:
        assert up(told)
        gate.cut()
        assert eventually(lambda: len(told.ends) == 1)
        assert eventually(lambda: len(told.connacks) == 2)
        gate.refuse()
        time.sleep(1.5)
        assert len(told.connacks) == 2
        gate.accept()
        assert eventually(lambda: len(told.connacks) == 3)


def test_a_slow_gate_is_slow(mosquitto: Mosquitto) -> None:
    with Gate(mosquitto.port) as gate, Subscriber(mosquitto.port) as subscriber, plain(gate.port) as told:
        assert up(told)
        gate.bytes_per_s = 10_000
        began_s = time.monotonic()
        told.publish("tools/d/x", b"x" * 10_000)
        subscriber.wait_for("x")
        assert 0.8 < time.monotonic() - began_s < 2


def test_only_acknowledgements_get_lost(mosquitto: Mosquitto) -> None:
    with Gate(mosquitto.port) as gate, Subscriber(mosquitto.port) as subscriber, plain(gate.port) as told:
        assert up(told)
        gate.acks_lost = True
        told.publish("tools/d/x")
        subscriber.wait_for("x")
        time.sleep(2)  # over a ping
        assert told.acks == {}
        assert told.ends == []
