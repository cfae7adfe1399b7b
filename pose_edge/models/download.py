"""One file over HTTP: resumed where it stopped, never waiting long, checked before it gets its name.

A machine that cannot reach the address must learn so in seconds, because there may be another way.
So nothing is tried twice that brought nothing the first time, except from a server that says it is
busy.
"""

from __future__ import annotations

import http.client
import logging
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pose_edge.errors import ModelError, UnavailableError
from pose_edge.models.files import promote, sha256_of
from pose_edge.models.manifest import Official

logger = logging.getLogger(__name__)

Report: TypeAlias = Callable[[int], None]
"""Told the number of bytes that are there, again and again."""

CHUNK_BYTES = 64 * 1024
BUSY = {408, 425, 429, 500, 502, 503, 504}
RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a download is."""

    open_s: float = 6.0
    """Name lookup, connection, proxy, TLS and the head of the answer, all together."""
    stall_s: float = 10.0
    """Without a byte, or slower than `slowest_bytes_per_s` over this time."""
    slowest_bytes_per_s: int = 1000
    attempts: int = 5
    pause_s: float = 0.5
    """Before the second attempt; doubles each time."""


class _Interrupted(Exception):  # noqa: N818 - says what happened; caught in this file
    """An attempt ended early; `again` tells if another one may do better."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


def download(official: Official, target: Path, report: Report, limits: Limits) -> None:
    """Fetch a file to `target`, going on from `target` + `.part` if that is there.

    The caller holds the lock of the directory. An unfinished `.part` stays for the next time.

    Raises:
        UnavailableError: the address, the proxy or the network refused or fell silent.
        ModelError: what came is not the file.
        OSError: it could not be written.
    """
    part = target.with_name(target.name + ".part")
    resumed = _size(part) > 0
    _complete(official, part, report, limits)
    found = sha256_of(part)
    if found in official.sha256:
        promote(part, target)
        return
    part.unlink()
    if not resumed:
        expected = " or ".join(official.sha256)
        raise ModelError(f"{official.url}: SHA-256 is {found} instead of {expected}")
    logger.info("the beginning of %s was of another file; starting over", target.name)
    download(official, target, report, limits)


def _complete(official: Official, part: Path, report: Report, limits: Limits) -> None:
    """Attempt until all bytes are there."""
    for attempt in range(1, limits.attempts + 1):
        try:
            _attempt(official, part, report, limits)
        except _Interrupted as error:
            if not error.again or attempt == limits.attempts:
                tries = f" ({attempt} attempts)" if attempt > 1 else ""
                raise UnavailableError(f"{official.url}: {error}{tries}") from error
            logger.debug("%s: %s, attempt %d", official.url, error, attempt)
            time.sleep(limits.pause_s * 2 ** (attempt - 1))
        else:
            return


def _attempt(official: Official, part: Path, report: Report, limits: Limits) -> None:
    have = _size(part)
    if have == official.size_bytes:
        return
    if have > official.size_bytes:
        part.unlink()
        have = 0
    with _open(official.url, part, limits) as response:
        have = _start(response, part, official.size_bytes)
        try:
            with part.open("ab" if have else "wb") as file:
                for chunk in _chunks(response, have, official.size_bytes, limits):
                    file.write(chunk)
                    have += len(chunk)
                    report(have)
        except OSError:  # of the disk; those of the network are _Interrupted by now
            with suppress(OSError):
                part.unlink()  # a full disk should not stay full
            raise


def _open(url: str, part: Path, limits: Limits) -> http.client.HTTPResponse:
    """Ask for what is missing; everything up to the head of the answer has one common limit.

    In a thread of its own, because Python offers no limit for looking up a name.
    """
    have = _size(part)
    request = urllib.request.Request(  # noqa: S310 - the address is from the manifest
        url, headers={"User-Agent": "pose-edge", **({"Range": f"bytes={have}-"} if have else {})}
    )
    answer: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(request, limits.stall_s, answer), daemon=True).start()
    try:
        result = answer.get(timeout=limits.open_s)
    except queue.Empty:
        raise _Interrupted(f"no answer within {limits.open_s:g} s", again=False) from None
    if isinstance(result, Exception):
        raise _refused(result, part) from result
    return result


def _ask(
    request: urllib.request.Request,
    timeout_s: float,
    answer: queue.SimpleQueue[http.client.HTTPResponse | Exception],
) -> None:
    try:
        answer.put(urllib.request.build_opener().open(request, timeout=timeout_s))  # honours proxies
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a malformed proxy
        answer.put(error)


def _refused(error: Exception, part: Path) -> _Interrupted:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code == RANGE_NOT_SATISFIABLE and _size(part):
            part.unlink()
            return _Interrupted("the server has no such range", again=True)
        return _Interrupted(f"HTTP {error.code} {error.reason}", again=error.code in BUSY)
    return _Interrupted(_reason(error), again=False)


def _start(response: http.client.HTTPResponse, part: Path, size_bytes: int) -> int:
    """Return how many of our bytes the answer goes on from; 0 if it begins anew."""
    have = _size(part) if response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
    if have and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        part.unlink()
        raise _Interrupted("the server sent another range than asked for", again=True)
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and have + int(length) != size_bytes:
        reason = f"the server offers {have + int(length)} bytes, the model has {size_bytes}"
        raise _Interrupted(reason, again=False)
    return have


def _chunks(
    response: http.client.HTTPResponse, have: int, size_bytes: int, limits: Limits
) -> Iterator[bytes]:
    """Yield the body until `size_bytes` are there; `have` of them already are."""
    first = mark = have
    mark_s = time.monotonic()
    while have < size_bytes:
        chunk = _read(response, min(CHUNK_BYTES, size_bytes - have), again=have > first)
        if not chunk:
            raise _Interrupted(f"the connection ended at {have} of {size_bytes} bytes", again=have > first)
        have += len(chunk)
        yield chunk
        now_s = time.monotonic()
        if now_s - mark_s >= limits.stall_s:
            if have - mark < limits.slowest_bytes_per_s * (now_s - mark_s):
                raise _Interrupted(f"too slow: {have - mark} bytes in {now_s - mark_s:.0f} s", again=False)
            mark, mark_s = have, now_s


def _read(response: http.client.HTTPResponse, count: int, *, again: bool) -> bytes:
    try:
        return response.read1(count)  # what is there, instead of waiting for all of it
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(_reason(error), again=again) from error


def _reason(error: Exception) -> str:
    """Return the operating system's words, without urllib's wrapping."""
    inner = getattr(error, "reason", None) or error
    if isinstance(inner, TimeoutError):
        return "timed out"
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
