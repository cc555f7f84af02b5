"""Tasks, webhooks and probes whose peers are real sockets with unusual behaviour: nothing is done twice."""

from collections.abc import Callable, Iterator
from socket import SO_LINGER, SOL_SOCKET, socket
from typing import Any

import pytest

from chalicelib import config
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.webhooks import endpoints
from chalicelib.engine.workers import heartbeat_monitor, registry
from chalicelib.providers.http import outbound
from tests.engine.receivers import fact, happen, receiver
from tests.providers.conftest import Peer, Script
from tests.providers.conftest import play as play
from tests.providers.conftest import released as released
from tests.support.messengers import configure, messengers
from tests.support.world import ORG, POOL, START, World

Play = Callable[..., Peer]


@pytest.fixture(autouse=True)
def real_sender(world: World) -> Iterator[None]:
    """Let the outbound client call this machine."""
    before = outbound.use_sender(outbound._send)
    settings = config.replace(stage=config.LOCAL, allow_loopback=True, deliver_timeout_seconds=5)
    yield
    config.restore(settings)
    outbound.use_sender(before)


def reply_with(text: bytes) -> Script:
    return lambda connection, _: connection.sendall(text)


def reset_after(text: bytes) -> Script:
    def run(connection: socket, _: bytes) -> None:
        connection.sendall(text)
        connection.setsockopt(SOL_SOCKET, SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return run


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
LARGE = b"Content-Length: 1100000\r\n\r\n" + b"x" * 1_100_000
MANY = b"".join(b"x-%d: y\r\n" % number for number in range(150)) + b"Content-Length: 2\r\n\r\nok"


def hand_over(world: World, play: Play, answer: bytes | Script) -> tuple[Task, Peer]:
    """Hand a task to a server that gives this answer."""
    peer = play(answer if callable(answer) else reply_with(answer))
    world.register("one", endpoints={"predict": peer.url})
    task = world.submit()
    world.settle()
    return world.task(task.id), peer


@pytest.mark.parametrize(
    "answer",
    [
        HINTS + b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 9 + b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
        b"HTTP/1.1 202 Accepted\r\n" + LARGE,
        b"HTTP/1.1 202 Accepted\r\n" + MANY,
        b"HTTP/1.1 202\r\n\r\n",
        b"HTTP/1.0 202 Accepted\r\n\r\n",
        reset_after(b"HTTP/1.1 202 Accepted\r\nContent-Length: 50\r\n\r\n"),
    ],
)
def test_a_server_that_accepts_has_the_task_whatever_else_it_sends(world: World, play: Play, answer: Any) -> None:
    task, peer = hand_over(world, play, answer)
    world.settle()
    assert (task.status, task.attempt, len(peer.requests)) == ("running", 1, 1)


def test_a_result_is_read_behind_hints_and_folded_header_lines(world: World, play: Play) -> None:
    task, _ = hand_over(world, play, HINTS + b'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 7\r\n\r\n{"a":1}')
    assert (task.status, task.result) == ("completed", {"a": 1})


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 429 Busy\r\nRetry-After: 7\r\n" + LARGE,
        b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n" + MANY,
        b"HTTP/1.1 429 Busy\r\nRetry-After: Thu, 01 Jan 2026 12:00:07 GMT\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nRetry-After: Thursday, 01-Jan-26 12:00:07 GMT\r\n\r\n",
        b"HTTP/1.1 413 Too Large\r\nRetry-After: Thu Jan  1 12:00:07 2026\r\n\r\n",
    ],
)
def test_a_busy_server_costs_no_attempt_however_much_it_says(world: World, play: Play, answer: bytes) -> None:
    task, _ = hand_over(world, play, answer)
    [worker] = registry.list_workers(ORG, POOL)
    assert (task.status, task.attempts) == ("pending", 0)
    assert worker.rest_until == world.clock.now() + 7_000


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n" + LARGE,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 50\r\n\r\n{",
    ],
)
def test_a_result_that_did_not_come_whole_and_a_protocol_that_nobody_speaks_are_failed_attempts(
    world: World, play: Play, answer: bytes
) -> None:
    task, _ = hand_over(world, play, answer)
    assert (task.status, task.attempts) == ("pending", 1)


# Webhooks


def post_delivery(world: World, play: Play, answer: bytes | Script) -> Delivery:
    peer = play(answer if callable(answer) else reply_with(answer))
    webhook = receiver(world, url=peer.url)
    happen(fact())
    world.settle()
    return webhook.delivery


@pytest.mark.parametrize(
    "answer",
    [
        HINTS + b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + LARGE,
        b"HTTP/1.1 200 OK\r\n" + MANY,
        b"HTTP/1.1 201 Created\r\nContent-Length: 70\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        reset_after(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
)
def test_an_event_that_was_acknowledged_is_not_posted_again(world: World, play: Play, answer: Any) -> None:
    found = post_delivery(world, play, answer)
    assert (found.status, found.tries) == ("delivered", 1)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 101 Switching\r\n\r\n", HINTS, b"HTTP/1.1 302 Found\r\n" + LARGE])
def test_an_event_that_was_not_acknowledged_is_posted_again(world: World, play: Play, answer: bytes) -> None:
    found = post_delivery(world, play, answer)
    assert (found.status, found.tries) == ("pending", 1)


@pytest.mark.parametrize("status", [413, 429, 503])
def test_a_receiver_that_names_a_date_is_left_alone_until_then(world: World, play: Play, status: int) -> None:
    found = post_delivery(world, play, b"HTTP/1.1 %d X\r\nRetry-After: Thu, 01 Jan 2026 13:00:00 GMT\r\n\r\n" % status)
    assert found.wake_at == START + 3_600_000


def test_a_receiver_that_is_gone_is_gone_however_it_says_so(world: World, play: Play) -> None:
    gone_receiver = receiver(world, url=play(reply_with(b"HTTP/1.1 410 Gone\r\n" + LARGE)).url)
    happen(fact())
    world.settle()
    assert not endpoints.get(ORG, gone_receiver.webhook.id).body["active"]


# Messengers


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        HINTS + b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LARGE,
        reset_after(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 150 + b"\r\n"),
    ],
)
@pytest.mark.parametrize("name", ["telegram", "discord", "whatsapp"])
def test_a_message_that_was_taken_is_sent_once(world: World, play: Play, name: str, answer: Any) -> None:
    peer = play(answer if callable(answer) else reply_with(answer))
    by = messengers(world)
    configure(
        {
            "telegram": {"bot_token": "1:x", "chat_id": 1, "api_url": peer.url},
            "discord": {"webhook_url": f"{peer.url}api/webhooks/1/x"},
            "whatsapp": {"url": peer.url, "chat_id": "49@c.us"},
        }
    )
    assert by.notify_and_settle(providers=[name]).status(name) == "sent"
    by.wait(86_400)
    assert len(peer.requests) == 1


def test_a_refusal_that_did_not_come_whole_is_not_for_good(world: World, play: Play) -> None:
    peer = play(reply_with(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{"ok": false, "descr'))
    by = messengers(world)
    configure({"telegram": {"bot_token": "1:x", "chat_id": 1, "api_url": peer.url}})
    assert by.notify_and_settle().status("telegram") == "queued"


# Probes


@pytest.mark.parametrize(
    ("answer", "alive"),
    [
        (HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n" + LARGE, True),
        (b"HTTP/1.1 200 OK\r\n" + MANY, True),
        (HINTS, False),
        (b"HTTP/1.1 503 No\r\n" + LARGE, False),
    ],
)
def test_a_probe_heeds_the_status_alone(world: World, play: Play, answer: bytes, alive: bool) -> None:
    peer = play(reply_with(answer))
    worker = world.register("one", endpoints={"predict": peer.url, "health": peer.url})
    world.clock.advance(600)
    heartbeat_monitor.check_worker(ORG, POOL, worker.id)
    assert world.worker(worker.id).alive is alive
