"""Real small parts for the tests of the model store: an HTTP server that misbehaves, bundles, a wheel."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

from pose_edge.models import bundle, flatbuffer
from pose_edge.models.flatbuffer import Blob, Number, Table, Vector
from pose_edge.models.manifest import Built, Manifest, Official, Part, Variant

DATA = random.Random(1).randbytes(300_000)
HALF = 150_000
CLOSED_PORT = "http://127.0.0.1:9"
"""Refuses connections: the discard service is not run anywhere."""

END_S = 10.0
"""No handler outlives its test by more."""

Behaviour: TypeAlias = Callable[["Answer"], None]


@dataclass
class Server:
    """What a test sees of the loopback server."""

    url: str = ""
    data: bytes = DATA
    behaviours: tuple[Behaviour, ...] = ()
    ranges: list[str | None] = field(default_factory=list)
    """The Range header of every request so far."""
    over: threading.Event = field(default_factory=threading.Event)


class Answer(BaseHTTPRequestHandler):
    """One request; the behaviours are taken one after the other, the last for ever."""

    server_of_test: Server

    def do_GET(self) -> None:
        seen = self.server_of_test
        seen.ranges.append(self.headers.get("Range"))
        seen.behaviours[min(len(seen.ranges), len(seen.behaviours)) - 1](self)

    do_CONNECT = do_GET  # noqa: N815 - the name is http.server's: what a proxy is asked for https

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep quiet."""

    @property
    def data(self) -> bytes:
        return self.server_of_test.data

    def head(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


def whole(answer: Answer) -> None:
    """A server that knows nothing of ranges."""
    answer.head(200, len(answer.data))
    answer.wfile.write(answer.data)


def ranged(answer: Answer) -> None:
    """A server that sends what is asked for."""
    wanted = answer.headers.get("Range")
    if wanted is None:
        return whole(answer)
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    size = len(answer.data)
    answer.head(206, size - start, Content_Range=f"bytes {start}-{size - 1}/{size}")
    answer.wfile.write(answer.data[start:])
    return None


def wrong_range(answer: Answer) -> None:
    answer.head(206, len(answer.data), Content_Range=f"bytes 0-{len(answer.data) - 1}/{len(answer.data)}")
    answer.wfile.write(answer.data)


def cut_off(answer: Answer) -> None:
    """Promises all, sends half and hangs up."""
    answer.head(200, len(answer.data))
    answer.wfile.write(answer.data[:HALF])


def cut_off_without_length(answer: Answer) -> None:
    answer.head(200, None)
    answer.wfile.write(answer.data[:HALF])


def stalled(answer: Answer) -> None:
    """Sends half and no more, but stays on the line."""
    answer.head(200, len(answer.data))
    answer.wfile.write(answer.data[:HALF])
    answer.server_of_test.over.wait(END_S)


def dripping(answer: Answer) -> None:
    """Sends single bytes, each before any read would time out."""
    answer.head(200, len(answer.data))
    while not answer.server_of_test.over.wait(0.02):
        answer.wfile.write(b"x")


def silent(answer: Answer) -> None:
    """Takes the connection and says nothing."""
    answer.server_of_test.over.wait(END_S)


def slow(answer: Answer) -> None:
    """Takes a second over it, so that somebody else can come meanwhile."""
    answer.server_of_test.over.wait(1.0)
    whole(answer)


def refusing(status: int) -> Behaviour:
    """Answers with that status and a page."""

    def behaviour(answer: Answer) -> None:
        answer.head(status, 4)
        answer.wfile.write(b"sad!")

    return behaviour


def web_page(answer: Answer) -> None:
    """What a hotel's network says instead of the file."""
    page = b"<html>please log in</html>"
    answer.head(200, len(page))
    answer.wfile.write(page)


@contextmanager
def serving(*behaviours: Behaviour, data: bytes = DATA) -> Iterator[Server]:
    """Run a server on a free loopback port."""
    server = Server(data=data, behaviours=behaviours)
    handler = type("AnswerOfTest", (Answer,), {"server_of_test": server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up: part of the tests
        server.url = f"http://127.0.0.1:{http.server_port}/model.task"
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server
        finally:
            server.over.set()
            http.shutdown()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def official(url: str, data: bytes = DATA) -> Official:
    """The manifest's words for `data` at an address."""
    return Official(url=url, size_bytes=len(data), sha256=(sha256(data),))


def manifest(url: str, data: bytes = DATA, built: Built | None = None) -> Manifest:
    """Lite at an address, and full, which may be built instead."""
    variants = {
        "lite": Variant(file="lite.task", official=official(url, data)),
        "full": Variant(file="full.task", official=official(url, data), built=built),
    }
    return Manifest(licence="Apache-2.0", model_card="", default="lite", variants=variants)


def zipped(*names: str, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip with these entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name in names:
            archive.writestr(name, b"weights of " + name.encode())
    return out.getvalue()


def tiny_network(weights: bytes) -> bytes:
    """Return a TFLite file with one buffer and one entry of metadata: enough to be given a root."""
    buffer = Table({0: Blob(weights, len(weights), alignment=16)})
    entry = Table({0: flatbuffer.text("min_runtime_version"), 1: Number("I", 0)})
    root = Table({0: Number("I", 3), 3: flatbuffer.text("tiny"), 4: Vector([buffer]), 6: Vector([entry])})
    return flatbuffer.encode(root, b"TFL3")


def packed_wheel(directory: Path) -> Built:
    """Write a wheel with two tiny networks, for a platform that no machine has; return its manifest."""
    name, version = "posefixture", "1.0"
    networks = {
        f"{name}/detector.tflite": tiny_network(b"d" * 64),
        f"{name}/full.tflite": tiny_network(b"l" * 64),
    }
    info = f"{name}-{version}.dist-info"
    files = {
        **networks,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\n",
        f"{info}/RECORD": b"",
    }
    path = directory / f"{name}-{version}-cp311-cp311-manylinux_2_28_s390x.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in files.items():
            archive.writestr(member, data)
    built = bundle.build(*networks.values())
    parts = [Part(member=member, sha256=sha256(data)) for member, data in networks.items()]
    return Built(
        size_bytes=len(built),
        sha256=sha256(built),
        wheel=path.name,
        wheel_sha256=sha256(path.read_bytes()),
        detector=parts[0],
        landmarks=parts[1],
    )
