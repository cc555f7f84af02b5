"""Pages of a managed pool against a plain list of its tasks, and what they cost."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import clock
from chalicelib.domain import facets
from chalicelib.domain.facets import LEVELS, Query
from chalicelib.domain.tasks import Phase, Status, Task
from chalicelib.engine import catalogue, filing, sifting
from chalicelib.errors import InvalidRequest
from chalicelib.storage import listings
from chalicelib.storage.listings import ListingItem
from chalicelib.storage.task_table import TaskItem, large_of, values_of
from tests.domain import samples
from tests.support import aws
from tests.support.world import ORG, World, world

POOL = "projects"
START = 1_700_000_000_000
WORDS = ("login", "log", "logistics", "Straße", "crash", "page", "認証")
AGENTS = ("agent_a", "agent_b")
PROJECTS = ("proj_a", "proj_b", "proj_c")
TAGS = ("react", "api", "node js", "a#b", "x=y")
STATUSES = list(Status)


def store(*tasks: Task) -> None:
    with TaskItem.batch_write() as batch:
        for task in tasks:
            values = values_of(task) | large_of(task)
            batch.save(TaskItem(**{name: value for name, value in values.items() if value is not None}))


def terms(chance: random.Random) -> tuple[str, ...]:
    said = " ".join(chance.sample(WORDS, chance.randint(0, 3)))
    found = [f"word={word}" for word in facets.words(said)] + [f"tag={tag}" for tag in chance.sample(TAGS, chance.randint(0, 2))]
    return (*found, f"creator=user_{chance.randint(0, 1)}", *([f"project={chance.choice(PROJECTS)}"] if chance.random() < 0.7 else []))


def changing(chance: random.Random) -> dict[str, Any]:
    """What any edit or move of a task may change."""
    return {
        "status": chance.choice(STATUSES),
        "priority": chance.randint(0, 9),
        "wanted_worker": chance.choice((*AGENTS, None)),
        "due_at": chance.choice((None, START + chance.randint(-5, 5) * 86_400_000)),
        "terms": terms(chance),
        "person": chance.choice((None, "user_0")),
        "worker_id": chance.choice((*AGENTS, None)),
    }


def some(chance: random.Random, number: int) -> Task:
    created = START + chance.randint(0, 8) * 1_000
    return samples.draft(id=f"task_{number:03d}", org=ORG, pool=POOL, created_at=created, updated_at=created + chance.randint(0, 9), version=1, manual=True, payload={"title": "x"}, **changing(chance))


def population(chance: random.Random, size: int) -> list[Task]:
    """Tasks that were made, changed and removed, filed change by change."""
    first = [some(chance, number) for number in range(size)]
    second = [replace(task, version=2, updated_at=task.updated_at + chance.randint(0, 9), **changing(chance)) for task in first]
    gone = {task.id for task in second if chance.random() < 0.2}
    made = [(None, task) for task in first]
    changed = [(old, new) for old, new in zip(first, second, strict=True)]
    filing.carry_out([*made, *changed[: size // 2]])
    filing.carry_out([*changed[size // 2 :], *((task, None) for task in second if task.id in gone)])
    left = [task for task in second if task.id not in gone]
    store(*left)
    return left


def naive(tasks: list[Task], query: Query) -> list[str]:
    """Ids of those that a query asks for, in its order, written down anew."""
    found = [task for task in tasks if naively(task, query)]
    key = {
        "created": lambda task: (task.created_at, task.id),
        "updated": lambda task: (task.updated_at, task.created_at, task.id),
        "priority": lambda task: (task.priority, task.created_at, task.id),
        "due": lambda task: (task.due_at, task.created_at, task.id),
    }
    dated = [task for task in found if query.sort != "due" or task.due_at is not None]
    undated = [task for task in found if task not in dated]
    ordered = sorted(dated, key=key[query.sort], reverse=not query.ascending)
    ordered += sorted(undated, key=key["created"], reverse=not query.ascending)
    return [task.id for task in ordered]


def naively(task: Task, query: Query) -> bool:
    said = [term.partition("=")[2] for term in task.terms if term.startswith("word=")]
    return all((
        query.phases is None or task.phase in query.phases,
        query.priorities is None or task.priority in query.priorities,
        query.agent in (None, task.assignee),
        query.project is None or f"project={query.project}" in task.terms,
        not query.tags or any(f"tag={tag}" in task.terms for tag in query.tags),
        query.search is None or all(any(one.startswith(word) for one in said) for word in facets.words(query.search)),
        query.created_after is None or task.created_at >= query.created_after,
        query.created_before is None or task.created_at <= query.created_before,
    ))


maybe = lambda found: st.none() | found  # noqa: E731
QUERIES = st.builds(
    Query,
    phases=maybe(st.frozensets(st.sampled_from(Phase), min_size=1, max_size=2)),
    priorities=maybe(st.sampled_from([*LEVELS, LEVELS[0] | LEVELS[2]])),
    agent=maybe(st.sampled_from(AGENTS)),
    project=maybe(st.sampled_from(PROJECTS)),
    tags=st.lists(st.sampled_from([*TAGS, "none"]), max_size=2).map(tuple),
    search=maybe(st.sampled_from(["lo", "LOG", "strasse", "STRAß", "log crash", "証", "nowhere", "login log"])),
    created_after=maybe(st.integers(0, 9).map(lambda n: START + n * 1_000)),
    created_before=maybe(st.integers(0, 9).map(lambda n: START + n * 1_000)),
    sort=st.sampled_from(["created", "updated", "priority", "due"]),
    ascending=st.booleans(),
)


@pytest.fixture(scope="module")
def populated() -> Iterator[list[Task]]:
    with world():
        yield population(random.Random(5), 60)


@pytest.mark.parametrize("keys", [1, 10, 100], ids=["read the lists", "light tasks", "whole tasks"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUERIES, st.integers(1, 9))
def test_pages_are_what_a_plain_list_gives(populated: list[Task], keys: int, query: Query, limit: int) -> None:
    with patch.object(sifting, "MOST_KEYS", keys):
        agrees(populated, query, limit)


def agrees(populated: list[Task], query: Query, limit: int) -> None:
    expected = naive(populated, query)
    by_number: list[str] = []
    by_cursor: list[str] = []
    cursor = None
    for number in range(1, len(expected) // limit + 2):
        first = catalogue.page(ORG, POOL, query, page=number, limit=limit)
        second = catalogue.page(ORG, POOL, query, page=number, limit=limit, cursor=cursor)
        assert first.total == second.total == len(expected)
        by_number += [task.id for task in first.tasks]
        by_cursor += [task.id for task in second.tasks]
        cursor = second.cursor
        if cursor is None:
            break
    assert cursor is None
    assert by_number == by_cursor == expected
