"""Which addresses the service may reach: what systemd's IPAddressAllow= has to say for one configuration.

The unit denies all but this machine. What is added is the broker, and nothing else where it is a number.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RESOLV_CONF: Final = Path("/etc/resolv.conf")

LOCAL_NETWORKS: Final = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # RFC 1918
    *("169.254.0.0/16", "fe80::/10"),  # link-local
    "fc00::/7",  # RFC 4193
    "100.64.0.0/10",  # RFC 6598; VPNs live there
)


@dataclass(frozen=True, slots=True)
class Egress:
    """What may be reached beside this machine, and why just that."""

    allowed: tuple[str, ...]
    """As in IPAddressAllow=."""
    reason: str


def egress(host: str, resolv_conf: Path = RESOLV_CONF) -> Egress:
    """Return what has to be reachable for a broker: its address, or the networks its name may point to."""
    literal = _address(host)
    found = [literal] if literal else _resolved(host)
    if found and all(address.is_loopback for address in found):
        return Egress((), f"the broker {host} is this machine")
    if literal:
        return Egress((str(literal),), f"the broker {host}")
    if any(address.is_global for address in found):
        return Egress(("any",), f"the broker {host} is on the internet, where its address may change")
    servers = (str(server) for server in _name_servers(resolv_conf) if server.is_global)
    return Egress(
        (*LOCAL_NETWORKS, *servers), f"the broker {host} is a name: local networks and name servers"
    )


def drop_in(host: str, resolv_conf: Path = RESOLV_CONF) -> str:
    """Return the text of a drop-in for the unit."""
    found = egress(host, resolv_conf)
    lines = [f"IPAddressAllow={address}" for address in found.allowed]
    return "\n".join((f"# {found.reason}. Write it again when mqtt.host changes.", "[Service]", *lines, ""))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _resolved(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return _addresses(str(entry[4][0]) for entry in entries)


def _name_servers(resolv_conf: Path) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        lines = resolv_conf.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return _addresses(
        line.split()[1] for line in lines if line.startswith("nameserver ") and line.split()[1:]
    )


def _addresses(texts: Iterable[str]) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [address for text in texts if (address := _address(text))]
