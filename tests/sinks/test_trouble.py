from __future__ import annotations

import calendar
import socket
import ssl

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from pose_edge.sinks.trouble import (
    EXPLAINED,
    NEEDS_SOMEBODY,
    unanswered,
    unheard,
    why_closed,
    why_refused,
    why_unreachable,
)

NOW_S = calendar.timegm((2027, 1, 1, 0, 0, 0))
AT_BOOT_S = calendar.timegm((1970, 1, 1, 0, 0, 20))


def certificate_error(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_code, error.verify_message = code, message
    return error


# The codes are OpenSSL's; tests/faults has them from real certificates.
@pytest.mark.parametrize(
    ("code", "wall_s", "state"),
    [
        (10, NOW_S, "tls_expired"),
        (9, NOW_S, "tls_not_yet_valid"),
        (9, AT_BOOT_S, "tls_clock_not_set"),
        (62, NOW_S, "tls_name_mismatch"),
        (64, NOW_S, "tls_name_mismatch"),
        (20, NOW_S, "tls_untrusted"),
        (18, AT_BOOT_S, "tls_untrusted"),
    ],
)
def test_each_fault_of_a_certificate_has_its_word(code: int, wall_s: float, state: str) -> None:
    trouble = why_unreachable(certificate_error(code, "what OpenSSL says"), wall_s)

    assert trouble.state == state
    assert trouble.needs_somebody is (state != "tls_clock_not_set")


def test_a_clock_that_was_never_set_is_named_with_what_it_shows() -> None:
    trouble = why_unreachable(certificate_error(9, "certificate is not yet valid"), AT_BOOT_S)

    assert trouble.reason == "cannot be checked: the clock is not set, it shows 1970-01-01"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (socket.gaierror(-2, "Name or service not known"), "unknown_host"),
        (UnicodeError("label too long"), "unknown_host"),
        (TimeoutError(), "unreachable"),
        (ConnectionRefusedError(111, "Connection refused"), "unreachable"),
        (ssl.SSLError(1, "wrong version number"), "tls_failed"),
        (None, "unreachable"),
    ],
)
def test_each_fault_of_the_way_has_its_word(error: BaseException | None, state: str) -> None:
    assert why_unreachable(error, NOW_S).state == state


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("Bad user name or password", "auth_failed"),
        ("Not authorized", "auth_failed"),
        ("Client identifier not valid", "client_id_refused"),
        ("Server busy", "server_unavailable"),
        ("Quota exceeded", "server_unavailable"),
        ("Unsupported protocol version", "protocol_error"),
        ("Banned", "not_authorized"),
    ],
)
def test_each_refusal_has_its_word(name: str, state: str) -> None:
    assert why_refused(ReasonCode(PacketTypes.CONNACK, name)).state == state


def test_whoever_is_thrown_out_by_a_namesake_hears_so() -> None:
    trouble = why_closed(ReasonCode(PacketTypes.DISCONNECT, "Session taken over"))

    assert (trouble.state, trouble.needs_somebody) == ("client_id_in_use", True)
    assert "another client uses the same name" in trouble.reason


def test_an_ordinary_end_is_none_of_anybodys_business() -> None:
    assert why_closed(ReasonCode(PacketTypes.DISCONNECT, "Unspecified error")).state == "closed"
    assert not why_closed(ReasonCode(PacketTypes.DISCONNECT, "Normal disconnection")).needs_somebody


def test_every_word_is_explained() -> None:
    codes = [0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x95, 0x97, 0x9F]
    refused = {why_refused(ReasonCode(PacketTypes.CONNACK, identifier=code)).state for code in codes}
    others = {unanswered("x").state, unheard(1.0).state, "credentials_missing", "tls_clock_not_set"}

    assert refused | others | NEEDS_SOMEBODY <= EXPLAINED.keys()
