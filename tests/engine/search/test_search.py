"""Pages of a managed pool compared with a plain list of its tasks, and what they cost in calls."""

import random
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.search import query as queries
from chalicelib.domain.search.query import PRIORITY_LEVELS, Query
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.engine.search import indexer, intersection, search
from chalicelib.engine.search.search import Page
from chalicelib.errors import InvalidRequest
from chalicelib.storage.search import index as index_storage
from tests.engine.indexed_tasks import (
    AGENTS,
    LABELS,
    POOL,
    PROJECTS,
    START,
    TAGS,
    ids_of,
    random_changes,
    random_task,
    store_tasks,
)
from tests.support import aws
from tests.support.world import ORG, new_world


class Population(list[Task]):
    """Tasks with a short repr: hypothesis warns about arguments of 30 KB, and the warning would hide the failure."""

    def __repr__(self) -> str:
        return f"<{len(self)} tasks>"


def population(chance: random.Random, size: int) -> Population:
    """Tasks that were created, changed and removed, indexed change by change."""
    first = [random_task(chance, number) for number in range(size)]
    second = [
        replace(task, version=2, updated_at=task.updated_at + chance.randint(0, 9), **random_changes(chance))
        for task in first
    ]
    gone = {task.id for task in second if chance.random() < 0.2}
    made = [(None, task) for task in first]
    changed = [(old, new) for old, new in zip(first, second, strict=True)]
    indexer.update_indexes([*made, *changed[: size // 2]])
    indexer.update_indexes([*changed[size // 2 :], *((task, None) for task in second if task.id in gone)])
    left = [task for task in second if task.id not in gone]
    store_tasks(*left)
    return Population(left)


def expected_ids(tasks: list[Task], query: Query) -> list[str]:
    """The ids of the tasks that match a query, in its order, computed from the plain list."""
    matching = [task for task in tasks if should_match(task, query)]
    key = {
        "created": lambda task: (task.created_at, task.id),
        "updated": lambda task: (task.updated_at, task.created_at, task.id),
        "priority": lambda task: (task.priority, task.created_at, task.id),
        "due": lambda task: (task.due_at, task.created_at, task.id),
    }
    dated = [task for task in matching if query.sort != "due" or task.due_at is not None]
    undated = [task for task in matching if task not in dated]
    ordered = sorted(dated, key=key[query.sort], reverse=not query.ascending)
    ordered += sorted(undated, key=key["created"], reverse=not query.ascending)
    return [task.id for task in ordered]


def should_match(task: Task, query: Query) -> bool:
    words = [term.partition("=")[2] for term in task.terms if term.startswith("word=")]
    return all(
        (
            query.phases is None or task.phase in query.phases,
            query.priorities is None or task.priority in query.priorities,
            query.agent in (None, task.assignee),
            query.label in (None, task.label),
            query.project is None or f"project={query.project}" in task.terms,
            not query.tags or any(f"tag={tag}" in task.terms for tag in query.tags),
            query.search is None
            or all(any(one.startswith(word) for one in words) for word in queries.distinct_words(query.search)),
            query.created_after is None or task.created_at >= query.created_after,
            query.created_before is None or task.created_at <= query.created_before,
        )
    )


maybe = lambda found: st.none() | found  # noqa: E731
QUERIES = st.builds(
    Query,
    phases=maybe(st.frozensets(st.sampled_from(Phase), min_size=1, max_size=2)),
    priorities=maybe(st.sampled_from([*PRIORITY_LEVELS, PRIORITY_LEVELS[0] | PRIORITY_LEVELS[2]])),
    agent=maybe(st.sampled_from(AGENTS)),
    project=maybe(st.sampled_from(PROJECTS)),
    label=maybe(st.sampled_from([*LABELS, "none"])),
    tags=st.lists(st.sampled_from([*TAGS, "none"]), max_size=2).map(tuple),
    search=maybe(st.sampled_from(["lo", "LOG", "strasse", "STRAß", "log crash", "証", "nowhere", "login log"])),
    created_after=maybe(st.integers(0, 9).map(lambda n: START + n * 1_000)),
    created_before=maybe(st.integers(0, 9).map(lambda n: START + n * 1_000)),
    sort=st.sampled_from(["created", "updated", "priority", "due"]),
    ascending=st.booleans(),
)


@pytest.fixture(scope="module")
def indexed() -> Iterator[list[Task]]:
    with new_world():
        yield population(random.Random(5), 45)


@settings(max_examples=30, derandomize=True)
@given(QUERIES, st.sampled_from([7, 30]), st.sampled_from([1, 10, 100]))
def test_pages_are_what_a_plain_list_gives(indexed: list[Task], query: Query, limit: int, batch: int) -> None:
    """The batch size decides whether lists are read or tasks are fetched."""
    with patch.object(intersection, "MAX_KEYS", batch):
        expected, cursor = expected_ids(indexed, query), None
        for number in range(1, len(expected) // limit + 2):
            numbered = search.find_page(ORG, POOL, query, page=number, limit=limit)
            followed = search.find_page(ORG, POOL, query, page=number, limit=limit, cursor=cursor)
            wanted = expected[(number - 1) * limit : number * limit]
            assert ids_of(numbered) == ids_of(followed) == wanted
            assert numbered.total == followed.total == len(expected)
            cursor = followed.cursor
            assert (cursor is None) == (number * limit >= len(expected))
            if cursor is None:
                break


def test_counters_equal_a_recount(indexed: list[Task]) -> None:
    for field, values in (("project", PROJECTS), ("agent", AGENTS), ("tag", TAGS), ("creator", ("user_0", "user_1"))):
        counts = search.count_by_phase(ORG, POOL, field, values)
        for value in values:
            theirs = [task for task in indexed if should_have(task, field, value)]
            assert counts[value] == {phase: sum(task.phase is phase for task in theirs) for phase in Phase}
            listed = list(search.iterate_task_ids(ORG, POOL, field, value))
            assert listed == expected_ids(theirs, Query())


def should_have(task: Task, field: str, value: str) -> bool:
    return task.assignee == value if field == "agent" else f"{field}={value}" in task.terms


def test_a_hundred_counts_are_one_call(indexed: list[Task]) -> None:
    with aws.counting() as calls:
        found = search.count_by_phase(ORG, POOL, "project", [f"proj_{number}" for number in range(100)])
    assert calls == {("DynamoDB", "BatchGetItem"): 1}
    assert set(found["proj_99"].values()) == {0}


def test_nothing_is_found_by_a_text_without_words_or_by_no_phase_at_all(indexed: list[Task]) -> None:
    for query in (Query(search="!?"), Query(phases=frozenset()), Query(priorities=frozenset())):
        assert search.find_page(ORG, POOL, query) == Page([], 0, None)


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("more", [{}, {"sort": "due"}, {"agent": AGENTS[0]}, {"search": "log"}])
def test_a_window_that_ends_before_it_begins_holds_nothing(
    indexed: list[Task], more: dict[str, str], ascending: bool
) -> None:
    window = {"created_after": START + 5_000, "created_before": START + 4_000}
    query = Query(**window, **more, ascending=ascending)  # type: ignore[arg-type]
    assert search.find_page(ORG, POOL, query) == Page([], 0, None)


def test_another_org_and_another_pool_see_nothing(indexed: list[Task]) -> None:
    assert search.find_page("other", POOL, Query()) == Page([], 0, None)
    assert search.find_page(ORG, "other", Query()) == Page([], 0, None)


def test_levels_are_whole(indexed: list[Task]) -> None:
    with pytest.raises(ValueError, match="levels"):
        search.find_page(ORG, POOL, Query(priorities=frozenset({4})))


def test_a_cursor_is_good_for_its_own_query_alone(indexed: list[Task]) -> None:
    cursor = search.find_page(ORG, POOL, Query(), limit=5).cursor
    assert cursor is not None
    broken = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    others = [(ORG, Query(ascending=True), cursor), (ORG, Query(search="lo"), cursor), ("other", Query(), cursor)]
    for org, query, given_one in [*others, (ORG, Query(), broken), (ORG, Query(), "")]:
        with pytest.raises(InvalidRequest, match="cursor"):
            search.find_page(org, POOL, query, limit=5, cursor=given_one)


def test_several_filters_cost_their_lists(indexed: list[Task]) -> None:
    two = Query(project="proj_a", tags=("react",))
    for query, most in ((two, 3), (two._replace(search="lo", sort="due"), 4), (Query(tags=("api", "react")), 3)):
        with aws.counting() as calls:
            search.find_page(ORG, POOL, query)
        assert calls.total() <= most


def test_what_would_take_too_many_calls_is_refused(indexed: list[Task]) -> None:
    with patch.object(intersection, "MAX_CALLS", 1), pytest.raises(InvalidRequest, match="look"):
        search.find_page(ORG, POOL, Query(tags=("api", "react"), search="lo"))
    with (
        patch.object(index_storage, "ROWS_PER_CALL", 3),
        patch.object(search, "MAX_SKIPPED_ROWS", 6),
        pytest.raises(InvalidRequest),
    ):
        search.find_page(ORG, POOL, Query(), page=10, limit=2)


def test_far_pages_are_read_from_the_nearer_end_and_beyond_the_last_there_is_nothing(indexed: list[Task]) -> None:
    expected = expected_ids(indexed, Query())
    with patch.object(index_storage, "ROWS_PER_CALL", 3):
        for number in range(1, len(expected) // 5 + 3):
            page = search.find_page(ORG, POOL, Query(), page=number, limit=5)
            assert ids_of(page) == expected[(number - 1) * 5 : number * 5]
            assert page.total == len(expected)
            assert (page.cursor is None) == (number * 5 >= len(expected))
        assert search.find_page(ORG, POOL, Query(), page=10**9) == Page([], len(expected), None)
