"""The stream of a code task on the wire: to a library, to a browser, to clients that leave and that do not read."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import sseclient

from tests.system import browser
from tests.system.code_workers import code_worker
from tests.system.stack import PATIENCE, Caller, Stack, wait_until

PIECES = ("def add(a, b):\n", "    return a + b\n", "# größer ✓\n")
CODE = "".join(PIECES)
BROWSER = browser.program()
LISTEN = """
window.code = ""; window.names = [];
window.source = new EventSource("/api/code/stream/TASK");
for (const name of ["code_start", "code_chunk", "code_complete", "code_error"]) {
  source.addEventListener(name, (event) => {
    names.push(name);
    if (name === "code_start") code = "";
    if (name === "code_chunk") code += JSON.parse(event.data).chunk;
  });
}
"""


@pytest.fixture
def caller(yard: Stack) -> Caller:
    return yard.open("codeserver")


def create(caller: Caller) -> str:
    return str(caller.json("POST", "/api/code", {"prompt": "Write add(a, b)"})["task_id"])


class Reader:
    """One connection of a client library that is not ours."""

    def __init__(self, caller: Caller, task_id: str, after: str | None = None) -> None:
        headers = {"Last-Event-ID": after} if after is not None else {}
        url = f"{caller.url}/api/code/stream/{task_id}"
        self.answer = requests.get(url, stream=True, headers=headers, timeout=PATIENCE)
        assert self.answer.status_code == 200, self.answer.text
        self.last: str | None = after
        self.code = ""
        self._events: Iterator[Any] = sseclient.SSEClient(self.answer).events()

    def next(self) -> str:
        """The name of the next event."""
        event = next(self._events)
        self.last = event.id
        if event.event == "code_start":
            self.code = ""
        if event.event == "code_chunk":
            self.code += json.loads(event.data)["chunk"]
        return str(event.event)

    def rest(self) -> list[str]:
        """The names of the events that follow, up to the end of the stream."""
        names = []
        while not names or names[-1] not in ("code_complete", "code_error"):
            names.append(self.next())
        assert list(self._events) == []
        return names

    def leave(self) -> None:
        self.answer.close()


def test_pieces_arrive_while_the_worker_writes(caller: Caller) -> None:
    with code_worker(caller) as worker:
        reader = Reader(caller, create(caller))
        task = worker.receive("task")
        assert reader.next() == "code_start"
        for seq, piece in enumerate(PIECES, 1):
            worker.say("chunk", task, seq=seq, text=piece, progress=seq * 30)
            assert reader.next() == "code_chunk"
            assert reader.code == "".join(PIECES[:seq])
        worker.complete(task, CODE)
        assert reader.rest() == ["code_complete"]


def test_a_client_that_leaves_comes_back_for_the_rest(caller: Caller) -> None:
    with code_worker(caller) as worker:
        task_id = create(caller)
        task, first = worker.receive("task"), Reader(caller, task_id)
        worker.say("chunk", task, seq=1, text=PIECES[0])
        assert [first.next(), first.next()] == ["code_start", "code_chunk"]
        first.leave()
        for seq in (3, 2):  # the network may turn them round
            worker.say("chunk", task, seq=seq, text=PIECES[seq - 1])
        second = Reader(caller, task_id, first.last)
        assert [second.next(), second.next()] == ["code_chunk", "code_chunk"]
        worker.complete(task, CODE)
        assert second.rest() == ["code_complete"]
        assert first.code + second.code == CODE
        headers = {"Last-Event-ID": str(second.last)}
        assert caller.call("GET", f"/api/code/stream/{task_id}", headers=headers).status_code == 204


def test_a_worker_that_dies_is_replaced_and_its_code_is_thrown_away(caller: Caller) -> None:
    with code_worker(caller) as dying:
        reader = Reader(caller, create(caller))
        task = dying.receive("task")
        dying.say("chunk", task, seq=1, text="def wrong(")
        assert [reader.next(), reader.next()] == ["code_start", "code_chunk"]
        dying.die()
        with code_worker(caller) as heir:
            again = heir.receive("task")
            assert (again["task_id"], again["lease"]) == (task["task_id"], task["lease"] + 1)
            heir.say("chunk", again, seq=1, text=PIECES[0])
            heir.complete(again, CODE)
            assert reader.rest()[:2] == ["code_start", "code_chunk"]
            assert reader.code == CODE


def test_clients_that_do_not_read_delay_nobody(caller: Caller) -> None:
    address = urlsplit(caller.url)
    with code_worker(caller) as worker, ExitStack() as idle:
        task_id = create(caller)
        task = worker.receive("task")
        text = "x" * 8_000
        for _ in range(70):  # more than there are threads for requests
            client = idle.enter_context(socket.create_connection((address.hostname, address.port), PATIENCE))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(f"GET /api/code/stream/{task_id} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        for seq in range(1, 11):
            worker.say("chunk", task, seq=seq, text=text)
        worker.complete(task, text * 10)
        reader = Reader(caller, task_id)
        reader.rest()
        assert len(reader.code) == 80_000


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_the_eventsource_of_a_browser_shows_the_code_and_ends_by_itself(caller: Caller, tmp_path: Path) -> None:
    assert BROWSER is not None
    with code_worker(caller) as worker, browser.tab(BROWSER, tmp_path, scripts=True) as tab:
        task_id = create(caller)
        task = worker.receive("task")
        tab.open(f"{caller.url}/docs")
        wait_until(lambda: tab.see("document.readyState"), lambda state: state == "complete")
        tab.see(LISTEN.replace("TASK", task_id))
        for seq, piece in enumerate(PIECES, 1):
            worker.say("chunk", task, seq=seq, text=piece)
            wait_until(lambda: tab.see("code"), lambda code, seq=seq: code == "".join(PIECES[:seq]))  # type: ignore[misc]
        worker.complete(task, CODE)
        # The page does not close the EventSource: it connects again, and is answered that nothing is left.
        wait_until(lambda: tab.see("source.readyState"), lambda state: state == 2)
        assert tab.see("names.join()") == "code_start,code_chunk,code_chunk,code_chunk,code_complete"
        assert tab.see("code") == CODE
