"""Unusual input over a real wire: bodies and heads of all kinds, clients that leave or are slow, many at once."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from select import select

import pytest
import requests

from tests.system.stack import PATIENCE, Caller, Stack

CLIENTS = 50
MEGABYTE = 1024 * 1024


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and error. Fails if the answer has not the documented form, or shows internals."""
    body = answer.json()
    assert set(body) == {"error", "details"}
    assert not {"Traceback", "chalice", "moto", ".py"} & set(body["details"].split())
    return answer.status_code, body["error"]


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[]", b"null", b'{"type": "t"', b"\xff\xfe", b'{"type":"t","priority":NaN}']
)
def test_a_malformed_body_is_a_bad_request(user: Caller, body: bytes) -> None:
    answer = user.post("/api/task", data=body, headers={"Content-Type": "application/json"})
    assert refusal(answer) == (400, "Invalid request")


def test_a_body_of_5_mb_is_too_large(user: Caller) -> None:
    task = {"type": "t", "priority": 1, "payload": {"text": "x" * 5 * MEGABYTE}}
    assert user.post("/api/task", task).status_code == 413


def test_a_body_of_3_mb_is_not(user: Caller) -> None:
    answer = user.post("/api/task", {"type": "t", "priority": 1, "payload": {"text": "x" * 3 * MEGABYTE}})
    assert answer.status_code == 201


def test_a_body_in_chunks_arrives(user: Caller) -> None:
    def chunks() -> Iterator[bytes]:
        for character in json.dumps({"type": "in-chunks", "priority": 1}):
            yield character.encode()

    answer = user.post("/api/task", data=chunks(), headers={"Content-Type": "application/json"})
    assert user.task(answer.json()["id"])["type"] == "in-chunks"


@pytest.mark.parametrize(
    "path", ["/", "/api", "/nowhere", "/api/task/a/b", "/api//task", "/../etc/passwd", "/api/task%2Fx"]
)
def test_an_unknown_path_is_not_found(user: Caller, path: str) -> None:
    assert refusal(user.get(path)) == (404, "Not found")


@pytest.mark.parametrize(
    ("method", "allowed"), [("DELETE", "GET, PUT"), ("PATCH", "GET, PUT"), ("OPTIONS", "GET, PUT")]
)
def test_a_wrong_method_is_refused_with_the_right_ones(user: Caller, method: str, allowed: str) -> None:
    answer = user.call(method, "/api/task/x")
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def test_an_encoded_id_is_decoded_once(user: Caller) -> None:
    answer = user.get("/api/task/a%2Fb%2525%20c")
    assert (answer.status_code, answer.json()["details"]) == (404, "Task not found: a/b%25 c")


def test_head_answers_as_get_without_a_body(user: Caller) -> None:
    path = f"/api/task/{user.submit()}"
    head, get = user.call("HEAD", path), user.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.content))


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer  ", "Basic eDp5", "Bearer a.b.c", "bearer \x80", "Bearer " + "x" * 8000]
)
def test_an_odd_credential_is_refused(yard: Stack, value: str) -> None:
    answer = requests.get(
        f"{yard.url}/api/task/x", headers={"Authorization": value.encode("latin-1")}, timeout=PATIENCE
    )
    assert refusal(answer) == (401, "Unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="processing"'


@pytest.mark.parametrize(
    "head",
    [
        b"rubbish\r\n\r\n",
        b"POST /api/task HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /api/task HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET /api/task/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_bad_request(yard: Stack, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", yard.port), timeout=PATIENCE) as client:
        client.sendall(head)
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_fifty_clients_at_once_get_their_own_answers(yard: Stack) -> None:
    def life(number: int) -> tuple[int, str]:
        caller = yard.caller("user", subject=f"client-{number}")
        task = caller.task(caller.submit(type=f"type-{number}", metadata={"number": number}))
        return int(task["metadata"]["number"]), str(task["type"])

    with ThreadPoolExecutor(CLIENTS) as threads:
        assert list(threads.map(life, range(CLIENTS))) == [(number, f"type-{number}") for number in range(CLIENTS)]


def test_clients_that_leave_or_are_slow_delay_nobody(yard: Stack, user: Caller) -> None:
    request = b"POST /api/task HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    dawdlers = [socket.create_connection(("127.0.0.1", yard.port)) for _ in range(100)]
    for number, client in enumerate(dawdlers):
        client.sendall(request if number % 2 else request[:20])
    assert user.task(user.submit())["status"] == "PENDING"
    assert not select(dawdlers, [], [], 0)[0], "they were answered first"
    for client in dawdlers:
        client.close()
    assert user.task(user.submit())["status"] == "PENDING"


def test_a_client_that_leaves_while_it_waits_has_still_submitted(yard: Stack) -> None:
    user = yard.caller("user", org="gone")
    with pytest.raises(requests.Timeout):
        requests.post(
            f"{yard.url}/api/task",
            json={"type": "t", "priority": 1, "async": False},
            headers={"Authorization": f"Bearer {user.token}"},
            timeout=0.5,
        )
    assert user.json("GET", "/api/stats/tasks")["totalTasks"] == 1
