"""What the device does when told, and what it answers to nonsense."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pose_edge.commands import (
    MAX_CORRELATION_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_REPLY_TOPIC_BYTES,
    RECEIPT,
    REQUESTS,
    SUBSCRIPTIONS,
    ClearFall,
    Command,
    Incoming,
    Limiter,
    Receipt,
    Refused,
    Request,
    Restart,
    SetDetection,
    TestAlert,
    parse,
)
from pose_edge.topics import COMMANDS

ROOT = "pose-edge/livingroom"
TOPICS = [topic.replace("+", "self_test") for topic in SUBSCRIPTIONS]


def told(topic: str, payload: bytes, **more: Any) -> Command | Refused:
    return parse(Incoming(topic, payload, **more), ROOT)


def refused(topic: str, payload: bytes, **more: Any) -> Refused:
    answer = told(topic, payload, **more)
    assert isinstance(answer, Refused)
    return answer


@pytest.mark.parametrize(
    ("topic", "payload", "command"),
    [
        ("detection/set", b"ON", SetDetection(on=True)),
        ("detection/set", b"OFF", SetDetection(on=False)),
        ("fall/clear", b"PRESS", ClearFall()),
        ("test_alert", b"PRESS", TestAlert()),
        ("restart", b"PRESS", Restart()),
        ("events/receipt", b"livingroom-0a1b2c3d-000007", Receipt("livingroom-0a1b2c3d-000007")),
        ("events/receipt", b'{"event_id": "a-b-1", "event_type": "test"}', Receipt("a-b-1")),
        ("request/republish", b"", Request("republish")),
        ("request/self_test", b"{}", Request("self_test")),
        ("request/get_config", b'{"transaction": 7}', Request("get_config", 7)),
        (
            "request/diagnostics",
            b'{"transaction": "a b", "data": {"x": [1]}, "later": 1}',
            Request("diagnostics", "a b", {"x": [1]}),
        ),
    ],
)
def test_what_the_contract_lists_is_understood(topic: str, payload: bytes, command: Command) -> None:
    assert told(topic, payload) == command


@pytest.mark.parametrize("payload", [b"on", b"On", b"ON\n", b" OFF", b"1", b"true", b"", b'"ON"', b"ON\0"])
def test_only_the_exact_words_switch_detection(payload: bytes) -> None:
    assert "allowed are ON and OFF" in refused("detection/set", payload).reason


@pytest.mark.parametrize("topic", ["fall/clear", "test_alert", "restart"])
@pytest.mark.parametrize("payload", [b"", b"press", b"PRESS ", b"ON"])
def test_only_press_presses_a_button(topic: str, payload: bytes) -> None:
    assert "allowed are PRESS" in refused(topic, payload).reason


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("payload", [b"ON", b"PRESS", b"", b'{"transaction": 1}'])
def test_a_retained_copy_is_ignored_and_not_answered(topic: str, payload: bytes) -> None:
    answer = refused(topic, payload, retained=True, response_topic="asker/inbox")

    assert "retained" in answer.reason
    assert answer.asker is None


@pytest.mark.parametrize("topic", TOPICS)
def test_more_than_the_allowed_bytes_are_refused(topic: str) -> None:
    payload = b'{"data": "' + b"x" * MAX_PAYLOAD_BYTES + b'"}'

    assert f"{len(payload)} bytes" in refused(topic, payload).reason


def test_exactly_the_allowed_bytes_are_taken() -> None:
    payload = b'{"data": "' + b"x" * (MAX_PAYLOAD_BYTES - 12) + b'"}'

    assert isinstance(told("request/self_test", payload), Request)


def test_the_deepest_allowed_json_is_taken() -> None:
    deep = b"[" * 15 + b"]" * 15

    assert isinstance(told("request/self_test", b'{"data": ' + deep + b"}"), Request)
    assert "deep" in refused("request/self_test", b'{"data": [' + deep + b"]}").reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"PRESS", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"transaction": NaN}', "not JSON"),
        (b"[" * 2000, "not JSON"),
        (b'{"data":' * 400 + b"1" + b"}" * 400, "nested more than 16 deep"),
        (b"[1]", "allowed are nothing and {"),
        (b"null", "allowed are nothing and {"),
        (b'{"transaction": [1]}', "found a list as transaction"),
        (b'{"transaction": {"a": 1}}', "found an object as transaction"),
        (b'{"transaction": 123456789012345678901}', "would not come back as it was sent"),
    ],
)
def test_a_malformed_request_is_refused_with_its_reason_and_answered(payload: bytes, reason: str) -> None:
    answer = refused("request/self_test", payload, correlation=b"\x01")

    assert reason in answer.reason
    assert answer.asker == Request("self_test", correlation=b"\x01")


@pytest.mark.parametrize("transaction", ["", "t-1", 0, -5, 2**63, 0.25, True, False, None])
def test_the_transaction_comes_back_as_it_was_sent(transaction: object) -> None:
    payload = orjson.dumps({"transaction": transaction})
    good, bad = told("request/self_test", payload), refused("request/snapshot", payload)

    assert isinstance(good, Request)
    assert bad.asker is not None
    for found in (good.transaction, bad.asker.transaction):
        assert (type(found), found) == (type(transaction), transaction)


@pytest.mark.parametrize("name", ["calibrate", "snapshot", "Self_test", "self_test "])
def test_an_unknown_request_hears_which_there_are(name: str) -> None:
    reason = refused(f"request/{name}", b"").reason

    assert repr(name) in reason
    assert all(known in reason for known in REQUESTS)


@pytest.mark.parametrize("name", ["", "a/b", "+", "ünknown", "x" * 100, "a\nb"])
def test_a_strange_name_becomes_no_topic_of_ours(name: str) -> None:
    assert refused(f"request/{name}", b'{"transaction": 1}').asker is None

    asker = refused(f"request/{name}", b'{"transaction": 1}', response_topic="asker/inbox").asker
    assert asker is not None
    assert (asker.reply_to, asker.transaction) == ("asker/inbox", 1)


@pytest.mark.parametrize("topic", ["asker/inbox", f"{ROOT}/response/mine", "pose-edges/x", "ä/b c"])
def test_the_answer_goes_where_the_requester_listens(topic: str) -> None:
    assert told("request/self_test", b"", response_topic=topic, correlation=b"\0\xff") == Request(
        "self_test", reply_to=topic, correlation=b"\0\xff"
    )


@pytest.mark.parametrize(
    "topic",
    [
        "",
        f"{ROOT}2/restart",
        "a/+/b",
        "a/#",
        "$SYS/broker",
        "$share/g/t",
        "a\0b",
        "a\nb",
        "\ud800",
        "x" * (MAX_REPLY_TOPIC_BYTES + 1),
        "ä" * MAX_REPLY_TOPIC_BYTES,
        *(f"{ROOT}/{topic}" for topic in TOPICS),
        f"{ROOT}/status",
        f"{ROOT}/request/response/x",
    ],
)
def test_a_response_topic_that_loops_or_floods_is_refused_and_not_used(topic: str) -> None:
    answer = refused("request/self_test", b'{"transaction": 1}', response_topic=topic, correlation=b"c")

    assert "response topic" in answer.reason
    assert answer.asker == Request("self_test", correlation=b"c")


def test_too_much_correlation_data_is_refused_and_not_sent_back() -> None:
    most = b"c" * MAX_CORRELATION_BYTES

    assert told("request/self_test", b"", correlation=most) == Request("self_test", correlation=most)
    answer = refused("request/self_test", b"", correlation=most + b"c")
    assert answer.asker == Request("self_test")


@pytest.mark.parametrize(
    "payload",
    [b"", b"two words", b"a/b", b"id\n", b"x" * 97, b"{}", b'{"event_id": 7}', b'{"event_id"', b"\xff"],
)
def test_a_receipt_without_a_proper_id_is_refused(payload: bytes) -> None:
    assert "allowed are" in (reason := refused(RECEIPT, payload).reason) or "not JSON" in reason


def test_nobody_writes_lines_into_the_log() -> None:
    attack = "\n\x1b[2J\u202e\u2028ERROR broker lost\r"

    for answer in (
        refused("detection/set", attack.encode()),
        refused(f"request/{attack}", b""),
        refused("request/self_test", attack.encode()),
        refused("request/self_test", b"", response_topic=attack),
        refused(attack, b""),
    ):
        assert answer.reason.isprintable()
        assert answer.topic.isprintable()


def test_a_long_word_is_shown_shortened() -> None:
    reason = refused("detection/set", b"x" * 4000).reason

    assert f"'{'x' * 40}…'" in reason
    assert len(reason) < 100


@pytest.mark.parametrize("topic", ["status", "state", "detection", "detection/set/x", "requests/self_test"])
def test_a_topic_that_is_no_command_is_refused(topic: str) -> None:
    assert "unknown" in refused(topic, b"ON").reason


def test_only_own_command_topics_are_subscribed() -> None:
    assert set(SUBSCRIPTIONS) == {command.name.replace("{name}", "+") for command in COMMANDS}
    assert "#" not in "".join(SUBSCRIPTIONS)
    assert [topic for topic in SUBSCRIPTIONS if "+" in topic] == ["request/+"]
    assert all("unknown" not in refused(topic, b"?").reason for topic in SUBSCRIPTIONS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["transaction", "data", "event_id", "x"]), JSON)


@example("request/self_test", b'{"transaction": "\\ud800"}', None, None)
@given(
    st.sampled_from(TOPICS) | st.text().map(lambda name: f"request/{name}") | st.text(),
    st.binary() | st.sampled_from([b"ON", b"OFF", b"PRESS"]) | DOCUMENTS.map(orjson.dumps),
    st.none() | st.text() | st.text().map(lambda end: f"{ROOT}/{end}"),
    st.none() | st.binary(),
)
def test_whatever_arrives_is_understood_or_refused_in_one_printable_line(
    topic: str, payload: bytes, response_topic: str | None, correlation: bytes | None
) -> None:
    answer = told(topic, payload, response_topic=response_topic, correlation=correlation)

    if isinstance(answer, Refused):
        assert answer.reason.isprintable()
        assert len(answer.reason) < 400
    asker = answer.asker if isinstance(answer, Refused) else answer
    if isinstance(asker, Request):
        assert asker.reply_to in {None, response_topic}
        assert asker.correlation in {None, correlation}
        assert asker.transaction is None or isinstance(asker.transaction, str | int | float)


def admitted(limiter: Limiter, times_s: list[float], topic: str = "test_alert") -> int:
    return sum(limiter.refuse(Incoming(topic, b"PRESS"), now_s) is None for now_s in times_s)


def test_a_burst_passes_and_a_flood_does_not() -> None:
    limiter = Limiter(burst=20, per_s=2)

    assert admitted(limiter, [100.0] * 50) == 20
    assert limiter.refused == 30
    assert admitted(limiter, [105.0] * 50) == 10
    assert admitted(limiter, [1000.0] * 50) == 20


def test_in_the_long_run_two_a_second_pass() -> None:
    assert admitted(Limiter(burst=20, per_s=2), [n / 10 for n in range(1000)]) in range(218, 221)


def test_what_is_too_much_says_so() -> None:
    limiter = Limiter(burst=1)
    limiter.refuse(Incoming("restart", b"PRESS"), 0)

    answer = limiter.refuse(Incoming("restart", b"PRESS"), 0)
    assert answer == Refused("restart", "too many commands: at most 2 a second")


def test_a_clock_that_steps_back_gives_no_commands_away() -> None:
    limiter = Limiter(burst=2, per_s=1)

    assert admitted(limiter, [50.0, 50.0, 10.0, 10.0]) == 2


def test_receipts_of_a_whole_outage_take_nothing_from_commands() -> None:
    limiter = Limiter()

    assert admitted(limiter, [0.0] * 2000, RECEIPT) == 1000
    assert admitted(limiter, [0.0], "fall/clear") == 1
