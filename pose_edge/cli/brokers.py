"""`--broker HOST[:PORT]`: another broker than the configuration's, with the rest of its options."""

from __future__ import annotations

from pose_edge.errors import UsageError
from pose_edge.sinks.mqtt_options import MqttOptions


def at(broker: str | None, options: MqttOptions) -> MqttOptions:
    """Return the options for this broker; without one, as they are.

    Raises:
        UsageError: it is no HOST or HOST:PORT.
    """
    if broker is None:
        return options
    host, _, port = broker.partition(":")
    if not host:
        raise UsageError(f"--broker {broker!r}: the host is missing")
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise UsageError(f"--broker {broker}: {port!r} found, a port from 1 to 65535 is allowed")
    return options.model_copy(update={"host": host, **({"port": int(port)} if port else {})})
