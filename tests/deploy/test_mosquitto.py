"""deploy/mosquitto: its files, as they are, in a real broker."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_edge import config
from pose_edge.records import Delivery, Message
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.topics import TOPICS
from tests.brokers import eventually
from tests.deploy.recipes import COMMAND_TOPICS, DEPLOY, HANGS_UP, Site, User, run_script

OWN = "pose-edge/livingroom"
OTHER = "pose-edge/kitchen"
DISCOVERY = "homeassistant/device/pose_edge_10000000a1b2c3d4/config"
DENIED = "Not authorized"

WRITTEN = [
    *(row.name.replace("{name}", "get_config") for row in TOPICS),
    *("skeleton", "preview", "log"),  # opt-in, not built yet; the contract has them
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    with site.broker():
        yield site


def allowed(answer: str) -> bool:
    """No matching subscribers is an answer too."""
    assert answer in {"Success", "No matching subscribers", DENIED}
    return answer != DENIED


def test_a_device_writes_all_its_topics_and_its_discovery(site: Site) -> None:
    with site.user("livingroom") as device:
        denied = [topic for topic in WRITTEN if not allowed(device.publish(f"{OWN}/{topic}"))]

        assert denied == []
        assert allowed(device.publish(DISCOVERY, retain=True))


def test_a_device_writes_nothing_else(site: Site) -> None:
    others = [f"{OTHER}/{topic}" for topic in (*WRITTEN, *COMMAND_TOPICS)]
    commands = [f"{OWN}/{topic}" for topic in COMMAND_TOPICS]
    more = [f"{OWN}/anything", "pose-edge/events", "homeassistant/status", "homeassistant/light/x/config"]

    with site.user("livingroom") as device:
        written = [topic for topic in (*others, *commands, *more) if allowed(device.publish(topic))]

    assert written == []


def test_commands_of_home_assistant_and_its_birth_reach_a_device(site: Site) -> None:
    wanted = [*(f"{OWN}/{topic}" for topic in COMMAND_TOPICS), "homeassistant/status"]

    with site.user("livingroom", reads="#") as device, site.user("homeassistant") as home_assistant:
        refused = [topic for topic in wanted if not allowed(home_assistant.publish(topic))]
        assert refused == []
        assert eventually(lambda: {*wanted} <= {*device.topics()}), device.topics()


def test_a_device_reads_nothing_but_commands_its_pulse_and_the_birth_of_home_assistant(site: Site) -> None:
    with (
        site.user("livingroom", reads="#") as device,
        site.user("kitchen") as other,
        site.user("homeassistant") as home_assistant,
    ):
        for topic in WRITTEN:
            other.publish(f"{OTHER}/{topic}")
            device.publish(f"{OWN}/{topic}")
        for topic in COMMAND_TOPICS:
            home_assistant.publish(f"{OTHER}/{topic}")
        home_assistant.publish("homeassistant/light/x/config")
        home_assistant.publish(f"{OWN}/restart", "the last")
        device.wait_for(f"{OWN}/restart", lambda message: message.payload == b"the last")

    assert {*device.topics()} <= {f"{OWN}/heartbeat", f"{OWN}/restart", "homeassistant/status"}
    assert f"{OWN}/heartbeat" in device.topics()


def test_consumers_read_every_device_and_write_only_what_is_theirs(site: Site) -> None:
    with (
        site.user("homeassistant", reads="#") as home_assistant,
        site.user("collector", reads="#") as collector,
        site.user("nodered", reads="#") as nodered,
        site.user("kitchen") as device,
    ):
        device.publish(f"{OTHER}/state")
        device.publish(f"{OTHER}/events")
        for user in (home_assistant, collector, nodered):
            user.wait_for(f"{OTHER}/events")

        assert f"{OTHER}/state" in home_assistant.topics()
        assert f"{OTHER}/state" in collector.topics()
        assert f"{OTHER}/state" not in nodered.topics()
        assert allowed(nodered.publish(f"{OTHER}/events/receipt"))
        for user in (collector, nodered):
            assert not allowed(user.publish(f"{OTHER}/restart"))
            assert not allowed(user.publish(f"{OTHER}/events"))
            assert not allowed(user.publish(DISCOVERY))
        assert not allowed(collector.publish(f"{OTHER}/events/receipt"))
        assert not allowed(home_assistant.publish(f"{OTHER}/fall/state"))


def test_the_device_of_add_device_connects_with_the_lines_it_printed(site: Site, tmp_path: Path) -> None:
    text = site.yaml["livingroom"].replace("8883", str(site.port))
    text = text.replace("/etc/pose-edge/mqtt-password", str(site.folder / "livingroom.password"))
    text = text.replace("/etc/pose-edge/ca.crt", str(site.ca))
    file = tmp_path / "config.yaml"
    file.write_text(text)
    options = config.load(file)

    with (
        site.user("collector", reads=f"{OWN}/#") as collector,
        MqttSink(options.mqtt, options.device.id) as sink,
    ):
        sink.wait_connected(5)
        sink.send(Message("events", b'{"event_id": "e-1"}', Delivery.EVENT))
        assert sink.drain(5)
        arrived = collector.wait_for(f"{OWN}/events", lambda message: b"e-1" in message.payload)

    assert arrived.payload == b'{"event_id": "e-1"}'
    assert collector.wait_for(f"{OWN}/status", lambda message: not message.retain).payload == b"offline"


@pytest.mark.parametrize(
    ("user", "password"), [(None, None), ("livingroom", "wrong"), ("livingroom", None), ("nobody", "x")]
)
def test_wrong_credentials_are_refused(site: Site, user: str | None, password: str | None) -> None:
    assert User(site.port, user, password, ca=site.ca).refused() == DENIED


def test_without_tls_nobody_gets_in(site: Site) -> None:
    assert User(site.port, "livingroom", site.password("livingroom")).refused() == HANGS_UP


def test_a_broker_of_another_authority_is_refused(site: Site, tmp_path: Path) -> None:
    run_script(DEPLOY / "mosquitto/make-certificates", "server", "localhost", cwd=tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError):
        User(site.port, "livingroom", "x", ca=tmp_path / "certificates/ca.crt").refused()


def test_a_client_certificate_is_user_name_and_password(site: Site) -> None:
    own = site.certificates / "livingroom.crt"

    with User(site.certificate_port, ca=site.ca, certificate=own) as device:
        assert allowed(device.publish(f"{OWN}/events"))
        assert not allowed(device.publish(f"{OTHER}/events"))


def test_where_certificates_are_asked_for_a_password_does_not_do(site: Site) -> None:
    assert site.user("livingroom", port=site.certificate_port).refused() == HANGS_UP


def test_states_survive_a_restart_of_the_broker(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.broker(), site.user("livingroom") as device:
        device.publish(f"{OWN}/state", "kept", retain=True)

    with site.broker() as broker, site.user("collector", reads=f"{OWN}/state") as collector:
        assert collector.wait_for(f"{OWN}/state").payload == b"kept"
        broker.stop(signal.SIGKILL)


def test_a_picture_fits_and_what_is_longer_than_the_limit_does_not(site: Site) -> None:
    with site.user("livingroom") as device:
        assert allowed(device.publish(f"{OWN}/preview", b"x" * 200_000))
        assert device.publish(f"{OWN}/preview", b"x" * 300_000) == HANGS_UP
