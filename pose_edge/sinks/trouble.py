"""Why there is no connection to the broker: a word for machines, a sentence for people.

The words are those of `mqtt_state` in `health`, in the status file and for `pose-edge doctor`.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final

from paho.mqtt.reasoncodes import ReasonCode

CONNECT_TIMEOUT_S: Final = 5.0

BUILD_S: Final = 1_790_000_000
"""September 2026: a clock that shows an earlier time was never set. A Raspberry Pi has no battery for it."""

NEEDS_SOMEBODY: Final = frozenset(
    {
        "auth_failed",
        "not_authorized",
        "credentials_missing",
        "client_id_refused",
        "client_id_in_use",
        "tls_untrusted",
        "tls_expired",
        "tls_not_yet_valid",
        "tls_name_mismatch",
        "tls_failed",
    }
)
"""Trying again helps only after somebody has changed something, so it is done slowly."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong."""

    state: str
    """A machine's word; see `EXPLAINED`."""
    reason: str
    """Predicate of a sentence about the broker: `cannot be reached: connection refused`."""

    @property
    def may_be_our_message(self) -> bool:
        """Whether the broker may have ended the connection because of what we sent."""
        return self.state in ("closed", "unstable", "protocol_error")

    @property
    def needs_somebody(self) -> bool:
        """Whether trying again alone will not help."""
        return self.state in NEEDS_SOMEBODY


EXPLAINED: Final[dict[str, str]] = {
    "connected": "all is well",
    "connecting": "the first attempt is under way",
    "auth_failed": "check mqtt.username and mqtt.password_file",
    "not_authorized": "check the broker's access list and mqtt.client_id",
    "credentials_missing": "put the password or certificate file back",
    "client_id_refused": "check mqtt.client_id",
    "client_id_in_use": "give each device its own device.id or mqtt.client_id",
    "tls_untrusted": "check mqtt.tls.ca_file: it did not sign the broker's certificate",
    "tls_expired": "renew the broker's certificate",
    "tls_not_yet_valid": "check the dates of the broker's certificate",
    "tls_clock_not_set": "wait for NTP: without the time no certificate can be checked",
    "tls_name_mismatch": "check mqtt.host or mqtt.tls.server_name: the certificate is for another name",
    "tls_failed": "does mqtt.port expect TLS, or a certificate of this device?",
    "unknown_host": "check mqtt.host and the network's name server",
    "unreachable": "is it running, is the network there, is mqtt.port right?",
    "silent": "it is there and does not answer: is it overloaded, or no broker?",
    "protocol_error": "try another mqtt.protocol",
    "server_unavailable": "it turns clients away at the moment",
    "closed": "it is tried again",
    "unstable": "give each device its own device.id or mqtt.client_id, or mend the network",
}
"""What somebody can do about it."""

_REFUSED: Final[dict[int, str]] = {  # MQTT 5, 3.2.2.2; paho translates the codes of 3.1.1 into these
    0x81: "protocol_error",
    0x82: "protocol_error",
    0x84: "protocol_error",
    0x85: "client_id_refused",
    0x86: "auth_failed",
    0x87: "auth_failed",  # Mosquitto says so for a wrong password
    0x88: "server_unavailable",
    0x89: "server_unavailable",
    0x8A: "not_authorized",
    0x95: "protocol_error",
    0x97: "server_unavailable",
    0x9F: "server_unavailable",
}

_CLOSED: Final[dict[int, str]] = {  # MQTT 5, 3.14.2.1
    0x81: "protocol_error",
    0x87: "not_authorized",
    0x89: "server_unavailable",
    0x8B: "server_unavailable",
    0x8D: "silent",  # also what paho says when its own keepalive ran out
    0x8E: "client_id_in_use",
    0x98: "server_unavailable",
    0x9C: "server_unavailable",
    0x9D: "server_unavailable",
}

# OpenSSL, x509_vfy.h
_EXPIRED: Final = 10
_NOT_YET_VALID: Final = 9
_NAME: Final = (62, 64)


def why_unreachable(
    error: BaseException | None, wall_s: float | None = None, *, tls: bool = False
) -> Trouble:
    """Return why there is no connection.

    `wall_s` is the time of day in seconds since 1970; `tls`: it was to be encrypted.
    """
    match error:
        case ConnectionResetError() | BrokenPipeError() if tls:
            return Trouble("tls_failed", "cannot agree on TLS: it hangs up (does this port expect TLS?)")
        case ssl.SSLCertVerificationError():
            return _untrusted(error, time.time() if wall_s is None else wall_s)
        case ssl.SSLError():
            words = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
            return Trouble("tls_failed", f"cannot agree on TLS: {words}")
        case socket.gaierror():
            return Trouble("unknown_host", f"cannot be reached: unknown host name ({error.strerror})")
        case UnicodeError():
            return Trouble("unknown_host", f"cannot be reached: no host name ({error})")
        case TimeoutError():
            return Trouble("unreachable", f"cannot be reached: no answer in {CONNECT_TIMEOUT_S:.0f} s")
        case OSError():
            return Trouble("unreachable", f"cannot be reached: {(error.strerror or str(error)).lower()}")
        case _:
            return Trouble("unreachable", f"cannot be reached: {error!r}")


def _untrusted(error: ssl.SSLCertVerificationError, wall_s: float) -> Trouble:
    words = error.verify_message
    if error.verify_code == _NOT_YET_VALID and wall_s < BUILD_S:
        shown = time.strftime("%Y-%m-%d", time.gmtime(wall_s))
        return Trouble("tls_clock_not_set", f"cannot be checked: the clock is not set, it shows {shown}")
    state = {_EXPIRED: "tls_expired", _NOT_YET_VALID: "tls_not_yet_valid"}.get(error.verify_code)
    if error.verify_code in _NAME:
        state = "tls_name_mismatch"
    return Trouble(state or "tls_untrusted", f"cannot be trusted: {words}")


def why_refused(reason: ReasonCode) -> Trouble:
    """Return why the broker does not want us."""
    state = _REFUSED.get(reason.value, "protocol_error")
    hint = "; check username and password_file" if state == "auth_failed" else ""
    return Trouble(state, f"refused the connection: {str(reason).lower()}{hint}")


def why_closed(reason: ReasonCode) -> Trouble:
    """Return why a connection ended."""
    words = str(reason).lower()
    state = _CLOSED.get(reason.value, "closed") if reason.is_failure else "closed"
    if state == "client_id_in_use":
        return Trouble(state, f"{words}: another client uses the same name")
    return Trouble(state, "connection closed" if words == "unspecified error" else words)


def unstable(times: int) -> Trouble:
    """Return the trouble of connections that do not last: brokers older than MQTT 5 do not say why."""
    return Trouble(
        "unstable",
        f"closed the connection {times} times in a minute: perhaps another client uses the same name",
    )


def unanswered(what: str) -> Trouble:
    """Return the trouble of a broker that is there and does not answer."""
    return Trouble("silent", what)


def unheard(waited_s: float) -> Trouble:
    """Return the trouble of an attempt that neither works nor fails."""
    return Trouble("unreachable", f"cannot be reached: no answer in {waited_s:.0f} s")
