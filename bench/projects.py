"""The projects API, counted on moto in a process that has served one of each before, the rate limiter's call included.

A page of 20 is asked of lists that were put straight into moto's memory. A task's life is the document's example, which
a person takes and completes; nobody is subscribed to anything. Its dollars are those of bench/cost.py, for a world that
does one thing at a time: each change is relayed alone, announced alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item

from bench import meter
from bench.cost import CPU_MS, FIFO, GATEWAY, GB_SECOND, INVOCATION, LOG_GB, LOG_KB, NETWORK_MS, READ, VCPU_MB, WRITE
from bench.measure import Figure, Section, at_most, silence, table
from bench.meter import metering
from chalicelib.apis.projects import api
from chalicelib.config import settings
from chalicelib.domain.search import index_updates
from chalicelib.domain.search import query as queries
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.storage.search.index import ListingItem
from tests.apis.projects.tasks_api import DOCUMENTED, TASKS
from tests.engine.indexed_tasks import POOL, START, random_task, store_tasks
from tests.support import aws, people
from tests.support.client import Client
from tests.support.world import HANDLED_QUEUES, ORG, STREAMED_TABLES, World, new_world

SIZES = (3_000, 100_000)
ONE_WORD = "search=login"
LISTS = {
    "": "all=",
    "status=pending": "phase=pending",
    "priority=low": "level=0",
    "agentId=agent_a": "agent=agent_a",
    "projectId=proj_a": "project=proj_a",
    "tags=react": "tag=react",
    ONE_WORD: "word=login",
    "sortBy=updatedAt": f"updated={START:013d}",
}
"""What is asked for -> the list that has it."""
LIFE_MEMORY = 512


class ProjectsApi:
    """An admin at the API."""

    def __init__(self, world: World) -> None:
        self.world, self._client = world, Client(api)
        self._token = people.token(people.admin(world))
        world.settle()

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        reply = self._client.request(method, path, body, token=self._token if token is None else token)
        if reply.status >= 300:
            raise RuntimeError(f"A request that must succeed was answered with {reply.text}")
        return reply.json

    def count(self, *asked: Any, **more: Any) -> int:
        """AWS calls of a request that was made once before."""
        with aws.counting() as calls:
            self.ask(*asked, **more)
        return calls.total()


def measure() -> Section:
    with new_world() as world, silence():
        figures = _requests(ProjectsApi(world))
    figures += [figure for query, entry in LISTS.items() for figure in _pages(query, entry)]
    with new_world() as world, silence():
        life, rows = _life(ProjectsApi(world))
    return Section("The projects API", __doc__, [*figures, *life], [rows])


def _requests(office: ProjectsApi) -> list[Figure]:
    task = f"{TASKS}/{office.ask('POST', TASKS, DOCUMENTED)['data']['id']}"
    office.ask("GET", task)
    office.ask("PATCH", task, {"status": "active"})
    said = {"email": people.email("Administrator"), "password": people.PASSWORD}
    refresh = {"refreshToken": office.ask("POST", "/api/auth/login", said, token="")["refreshToken"]}
    return [
        at_most("POST a task", office.count("POST", TASKS, DOCUMENTED), 2, "calls"),
        at_most("GET a task", office.count("GET", task), 2, "calls"),
        at_most("PATCH a task", office.count("PATCH", task, {"progress": 0.5}), 3, "calls"),
        at_most("log in", office.count("POST", "/api/auth/login", said, token=""), 5, "calls"),
        at_most("refresh", office.count("POST", "/api/auth/refresh", refresh, token=""), 2, "calls"),
    ]


def _pages(query: str, entry: str) -> list[Figure]:
    found = [_page_at(size, query, entry) for size in SIZES]
    sizes = " and ".join(f"{size:,}" for size in SIZES)
    what = f"a page of `{query or 'everything'}` at {sizes} rows"
    if query == ONE_WORD:  # which is a range of words: it is counted by reading it
        return [Figure(what, " / ".join(map(str, found)) + " calls")]
    return [at_most(what, max(found), 3, "calls")]


def _page_at(size: int, query: str, entry: str) -> int:
    with new_world() as world, silence():
        office, path = ProjectsApi(world), f"{TASKS}?limit=20&{query}"
        tasks = [_alike(number) for number in range(size)]
        store_tasks(*tasks[-60:])
        _file(entry, tasks)
        answer = office.ask("GET", path)
        if (len(answer["data"]), answer["pagination"]["total"]) != (20, size):
            raise RuntimeError(f"{path} shows {len(answer['data'])} of {answer['pagination']['total']} tasks")
        return office.count("GET", path)


def _alike(number: int) -> Task:
    said = ("project=proj_a", "tag=react", "word=login")
    return replace(_PATTERN, id=f"task_{number:06d}", created_at=START + number, updated_at=START, terms=said)


_PATTERN = replace(
    random_task(Random(1), 0), status=Status.PENDING, priority=2, wanted_worker="agent_a", due_at=None, person=None
)


def _file(entry: str, tasks: list[Task]) -> None:
    """The rows and the counters of one list, in moto's memory."""
    every = meter.table(settings().listings_table).items
    for task in tasks:
        row = index_updates.entry_row(ORG, POOL, entry, queries.position(task))
        where, rank = (DynamoType({"S": name}) for name in row)
        every[where][rank] = Item(where, rank, ListingItem(*row).serialize())
    for counted in {"all=", *([] if entry.partition("=")[0] in queries.UNCOUNTED_FIELDS else [entry])}:
        ListingItem(*index_updates.counter_row(ORG, POOL, counted), pending=len(tasks)).save()


def _life(office: ProjectsApi) -> tuple[list[Figure], str]:
    _live(office)
    with metering() as calls:
        runs = _live(office)
    busy = len(calls) * (NETWORK_MS + CPU_MS * VCPU_MB / LIFE_MEMORY) / 1000 * LIFE_MEMORY / 1024
    rows = {
        "API Gateway requests": (REQUESTS, GATEWAY),
        "Lambda invocations": (runs, INVOCATION),
        "Lambda GB-seconds": (busy, GB_SECOND),
        "DynamoDB write units": (sum(call.writes for call in calls), WRITE),
        "DynamoDB read units": (sum(call.reads for call in calls), READ),
        "SQS requests: a batch sent, received and deleted, at the FIFO price": (3 * runs, FIFO),
        "logs, KB": (runs * LOG_KB, LOG_GB),
    }
    total = sum(count * price for count, price in rows.values())
    told = [[what, f"{count:.2f}", f"{price:g}", f"{count * price:.2f}"] for what, (count, price) in rows.items()]
    head = ["for each task", "count", "$ a million", "$ for a million tasks"]
    return [Figure("dollars for a million tasks that people work on", f"${total:.2f}")], table(head, told)


REQUESTS = 3


def _live(office: ProjectsApi) -> int:
    """A task is created, taken and completed. How many functions ran."""
    task = office.ask("POST", TASKS, DOCUMENTED)["data"]["id"]
    runs = _settled(office.world)
    for status in ("active", "completed"):
        office.ask("PATCH", f"{TASKS}/{task}", {"status": status})
        runs += _settled(office.world)
    return runs + REQUESTS


def _settled(world: World) -> int:
    runs, steps = 0, _steps(world)
    while done := sum(step() for step in steps):
        runs += done
    return runs


def _steps(world: World) -> Sequence[Callable[[], bool]]:
    return [partial(world.relay, name) for name in STREAMED_TABLES] + [
        partial(world.handle, name) for name in HANDLED_QUEUES
    ]
