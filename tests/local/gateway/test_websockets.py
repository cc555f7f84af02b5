"""WebSockets through a real server: toy functions on one side, real clients on the other."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from chalicelib.edge import Api, Caller, FlatErrors, Request, Routes
from chalicelib.errors import Unavailable
from chalicelib.storage.aws.websocket_api import MAX_MESSAGE_BYTES, ConnectionGone
from infra.local.gateway.http import Gateway
from infra.local.gateway.server import Servers, listen
from infra.local.gateway.websocket_connection import LIMITS, Limits
from infra.local.gateway.websockets import Hub, Live

ENOUGH = 10
"""The time limit in seconds, also on a busy machine."""
Event = dict[str, Any]


def nobody(_: Request) -> Caller:
    raise AssertionError("nothing is asked over HTTP")


API = Api("toys", "Toys", "1", "Toys.", 0, FlatErrors(), (Routes("", tag="Toys"),), {}, nobody, nobody)


@dataclass
class Toys:
    """The functions. Queries and messages tell them what to do; other messages are echoed."""

    hub: Hub = field(init=False)
    connected: SimpleQueue[str] = field(default_factory=SimpleQueue)
    events: dict[str, SimpleQueue[Event]] = field(default_factory=dict)
    """The events by connection; the first is the handshake."""
    released: threading.Event = field(default_factory=threading.Event)
    handled: list[str] = field(default_factory=list)
    """The messages that wait for nothing any more."""
    """A message `wait` waits for this."""
    early: SimpleQueue[str] = field(default_factory=SimpleQueue)
    """The outcomes of posts to connections that were not accepted yet."""

    def connect(self, event: Event, _: object) -> Any:
        connection = event["requestContext"]["connectionId"]
        self.events[connection] = SimpleQueue()
        self.events[connection].put(event)
        self.connected.put(connection)
        query = event["queryStringParameters"]
        if "early" in query:
            self._post_early(connection)
        if "raise" in query:
            raise ValueError("a toy that breaks")
        return json.loads(query["answer"]) if "answer" in query else {"statusCode": 200}

    def _post_early(self, connection: str) -> None:
        try:
            self.hub.post(connection, "early")
            self.early.put("posted")
        except ConnectionGone:
            self.early.put("gone")

    def message(self, event: Event, _: object) -> None:
        connection, body = event["requestContext"]["connectionId"], event["body"]
        self.events[connection].put(event)
        if body == "raise":
            raise ValueError("a toy that breaks")
        if body == "wait":
            self.released.wait(ENOUGH)
        self.handled.append(body)
        if body != "quiet":
            self.hub.post(connection, body)

    def disconnect(self, event: Event, _: object) -> None:
        self.events[event["requestContext"]["connectionId"]].put(event)

    def connection(self) -> str:
        """The id of the next connection."""
        return self.connected.get(timeout=ENOUGH)

    def next(self, connection: str) -> Event:
        return self.events[connection].get(timeout=ENOUGH)

    def end(self, connection: str) -> tuple[int, str]:
        """Why the connection ended; earlier events are skipped."""
        while (context := self.next(connection)["requestContext"])["eventType"] != "DISCONNECT":
            pass
        return context["disconnectStatusCode"], context["disconnectReason"]


@dataclass
class Served:
    toys: Toys
    hub: Hub
    servers: Servers
    thread: threading.Thread
    port: int

    def client(self, path: str = "/updates", **more: Any) -> ClientConnection:
        url = f"ws://127.0.0.1:{self.port}{path}"
        return connect(url, compression=None, proxy=None, ping_interval=None, close_timeout=0.1, **more)


@contextmanager
def serving(limits: Limits = LIMITS) -> Iterator[Served]:
    toys, listener, ready = Toys(), listen(0), threading.Event()
    with ThreadPoolExecutor(8) as pool:
        hub = toys.hub = Hub(Live(toys.connect, toys.message, toys.disconnect), pool, limits)
        gateway = Gateway(API, pool, hub, ("/updates", "/worker/{worker_id}"))
        servers = Servers([(listener, gateway)], before_stop=hub.end)
        thread = threading.Thread(target=servers.run, args=(ready.set,))
        port = listener.getsockname()[1]
        thread.start()
        try:
            assert ready.wait(ENOUGH)
            yield Served(toys, hub, servers, thread, port)
        finally:
            toys.released.set()
            servers.stop()
            thread.join(ENOUGH)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving() as made:
        yield made


@pytest.fixture
def served(server: Served) -> Served:
    """The server, without earlier connections."""
    while not server.toys.connected.empty():
        server.toys.connected.get()
    return server


def read_close(client: ClientConnection) -> tuple[int, str]:
    """Why the server closes the connection; earlier frames are skipped."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            client.recv(ENOUGH)
    assert caught.value.rcvd is not None, "cut off"
    return caught.value.rcvd.code, caught.value.rcvd.reason


def test_the_handshake_is_an_event(served: Served) -> None:
    path = "/worker/w%20%C3%A9?token=a%26b&path=/forged&many=1&many=2"
    with served.client(path, additional_headers={"X-Toy": "yes"}, user_agent_header="toy"):
        event = served.toys.next(served.toys.connection())
    assert event["queryStringParameters"] == {"token": "a&b", "many": "2", "path": "/worker/w é"}
    assert event["multiValueQueryStringParameters"]["many"] == ["1", "2"]
    assert event["multiValueQueryStringParameters"]["path"] == ["/worker/w é"]
    assert (event["headers"]["x-toy"], event["multiValueHeaders"]["x-toy"]) == ("yes", ["yes"])
    context = event["requestContext"]
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "toy"}
    assert context["domainName"] == f"127.0.0.1:{served.port}"
    assert context["connectedAt"] <= context["requestTimeEpoch"]


def test_messages_and_the_end_are_events_of_the_same_connection(served: Served) -> None:
    with served.client() as client:
        client.send("héllo")
        assert client.recv(ENOUGH) == "héllo"
        client.send(b"\xff\x00")
        assert client.recv(ENOUGH) == "/wA="
        client.close(4000, "done")
    connection = served.toys.connection()
    connect_, text, binary, end = (served.toys.next(connection) for _ in range(4))
    contexts = [event["requestContext"] for event in (connect_, text, binary, end)]
    assert [(context["routeKey"], context["eventType"]) for context in contexts] == [
        ("$connect", "CONNECT"), ("$default", "MESSAGE"), ("$default", "MESSAGE"), ("$disconnect", "DISCONNECT")
    ]  # fmt: skip
    for shared in ("connectionId", "connectedAt", "apiId", "stage", "domainName", "identity"):
        assert len({json.dumps(context[shared]) for context in contexts}) == 1
    assert len({context["requestId"] for context in contexts}) == 4
    assert [(event["body"], event["isBase64Encoded"]) for event in (text, binary)] == [("héllo", False), ("/wA=", True)]
    assert (contexts[3]["disconnectStatusCode"], contexts[3]["disconnectReason"]) == (4000, "done")
    assert all("headers" not in event and "queryStringParameters" not in event for event in (text, binary, end))


def test_a_client_cut_off_has_left(served: Served) -> None:
    with served.client() as client:
        client.socket.shutdown(SHUT_RDWR)
    assert served.toys.end(served.toys.connection()) == (1006, "")


@pytest.mark.parametrize("path", ["/nowhere", "/worker", "/worker/a/b"])
def test_an_unknown_path_is_not_found(served: Served, path: str) -> None:
    with pytest.raises(InvalidStatus) as caught, served.client(path):
        pass
    answer = caught.value.response
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    assert json.loads(answer.body or b"") == {"error": "Not found", "details": f"Path not found: {path}"}
    assert served.toys.connected.empty()


def refusal(code: int, reason: str) -> str:
    return json.dumps({"statusCode": 403, "body": json.dumps({"code": code, "reason": reason})})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"answer": refusal(4401, "No token")}, (4401, "No token")),
        ({"answer": refusal(4403, "x" * 130)}, (4403, "x" * 123)),
        ({"answer": refusal(403, "No")}, (1011, "Internal server error")),
        ({"answer": '{"statusCode": 403, "body": "No"}'}, (1011, "Internal server error")),
        ({"answer": "null"}, (1011, "Internal server error")),
        ({"raise": "1"}, (1011, "Internal server error")),
    ],
)
def test_a_refused_client_gets_the_reason_and_was_never_connected(
    served: Served, query: dict[str, str], expected: tuple[int, str]
) -> None:
    with served.client(f"/updates?{urlencode(query)}") as client:
        assert read_close(client) == expected
    refused = served.toys.connection()
    with pytest.raises(ConnectionGone):
        served.hub.post(refused, "x")
    with served.client():
        pass
    served.toys.end(served.toys.connection())
    assert served.toys.next(refused)["requestContext"]["eventType"] == "CONNECT"
    assert served.toys.events[refused].empty()


def test_what_is_posted_before_the_client_is_let_in_does_not_arrive(served: Served) -> None:
    with served.client("/updates?early=1") as client:
        assert served.toys.early.get(timeout=ENOUGH) == "gone"
        client.send("after")
        assert client.recv(ENOUGH) == "after"


def test_messages_are_handled_one_at_a_time_and_in_order(served: Served) -> None:
    served.toys.released.clear()
    with served.client() as client, served.client() as other:
        sent = ["wait", *map(str, range(30))]
        for text in sent:
            client.send(text)
        other.send("not held up")
        assert other.recv(ENOUGH) == "not held up"
        served.toys.released.set()
        assert [client.recv(ENOUGH) for _ in sent] == sent


def test_a_failing_message_is_answered_and_the_connection_stays(served: Served) -> None:
    with served.client() as client:
        client.send("raise")
        connection = served.toys.connection()
        failed = [served.toys.next(connection) for _ in range(2)][1]["requestContext"]
        assert json.loads(client.recv(ENOUGH)) == {
            "message": "Internal server error",
            "connectionId": connection,
            "requestId": failed["requestId"],
        }
        client.send("next")
        assert client.recv(ENOUGH) == "next"


def test_any_thread_may_post(served: Served) -> None:
    with served.client() as client, ThreadPoolExecutor(8) as threads:
        connection = served.toys.connection()

        def post(thread: int) -> None:
            for number in range(25):
                served.hub.post(connection, f"{thread} {number}")

        posting = [threads.submit(post, thread) for thread in range(8)]
        came = [str(client.recv(ENOUGH)).split() for _ in range(200)]
        assert [job.result() for job in posting] == [None] * 8
    for thread in range(8):
        assert [int(number) for by, number in came if by == str(thread)] == list(range(25))


def test_a_connection_closed_here_gets_what_was_posted_first(served: Served) -> None:
    with served.client() as client:
        connection = served.toys.connection()
        served.hub.post(connection, "last")
        served.hub.close(connection)
        with pytest.raises(ConnectionGone):
            served.hub.post(connection, "too late")
        assert client.recv(ENOUGH) == "last"
        assert read_close(client) == (1000, "")
    assert served.toys.end(connection) == (1000, "")
    served.hub.close(connection)
    with pytest.raises(ConnectionGone):
        served.hub.post(connection, "much too late")


def test_messages_over_the_limit_pass_neither_way(served: Served) -> None:
    with served.client() as client:
        connection = served.toys.connection()
        client.send("x" * MAX_MESSAGE_BYTES)
        assert client.recv(ENOUGH) == "x" * MAX_MESSAGE_BYTES
        with pytest.raises(Unavailable):
            served.hub.post(connection, "é" * (MAX_MESSAGE_BYTES // 2 + 1))
        client.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert read_close(client)[0] == 1009
    assert served.toys.end(connection)[0] == 1009


def flood(served: Served, connection: str) -> int:
    """Post until the connection is gone, slowly enough for a client that reads. Returns the number of posts."""
    with served.client() as other, pytest.raises(ConnectionGone):
        for count in range(2000):
            served.hub.post(connection, "x" * 100_000)
            if count % 50 == 0:
                other.send("pace")
                other.recv(ENOUGH)
    return count


def test_a_client_that_does_not_read_is_let_go() -> None:
    with serving(Limits(outgoing=200)) as served, served.client(max_queue=1) as client:
        connection = served.toys.connection()
        assert flood(served, connection) > 200
        with pytest.raises(ConnectionGone):
            served.hub.post(connection, "x")
        assert read_close(client)[0] == 1013
    assert served.toys.end(connection)[0] == 1013


def test_a_client_that_never_reads_holds_nothing_up() -> None:
    with serving(Limits(patience=0.05, outgoing=200)) as served, served.client(max_queue=1):
        connection = served.toys.connection()
        flood(served, connection)
        assert served.toys.end(connection)[0] == 1013


def test_a_client_that_reads_is_not_too_slow(served: Served) -> None:
    with served.client() as client, ThreadPoolExecutor(1) as threads:
        connection = served.toys.connection()
        reading = threads.submit(lambda: [client.recv(ENOUGH) for _ in range(500)])
        for number in range(500):
            served.hub.post(connection, str(number))
            if number % 50 == 0:
                client.send("quiet")
                served.toys.next(connection)
        assert reading.result()[-1] == "499"


def test_an_idle_connection_ends_and_a_used_one_does_not() -> None:
    with serving(Limits(idle=0.2)) as served, served.client() as listener:
        listening = served.toys.connection()
        with served.client() as talker:
            talking = served.toys.connection()
            until = time.monotonic() + 0.4
            while time.monotonic() < until:
                talker.send("quiet")
                served.toys.next(talking)
                served.hub.post(listening, "heard")
                assert listener.recv(ENOUGH) == "heard"
            assert read_close(talker) == read_close(listener) == (1001, "Going away")


def test_no_connection_lives_for_ever() -> None:
    with serving(Limits(life=0.1)) as served, served.client() as client:
        with pytest.raises(ConnectionClosed) as caught:
            until = time.monotonic() + 2
            while time.monotonic() < until:
                client.send("used")
                client.recv(ENOUGH)
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1001
        assert served.toys.end(served.toys.connection()) == (1001, "Going away")


def test_the_end_of_the_server_closes_all_connections_and_waits_for_none() -> None:
    with serving() as served, served.client() as busy, served.client() as client:
        ended = [served.toys.connection() for _ in range(2)]
        busy.send("wait")
        while served.toys.next(ended[0])["requestContext"]["eventType"] != "MESSAGE":
            pass
        served.servers.stop()
        assert read_close(client) == read_close(busy) == (1001, "Going away")
        served.thread.join(ENOUGH)
        assert not served.thread.is_alive() and served.toys.handled == []
        assert [served.toys.end(connection) for connection in ended] == [(1001, "Going away")] * 2
