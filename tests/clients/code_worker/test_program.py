"""The worker as a process, between a small Yardmaster and a provider of language models."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import code_worker
import pytest

from tests.clients.code_worker.fake_provider import Handler, openai, openai_events, provider
from tests.clients.code_worker.fake_provider import Provider as FakeProvider
from tests.support.code_yardmaster import PATIENCE, CodeYardmaster

CODE = "def add(a, b):\n    return a + b"
ANSWER = openai("```python\n", CODE, "\n```\n")


@asynccontextmanager
async def worker(
    yardmaster: CodeYardmaster, models: FakeProvider, *arguments: str, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    setting = [{"name": "p", "protocol": "openai", "url": models.url, "models": [{"id": "m"}]}]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(code_worker.__file__).parents[1]),
        "YARDMASTER_URL": yardmaster.url,
        "MODELS": json.dumps(setting),
        "SANDBOX": "off",
    }
    command = [sys.executable, "-m", "code_worker", *arguments]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=environment | more, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def hang_midway(handler: Handler) -> None:
    handler.begin()
    handler.say(openai_events("```python\ndef f():\n", reason=None, end=False))
    handler.wait_until_left()


def test_a_task_is_written_streamed_and_reported() -> None:
    async def run() -> None:
        with provider(ANSWER) as models:
            async with CodeYardmaster().serving() as yardmaster, worker(yardmaster, models) as process:
                await yardmaster.send(yardmaster.task("t1"))
                report = await yardmaster.report("t1")
                assert report["result"]["code"] == CODE == yardmaster.code("t1")
                assert report["result"]["note"] == "No code was run: the setting SANDBOX is off."
                assert report["result"]["usage"] == {"model": "m", "tokens_in": 7, "tokens_out": 9}
                assert process.stdout is not None and await process.stdout.readline() == b"worker-1\n"
                assert yardmaster.faults == []

    asyncio.run(run())


def test_a_cancel_ends_the_model_s_answer() -> None:
    """The model itself never ends its answer."""

    async def run() -> None:
        with provider(hang_midway) as models:
            async with CodeYardmaster().serving() as yardmaster, worker(yardmaster, models):
                await yardmaster.send(yardmaster.task("t1"))
                await yardmaster.wait_for(lambda frame: frame["type"] == "chunk")
                await yardmaster.send({"type": "cancel", "task_id": "t1", "attempt": 1})
                assert await asyncio.to_thread(models.left.wait, PATIENCE)
                models.answers[:] = [ANSWER]
                await yardmaster.send(yardmaster.task("t2"))
                await yardmaster.report("t2")
                assert not [frame for frame in yardmaster.frames if frame.get("task_id") == "t1" and "result" in frame]
                assert yardmaster.faults == []

    asyncio.run(run())


def test_as_many_tasks_at_once_as_come() -> None:
    async def run() -> None:
        with provider(ANSWER) as models:
            async with CodeYardmaster().serving() as yardmaster, worker(yardmaster, models):
                for number in range(8):
                    await yardmaster.send(yardmaster.task(f"t{number}"))
                for number in range(8):
                    assert (await yardmaster.report(f"t{number}"))["result"]["code"] == CODE
                assert yardmaster.faults == []

    asyncio.run(run())


def test_a_connection_that_breaks_in_the_middle_of_a_task_loses_nothing() -> None:
    def answer_slowly(handler: Handler) -> None:
        handler.begin()
        handler.say(openai_events("```python\ndef f():\n", reason=None, end=False))
        assert proceed.wait(PATIENCE)
        handler.say(openai_events("    return 1\n```\n"))

    proceed = threading.Event()

    async def run() -> None:
        with provider(answer_slowly) as models:
            async with CodeYardmaster().serving() as yardmaster, worker(yardmaster, models):
                await yardmaster.send(yardmaster.task("t1"))
                await yardmaster.wait_for(lambda frame: frame["type"] == "chunk")
                await yardmaster.end_connection()
                await asyncio.wait_for(yardmaster.connected.wait(), PATIENCE)
                await yardmaster.send(yardmaster.task("t1"))
                proceed.set()
                report = await yardmaster.report("t1")
                assert report["result"]["code"] == "def f():\n    return 1"
                assert yardmaster.faults == [] and len(models.requests) == 1

    asyncio.run(run())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_has_it_finish_and_leave(number: signal.Signals) -> None:
    proceed = threading.Event()

    def wait(handler: Handler) -> None:
        assert proceed.wait(PATIENCE)
        ANSWER(handler)

    async def run() -> None:
        with provider(wait) as models:
            async with CodeYardmaster().serving() as yardmaster, worker(yardmaster, models) as process:
                await yardmaster.send(yardmaster.task("t1"))
                await yardmaster.wait_for(lambda frame: frame["type"] == "progress")
                process.send_signal(number)
                await yardmaster.wait_for(lambda frame: frame.get("status") == "unhealthy")
                await yardmaster.send(yardmaster.task("t2"))
                proceed.set()
                await yardmaster.report("t1")
                assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
                assert yardmaster.removed == ["worker-1"] and yardmaster.faults == []
                assert not [frame for frame in yardmaster.frames if frame.get("task_id") == "t2"]

    asyncio.run(run())


def test_what_is_not_finished_in_the_grace_period_is_given_back() -> None:
    async def run() -> None:
        with provider(hang_midway) as models:
            async with CodeYardmaster().serving() as yardmaster:
                async with worker(yardmaster, models, GRACE_SECONDS="0.1") as process:
                    await yardmaster.send(yardmaster.task("t1"))
                    await yardmaster.wait_for(lambda frame: frame["type"] == "chunk")
                    process.terminate()
                    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
                assert yardmaster.removed == ["worker-1"]
                assert not [frame for frame in yardmaster.frames if frame["type"] in ("result", "error")]

    asyncio.run(run())


def test_it_ends_with_its_parent_where_it_is_told_to() -> None:
    async def run() -> None:
        with provider(ANSWER) as models:
            async with CodeYardmaster().serving() as yardmaster:
                async with worker(yardmaster, models, "--until-stdin-ends") as process:
                    await asyncio.wait_for(yardmaster.connected.wait(), PATIENCE)
                    assert process.stdin is not None
                    process.stdin.close()
                    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
                assert yardmaster.removed == ["worker-1"]

    asyncio.run(run())


def test_a_wrong_setting_ends_it_with_one_line() -> None:
    async def run() -> None:
        with provider(ANSWER) as models:
            async with CodeYardmaster().serving() as to, worker(to, models, MODELS="{") as process:
                _, said = await process.communicate()
                assert process.returncode == 1 and said.startswith(b"MODELS is not JSON") and said.count(b"\n") == 1

    asyncio.run(run())


def test_a_refused_token_ends_it_and_says_what_to_set() -> None:
    async def run() -> None:
        with provider(ANSWER) as models:
            async with CodeYardmaster().serving() as yardmaster:
                yardmaster.registers_with = 401
                async with worker(yardmaster, models) as process:
                    _, said = await process.communicate()
                    assert process.returncode == 1 and b"YARDMASTER_TOKEN" in said

    asyncio.run(run())
