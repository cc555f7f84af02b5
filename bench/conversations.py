"""AWS calls of conversations, messages and code tasks of the code server API with the rate limiter's, counted on moto,
in a conversation of 10 messages and in one of 100,000. A stream is read after its task has ended."""

from typing import Any

from bench.measure import Figure, Section, at_most, flat, silence
from chalicelib.apis.codeserver import api
from chalicelib.domain.chunks.chunk import Chunk
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.engine.chunks import chunks
from chalicelib.engine.conversations import conversations
from chalicelib.engine.tasks import lifecycle
from tests.apis.codeserver.tasks import POOL, end, register_worker, submit
from tests.engine.conversations.helpers import store_others
from tests.support import aws
from tests.support.client import Client, token
from tests.support.world import ORG, World, new_world

SIZES = (10, 100_000)
BUDGETS = {"page of messages": 2, "message": 3}
STREAMED = (1, 100, 500)
"""Chunks of the tasks whose streams are read."""


def measure() -> Section:
    with silence():
        sizes = [_conversation(size) for size in SIZES]
        with new_world() as world:
            figures = _code_tasks(world)
    judged = [at_most(name, max(calls[name] for calls in sizes), most, "calls") for name, most in BUDGETS.items()]
    same = [flat(f"{name}, calls", [calls[name] for calls in sizes]) for name in BUDGETS]
    return Section("Conversations and code tasks", __doc__, [*judged, *same, *figures])


def _call(method: str, path: str, body: Any = None) -> Any:
    reply = Client(api).request(method, path, body, token=token())
    if reply.status not in (200, 201):
        raise RuntimeError(f"{method} {path}: {reply.text}")
    return reply


def _count(method: str, path: str, body: Any = None) -> int:
    with aws.counting() as calls:
        _call(method, path, body)
    return calls.total()


def _conversation(size: int) -> dict[str, int]:
    with new_world():
        conversation_id = _call("POST", "/api/conversations", {"title": "Bench", "user_id": "ann"}).json["id"]
        store_others(conversations.get(ORG, POOL, conversation_id).conversation, size)
        messages = f"/api/conversations/{conversation_id}/messages"
        return {
            "page of messages": _count("GET", f"{messages}?limit=20"),
            "message": _count("POST", messages, {"role": "user", "content": "one more"}),
        }


def _code_tasks(world: World) -> list[Figure]:
    register_worker(world)
    create = _count("POST", "/api/code", {"prompt": "Create a Python function", "language": "python"})
    running = _streamed_task(world, 1)
    status = _count("GET", f"/api/code/status/{running.id}")
    figures = [Figure("create a code task", f"{create} calls"), at_most("status", status, 4, "calls")]
    for count in STREAMED:
        task = _streamed_task(world, count)
        end(world, task)
        streamed = _count("GET", f"/api/code/stream/{task.id}")
        figures.append(at_most(f"stream of {count} chunks", streamed, 2 + -(-count // 100), "calls"))
    return figures


def _streamed_task(world: World, count: int) -> Task:
    """A running task whose worker has sent so many chunks."""
    task = submit(world)
    world.settle()
    held = lifecycle.get(ORG, task.id, POOL)
    holder = Holder(str(held.worker_id), held.epoch)
    for seq in range(1, count + 1):
        chunks.append(ORG, POOL, task.id, holder, Chunk(seq, "x", None))
    return held
