"""Code tasks from creation to tests: the local stack, its code worker, and a provider of language models."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.code_worker.fake_provider import Answer, Handler, openai, openai_events, provider
from tests.clients.code_worker.fake_provider import Provider as FakeProvider
from tests.system.stack import Caller, Stack, stack, wait_until

CODE = "def add(a, b):\n    return a + b"
ANSWER = openai("Here:\n```python\n", CODE, "\n```\n```python\nassert add(2, 2) == 4\n```\n")
TESTS = ["assert add(1, 2) == 3", "assert add(1, 2) == 4"]
needs_sandbox = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="needs bubblewrap, which is not on this machine"
)


@contextmanager
def code_server(*answers: Answer) -> Iterator[tuple[Caller, FakeProvider, Stack]]:
    """The code server of a stack with a worker."""
    with provider(*answers) as models:
        entry = {"id": "m", "context_length": 4096}
        setting = [{"name": "p", "protocol": "openai", "url": f"{models.url}/v1", "private": True, "models": [entry]}]
        with stack(MODELS=json.dumps(setting), CODE_WORKER="on", SWEEP_SECONDS="1") as ready:
            yield ready.open("codeserver"), models, ready


def create(caller: Caller, **more: Any) -> str:
    body = {"prompt": "Create a function add(a, b)", "language": "python", "context": {"tests": TESTS}} | more
    return str(caller.json("POST", "/api/code", body)["task_id"])


def status(caller: Caller, task: str) -> Any:
    return caller.json("GET", f"/api/code/status/{task}")


def wait_until_ended(caller: Caller, task: str) -> Any:
    return wait_until(lambda: status(caller, task), lambda seen: seen["status"] not in ("pending", "running"), 1_200)


def events(caller: Caller, task: str) -> list[tuple[str, Any]]:
    """All events of the task's stream, which ends with the task."""
    text = caller.call("GET", f"/api/code/stream/{task}").text
    received = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "event" in fields:
            received.append((fields["event"], json.loads(fields["data"])))
    return received


def worker_pids(stack: Stack) -> list[int]:
    """The process ids of the code workers that a stack has started."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            is_worker = b"code_worker" in (entry / "cmdline").read_bytes()
        except (OSError, IndexError, ValueError):
            continue
        if is_worker and parent == stack.process.pid:
            pids.append(int(entry.name))
    return pids


def hang_midway(handler: Handler) -> None:
    handler.begin()
    handler.say(openai_events("```python\ndef add(a, b):\n", reason=None, end=False))
    handler.wait_until_left()


@needs_sandbox
def test_code_is_written_streamed_tested_and_its_worker_replaced_when_it_dies() -> None:
    with code_server(ANSWER, hang_midway, ANSWER) as (caller, models, ready):
        first = create(caller)
        seen = events(caller, first)
        assert (seen[0][0], seen[-1][0]) == ("code_start", "code_complete")
        chunks = [data for name, data in seen if name == "code_chunk"]
        assert "".join(chunk["chunk"] for chunk in chunks) == CODE
        done = wait_until_ended(caller, first)
        assert (done["status"], done["code"], done["progress"]) == ("completed", CODE, 100)
        assert (done["tests_passed"], done["tests_total"]) == (2, 3)
        assert done["execution_time_ms"] >= 0
        assert [(test["source"], test["passed"]) for test in done["tests"]] == [
            ("caller", True),
            ("caller", False),
            ("model", True),
        ]

        second = create(caller)
        wait_until(lambda: len(models.requests), lambda count: count == 2)
        [pid] = worker_pids(ready)
        os.kill(pid, signal.SIGKILL)
        assert wait_until_ended(caller, second)["code"] == CODE
        assert worker_pids(ready) not in ([], [pid])


def test_a_cancelled_task_ends_the_model_s_answer() -> None:
    with code_server(hang_midway) as (caller, models, _):
        task = create(caller)
        wait_until(lambda: status(caller, task), lambda seen: seen["status"] == "running" and seen["progress"] > 0)
        assert caller.json("DELETE", f"/api/code/{task}")["status"] == "cancelled"
        assert models.left.wait(30)


def test_the_worker_ends_with_the_stack() -> None:
    with code_server(hang_midway) as (caller, models, ready):
        create(caller)
        wait_until(lambda: len(models.requests), lambda count: count == 1)
        [pid] = worker_pids(ready)
        ready.process.send_signal(signal.SIGINT)
        out, _ = ready.process.communicate(timeout=30)
        assert (ready.process.returncode, out) == (0, "")
        wait_until(lambda: Path(f"/proc/{pid}").exists(), lambda is_there: not is_there)
        assert models.left.wait(30)


def test_a_stack_that_is_killed_leaves_no_worker_behind() -> None:
    with code_server(ANSWER) as (_, _, ready):
        [pid] = wait_until(lambda: worker_pids(ready), bool)
        ready.process.kill()
        wait_until(lambda: Path(f"/proc/{pid}").exists(), lambda is_there: not is_there)
