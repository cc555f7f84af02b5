"""Streamed answers on the wire: each part is sent when it is made; a client that leaves or does not read ends them."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue

import pytest

from chalicelib.edge import Api, FlatErrors, OpenStream, Routes, Stream
from chalicelib.errors import Conflict
from infra.local.gateway import streaming
from infra.local.gateway.http import Gateway
from infra.local.gateway.http_protocol import LIMITS, Limits
from infra.local.gateway.proxy_event import Message
from infra.local.gateway.server import HOST, Servers, listen
from infra.local.gateway.streaming import Streaming
from infra.local.moto import write_signals
from tests.local.gateway.test_http import never_admit, never_authenticate
from tests.local.gateway.test_http_protocol import ENOUGH, SHORT, read_to_end

routes = Routes("", tag="Toys", public=True)


@dataclass
class Tap:
    """The parts that the endpoint streams: those that a test puts in, until None. Without parts it streams empty
    ones."""

    parts: Queue[bytes | Exception | None] = field(default_factory=Queue)
    closed: threading.Event = field(default_factory=threading.Event)
    taken_parts: int = 0

    def flow(self) -> Iterator[bytes]:
        try:
            while (part := self._next()) is not None:
                self.taken_parts += 1
                yield part
        finally:
            self.closed.set()

    def _next(self) -> bytes | None:
        part = self.parts.get_nowait() if self.parts.qsize() else b""
        if isinstance(part, Exception):
            raise part
        return part


TAPS: dict[str, Tap] = {}


@routes.get("/flow/{name}")
def flow(name: str) -> Stream:
    """Stream the parts in the tap."""
    return Stream(TAPS[name].flow())


API = Api("toys", "Toys", "1", "Toys.", 0, FlatErrors(), (routes,), {}, never_authenticate, never_admit)


@dataclass
class Served:
    port: int
    gateway: Gateway
    servers: Servers
    thread: threading.Thread

    def ask(self, name: str, method: str = "GET", version: str = "1.1") -> socket.socket:
        client = socket.create_connection((HOST, self.port), timeout=ENOUGH)
        client.sendall(f"{method} /flow/{name} HTTP/{version}\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return client


@contextmanager
def serving(limits: Limits = LIMITS) -> Iterator[Served]:
    with ThreadPoolExecutor(4) as pool:
        gateway, listener, ready = Gateway(API, pool), listen(0), threading.Event()

        async def end_streams() -> None:
            gateway.end_streams()

        servers = Servers([(listener, gateway)], end_streams, limits, 100)
        thread = threading.Thread(target=servers.run, args=(ready.set,))
        thread.start()
        try:
            assert ready.wait(ENOUGH)
            yield Served(listener.getsockname()[1], gateway, servers, thread)
        finally:
            servers.stop()
            thread.join(ENOUGH)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


@pytest.fixture(autouse=True)
def short_idle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have streams asked again soon: a tap is filled without a write."""
    monkeypatch.setattr(streaming, "IDLE_SECONDS", 0.01)


@pytest.fixture
def tap(request: pytest.FixtureRequest) -> Tap:
    return TAPS.setdefault(request.node.name, Tap())


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def read_until(client: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        part = client.recv(1)
        assert part, received
        received += part
    return received


def test_parts_go_out_as_they_are_made(served: Served, tap: Tap, name: str) -> None:
    with served.ask(name) as client:
        head = read_until(client, b"\r\n\r\n").lower()
        assert b"200 ok" in head
        assert b"transfer-encoding: chunked" in head
        assert b"content-type: text/event-stream" in head
        assert b"content-length" not in head
        for part in (b"one", b"two"):
            tap.parts.put(part)
            assert read_until(client, b"\r\n" + part + b"\r\n").startswith(b"3")
        tap.parts.put(None)
        assert read_until(client, b"0\r\n\r\n")
        assert tap.closed.wait(ENOUGH)
        tap.parts.put(None)
        client.sendall(f"GET /flow/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert read_to_end(client).endswith(b"\r\n\r\n0\r\n\r\n"), "the connection serves the next request"


def test_a_client_of_http_1_0_reads_until_the_end(served: Served, tap: Tap, name: str) -> None:
    for part in (b"one", b"two", None):
        tap.parts.put(part)
    with served.ask(name, version="1.0") as client:
        assert read_to_end(client).endswith(b"\r\n\r\nonetwo")


def test_head_has_no_parts_and_ends_the_iterator(served: Served, tap: Tap, name: str) -> None:
    with served.ask(name, "HEAD") as client:
        assert b"text/event-stream" in read_until(client, b"\r\n\r\n")
        assert tap.closed.wait(ENOUGH)
    assert tap.taken_parts == 1


@pytest.mark.parametrize("leave", [lambda client: client.close(), lambda client: client.shutdown(socket.SHUT_RDWR)])
def test_the_iterator_ends_when_the_client_leaves_though_nothing_is_sent(
    served: Served, tap: Tap, name: str, leave: Callable[[socket.socket], None]
) -> None:
    with served.ask(name) as client:
        read_until(client, b"\r\n\r\n")
        leave(client)
        assert tap.closed.wait(ENOUGH)


def test_a_client_that_does_not_read_is_cut_off_and_little_is_kept_for_it(name: str) -> None:
    tap = TAPS[name] = Tap()
    for _ in range(2000):
        tap.parts.put(b"x" * 64 * 1024)
    with serving(SHORT) as served, served.ask(name):
        assert tap.closed.wait(ENOUGH)
        assert 0 < tap.taken_parts < 1000, "parts are made as the client takes them"


def test_an_error_in_the_middle_ends_the_connection_without_a_proper_end(served: Served, tap: Tap, name: str) -> None:
    tap.parts.put(b"one")
    tap.parts.put(Conflict("no"))
    with served.ask(name) as client:
        assert read_to_end(client).endswith(b"\r\none\r\n")
    assert tap.closed.wait(ENOUGH)


def test_an_error_before_the_first_part_is_answered(served: Served, tap: Tap, name: str) -> None:
    tap.parts.put(Conflict("no"))
    with served.ask(name) as client:
        assert b"409" in read_until(client, b"\r\n\r\n")


def test_the_end_of_the_server_ends_streams_properly(name: str) -> None:
    tap = TAPS[name] = Tap()
    with serving() as served, served.ask(name) as client:
        read_until(client, b"\r\n\r\n")
        tap.parts.put(b"one")
        read_until(client, b"one\r\n")
        served.servers.stop()
        assert read_to_end(client) == b"0\r\n\r\n"
        assert tap.closed.wait(ENOUGH)


def test_a_write_of_what_an_idle_stream_is_about_has_it_asked_at_once(
    served: Served, tap: Tap, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "IDLE_SECONDS", 3_600)
    with served.ask(name) as client:
        read_until(client, b"\r\n\r\n")
        for part in (b"one", b"two"):
            tap.parts.put(part)
            write_signals.signal_write("PutItem", f'{{"id": "{name}"}}')
            read_until(client, part + b"\r\n")


async def never_receive() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def test_an_idle_stream_is_not_asked_while_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "IDLE_SECONDS", 3_600)
    idle, asked_often = Tap(), Tap()

    async def send(message: Message) -> None:
        if message["type"] == "start":
            return
        assert message == {"type": "http.response.body"}

    def parts() -> Iterator[bytes]:
        for _ in range(6):
            asked_often.taken_parts += 1
            yield b""

    async def run() -> int:
        with ThreadPoolExecutor(2) as pool:
            open_streams, start = Streaming(pool), {"type": "start"}
            waiting = asyncio.create_task(
                open_streams.send(OpenStream(idle.flow(), "1"), start, "GET", never_receive, send, ("task_1",))
            )
            await open_streams.send(OpenStream(parts(), "2"), start, "GET", never_receive, send)
            taken_parts = idle.taken_parts
            open_streams.end()
            await waiting
        return taken_parts

    assert asyncio.run(run()) <= 3
    assert asked_often.taken_parts == 6


def test_a_stream_ends_after_its_longest_time() -> None:
    tap = TAPS["long"] = Tap()
    sent: list[Message] = []

    async def run() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        with ThreadPoolExecutor(1) as pool:
            stream = OpenStream(tap.flow(), "1")
            await Streaming(pool, max_seconds=0).send(stream, {"type": "start"}, "GET", never_receive, send)

    asyncio.run(run())
    assert [message["type"] for message in sent] == ["start", "http.response.body"]
    assert tap.closed.is_set()
