"""AWS calls and capacity units of the same requests with more and more tasks in the table. Nine in ten tasks wait in
the lane that is dispatched. The tasks are written directly to moto's memory; one server has a hundred slots. The pool
is a listed one, so that its tasks are in every index. A page's calls do not include the rate limiter's."""

from collections.abc import Callable
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item

from bench import meter, requests
from bench.measure import Section, flat
from bench.meter import Call
from bench.world import BATCH, world
from chalicelib import config
from chalicelib.config import settings
from chalicelib.domain.tasks.task import Phase
from chalicelib.engine.tasks import listing
from chalicelib.engine.tasks.listing import Filter

POOL = "processing"
SIZES = (1_000, 10_000, 100_000)
FIGURES: dict[str, Callable[[list[Call]], float]] = {
    "AWS calls": len,
    "write units": lambda calls: sum(call.writes for call in calls),
    "read units": lambda calls: sum(call.reads for call in calls),
}


def measure() -> Section:
    results = [_calls_at(size) for size in SIZES]
    figures = [
        flat(f"{name}: {figure}", [value_of(calls[name]) for calls in results])
        for name in results[0]
        for figure, value_of in FIGURES.items()
    ]
    sizes = " / ".join(f"{size:,}" for size in SIZES)
    return Section(f"At {sizes} tasks", __doc__, figures)


def _calls_at(size: int) -> dict[str, list[Call]]:
    before = config.replace(listed_pools=frozenset({POOL}))
    try:
        return _calls_of_steps(size)
    finally:
        config.restore(before)


def _calls_of_steps(size: int) -> dict[str, list[Call]]:
    calls: list[tuple[str, Call]] = []
    with world(calls) as deployment:
        waiting = [deployment.submit() for _ in range(BATCH)]
        _fill(waiting[0], size)
        deployment.relay()
        steps: dict[str, Callable[[], Any]] = {
            "dispatch pass": lambda: deployment.handle("dispatch"),
            "GET /api/task/{id}": lambda: deployment.ask(requests.get(deployment.admin, waiting[0])),
            "GET /api/servers": lambda: deployment.ask(requests.list_servers(deployment.admin)),
            "a page of tasks": lambda: deployment.look(lambda: listing.read_page(requests.ORG, POOL, Filter(), 10)),
            "heartbeat": lambda: deployment.ask(requests.heartbeat(deployment.admin, deployment.server_id)),
        }
        return {name: _calls(calls, step) for name, step in steps.items()}


def _calls(calls: list[tuple[str, Call]], step: Callable[[], Any]) -> list[Call]:
    before = len(calls)
    step()
    return [call for _, call in calls[before:]]


def _fill(task_id: str, size: int) -> None:
    """Write younger copies of a waiting task; every tenth has ended and is in no lane."""
    table = meter.table(settings().tasks_table)
    pattern: dict[str, DynamoType] = dict(table.items[DynamoType({"S": task_id})].attrs)  # type: ignore[attr-defined]
    keys = {attribute: pattern[attribute].value.rpartition("#")[0] for attribute in ("rank", "age")}
    ended = pattern["shelf"].value.rpartition("#")[0] + f"#{Phase.CANCELLED}"
    for number in range(size - len(table.items)):
        name = DynamoType({"S": f"task_zzzz{number:016d}"})
        changes = {"id": name} | {key: DynamoType({"S": f"{start}#{name.value}"}) for key, start in keys.items()}
        item = Item(name, None, {})
        dict.update(item.attrs, pattern | changes)
        if number % 10 == 0:
            for attribute in ("place", "rank", "wake_shard", "wake_at"):
                del item.attrs[attribute]
            item.attrs["shelf"] = DynamoType({"S": ended})
        table.items[name] = item  # type: ignore[assignment]
