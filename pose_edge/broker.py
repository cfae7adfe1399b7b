"""An MQTT broker inside this process, for the demo: nothing to install, nothing left behind."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pose_edge.errors import UnavailableError

START_S: Final = 10.0
STOP_S: Final = 5.0


@contextmanager
def embedded_broker(port: int = 0) -> Iterator[int]:
    """Run a broker on 127.0.0.1 while inside `with`; give its port. Port 0: any free one. MQTT 3.1.1.

    Raises:
        UnavailableError: the port is taken, or the broker package is not installed.
    """
    try:
        from amqtt.broker import Broker
    except ImportError as error:
        raise UnavailableError("the demo's broker is missing: pip install 'pose-edge[demo]'") from error
    # It logs every packet it cannot make sense of, and each client that goes.
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    address = _bindable(port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="broker", daemon=True)
    thread.start()
    try:
        broker = asyncio.run_coroutine_threadsafe(_started(Broker, address), loop).result(START_S)
        yield address
        asyncio.run_coroutine_threadsafe(broker.shutdown(), loop).result(STOP_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_S)


async def _started(make: Any, port: int) -> Any:
    broker = make(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    return broker


def _bindable(port: int) -> int:
    """Return `port`, or a free one for 0, after a look whether it can be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UnavailableError(f"port {port} on 127.0.0.1 cannot be had: {reason}") from error
        return int(probe.getsockname()[1])
