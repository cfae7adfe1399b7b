from __future__ import annotations

from pose_edge.records import Delivery, Message
from pose_edge.sinks.retained import Retained


def message(
    topic: str, payload: bytes = b"x", *, absolute: bool = False, expiry_s: int | None = None
) -> Message:
    return Message(topic, payload, Delivery.RETAINED, absolute=absolute, expiry_s=expiry_s)


def sent(retained: Retained, now_s: float = 0.0) -> list[Message]:
    found: list[Message] = []
    while (one := retained.next(now_s, lambda _topic: True)) is not None:
        found.append(one)
    return found


def test_after_a_connect_the_device_is_introduced_first() -> None:
    retained = Retained()
    for one in (message("state"), message("status"), message("info"), message("ha/config", absolute=True)):
        retained.keep(one, 0.0)
    assert [one.topic for one in sent(retained)] == ["state", "status", "info", "ha/config"]
    retained.repeat()

    assert [one.topic for one in sent(retained)] == ["ha/config", "status", "state", "info"]
    assert not retained.waiting


def test_only_the_newest_of_a_topic_is_sent() -> None:
    retained = Retained()
    retained.keep(message("state", b"old"), 0.0)
    retained.keep(message("state", b"new"), 0.0)

    assert [one.payload for one in sent(retained)] == [b"new"]


def test_said_again_it_expires_when_it_would_have() -> None:
    retained = Retained()
    retained.keep(message("occupancy", expiry_s=180), 1000.0)
    assert [one.expiry_s for one in sent(retained, 1000.0)] == [180]
    retained.repeat()
    assert [one.expiry_s for one in sent(retained, 1100.0)] == [80]
    retained.repeat()

    assert sent(retained, 1180.0) == [], "ON of long ago is no news"


def test_what_is_not_wanted_now_waits() -> None:
    retained = Retained()
    retained.keep(message("info"), 0.0)
    retained.keep(message("state"), 0.0)

    first = retained.next(0.0, lambda topic: topic != "info")
    assert first is not None
    assert first.topic == "state"
    assert retained.waits("info")


def test_what_takes_back_anothers_topic_is_done_once() -> None:
    retained = Retained()
    retained.keep(message("pose-edge/old/state", b"", absolute=True), 0.0)
    retained.keep(message("state"), 0.0)
    sent(retained)
    retained.acked("pose-edge/old/state")
    retained.acked("state")
    retained.repeat()

    assert [one.topic for one in sent(retained)] == ["state"]


def test_an_acknowledgement_of_the_last_does_not_forget_the_next() -> None:
    retained = Retained()
    retained.keep(message("state", b""), 0.0)
    sent(retained)
    retained.keep(message("state", b""), 1.0)
    retained.acked("state")

    assert retained.waits("state")
