"""Streamed responses over real sockets: parts arrive as they are sent, with the same guards as other calls."""

import gzip
import threading
from collections.abc import Callable
from socket import IPPROTO_TCP, TCP_NODELAY, socket

import pytest

from chalicelib import clock
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Limits, Unreachable
from tests.providers.conftest import Authority, FakeNetwork, Peer, Script

Play = Callable[..., Peer]
pytestmark = pytest.mark.usefixtures("on_this_machine")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
OPEN = b"HTTP/1.1 200 OK\r\n\r\n"


def chunk(text: bytes) -> bytes:
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


def read(url: str, *, idle: float = 5.0, total: float = 10.0, cap: int = 1000) -> bytes:
    with outbound.stream("POST", url, headers={}, body=b"{}", limits=Limits(idle, total, cap)) as response:
        return b"".join(response.pieces)


def failure(url: str, **limits: float) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        read(url, **limits)  # type: ignore[arg-type]
    return caught.value


def test_pieces_come_before_the_answer_is_complete(play: Play) -> None:
    first_read = threading.Event()

    def run(connection: socket, _: bytes) -> None:
        connection.sendall(HEAD + chunk(b"one"))
        assert first_read.wait(5)
        connection.sendall(chunk(b"two") + b"0\r\n\r\n")

    with outbound.stream("GET", play(run).url, headers={}, body=b"", limits=Limits(5, 10, 100)) as response:
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
        assert next(response.pieces) == b"one"
        first_read.set()
        assert list(response.pieces) == [b"two"]


def test_the_peer_sees_that_the_caller_left(play: Play) -> None:
    left = threading.Event()

    def run(connection: socket, _: bytes) -> None:
        connection.sendall(HEAD + chunk(b"one"))
        if connection.recv(1) == b"":
            left.set()

    with outbound.stream("GET", play(run).url, headers={}, body=b"", limits=Limits(5, 10, 100)) as response:
        assert next(response.pieces) == b"one"
    assert left.wait(5)


def trickle(head: bytes, drop: bytes, released: threading.Event) -> Script:
    def run(connection: socket, _: bytes) -> None:
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        connection.sendall(head)
        while not released.wait(0.02):
            connection.sendall(drop)

    return run


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 ", b"2"),
        (b"HTTP/1.1 200 OK\r\na: ", b"b"),
        (OPEN, b"x"),
        (HEAD, chunk(b"x")),
        (HEAD, b"0"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x"),
    ],
)
def test_a_peer_that_is_never_silent_cannot_outlast_the_total(
    head: bytes, drop: bytes, play: Play, released: threading.Event
) -> None:
    start = clock.now()
    assert failure(play(trickle(head, drop, released)).url, total=0.3, cap=10**6).reason == "timed out"
    assert clock.now() - start < 2000


@pytest.mark.parametrize("head", [b"", OPEN + b"x", HEAD + chunk(b"x")])
def test_a_silent_peer_is_left_after_the_idle_time(head: bytes, play: Play, released: threading.Event) -> None:
    def run(connection: socket, _: bytes) -> None:
        connection.sendall(head)
        released.wait(5)

    start = clock.now()
    late = failure(play(run).url, idle=0.2)
    assert (late.reason, late.sent) == ("timed out", True)
    assert clock.now() - start < 2000


def test_nothing_is_left_running(play: Play, released: threading.Event) -> None:
    before = set(threading.enumerate())
    failure(play(trickle(OPEN, b"x", released)).url, total=0.2)
    for thread in set(threading.enumerate()) - before:
        if "ThreadPoolExecutor" in thread.name or isinstance(thread, threading.Timer):
            thread.join(1)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SSH-2.0-x\r\n\r\n",
        HEAD + b"3\r\non",
        HEAD + b"zz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
    ],
)
def test_an_answer_that_is_broken_off_or_not_http_is_a_failure(text: bytes, play: Play) -> None:
    assert failure(play(lambda connection, _: connection.sendall(text)).url).reason == "closed"


def test_more_than_the_cap_is_a_failure(play: Play) -> None:
    url = play(lambda connection, _: connection.sendall(OPEN + b"x" * 1001)).url
    assert str(failure(url)) == "answer larger than 1000 bytes"
    assert read(url, cap=1001) == b"x" * 1001


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_comes_compressed_unasked_is_unpacked_as_it_comes(coding: str, play: Play) -> None:
    packed = gzip.compress(b"hello " * 100)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode()
    url = play(lambda connection, _: connection.sendall(head + packed)).url
    assert read(url) == b"hello " * 100


def test_no_bomb_goes_off(play: Play) -> None:
    packed = gzip.compress(bytes(50_000_000))
    url = play(lambda connection, _: connection.sendall(OPEN[:-2] + b"Content-Encoding: gzip\r\n\r\n" + packed)).url
    assert failure(url).reason == "too large"


def test_what_is_not_compressed_as_it_says_is_a_failure(play: Play) -> None:
    url = play(lambda connection, _: connection.sendall(OPEN[:-2] + b"Content-Encoding: gzip\r\n\r\nplain")).url
    assert failure(url).reason == "closed"


def test_the_guard_is_that_of_every_call(connections: list[object], in_aws: None) -> None:
    for url in ("https://169.254.169.254/", "https://127.0.0.1/", "http://example.com/", "nonsense"):
        assert failure(url).reason in ("forbidden address", "invalid")
    assert connections == []


def test_tls_is_checked(network: FakeNetwork, authority: Authority, play: Play) -> None:
    network.names["good.example"] = [["127.0.0.1"]]
    peer = play(
        lambda connection, _: connection.sendall(HEAD + chunk(b"one") + b"0\r\n\r\n"), authority.server("good.example")
    )
    url = f"https://good.example:{peer.port}/"
    assert failure(url).reason == "tls"
    network.trust = authority.trust
    assert read(url) == b"one"
