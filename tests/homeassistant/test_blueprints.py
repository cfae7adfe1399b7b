"""The blueprints of deploy/homeassistant in a real Home Assistant: what is told, how often, until when."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from pose_edge.homeassistant import discovery
from pose_edge.messages import Messages, as_replayed
from pose_edge.records import ActiveFall, Message, Stage
from pose_edge.sinks.mqtt import MqttSink
from tests.brokers import Mosquitto, Subscriber, eventually
from tests.homeassistant import device
from tests.homeassistant.hass import HomeAssistant

BLUEPRINTS = Path(__file__).parent.parent.parent / "deploy" / "homeassistant" / "blueprints"
REPEAT_MIN = 0.03
REPEAT_S = 2.0

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, environment: Path, broker: Mosquitto
) -> Iterator[HomeAssistant]:
    """A Home Assistant that has the blueprints, and knows the device."""
    made = HomeAssistant(environment, tmp_path_factory.mktemp("house"), broker.port)
    shutil.copytree(BLUEPRINTS, made.folder / "blueprints" / "automation" / "pose-edge")
    with made as running, device.sink(broker.port) as sink:
        sink.wait_connected(5)
        send(sink, discovery(device.announcement()), *device.everything(device.messages()))
        running.wait_for("problem", "off")
        yield running


@pytest.fixture
def sink(house: HomeAssistant, broker: Mosquitto) -> Iterator[MqttSink]:
    """The device, well, nobody on the floor, and no word said about it."""
    with device.sink(broker.port) as running:
        running.wait_connected(5)
        send(running, *device.everything(device.messages()))
        house.wait_for("fall", "off")
        yield running


def send(sink: MqttSink, *messages: Message) -> None:
    for message in messages:
        sink.send(message)
    assert sink.drain(5)


def automate(house: HomeAssistant, blueprint: str, **inputs: object) -> None:
    """Make one automation of a blueprint, as the dialogue does, and begin with no notifications."""
    names = house.names()
    if blueprint == "fall_alert":
        inputs = {
            "fall_sensor": names["fall"],
            "clear_button": names["clear_fall"],
            "repeat_every": REPEAT_MIN,
            **inputs,
        }
    given = {"alert_entity": names["alert"], "notify_action": "notify.persistent_notification", **inputs}
    path = f"pose-edge/{blueprint}.yaml"
    # A new id each time: no automation remembers what the test before did.
    one = {"id": str(time.time_ns()), "alias": "ours", "use_blueprint": {"path": path, "input": given}}
    (house.folder / "automations.yaml").write_text(yaml.safe_dump([one]))
    house.act("automation", "reload")
    house.act("persistent_notification", "dismiss_all")


def told(house: HomeAssistant) -> list[str]:
    """Return the titles of what was notified, without the device's name."""
    notes = house.command("persistent_notification/get")
    notes.sort(key=lambda note: note["created_at"])
    return [note["title"].partition(": ")[2] for note in notes if note["title"].startswith("Living room: ")]


def wait_told(house: HomeAssistant, true: Callable[[list[str]], bool], timeout_s: float = 10) -> None:
    assert eventually(lambda: true(told(house)), timeout_s), f"{told(house)}; {house.complaints()}"


def press(house: HomeAssistant, what: str) -> None:
    """Press a button of the notification on the phone."""
    action = f"POSE_EDGE_{what}_{house.names()['fall']}"
    house.call("POST", "/api/events/mobile_app_notification_action", {"action": action})


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def fall(age_s: float = 3) -> ActiveFall:
    began_ms = now_ms() - int(age_s * 1000)
    return ActiveFall("livingroom-b00t-000007", began_ms, began_ms + 2000, person_id=1, confidence=0.9)


def confirmed(made: Messages) -> Message:
    return made.event(device.event("fall_confirmed", 7, severity="alert", confidence=0.9))


def test_both_are_valid(house: HomeAssistant) -> None:
    found = house.command("blueprint/list", domain="automation")

    ours = {path: value for path, value in found.items() if path.startswith("pose-edge/")}
    assert ours.keys() == {"pose-edge/fall_alert.yaml", "pose-edge/desk_reminder.yaml"}
    assert not [value for value in ours.values() if "error" in value]


def test_a_fall_is_repeated_until_acknowledged_and_its_end_is_told(
    house: HomeAssistant, sink: MqttSink
) -> None:
    automate(house, "fall_alert")
    made = device.messages()

    send(sink, *made.fall(fall()), confirmed(made))
    wait_told(house, lambda titles: titles == ["FALL"])
    wait_told(house, lambda titles: titles == ["FALL", "FALL"])
    press(house, "ACKNOWLEDGE")
    wait_told(house, lambda titles: titles == ["FALL", "FALL", "somebody is on the way"])
    time.sleep(1.5 * REPEAT_S)
    assert told(house)[3:] == []

    send(sink, *made.fall(None))
    wait_told(house, lambda titles: titles[3:] == ["the fall is over"])
    assert house.complaints() == []


def test_it_stops_by_itself_when_the_fall_is_over(house: HomeAssistant, sink: MqttSink) -> None:
    automate(house, "fall_alert")
    made = device.messages()

    send(sink, *made.fall(fall()))
    wait_told(house, lambda titles: titles == ["FALL"])
    send(sink, *made.fall(None))

    wait_told(house, lambda titles: titles[-1] == "the fall is over")
    count = len(told(house))
    time.sleep(1.5 * REPEAT_S)
    assert len(told(house)) == count


def test_it_does_not_repeat_for_ever(house: HomeAssistant, sink: MqttSink) -> None:
    automate(house, "fall_alert", repeat_times=2, repeat_every=0.01)

    send(sink, *device.messages().fall(fall()))

    wait_told(house, lambda titles: titles == ["FALL", "FALL"])
    time.sleep(2)
    assert told(house) == ["FALL", "FALL"]


def test_all_is_well_clears_the_fall(house: HomeAssistant, sink: MqttSink, broker: Mosquitto) -> None:
    automate(house, "fall_alert")
    send(sink, *device.messages().fall(fall()))
    wait_told(house, lambda titles: titles == ["FALL"])

    with Subscriber(broker.port, "pose-edge/#") as heard:
        press(house, "ALL_WELL")

        assert heard.wait_for("fall/clear") == [b"PRESS"]


def test_a_fall_while_home_assistant_was_away_is_told_at_its_start(
    house: HomeAssistant, sink: MqttSink
) -> None:
    automate(house, "fall_alert")
    made = device.messages()
    house.stop()
    send(sink, *made.fall(fall()), confirmed(made))

    house.start()

    wait_told(house, lambda titles: titles[:1] == ["FALL"], 40)
    press(house, "ACKNOWLEDGE")
    wait_told(house, lambda titles: titles[-1] == "somebody is on the way")
    assert house.complaints() == []


def test_a_fall_nobody_acknowledged_is_told_again_after_a_restart(
    house: HomeAssistant, sink: MqttSink
) -> None:
    automate(house, "fall_alert")
    send(sink, *device.messages().fall(fall()))
    wait_told(house, lambda titles: titles == ["FALL"])

    house.stop()
    house.start()

    wait_told(house, lambda titles: titles[:1] == ["FALL"], 40)


def test_an_acknowledged_fall_is_not_told_again_when_the_device_was_away_for_a_moment(
    house: HomeAssistant, sink: MqttSink
) -> None:
    automate(house, "fall_alert")
    made = device.messages()
    send(sink, *made.fall(fall()))
    wait_told(house, lambda titles: titles == ["FALL"])
    press(house, "ACKNOWLEDGE")
    wait_told(house, lambda titles: titles[-1] == "somebody is on the way")

    send(sink, made.status(False))
    house.wait_for("fall", "unavailable")
    send(sink, made.status(True))
    house.wait_for("fall", "on")

    time.sleep(1.5)
    assert told(house)[-1] == "somebody is on the way"


def test_a_new_fall_while_the_device_was_away_is_told(house: HomeAssistant, sink: MqttSink) -> None:
    automate(house, "fall_alert")
    made = device.messages()
    send(sink, made.status(False))
    house.wait_for("fall", "unavailable")

    attributes, state = reversed(made.fall(fall()))
    send(sink, attributes, state, made.status(True))

    wait_told(house, lambda titles: titles[:1] == ["FALL"])


def test_a_suspicion_and_a_test_are_told_once(house: HomeAssistant, sink: MqttSink) -> None:
    automate(house, "fall_alert")
    made = device.messages()

    send(sink, made.event(device.event("fall_suspected", 8, severity="warning")))
    wait_told(house, lambda titles: titles == ["a fall?"])
    send(sink, made.test_alert(9, 0))
    wait_told(house, lambda titles: titles == ["a fall?", "TEST, nothing happened"])

    time.sleep(1.5 * REPEAT_S)
    assert len(told(house)) == 2
    assert house.complaints() == []


def test_a_fall_that_is_told_late_says_how_long_ago_it_was(house: HomeAssistant, sink: MqttSink) -> None:
    automate(house, "fall_alert")
    made = device.messages()
    made.set_clock(now_ms() - 2 * 3600 * 1000, True)

    send(sink, as_replayed(confirmed(made), 7200))

    wait_told(house, lambda titles: titles == ["there was a fall, 2 hours ago, told late"])


def test_the_last_event_is_no_news_when_the_device_comes_back(house: HomeAssistant, sink: MqttSink) -> None:
    automate(house, "fall_alert")
    made = device.messages()
    send(sink, made.test_alert(9, 0))
    wait_told(house, lambda titles: titles == ["TEST, nothing happened"])

    send(sink, made.status(False))
    house.wait_for("alert", "unavailable")
    send(sink, made.status(True))
    house.wait_for("fall", "off")

    time.sleep(1)
    assert told(house) == ["TEST, nothing happened"]


def test_what_is_no_alarm_is_not_told(house: HomeAssistant, sink: MqttSink) -> None:
    automate(house, "fall_alert", suspicions=False)
    made = device.messages()

    for kind in ("fall_suspected", "posture_reminder", "gesture", "presence_started"):
        send(sink, made.event(device.event(kind, 10)))

    time.sleep(1.5)
    assert told(house) == []


def reminded(house: HomeAssistant) -> int:
    notes = house.command("persistent_notification/get")
    return sum(note["title"] == "Living room" for note in notes)


@pytest.mark.parametrize("kind", ["posture_reminder", "inactivity"])
def test_a_reminder_is_passed_on_but_not_too_often(house: HomeAssistant, sink: MqttSink, kind: str) -> None:
    automate(house, "desk_reminder", quiet_from="00:00:00", quiet_to="00:00:00")
    made = device.messages()

    send(sink, made.event(device.event(kind, 11)))
    assert eventually(lambda: reminded(house) == 1), house.complaints()
    send(sink, made.event(device.event(kind, 12)))

    time.sleep(1)
    assert reminded(house) == 1
    assert house.complaints() == []


@pytest.mark.parametrize(
    ("quiet_from", "quiet_to"), [("00:00:00", "23:59:59"), ("00:00:01", "00:00:00"), ("23:59:59", "23:59:58")]
)
def test_quiet_hours_are_quiet(house: HomeAssistant, sink: MqttSink, quiet_from: str, quiet_to: str) -> None:
    automate(house, "desk_reminder", quiet_from=quiet_from, quiet_to=quiet_to)

    send(sink, device.messages().event(device.event("posture_reminder", 13)))

    time.sleep(1)
    assert reminded(house) == 0


def test_a_late_reminder_its_end_and_a_fall_remind_nobody(house: HomeAssistant, sink: MqttSink) -> None:
    automate(house, "desk_reminder", quiet_from="00:00:00", quiet_to="00:00:00")
    made = device.messages()
    reminder = made.event(device.event("posture_reminder", 14))

    send(sink, as_replayed(reminder, 60), made.event(device.event("posture_reminder", 15, Stage.END)))
    send(sink, made.event(device.event("fall_suspected", 16)))

    time.sleep(1)
    assert reminded(house) == 0
