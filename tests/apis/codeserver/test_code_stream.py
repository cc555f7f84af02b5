"""The stream of a code task: its events, resuming it, and callers who get nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import config
from chalicelib.apis.codeserver.code_stream import stream_code
from chalicelib.edge import Stream
from chalicelib.engine.security.authentication import Principal
from tests.apis.codeserver.conftest import CodeserverApi
from tests.apis.codeserver.test_code import RESULT, complete, connect, create
from tests.support import aws
from tests.support.client import Reply, token
from tests.support.world import ORG

Event = tuple[str, str, Any]
CODE = str(RESULT["code"])


def parse(text: str) -> list[Event]:
    """Parse the events of a stream: (id, event, data)."""
    blocks = [block for block in text.split("\n\n") if block.startswith("id: ")]
    lines = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
    return [(fields["id"], fields["event"], json.loads(fields["data"])) for fields in lines]


def read(api: CodeserverApi, task_id: str, after: str | None = None, **more: Any) -> Reply:
    headers = {"Last-Event-ID": after} if after is not None else {}
    return api.request("GET", f"/api/code/stream/{task_id}", headers=headers, **more)


def open_stream(task_id: str) -> Iterator[bytes]:
    """Return the parts of the streamed answer."""
    answer = stream_code(Principal(ORG, "dev", "user"), task_id)
    assert isinstance(answer, Stream)
    return answer.parts


def read_new_events(parts: Iterator[bytes]) -> list[Event]:
    """Read events until there are no new ones, or until the end."""
    text = b""
    for part in parts:
        if not part:
            break
        text += part
    return parse(text.decode())


def test_the_stream_of_a_completed_task(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    codeserver_api.world.clock.advance(1)
    worker.say("chunk", worker.task(task_id), seq=1, text=CODE[:15], progress=10.7)
    codeserver_api.world.clock.advance(0.25)
    complete(codeserver_api, worker, task_id)
    reply = read(codeserver_api, task_id)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.text.startswith("retry: 1000\n\n")
    assert parse(reply.text) == [
        ("1-0", "code_start", {"task_id": task_id}),
        ("1-1", "code_chunk", {"chunk": CODE[:15], "progress": 10}),
        ("1-2", "code_chunk", {"chunk": CODE[15:], "progress": 100}),
        ("1-3", "code_complete", {"task_id": task_id, "total_time_ms": 1250}),
    ]
    assert read(codeserver_api, task_id).text == reply.text, "it can be read again"


def test_a_client_that_comes_back_misses_nothing_and_gets_nothing_twice(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    for seq in range(1, 6):
        worker.say("chunk", worker.task(task_id), seq=seq, text=CODE[seq * 3 - 3 : seq * 3])
    complete(codeserver_api, worker, task_id)
    events = parse(read(codeserver_api, task_id).text)
    for number, (position, _, _) in enumerate(events[:-1], 1):
        assert parse(read(codeserver_api, task_id, position).text) == events[number:]
    last = read(codeserver_api, task_id, events[-1][0])
    assert (last.status, last.text) == (204, "")


def test_what_a_worker_sends_is_seen_at_once_and_each_attempt_begins_from_the_start(
    codeserver_api: CodeserverApi,
) -> None:
    world, task_id = codeserver_api.world, create(codeserver_api)
    parts = open_stream(task_id)
    assert read_new_events(parts) == []
    worker = connect(codeserver_api)
    assert [name for _, name, _ in read_new_events(parts)] == ["code_start"]
    worker.say("chunk", worker.task(task_id), seq=1, text="first", progress=90)
    assert read_new_events(parts) == [("1-1", "code_chunk", {"chunk": "first", "progress": 90})]
    worker.say("error", worker.task(task_id), error="no", retry_after=1)
    assert read_new_events(parts) == []
    world.advance(5)
    worker.say("chunk", worker.task(task_id), seq=1, text="second", progress=20)
    assert read_new_events(parts) == [
        ("2-0", "code_start", {"task_id": task_id}),
        ("2-1", "code_chunk", {"chunk": "second", "progress": 20}),
    ]
    complete(codeserver_api, worker, task_id, code="second")
    assert [name for _, name, _ in read_new_events(parts)] == ["code_complete"]
    assert list(parts) == []


def test_the_token_may_be_in_the_query_of_a_stream_alone(codeserver_api: CodeserverApi) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    complete(codeserver_api, worker, task_id)
    config.replace(open_apis=frozenset({"codeserver"}))  # a wrong token is refused nevertheless
    path, caller = f"/api/code/stream/{task_id}", codeserver_api.token

    def status(url: str, header: str | None = None) -> int:
        return codeserver_api.client.request("GET", url, token=header).status

    assert status(f"{path}?token={caller}") == 200
    assert status(f"{path}?token=wrong") == status(f"{path}?token=") == 401
    assert status(f"{path}?token=wrong", caller) == 200, "the header comes first"
    assert status(f"{path}?token={caller}", "wrong") == 401
    assert status(f"{path}?token={caller}&token={caller}") == 400
    assert status(f"/api/code/status/{task_id}?token={caller}") == 400


def test_a_stream_is_kept_open_by_comments(codeserver_api: CodeserverApi) -> None:
    parts, task_id = open_stream(create(codeserver_api)), None
    del task_id
    assert next(parts) == b"retry: 1000\n\n"
    assert next(parts) == b""
    codeserver_api.world.clock.advance(10)
    assert next(parts) == b": keep-alive\n\n"


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [("cancel", "cancelled", "The task was cancelled"), ("error", "failed", "the model is away")],
)
def test_a_task_without_code_ends_with_an_error(
    codeserver_api: CodeserverApi, end: str, status: str, error: str
) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    worker.say("chunk", worker.task(task_id), seq=1, text="x")
    if end == "cancel":
        codeserver_api.call("DELETE", f"/api/code/{task_id}")
    else:
        worker.say("error", worker.task(task_id), error=error, retryable=False)
    expected = {"task_id": task_id, "status": status, "error": error}
    assert parse(read(codeserver_api, task_id).text)[-1] == ("1-2", "code_error", expected)


def test_where_parts_cannot_be_sent_the_client_comes_back_for_the_rest(codeserver_api: CodeserverApi) -> None:
    """In AWS an answer ends after 25 seconds."""
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    began = codeserver_api.world.clock.now()
    worker.say("chunk", worker.task(task_id), seq=1, text="def")
    first = parse(read(codeserver_api, task_id).text)
    assert [name for _, name, _ in first] == ["code_start", "code_chunk"]
    assert 25_000 <= codeserver_api.world.clock.now() - began < 27_000
    complete(codeserver_api, worker, task_id)
    rest = parse(read(codeserver_api, task_id, first[-1][0]).text)
    assert "".join(data.get("chunk", "") for _, _, data in first + rest) == CODE


@pytest.mark.parametrize("position", ["", "1", "x", "1-x", "-1-1", "1-1 ", "1-1\t2", "1-" + "9" * 40, "9" * 300])
def test_a_position_of_another_form_is_refused(codeserver_api: CodeserverApi, position: str) -> None:
    reply = read(codeserver_api, create(codeserver_api), position)
    assert (reply.status, reply.json["error"]) == (400, "INVALID_REQUEST")
    assert "Last-Event-ID" in reply.json["message"]


def test_unknown_tasks_and_those_of_others_are_not_found(codeserver_api: CodeserverApi) -> None:
    task_id = create(codeserver_api)
    other_pool = codeserver_api.world.submit(pool="coordinator").id
    for reply in (
        read(codeserver_api, "nowhere"),
        read(codeserver_api, other_pool),
        read(codeserver_api, task_id, token=token(org="umbra")),
    ):
        assert (reply.status, reply.json["error"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("chunks", "calls"), [(0, 3), (100, 3), (200, 4), (500, 7)])
def test_the_stream_of_an_ended_task_costs_two_calls_and_one_for_each_hundred_chunks(
    codeserver_api: CodeserverApi, chunks: int, calls: int
) -> None:
    task_id, worker = create(codeserver_api), connect(codeserver_api)
    for seq in range(1, chunks + 1):
        worker.say("chunk", worker.task(task_id), seq=seq, text="x")
    complete(codeserver_api, worker, task_id, code="x" * chunks)
    with aws.counting() as counted:
        reply = read(codeserver_api, task_id)
    assert len(parse(reply.text)) == chunks + 2
    assert counted.total() == calls <= 2 + max(1, -(-chunks // 100))
