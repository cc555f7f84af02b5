"""What a page of a managed pool costs in calls, and how it copes with an index that lags."""

import random
from dataclasses import replace

import pytest

from chalicelib import config
from chalicelib.domain.search import index_updates
from chalicelib.domain.search import query as queries
from chalicelib.domain.search.query import PRIORITY_LEVELS, Query
from chalicelib.domain.tasks.task import Phase, Status, Task
from chalicelib.engine.search import indexer, search
from chalicelib.engine.tasks import lifecycle
from chalicelib.storage.search.index import ListingItem
from tests.engine.indexed_tasks import POOL, START, ids_of, random_task, store_tasks
from tests.support import aws
from tests.support.world import ORG, World


def test_a_row_whose_task_is_gone_or_changed_is_left_out_and_made_up_for(world: World) -> None:
    tasks = [random_task(random.Random(number), number) for number in range(12)]
    tasks = [replace(task, created_at=START + number, status=Status.PENDING) for number, task in enumerate(tasks)]
    indexer.update_indexes((None, task) for task in tasks)
    store_tasks(*tasks[:9], replace(tasks[9], status=Status.COMPLETED), tasks[11])  # the index lags: 9 is done, 10 gone
    page = search.find_page(ORG, POOL, Query(phases=frozenset({Phase.PENDING})), limit=4)
    assert ids_of(page) == ["task_011", "task_008", "task_007", "task_006"]
    after = search.find_page(ORG, POOL, Query(phases=frozenset({Phase.PENDING})), limit=4, cursor=page.cursor)
    assert ids_of(after) == ["task_005", "task_004", "task_003", "task_002"]


def test_a_task_past_its_retention_is_left_out_before_its_row_is_removed(world: World) -> None:
    """Tasks of a searched pool expire, and DynamoDB may take two days to remove them."""
    before = config.replace(searched_pools=frozenset({"searched"}))
    for number in range(2):
        task = world.submit(pool="searched", label="go")
        lifecycle.cancel(ORG, task.id)
        world.settle()
        world.clock.advance(86_400 * (20 if number == 0 else 0))
    world.clock.advance(86_400 * 11)
    for query in (Query(), Query(label="go"), Query(label="go", phases=frozenset({Phase.CANCELLED}))):
        assert ids_of(search.find_page(ORG, "searched", query)) == [task.id]
    config.restore(before)


def test_a_page_can_begin_behind_any_number_of_tasks(world: World) -> None:
    tasks = [similar_task(number) for number in range(7)]
    indexer.update_indexes((None, task) for task in tasks)
    store_tasks(*tasks)
    for offset in range(9):
        page = search.find_page(ORG, POOL, Query(label="go"), limit=3, offset=offset)
        assert (ids_of(page), page.total) == ([task.id for task in tasks[::-1][offset : offset + 3]], 7)


# What it costs

SINGLE = {
    "all=": Query(),
    "phase=pending": Query(phases=frozenset({Phase.PENDING})),
    "level=1": Query(priorities=PRIORITY_LEVELS[1]),
    "agent=agent_a": Query(agent="agent_a"),
    "project=proj_a": Query(project="proj_a"),
    "label=go": Query(label="go"),
    "label-phase=go/pending": Query(label="go", phases=frozenset({Phase.PENDING})),
    "tag=react": Query(tags=("react",)),
    "word=login": Query(search="log"),
    f"updated={START:013d}": Query(sort="updated"),
    "priority=5": Query(sort="priority", ascending=True),
    "due=~": Query(sort="due", ascending=True),
}


def similar_task(number: int) -> Task:
    """One of many tasks that each of the queries above matches."""
    terms = ("project=proj_a", "tag=react", "word=login")
    task = replace(
        random_task(random.Random(1), number), created_at=START + number, updated_at=START, status=Status.PENDING
    )
    same = {"priority": 5, "wanted_worker": "agent_a", "due_at": None, "terms": terms, "label": "go"}
    return replace(task, id=f"task_{number:04d}", **same)


def store_rows(entry: str, tasks: list[Task]) -> None:
    """Store one list with these tasks, as the indexer would."""
    with ListingItem.batch_write() as batch:
        for task in tasks:
            batch.save(ListingItem(*index_updates.entry_row(ORG, POOL, entry, queries.position(task))))
        for counted in {"all=", "label=go", *([] if entry.partition("=")[0] in queries.UNCOUNTED_FIELDS else [entry])}:
            batch.save(ListingItem(*index_updates.counter_row(ORG, POOL, counted), pending=len(tasks)))


@pytest.mark.parametrize(("entry", "query"), SINGLE.items(), ids=SINGLE)
def test_two_calls_find_a_page_of_what_one_list_has(world: World, entry: str, query: Query) -> None:
    size = {"project=proj_a": 3_000, "word=login": 1_000}.get(entry, 100)
    tasks = [similar_task(number) for number in range(size)]
    for shown in (tasks[:0], tasks[:20], tasks):
        store_rows(entry, shown)
        ordered = shown if query.ascending else shown[::-1]
        last = max(1, len(shown) // 20)
        store_tasks(*{task.id: task for task in (*ordered[:30], *ordered[-20:])}.values())
        for number in {1, last}:
            with aws.counting() as calls:
                page = search.find_page(ORG, POOL, query, page=number, limit=20)
            assert calls.total() <= 2
            assert ids_of(page) == [task.id for task in ordered[(number - 1) * 20 : number * 20]]
            assert page.total == len(shown)


@pytest.mark.parametrize("size", [0, 15, 60])
def test_two_calls_find_a_page_of_a_window_of_time_and_its_total(world: World, size: int) -> None:
    tasks = [replace(similar_task(number), created_at=START + 61_003 * number, terms=()) for number in range(size)]
    indexer.update_indexes((None, task) for task in tasks)
    store_tasks(*tasks)
    for after, before in ((None, START + 999_999), (START + 61_003, None), (START + 61_003, START + 61_003 * 40)):
        wanted = [one for one in tasks if (after or 0) <= one.created_at <= (before or one.created_at)][::-1]
        with aws.counting() as calls:
            page = search.find_page(ORG, POOL, Query(created_after=after, created_before=before), limit=20)
        assert calls.total() <= 2
        assert (ids_of(page), page.total) == ([one.id for one in wanted[:20]], len(wanted))
