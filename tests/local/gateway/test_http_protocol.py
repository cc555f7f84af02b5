"""The local server on the wire: requests that no library sends, and clients that are slow, half-close or do not
read."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.gateway.connection_limits import SPARE_FILES, Connections, connection_limit
from infra.local.gateway.http_protocol import LIMITS, Limits
from infra.local.gateway.server import HOST, Servers, listen

ENOUGH = 20.0
SHORT = Limits(head=0.2, body=0.2, answer=0.2, idle=0.2, linger=0.2)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 64 * 1024 * 1024


@dataclass
class App:
    """Answers with the request; /who answers with the client, /held when it is released, /large with a large body."""

    released: threading.Event = field(default_factory=threading.Event)
    requests: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self.hold(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.requests.release()
        if scope["path"] == "/held":
            await self.wait_until_released()
        body = scope["client"][0].encode() if scope["path"] == "/who" else body
        answer = b"x" * LARGE if scope["path"] == "/large" else scope["path"].encode() + b":" + body
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def wait_until_released(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self.pool, self.released.wait, ENOUGH)

    async def hold(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.requests.release()
        await receive()


@dataclass
class Served:
    app: App
    servers: Servers
    port: int
    thread: threading.Thread

    def open(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=ENOUGH)

    def say(self, *pieces: bytes, half_close: bool = False) -> bytes:
        """Read everything that the server sends until it closes the connection."""
        with self.open() as client:
            for piece in pieces:
                client.sendall(piece)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            return read_to_end(client)


def read_to_end(client: socket.socket) -> bytes:
    received = b""
    while part := client.recv(65536):
        received += part
    return received


def read(client: socket.socket) -> bytes:
    """Read one answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(1)
        assert received
    [length] = [line[15:] for line in received.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    body = b""
    while len(body) < int(length):
        body += client.recv(int(length) - len(body))
    return body


@contextmanager
def serving(limits: Limits = LIMITS, max_connections: int = 100) -> Iterator[Served]:
    app, found, ready = App(), listen(0), threading.Event()
    port = found.getsockname()[1]
    servers = Servers([(found, app)], limits=limits, max_connections=max_connections)
    thread = threading.Thread(target=servers.run, args=(ready.set,))
    thread.start()
    try:
        assert ready.wait(ENOUGH)
        yield Served(app, servers, port, thread)
    finally:
        app.released.set()
        servers.stop()
        thread.join(ENOUGH)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as made:
        yield made


@pytest.fixture(scope="module")
def hasty() -> Iterator[Served]:
    """A server with short time limits."""
    with serving(SHORT) as made:
        yield made


POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
WRONG: dict[str, tuple[bytes, int]] = {
    "two lengths of two kinds": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "the other way round": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "two lengths in one": (POST + b"Content-Length: 3, 4\r\n\r\nabcd", 400),
    "a signed length": (POST + b"Content-Length: +3\r\n\r\nabc", 400),
    "a length in words": (POST + b"Content-Length: three\r\n\r\nabc", 400),
    "a length of 30 digits": (POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 400),
    "a coding that is not known": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a chunk size that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n", 400),
    "a negative chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", 400),
    "a chunk size of 30 digits": (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\nabc", 400),
    "a chunk longer than its size": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "a bare CR in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n", 400),
    "a NUL in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc", 400),
    "a folded first header": (b"GET / HTTP/1.1\r\n A: b\r\nHost: x\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "another version": (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\n\n", 400),
    "a head that is too large": (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "a path that is too long": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 10_000 + b"\r\n", 431),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_two_readers_could_read_differently_is_refused_and_ends_the_connection(served: Served, case: str) -> None:
    sent, status = WRONG[case]
    said = served.say(sent + GET)
    assert said.startswith(b"HTTP/1.1 %d " % status), said
    assert b"\r\nConnection: close\r\n" in said and said.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "sent",
    [
        GET.replace(b"\r\n\r\n", b"\r\nAuthorization : Bearer hidden\r\n\r\n"),
        GET.replace(b"\r\n\r\n", b"\r\nX-API-Key: hid'd\"en\x00hidden\r\n\r\n"),
        GET.replace(b"GET /", b"GET /?token=hidden\xff"),
        POST + b"Transfer-Encoding: chunked\r\n\r\nhidden\r\n",
    ],
)
def test_a_refusal_repeats_nothing_of_the_request(served: Served, sent: bytes) -> None:
    answer = served.say(sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Invalid HTTP request received. illegal" in answer
    assert b"hidden" not in answer and b"bytearray" not in answer


@pytest.mark.parametrize("header", [b"X-Forwarded-For", b"Forwarded", b"X-Real-IP"])
def test_no_header_says_where_a_request_comes_from(served: Served, header: bytes) -> None:
    said = served.say(b"GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s: 192.0.2.1\r\n\r\n" % header)
    assert said.endswith(b"/who:127.0.0.1")


def test_a_head_without_end_is_not_waited_for(served: Served) -> None:
    assert served.say(b"GET / HTTP/1.1\r\nA: " + b"a" * 100_000).startswith(b"HTTP/1.1 431 ")


def test_a_refusal_of_head_has_no_body(served: Served) -> None:
    sent, _ = WRONG["two lengths of two kinds"]
    assert served.say(sent.replace(b"POST", b"HEAD")).endswith(b"\r\n\r\n")


RIGHT: dict[str, tuple[bytes, bytes]] = {
    "a folded header": (b"GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", b"/a:"),
    "the same length twice": (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", b"/:abc"),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", b"/:abc"),
    "lines that end in LF": (b"GET /a HTTP/1.1\nHost: x\n\n", b"/a:"),
    "empty lines before it": (b"\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n", b"/a:"),
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_the_protocol_allows_is_answered(served: Served, case: str) -> None:
    sent, answer = RIGHT[case]
    with served.open() as client:
        client.sendall(sent)
        assert read(client) == answer
        client.sendall(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read(client) == b"/b:"


def test_a_request_byte_by_byte_is_answered(served: Served) -> None:
    said = served.say(*(bytes([byte]) for byte in POST + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc"))
    assert said.endswith(b"/:abc")


def requests(number: int) -> bytes:
    return b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % one for one in range(number))


def test_requests_that_come_at_once_are_answered_in_order(served: Served) -> None:
    with served.open() as client:
        client.sendall(requests(50))
        assert [read(client) for _ in range(50)] == [b"/%d:" % number for number in range(50)]


@pytest.mark.parametrize("number", [1, 3])
def test_a_client_that_half_closes_gets_its_answers(served: Served, number: int) -> None:
    assert served.say(requests(number), half_close=True).count(b"HTTP/1.1 200 ") == number


def test_a_client_that_half_closes_while_it_waits_gets_its_answer() -> None:
    with serving() as served, served.open() as client:
        client.sendall(b"POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        client.shutdown(socket.SHUT_WR)
        assert served.app.requests.acquire(timeout=ENOUGH)
        served.app.released.set()
        assert read_to_end(client).endswith(b"/held:abc")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", POST + b"Content-Length: 9\r\n\r\nabc"])
def test_half_a_request_and_its_end_are_no_request(served: Served, sent: bytes) -> None:
    assert served.say(sent, half_close=True) == b""


def test_a_half_request_behind_a_whole_one_ends_with_the_connection(served: Served) -> None:
    assert served.say(GET + b"GET / HT", half_close=True).count(b"HTTP/1.1 200 ") == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", None),
        (b"GET / HT", 408),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 408),
        (POST + b"Content-Length: 9\r\n\r\nabc", 408),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 408),
        (b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n", 408),
    ],
)
def test_a_request_that_does_not_come_to_its_end_is_given_up(hasty: Served, sent: bytes, status: int | None) -> None:
    assert hasty.say(sent).startswith(b"" if status is None else b"HTTP/1.1 %d " % status)


def test_a_request_that_drips_is_given_up_all_the_same(hasty: Served) -> None:
    with hasty.open() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        client.settimeout(0.02)
        answer = b""
        for _ in range(1000):
            try:
                answer = client.recv(100)
                break
            except TimeoutError:
                client.sendall(b"a: b\r\n")
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_second_request_has_as_little_time_and_an_idle_connection_is_closed(hasty: Served) -> None:
    with hasty.open() as client:
        client.sendall(GET)
        read(client)
        client.sendall(b"GET / HT")
        assert read_to_end(client).startswith(b"HTTP/1.1 408 ")
    with hasty.open() as client:
        client.sendall(GET)
        read(client)
        assert read_to_end(client) == b""
    assert hasty.say(GET + b"GET / HT").count(b"HTTP/1.1 408 ") == 1


def test_an_answer_may_take_longer_than_a_request(hasty: Served) -> None:
    with serving(SHORT) as served, served.open() as client:
        client.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        client.settimeout(1.0)  # five times what a request may take
        with pytest.raises(TimeoutError):
            client.recv(1)
        served.app.released.set()
        assert read(client) == b"/held:"


def test_a_client_that_does_not_read_is_cut_off() -> None:
    with serving(SHORT, max_connections=1) as served, served.open() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until_let_in(served)


def wait_until_let_in(served: Served) -> None:
    """Wait until a connection is free, at most ENOUGH seconds."""
    for _ in range(round(ENOUGH / SHORT.answer)):
        with served.open() as other:
            other.sendall(GET)
            other.settimeout(SHORT.answer)
            try:
                if other.recv(12) == b"HTTP/1.1 200":
                    return
            except OSError:
                continue
    raise AssertionError("the slot is never free again")


def test_one_connection_too_many_is_refused_while_all_others_work() -> None:
    with serving(max_connections=2) as served, served.open() as first, served.open() as two:
        for client in (first, two):
            client.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
            assert served.app.requests.acquire(timeout=ENOUGH)
        assert served.say().startswith(b"HTTP/1.1 503 ")
        served.app.released.set()
        assert (read(first), read(two)) == (b"/held:", b"/held:")
        first.sendall(GET)
        assert read(first) == b"/:"


def test_one_connection_too_many_takes_the_place_of_the_longest_idle_one() -> None:
    with serving(max_connections=3) as served, ExitStack() as opened:
        first, second, working = [opened.enter_context(served.open()) for _ in range(3)]
        for client in (second, first):
            client.sendall(GET)
            read(client)
        working.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        served.app.requests.acquire(timeout=ENOUGH)
        with served.open() as newest:
            newest.sendall(GET)
            assert read(newest) == b"/:"
            assert read_to_end(second) == b"", "it was idle for longer than the first"
            first.sendall(GET)
            assert read(first) == b"/:"
            served.app.released.set()
            assert read(working) == b"/held:"


def test_six_hundred_slow_clients_keep_nobody_out() -> None:
    with serving(max_connections=50) as served, ExitStack() as opened:
        for number in range(600):
            client = opened.enter_context(served.open())
            client.sendall(b"GET / HTTP/1.1\r\n" if number % 2 else b"")
        assert served.say(GET, half_close=True).endswith(b"/:")


HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_a_websocket_is_a_connection_as_long_as_it_is_open() -> None:
    with serving(SHORT, max_connections=1) as served:
        with served.open() as client:
            client.sendall(HANDSHAKE)
            assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
            assert served.app.requests.acquire(timeout=ENOUGH)
            assert served.say(GET).startswith(b"HTTP/1.1 503 ")
            client.setblocking(False)
            with pytest.raises(BlockingIOError):  # and no deadline of requests ends it
                client.recv(1)
        wait_until_let_in(served)


def test_requests_under_way_are_answered_at_the_end_and_half_requests_are_not_waited_for() -> None:
    with serving() as served, ExitStack() as opened:
        held, body, head, idle = [opened.enter_context(served.open()) for _ in range(4)]
        idle.sendall(GET)
        read(idle)
        body.sendall(POST + b"Content-Length: 9\r\n\r\nabc")
        head.sendall(b"GET / HT")
        held.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        assert served.app.requests.acquire(timeout=ENOUGH) and served.app.requests.acquire(timeout=ENOUGH)
        served.servers.stop()
        assert read_to_end(body).startswith(b"HTTP/1.1 503 ")
        assert (read_to_end(head), read_to_end(idle)) == (b"", b"")
        served.app.released.set()
        assert read_to_end(held).endswith(b"/held:")
        served.thread.join(ENOUGH)
        assert not served.thread.is_alive()


def test_a_second_stop_ends_it_at_once() -> None:
    with serving() as served, served.open() as client:
        client.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        assert served.app.requests.acquire(timeout=ENOUGH)
        served.servers.stop()
        served.servers.stop()
        served.thread.join(ENOUGH / 4)
        assert not served.thread.is_alive(), "it waits for the answer"


def test_connections_leave_files_to_the_rest_of_the_process() -> None:
    assert SPARE_FILES <= connection_limit() <= 1000
    assert Connections(1).add(object())  # type: ignore[arg-type]
