"""AWS calls of the projects API with the rate limiter's, counted on moto in a process that has served one of each.

Pages of 20 tasks are read from lists that were written directly to moto's memory. A task's life is the document's
example: a person takes the task and completes it, and there are no subscribers. The dollars are computed as in
bench/cost.py, with one change at a time: each change is relayed and announced alone."""

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
"""Query string -> the list of the search index that answers it."""
LIFE_MEMORY = 512


class ProjectsApi:
    """The projects API, called by an admin."""

    def __init__(self, world: World) -> None:
        self.world, self._client = world, Client(api)
        self._token = people.token(people.admin(world))
        world.settle()

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        reply = self._client.request(method, path, body, token=self._token if token is None else token)
        if reply.status >= 300:
            raise RuntimeError(f"A request that must succeed was answered with {reply.text}")
        return reply.json

    def count(self, *arguments: Any, **options: Any) -> int:
        """Count the AWS calls of a request that was made once before."""
        with aws.counting() as calls:
            self.ask(*arguments, **options)
        return calls.total()


def measure() -> Section:
    with new_world() as world, silence():
        figures = _requests(ProjectsApi(world))
    figures += [figure for query, entry in LISTS.items() for figure in _pages(query, entry)]
    with new_world() as world, silence():
        life, rows = _life(ProjectsApi(world))
    return Section("The projects API", __doc__, [*figures, *life], [rows])


def _requests(projects: ProjectsApi) -> list[Figure]:
    task = f"{TASKS}/{projects.ask('POST', TASKS, DOCUMENTED)['data']['id']}"
    projects.ask("GET", task)
    projects.ask("PATCH", task, {"status": "active"})
    credentials = {"email": people.email("Administrator"), "password": people.PASSWORD}
    refresh = {"refreshToken": projects.ask("POST", "/api/auth/login", credentials, token="")["refreshToken"]}
    return [
        at_most("POST a task", projects.count("POST", TASKS, DOCUMENTED), 2, "calls"),
        at_most("GET a task", projects.count("GET", task), 2, "calls"),
        at_most("PATCH a task", projects.count("PATCH", task, {"progress": 0.5}), 3, "calls"),
        at_most("log in", projects.count("POST", "/api/auth/login", credentials, token=""), 5, "calls"),
        at_most("refresh", projects.count("POST", "/api/auth/refresh", refresh, token=""), 2, "calls"),
    ]


def _pages(query: str, entry: str) -> list[Figure]:
    calls = [_page_at(size, query, entry) for size in SIZES]
    sizes = " and ".join(f"{size:,}" for size in SIZES)
    what = f"a page of `{query or 'everything'}` at {sizes} rows"
    if query == ONE_WORD:  # a search reads a range of words, and counts its matches by reading them
        return [Figure(what, " / ".join(map(str, calls)) + " calls")]
    return [at_most(what, max(calls), 3, "calls")]


def _page_at(size: int, query: str, entry: str) -> int:
    with new_world() as world, silence():
        projects, path = ProjectsApi(world), f"{TASKS}?limit=20&{query}"
        tasks = [_similar_task(number) for number in range(size)]
        store_tasks(*tasks[-60:])
        _file(entry, tasks)
        answer = projects.ask("GET", path)
        if (len(answer["data"]), answer["pagination"]["total"]) != (20, size):
            raise RuntimeError(f"{path} shows {len(answer['data'])} of {answer['pagination']['total']} tasks")
        return projects.count("GET", path)


def _similar_task(number: int) -> Task:
    terms = ("project=proj_a", "tag=react", "word=login")
    return replace(_PATTERN, id=f"task_{number:06d}", created_at=START + number, updated_at=START, terms=terms)


_PATTERN = replace(
    random_task(Random(1), 0), status=Status.PENDING, priority=2, wanted_worker="agent_a", due_at=None, person=None
)


def _file(entry: str, tasks: list[Task]) -> None:
    """Write the rows and the counters of one list to moto's memory."""
    every = meter.table(settings().listings_table).items
    for task in tasks:
        row = index_updates.entry_row(ORG, POOL, entry, queries.position(task))
        where, rank = (DynamoType({"S": name}) for name in row)
        every[where][rank] = Item(where, rank, ListingItem(*row).serialize())
    for counted in {"all=", *([] if entry.partition("=")[0] in queries.UNCOUNTED_FIELDS else [entry])}:
        ListingItem(*index_updates.counter_row(ORG, POOL, counted), pending=len(tasks)).save()


def _life(projects: ProjectsApi) -> tuple[list[Figure], str]:
    _run_task(projects)
    with metering() as calls:
        runs = _run_task(projects)
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
    table_rows = [[what, f"{count:.2f}", f"{price:g}", f"{count * price:.2f}"] for what, (count, price) in rows.items()]
    head = ["for each task", "count", "$ a million", "$ for a million tasks"]
    return [Figure("dollars for a million tasks that people work on", f"${total:.2f}")], table(head, table_rows)


REQUESTS = 3


def _run_task(projects: ProjectsApi) -> int:
    """Create, take and complete a task. Return the number of invocations."""
    task = projects.ask("POST", TASKS, DOCUMENTED)["data"]["id"]
    runs = _settle(projects.world)
    for status in ("active", "completed"):
        projects.ask("PATCH", f"{TASKS}/{task}", {"status": status})
        runs += _settle(projects.world)
    return runs + REQUESTS


def _settle(world: World) -> int:
    runs, steps = 0, _steps(world)
    while done := sum(step() for step in steps):
        runs += done
    return runs


def _steps(world: World) -> Sequence[Callable[[], bool]]:
    return [partial(world.relay, name) for name in STREAMED_TABLES] + [
        partial(world.handle, name) for name in HANDLED_QUEUES
    ]
