"""The worker's connection, to a small and strict Yardmaster."""

import asyncio
from typing import Any

import code_worker
import pytest
from code_worker import connection
from code_worker.connection import Connection
from code_worker.errors import Misconfigured
from code_worker.yardmaster import Unreachable, Yardmaster

from tests.clients.code_worker.fake_provider import free_port
from tests.support.code_yardmaster import PATIENCE, CodeYardmaster


class Receiver:
    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.connections = 0

    def connected(self) -> None:
        self.connections += 1

    def handle(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)


def connect(to: CodeYardmaster, token: str = "") -> tuple[Connection, Receiver, "asyncio.Task[None]"]:
    yardmaster = Yardmaster(to.url, token)
    found, receiver = Connection(lambda: yardmaster.register("w", ("python",), 2), token), Receiver()
    return found, receiver, asyncio.create_task(found.run(receiver))


async def wait_until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LONGEST_PAUSE_SECONDS", 0.01)


def test_it_registers_connects_and_both_sides_speak() -> None:
    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            connection, receiver, running = connect(yardmaster, "secret")
            await yardmaster.send({"type": "ping"})
            await wait_until(lambda: receiver.frames)
            connection.send({"type": "pong"})
            await yardmaster.wait_for(lambda frame: frame["type"] == "pong")
            running.cancel()
            worker = {"name": "w", "languages": ["python"], "max_concurrent": 2, "runs_tests": False}
            assert yardmaster.registrations == [worker | {"version": code_worker.__version__}]
            assert (yardmaster.faults, yardmaster.tokens) == ([], ["Bearer secret"])

    asyncio.run(run())


def test_a_broken_connection_is_opened_again_under_the_same_id() -> None:
    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            _, receiver, running = connect(yardmaster)
            for count in range(1, 4):
                await yardmaster.send({"type": "ping"})
                await wait_until(lambda count=count: len(receiver.frames) == count)
                await yardmaster.end_connection()
            await wait_until(lambda: receiver.connections == 4)
            running.cancel()
            assert len(yardmaster.registrations) == 1 and yardmaster.faults == []

    asyncio.run(run())


def test_a_worker_that_is_not_known_any_more_registers_again() -> None:
    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            yardmaster.refuses_connections = (4404, "no such worker")
            _, receiver, running = connect(yardmaster)
            await wait_until(lambda: len(yardmaster.registrations) >= 2)
            yardmaster.refuses_connections = None
            await wait_until(lambda: receiver.connections)
            running.cancel()

    asyncio.run(run())


@pytest.mark.parametrize("code", [4400, 4401])
def test_a_refusal_that_will_not_change_ends_it(code: int) -> None:
    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            yardmaster.refuses_connections = (code, "no")
            with pytest.raises(Misconfigured, match="YARDMASTER_TOKEN"):
                await asyncio.wait_for(connect(yardmaster)[2], PATIENCE)

    asyncio.run(run())


def test_a_busy_id_is_tried_again() -> None:
    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            yardmaster.refuses_connections = (4409, "another one answers")
            _, receiver, running = connect(yardmaster)
            await wait_until(lambda: receiver.connections > 2)
            yardmaster.refuses_connections = None
            await yardmaster.send({"type": "ping"})
            await wait_until(lambda: receiver.frames)
            running.cancel()
            assert len(yardmaster.registrations) == 1

    asyncio.run(run())


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_a_refused_registration_ends_it(status: int) -> None:
    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            yardmaster.registers_with = status
            with pytest.raises(Misconfigured, match=str(status)):
                await asyncio.wait_for(connect(yardmaster)[2], PATIENCE)

    asyncio.run(run())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registration_that_cannot_be_now_is_tried_again(status: int) -> None:
    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            yardmaster.registers_with = status
            _, receiver, running = connect(yardmaster)
            await wait_until(lambda: len(yardmaster.tokens) > 2)
            yardmaster.registers_with = 201
            await wait_until(lambda: receiver.connections)
            running.cancel()

    asyncio.run(run())


def test_a_server_that_does_not_listen_yet_is_tried_again() -> None:
    yardmaster = Yardmaster(f"http://127.0.0.1:{free_port()}", "")
    with pytest.raises(Unreachable, match="does not answer"):
        asyncio.run(yardmaster.register("w", (), 1))


def test_a_large_frame_arrives_whole_and_half_a_character_as_a_question_mark() -> None:
    text = "é😀" * 20_000 + "\ud800"

    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            connection, _, running = connect(yardmaster)
            await yardmaster.send({"type": "ping"})
            await wait_until(lambda: connection.is_open)
            connection.send({"type": "error", "task_id": "t", "attempt": 1, "error": text[-20_001:], "retryable": True})
            frame = await yardmaster.report("t")
            running.cancel()
            assert frame["error"] == text[-20_001:-1] + "?"

    asyncio.run(run())


def test_frames_without_a_connection_are_lost_without_harm() -> None:
    async def never() -> Any:
        raise Unreachable("x")

    Connection(never, "").send({"type": "pong"})


def test_frames_that_are_not_json_are_ignored() -> None:
    async def run() -> None:
        async with CodeYardmaster().serving() as yardmaster:
            _, receiver, running = connect(yardmaster)
            await yardmaster.send({"type": "ping"})
            assert yardmaster._socket is not None
            await yardmaster._socket.send("{")
            await yardmaster._socket.send("[1]")
            await yardmaster.send({"type": "ping"})
            await wait_until(lambda: len(receiver.frames) == 2)
            running.cancel()

    asyncio.run(run())
