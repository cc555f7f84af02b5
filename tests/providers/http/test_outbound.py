"""The guarded client with real sockets: what it refuses to call, and its limits, which no peer exceeds."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from socket import IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_NODELAY, socket

import pytest

from chalicelib import clock
from chalicelib.errors import InvalidRequest
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Response, Unreachable, check_url, send
from tests.providers.conftest import Authority, FakeNetwork, Peer, Script

Play = Callable[..., Peer]

ALIASES_OF_INTERNAL = [
    "0.0.0.0",
    "0",
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7f000001",
    "0X7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "127.255.255.254",
    "localhost",
    "LOCALHOST",
    "10.0.0.1",
    "0xa000001",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.43518",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "2852039166",
    "0xa9fea9fe",
    "169.254.170.2",
    "172.16.0.1",
    "192.168.0.1",
    "192.168.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
]

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\n\r\nok"


def reply_with(text: bytes) -> Script:
    return lambda connection, _: connection.sendall(text)


def post(url: str, timeout: float = 5.0, cap_bytes: int = 1000, body: bytes = b"{}", **headers: str) -> Response:
    return send("POST", url, headers=headers, body=body, timeout=timeout, cap_bytes=cap_bytes)


def refusal(url: str, timeout: float = 5.0, **more: int) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        post(url, timeout, **more)
    return caught.value


# What may not be called


@pytest.mark.usefixtures("in_aws")
@pytest.mark.parametrize("host", ALIASES_OF_INTERNAL)
def test_no_name_of_an_internal_address_is_registered_or_connected_to(host: str, connections: list[object]) -> None:
    with pytest.raises(InvalidRequest, match="not on the public internet"):
        check_url(f"https://{host}/")
    assert refusal(f"https://{host}/").reason == "forbidden address"
    assert connections == []


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "0.0.0.0", "[::ffff:127.0.0.1]", "[fe80::1]"])
def test_the_local_stage_opens_loopback_and_nothing_else(host: str, connections: list[object]) -> None:
    with pytest.raises(InvalidRequest):
        check_url(f"http://{host}:8080/")
    assert refusal(f"http://{host}:8080/").reason == "forbidden address"
    assert connections == []


@pytest.mark.usefixtures("in_aws")
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "inner.example",
        "1.1.1.1",
        "outer.example",
    ],
)
def test_a_private_network_is_not_this_machine_nor_what_runs_it_nor_the_open_internet(
    host: str, network: FakeNetwork, connections: list[object]
) -> None:
    network.names |= {"inner.example": [["10.0.0.1", "169.254.169.254"]], "outer.example": [["10.0.0.1", "1.1.1.1"]]}
    with pytest.raises(Unreachable, match="forbidden address"):
        send("GET", f"http://{host}:3000/", headers={}, body=b"", timeout=1.0, private=True)
    assert connections == []


@pytest.mark.usefixtures("in_aws")
def test_a_private_network_is_open_to_those_calls_alone_that_name_it(
    connections: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(address: object, *_: object, **__: object) -> None:
        connections.append(address)
        raise OSError

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    for url in ("http://192.168.77.1:3000/", "https://192.168.77.1/"):
        with pytest.raises(Unreachable):
            send("GET", url, headers={}, body=b"", timeout=1.0)
    assert connections == []
    with pytest.raises(Unreachable, match="refused"):
        send("GET", "http://192.168.77.1:3000/", headers={}, body=b"", timeout=1.0, private=True)
    assert connections == [("192.168.77.1", 3000)]


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "[::1]"])
def test_the_local_stage_registers_loopback(host: str) -> None:
    check_url(f"http://{host}:8080/")


@pytest.mark.usefixtures("in_aws")
@pytest.mark.parametrize("url", ["http://host.example/", "https://user@host.example/", "https://host.example:22/", "x"])
def test_a_url_that_breaks_a_rule_is_never_looked_up(url: str, network: FakeNetwork, connections: list[object]) -> None:
    with pytest.raises(InvalidRequest):
        check_url(url)
    assert refusal(url).reason == "invalid"
    assert (network.lookups, connections) == ([], [])


@pytest.mark.usefixtures("in_aws")
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_forbidden_address_among_public_ones_is_enough(
    place: int, network: FakeNetwork, connections: list[object]
) -> None:
    addresses = ["1.1.1.1", "2600::1"]
    addresses.insert(place, "169.254.169.254")
    network.names["mixed.example"] = [addresses]
    with pytest.raises(InvalidRequest):
        check_url("https://mixed.example/")
    assert refusal("https://mixed.example/").reason == "forbidden address"
    assert connections == []


@pytest.mark.usefixtures("in_aws")
def test_a_name_that_turns_internal_after_registration_is_refused_at_the_call(
    network: FakeNetwork, connections: list[object]
) -> None:
    network.names["rebinding.example"] = [["1.1.1.1"], ["169.254.169.254"]]
    check_url("https://rebinding.example/")
    assert refusal("https://rebinding.example/").reason == "forbidden address"
    assert connections == []


@pytest.mark.usefixtures("on_this_machine")
def test_a_name_is_resolved_once_and_the_judged_address_is_the_one_connected_to(
    network: FakeNetwork, connections: list[object], play: Play
) -> None:
    peer = play(reply_with(GOOD))
    network.names["rebinding.example"] = [["127.0.0.1"], ["169.254.169.254"]]
    assert post(f"http://rebinding.example:{peer.port}/").status == 200
    assert network.lookups == ["rebinding.example"]
    assert connections == [("127.0.0.1", peer.port)]


@pytest.mark.usefixtures("in_aws")
def test_a_public_name_and_one_that_does_not_resolve_yet_are_registered(network: FakeNetwork) -> None:
    network.names = {"public.example": [["1.1.1.1", "2600::1"]], "later.example": [[]]}
    check_url("https://public.example/")
    check_url("https://later.example:8443/")
    assert network.lookups == ["public.example", "later.example"]


@pytest.mark.usefixtures("in_aws")
def test_a_refusal_names_no_address(network: FakeNetwork) -> None:
    network.names["inside.example"] = [["10.1.2.3"]]
    with pytest.raises(InvalidRequest) as caught:
        check_url("https://inside.example/")
    assert "10.1.2.3" not in caught.value.message + str(refusal("https://inside.example/"))


# Answers


@pytest.mark.usefixtures("on_this_machine")
def test_an_answer_has_status_headers_and_body(play: Play) -> None:
    answer = post(play(reply_with(GOOD)).url)
    assert answer == Response(200, {"content-length": "2", "x-a": "1, 2"}, b"ok")


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 404, 410, 429, 500, 503])
def test_every_status_is_an_answer_and_no_redirect_is_followed(
    status: int, play: Play, connections: list[object]
) -> None:
    elsewhere = play(reply_with(GOOD))
    reply = f"HTTP/1.1 {status} X\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
    assert post(play(reply_with(reply.encode())).url).status == status
    assert len(connections) == 1
    assert elsewhere.requests == []


@pytest.mark.usefixtures("on_this_machine")
def test_the_request_says_what_was_given_and_nothing_can_reframe_it(play: Play) -> None:
    peer = play(reply_with(GOOD))
    framing = {"Host": "evil", "Content-Length": "1", "Transfer-Encoding": "chunked", "Connection": "upgrade"}
    post(f"{peer.url}a%20b?c=d#e", body=b'{"a":1}', **framing, Authorization="Bearer t", **{"Accept-Encoding": "gzip"})
    head, body = peer.requests[0].split(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    assert line == "POST /a%20b?c=d HTTP/1.1"
    assert body == b'{"a":1}'
    assert sorted(header.lower() for header in headers) == [
        "accept-encoding: identity",
        "authorization: bearer t",
        "connection: close",
        "content-length: 7",
        f"host: 127.0.0.1:{peer.port}",
        "user-agent: yardmaster",
    ]


@pytest.mark.usefixtures("on_this_machine")
def test_a_get_without_a_body_names_no_length(play: Play) -> None:
    peer = play(reply_with(GOOD))
    assert send("GET", peer.url, headers={}, body=b"", timeout=5).body == b"ok"
    assert b"content-length" not in peer.requests[0].lower()


@pytest.mark.usefixtures("on_this_machine")
def test_a_compressed_answer_is_handed_on_as_it_came(play: Play) -> None:
    packed = b"\x1f\x8b not really"
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    assert post(play(reply_with(reply)).url).body == packed


@pytest.mark.usefixtures("on_this_machine")
def test_the_proxy_environment_is_not_read(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, peer = play(reply_with(GOOD)), play(reply_with(GOOD))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    post(peer.url)
    assert (len(proxy.requests), len(peer.requests)) == (0, 1)


@pytest.mark.usefixtures("on_this_machine")
def test_an_early_answer_to_a_large_body_is_heard(play: Play) -> None:
    def reply_unread(connection: socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    assert post(play(reply_unread).url, body=b"x" * 2_000_000).status == 413


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("status", [202, 413, 429])
def test_an_early_answer_is_heard_though_the_peer_hangs_up_on_the_rest(status: int) -> None:
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def answer_at_once() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 %d X\r\nRetry-After: 7\r\n\r\n" % status)

        peer = threading.Thread(target=answer_at_once)
        peer.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        found = send("POST", url, headers={}, body=b"x" * 20_000_000, timeout=5, needs_body=outbound.never)
        peer.join()
    assert (found.status, found.headers["retry-after"]) == (status, "7")


@pytest.mark.usefixtures("on_this_machine")
def test_the_next_address_is_tried_when_one_takes_no_connection(
    network: FakeNetwork, play: Play, connections: list[object]
) -> None:
    peer = play(reply_with(GOOD))
    network.names["two.example"] = [["127.0.0.2", "127.0.0.1"]]
    assert post(f"http://two.example:{peer.port}/").status == 200
    assert connections == [("127.0.0.2", peer.port), ("127.0.0.1", peer.port)]


# Limits


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize(("size", "fits"), [(999, True), (1000, True), (1001, False), (5_000_000, False)])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_is_read_up_to_the_cap(size: int, fits: bool, chunked: bool, play: Play) -> None:
    body = b"x" * size
    length = b"Content-Length: %d\r\n\r\n" % size
    framed = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, body) if chunked else length + body
    peer = play(reply_with(b"HTTP/1.1 200 OK\r\n" + framed))
    if fits:
        assert post(peer.url).body == body
    else:
        failure = refusal(peer.url)
        assert (failure.reason, str(failure)) == ("too large", "answer larger than 1000 bytes")


def stay_silent(released: threading.Event) -> Script:
    return lambda *_: released.wait(5)


def trickle(head: bytes, drop: bytes, released: threading.Event) -> Script:
    def run(connection: socket, _: bytes) -> None:
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        connection.sendall(head)
        while not released.wait(0.02):
            connection.sendall(drop)

    return run


SLOW = {
    "silent": stay_silent,
    "status line": lambda released: trickle(b"HTTP/1.1 ", b"2", released),
    "headers": lambda released: trickle(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", released),
    "one header": lambda released: trickle(b"HTTP/1.1 200 OK\r\na: ", b"b", released),
    "continue": lambda released: trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n", released),
    "body": lambda released: trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x", released),
    "open body": lambda released: trickle(b"HTTP/1.1 200 OK\r\n\r\n", b"x", released),
    "chunks": lambda released: trickle(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", released
    ),
}


@pytest.fixture
def workers_before() -> set[threading.Thread]:
    return set(threading.enumerate())


def client_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in set(threading.enumerate()) - before if "ThreadPoolExecutor" in thread.name]


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize("secure", [False, True])
def test_a_slow_peer_cannot_outlast_the_timeout_nor_keep_the_thread(
    kind: str,
    secure: bool,
    play: Play,
    released: threading.Event,
    network: FakeNetwork,
    authority: Authority,
    workers_before: set[threading.Thread],
) -> None:
    network.trust = authority.trust
    peer = play(SLOW[kind](released), tls=authority.server("127.0.0.1") if secure else None)
    url = peer.url.replace("http:", "https:") if secure else peer.url
    start = clock.now()
    failure = refusal(url, timeout=0.2)
    assert failure.reason == "timed out"
    assert clock.now() - start < 1000
    assert failure.sent, "the peer has the request and may have acted on it"
    for thread in client_threads(workers_before):
        thread.join(1)
        assert not thread.is_alive()


@pytest.mark.usefixtures("on_this_machine")
def test_a_peer_that_stalls_the_handshake_or_the_upload_is_left(play: Play, released: threading.Event) -> None:
    stalled = play(stay_silent(released))
    handshake = refusal(stalled.url.replace("http:", "https:"), timeout=0.2)
    assert (handshake.reason, handshake.sent) == ("timed out", False)
    with pytest.raises(Unreachable, match="timed out") as upload:
        post(stalled.url, timeout=0.2, body=b"x" * 50_000_000)
    assert upload.value.sent


class SlowNetwork(FakeNetwork):
    """A resolver that hangs until the end of the test."""

    def __init__(self, released: threading.Event) -> None:
        super().__init__()
        self.released = released

    def addresses(self, host: str) -> list[str]:
        self.released.wait(5)
        return ["127.0.0.1"]


@pytest.fixture
def hung(released: threading.Event) -> Iterator[None]:
    previous = outbound.use_network(SlowNetwork(released))
    yield
    released.set()
    outbound.use_network(previous)


@pytest.mark.usefixtures("on_this_machine", "hung")
def test_a_look_up_that_hangs_is_inside_the_timeout_and_nothing_is_sent_afterwards(
    play: Play, released: threading.Event, connections: list[object], workers_before: set[threading.Thread]
) -> None:
    peer = play(reply_with(GOOD))
    failure = refusal(peer.url, timeout=0.1)
    assert (failure.reason, failure.sent) == ("timed out", False)
    threads = client_threads(workers_before)
    released.set()
    for thread in threads:
        thread.join(1)
    assert len(threads) == 1
    assert connections == []


# Answers whose status decides


def request(url: str, needs_body: outbound.NeedsBody, timeout: float = 5.0) -> Response:
    return send("POST", url, headers={}, body=b"{}", timeout=timeout, cap_bytes=1000, needs_body=needs_body)


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("interim", [HINTS, b"HTTP/1.1 102 Processing\r\n\r\n" * 3, b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("apart", [False, True])
def test_an_interim_answer_is_not_taken_for_the_final_one(interim: bytes, apart: bool, play: Play) -> None:
    def run(connection: socket, _: bytes) -> None:
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        for piece in (interim, GOOD) if apart else (interim + GOOD,):
            connection.sendall(piece)

    assert post(play(run).url) == Response(200, {"content-length": "2", "x-a": "1, 2"}, b"ok")


@pytest.mark.usefixtures("on_this_machine")
def test_a_peer_that_sends_interim_answers_for_ever_is_left(play: Play) -> None:
    assert refusal(play(reply_with(HINTS * 10_000)).url).reason == "closed"
    assert refusal(play(reply_with(HINTS)).url).reason == "closed"


UNNEEDED = {
    "cut off": reply_with(b"HTTP/1.1 202 Accepted\r\nContent-Length: 900\r\n\r\nx"),
    "cut off before its body": reply_with(b"HTTP/1.1 202 Accepted\r\nContent-Length: 900\r\n\r\n"),
    "cut off within its header": reply_with(b"HTTP/1.1 202 Accepted\r\nContent-Le"),
    "cut off within a chunk": reply_with(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx"),
    "with a bad chunk": reply_with(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx"),
    "with a bad length": reply_with(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1, 2\r\n\r\nx"),
    "with 150 header lines": reply_with(b"HTTP/1.1 202 Accepted\r\n" + b"a: b\r\n" * 150 + b"\r\n"),
    "with header lines without end": reply_with(b"HTTP/1.1 202 Accepted\r\n" + b"a: b\r\n" * 200_000 + b"\r\n"),
    "with an endless line": reply_with(b"HTTP/1.1 202 Accepted\r\na: " + b"b" * 2_000_000 + b"\r\n\r\n"),
    "too large": reply_with(b"HTTP/1.1 202 Accepted\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000),
    "too large in chunks": reply_with(
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" + b"x" * 1_048_575
    ),
}


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("kind", UNNEEDED)
@pytest.mark.parametrize("secure", [False, True])
def test_where_the_status_decides_it_does_whatever_the_rest_is(
    kind: str, secure: bool, play: Play, network: FakeNetwork, authority: Authority
) -> None:
    network.trust = authority.trust
    peer = play(UNNEEDED[kind], tls=authority.server("127.0.0.1") if secure else None)
    url = peer.url.replace("http:", "https:") if secure else peer.url
    found = request(url, outbound.never)
    assert found.status == 202 and len(found.body) <= 1000
    assert refusal(url).reason in ("closed", "too large"), "the same answer, of a caller who needs all of it"


@pytest.mark.usefixtures("on_this_machine")
def test_a_body_that_nobody_needs_is_read_as_far_as_the_limit_goes(play: Play) -> None:
    large = play(reply_with(b"HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Length: 1100000\r\n\r\n" + b"x" * 1_100_000))
    found = request(large.url, outbound.never)
    assert (found.status, found.headers["retry-after"], found.body) == (429, "7", b"x" * 1000)
    assert request(play(UNNEEDED["cut off"]).url, outbound.never).body == b"x"
    assert request(play(reply_with(GOOD)).url, outbound.never) == post(play(reply_with(GOOD)).url)


@pytest.mark.usefixtures("on_this_machine")
def test_whether_the_body_is_needed_may_depend_on_the_status(play: Play) -> None:
    def is_200(status: int) -> bool:
        return status == 200

    assert request(play(UNNEEDED["cut off"]).url, is_200).status == 202
    with pytest.raises(Unreachable, match="without a complete answer"):
        request(play(FAILURES["half a body"]).url, is_200)
    with pytest.raises(Unreachable, match="larger than 1000 bytes"):
        request(play(reply_with(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001)).url, is_200)


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("kind", ["body", "open body", "chunks"])
@pytest.mark.parametrize("secure", [False, True])
def test_the_status_stands_when_the_body_never_ends(
    kind: str,
    secure: bool,
    play: Play,
    released: threading.Event,
    network: FakeNetwork,
    authority: Authority,
    workers_before: set[threading.Thread],
) -> None:
    network.trust = authority.trust
    peer = play(SLOW[kind](released), tls=authority.server("127.0.0.1") if secure else None)
    url = peer.url.replace("http:", "https:") if secure else peer.url
    assert request(url, outbound.never, timeout=0.5).status == 200
    for thread in client_threads(workers_before):
        thread.join(1)
        assert not thread.is_alive()


@pytest.mark.usefixtures("on_this_machine")
def test_a_body_that_does_not_come_is_not_waited_for_as_long_as_an_answer(
    play: Play, released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "UNNEEDED_BODY_SECONDS", 0.05)

    def run(connection: socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n")
        released.wait(30)

    assert request(play(run).url, outbound.never, timeout=60).status == 202


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("kind", ["status line", "continue", "silent"])
def test_without_a_status_there_is_no_answer_for_anybody(kind: str, play: Play, released: threading.Event) -> None:
    with pytest.raises(Unreachable, match="timed out"):
        request(play(SLOW[kind](released)).url, outbound.never, timeout=0.2)


@pytest.mark.usefixtures("on_this_machine")
def test_an_answer_that_came_compressed_unasked_is_unpacked_and_no_bomb_goes_off(play: Play) -> None:
    def serve_compressed(body: bytes) -> str:
        content = gzip.compress(body)
        return play(reply_with(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + content)).url

    assert post(serve_compressed(b'{"a": 1}')).body == b'{"a": 1}'
    assert refusal(serve_compressed(b"\0" * 500_000)).reason == "too large"
    assert request(serve_compressed(b"\0" * 500_000), outbound.never).body == b"\0" * 1000


# Failures


def reset(connection: socket, _: bytes) -> None:
    connection.setsockopt(SOL_SOCKET, SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


FAILURES = {
    "reset": reset,
    "closed": lambda *_: None,
    "half a status": reply_with(b"HTTP/1."),
    "half a body": reply_with(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nx"),
    "half a chunk": reply_with(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx"),
    "a bad chunk": reply_with(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx"),
    "not http": reply_with(b"SSH-2.0-OpenSSH_9\r\n\r\n"),
    "a bad length": reply_with(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx"),
    "endless headers": reply_with(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"),
    "an endless line": reply_with(b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\n\r\n"),
}


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("kind", FAILURES)
def test_an_answer_that_is_broken_off_or_not_http_is_no_answer(kind: str, play: Play) -> None:
    failure = refusal(play(FAILURES[kind]).url)
    assert (failure.reason, str(failure)) == ("closed", "the host closed the connection without a complete answer")
    assert failure.sent


@pytest.mark.usefixtures("on_this_machine")
def test_a_malformed_answer_is_not_quoted_in_the_log(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    assert post(play(reply_with(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n")).url + "?token=t").status == 200
    assert caplog.records == []


@pytest.mark.usefixtures("on_this_machine")
def test_nobody_listening_is_refused() -> None:
    with socket() as held:
        held.bind(("127.0.0.1", 0))
        failure = refusal(f"http://127.0.0.1:{held.getsockname()[1]}/")
    assert (failure.reason, failure.sent) == ("refused", False)


@pytest.mark.usefixtures("on_this_machine")
def test_a_name_without_addresses_is_a_dns_failure(network: FakeNetwork) -> None:
    network.names["gone.example"] = [[]]
    failure = refusal("http://gone.example/")
    assert (failure.reason, failure.sent) == ("dns", False)


@pytest.mark.usefixtures("on_this_machine")
@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "ключ"])
def test_a_header_that_http_cannot_carry_is_not_sent(value: str, play: Play) -> None:
    peer = play(reply_with(GOOD))
    with pytest.raises(Unreachable, match="cannot be written as HTTP") as caught:
        post(peer.url, Authorization=value)
    assert caught.value.reason == "invalid"
    assert b"Injected" not in b"".join(peer.requests)


# TLS


@pytest.mark.usefixtures("on_this_machine")
def test_tls_is_checked_for_the_name_while_the_connection_goes_to_the_address(
    network: FakeNetwork, authority: Authority, play: Play
) -> None:
    network.names["service.example"] = [["127.0.0.1"]]
    network.trust = authority.trust
    peer = play(reply_with(GOOD), tls=authority.server("service.example"))
    assert post(f"https://service.example:{peer.port}/").status == 200
    assert f"host: service.example:{peer.port}".encode() in peer.requests[0].lower()


@pytest.mark.usefixtures("on_this_machine")
def test_a_certificate_for_another_name_is_refused(network: FakeNetwork, authority: Authority, play: Play) -> None:
    network.names["service.example"] = [["127.0.0.1"]]
    network.trust = authority.trust
    peer = play(reply_with(GOOD), tls=authority.server("other.example", "127.0.0.1"))
    assert refusal(f"https://service.example:{peer.port}/").reason == "tls"
    assert peer.requests == []


@pytest.mark.usefixtures("on_this_machine")
def test_a_certificate_of_an_unknown_authority_is_refused(
    network: FakeNetwork, authority: Authority, play: Play
) -> None:
    network.names["service.example"] = [["127.0.0.1"]]
    peer = play(reply_with(GOOD), tls=authority.server("service.example"))
    assert refusal(f"https://service.example:{peer.port}/").reason == "tls"


@pytest.mark.usefixtures("on_this_machine")
def test_a_peer_that_speaks_no_tls_is_a_tls_failure(play: Play) -> None:
    assert refusal(play(reply_with(GOOD)).url.replace("http:", "https:")).reason == "tls"


def test_importing_the_client_does_not_import_what_only_a_call_needs() -> None:
    code = (
        "import sys, json, chalicelib.config, chalicelib.errors; before = set(sys.modules);"
        "import chalicelib.providers.http.outbound; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"urllib3", "ssl", "http.client", "concurrent.futures.thread"}.isdisjoint(json.loads(loaded))
