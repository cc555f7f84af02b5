"""AWS calls of the studio API with the rate limiter's, counted on moto, for an org with 10 content tasks and for one
with 1,000. A chat's calls are its own, the limiter's and those that choose, call and meter the model."""

from typing import Any

from bench.measure import Section, at_most, flat, silence
from chalicelib.apis.studio import api
from tests.support import aws
from tests.support.client import Client, token
from tests.support.models import models
from tests.support.world import World, new_world

SIZES = (10, 1_000)
TASK = {"task_name": "Tea", "topic": "tea", "category": "Drinks"}
BUDGETS = {"create a task": 2, "list page of tasks": 3, "summary of tasks": 3, "chat": 9}


def measure() -> Section:
    with silence():
        sizes = [_calls(size) for size in SIZES]
    judged = [at_most(name, max(calls[name] for calls in sizes), most, "calls") for name, most in BUDGETS.items()]
    same = [flat(f"{name}, calls", [calls[name] for calls in sizes]) for name in BUDGETS]
    return Section("The studio API", __doc__, [*judged, *same])


def _call(method: str, path: str, body: Any = None) -> Any:
    reply = Client(api).request(method, path, body, token=token(plan="enterprise"))
    if reply.status not in (200, 201):
        raise RuntimeError(f"{method} {path}: {reply.text}")
    return reply.json


def _count(method: str, path: str, body: Any = None) -> int:
    with aws.counting() as calls:
        _call(method, path, body)
    return calls.total()


def _calls(size: int) -> dict[str, int]:
    with new_world() as world, models(world):
        _fill(world, size)
        place = _call("POST", "/api/chat", {"message": "Hello"})["conversation_id"]
        return {
            "create a task": _count("POST", "/api/tasks", TASK),
            "list page of tasks": _count("GET", "/api/tasks?limit=20"),
            "summary of tasks": _count("GET", "/api/tasks/metrics/summary"),
            "chat": _count("POST", "/api/chat", {"message": "Again", "conversation_id": place}),
        }


def _fill(world: World, size: int) -> None:
    for _ in range(size):
        _call("POST", "/api/tasks", TASK)
    world.settle(limit=size * 10)
