"""The relay indexes managed tasks, each once, and no others."""

import random
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.domain.search import index_updates
from chalicelib.domain.search import query as queries
from chalicelib.domain.search.query import Query
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Phase, Status, Task
from chalicelib.engine.search import indexer, search
from chalicelib.engine.tasks import history
from chalicelib.engine.tasks import lifecycle as tasks
from chalicelib.errors import Unavailable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.search.index import ListingItem
from chalicelib.storage.tasks import tasks as task_storage
from tests.engine.helpers import run_together
from tests.engine.indexed_tasks import POOL, ids_of, random_task
from tests.support import aws
from tests.support.world import ORG, World

TERMS = ("project=proj_a", "tag=react", "word=login")


def submit(world: World, **said: Any) -> Task:
    return world.submit(**({"pool": POOL, "manual": True, "terms": TERMS} | said))


def index_items() -> dict[tuple[str, str], dict[str, Any]]:
    """All items of the index by key, without their expiry."""
    items = [item.attribute_values for item in aws.items(ListingItem)]
    return {
        (one["list"], one["rank"]): {name: value for name, value in one.items() if name != "expires_at"}
        for one in items
    }


def expected_rows(tasks: list[Task]) -> set[tuple[str, str]]:
    """The rows that these tasks must have in the index."""
    return {
        index_updates.entry_row(ORG, POOL, entry, queries.position(task))
        for task in tasks
        for entry in queries.index_entries(task)
    }


def rows() -> set[tuple[str, str]]:
    plain = {"list", "rank"}
    return {
        key for key, values in index_items().items() if values.keys() == plain and key[1] != index_updates.COUNTER_KEY
    }


def test_a_task_is_found_by_what_it_is_as_it_changes_and_no_more_once_it_is_deleted(world: World) -> None:
    task = submit(world)
    world.settle()
    assert ids_of(search.find_page(ORG, POOL, Query(project="proj_a", search="Log"))) == [task.id]
    tasks.change(ORG, task.id, lambda one: transitions.begun_by_person(one, "user_1", world.clock.now()), by="user_1")
    world.settle()
    assert ids_of(search.find_page(ORG, POOL, Query(phases=frozenset({Phase.HELD})))) == [task.id]
    assert search.find_page(ORG, POOL, Query(phases=frozenset({Phase.PENDING}))).total == 0
    ended = tasks.cancel(ORG, task.id)
    dynamodb.commit(task_storage.delete_write(ended))
    world.settle()
    assert search.find_page(ORG, POOL, Query()).total == 0
    assert rows() == set()


def test_other_pools_pay_nothing(world: World) -> None:
    world.submit(terms=TERMS)
    with aws.counting() as calls:
        world.relay("tasks")
    assert calls["DynamoDB", "TransactWriteItems"] == 1
    assert index_items() == {}


def test_records_relayed_twice_index_nothing_twice(world: World) -> None:
    made = [submit(world, name=str(number)) for number in range(3)]
    for task in made[:2]:
        tasks.cancel(ORG, task.id)
    world.settle()
    before = index_items()
    for records in (1, 3, 100):
        world.rewind("tasks", records)
        world.settle()
        assert index_items() == before
    assert rows() == expected_rows(world.tasks())


def test_changes_in_any_order_lead_to_the_latest(world: World) -> None:
    chance = random.Random(3)
    for number in range(6):
        versions = [replace(random_task(chance, number), version=version, created_at=7) for version in range(1, 5)]
        changes = list(zip([None, *versions], versions, strict=False))
        chance.shuffle(changes)
        for change in changes:
            indexer.update_indexes([change])
        assert {row for row in rows() if row[1].endswith(f"_{number:03d}")} == expected_rows(versions[-1:])
    assert search.find_page(ORG, POOL, Query()).total == 6


def test_a_removal_that_comes_before_an_old_change_stays(world: World) -> None:
    first = random_task(random.Random(1), 1)
    second = replace(first, version=2, status=Status.CANCELLED)
    for change in ((None, first), (second, None), (first, second), (None, first)):
        indexer.update_indexes([change])
    assert rows() == set()
    assert search.find_page(ORG, POOL, Query()).total == 0
    again = replace(first, created_at=first.created_at + 5)  # another task that was given the same id
    indexer.update_indexes([(None, again)])
    assert rows() == expected_rows([again])


def test_more_rows_than_a_transaction_holds_survive_a_death_after_any_of_them(world: World) -> None:
    old = random_task(random.Random(2), 1)
    old = replace(old, terms=tuple(f"word=old{number}" for number in range(150)))
    new = replace(old, version=2, terms=tuple(f"word=new{number}" for number in range(180)))
    for change in ((None, old), (old, new)):
        for dying in (1, 2, 3):
            with aws.interfering(Dying(dying)), pytest.raises(Unavailable):
                indexer.update_indexes([change])
                raise Unavailable("all of it was done")
        indexer.update_indexes([change])
    assert rows() == expected_rows([new])
    assert search.find_page(ORG, POOL, Query()).total == 1


def test_relays_side_by_side_count_every_task_once(world: World) -> None:
    tasks = [replace(random_task(random.Random(number), number), terms=TERMS) for number in range(8)]
    run_together([lambda one=task: indexer.update_indexes([(None, one)]) for task in [*tasks, *tasks]])
    assert rows() == expected_rows(tasks)
    assert sum(search.count_by_phase(ORG, POOL, "project", ["proj_a"])["proj_a"].values()) == len(tasks)


def test_what_an_older_release_indexed_otherwise_is_corrected_by_the_next_change(world: World) -> None:
    old = random_task(random.Random(4), 1)
    new = replace(old, version=2, status=Status.FAILED)
    with patch.object(
        index_updates, "index_entries", lambda task: queries.index_entries(task) - {"all="} | {"forgotten=x"}
    ):
        indexer.update_indexes([(None, old)])
    indexer.update_indexes([(old, new)])
    assert rows() == expected_rows([new])


class Dying:
    """Fails every call after the given number of them."""

    def __init__(self, calls: int) -> None:
        self._left = calls

    def __call__(self, _: aws.Call, send: Any) -> Any:
        if not self._left:
            raise Unavailable("dead")
        self._left -= 1
        return send()


def test_progress_moves_a_task_among_the_latest_and_is_not_in_its_history(world: World) -> None:
    first, second = submit(world), submit(world)
    world.clock.advance(1)
    tasks.change(ORG, first.id, lambda one: transitions.begun_by_person(one, "user_1", world.clock.now()), by="user_1")
    world.settle()
    world.clock.advance(1)
    tasks.change(ORG, first.id, lambda one: transitions.progressed(one, world.clock.now(), 50), by="user_1")
    world.settle()
    assert ids_of(search.find_page(ORG, POOL, Query(sort="updated"))) == [first.id, second.id]
    assert [entry.action for entry in history.newest_entries(ORG, first.id)] == ["status_changed", "created"]


def test_a_batch_is_indexed_in_few_calls(world: World) -> None:
    for _ in range(6):
        submit(world)
    with aws.counting() as calls:
        world.relay("tasks")
    assert calls["DynamoDB", "TransactWriteItems"] <= 2


# Histories


def test_a_history_tells_who_did_what_newest_first(world: World) -> None:
    worker = world.register("agent", pool=POOL, id_prefix="agent", endpoints={})
    task = submit(world, manual=False)
    world.settle()
    tasks.report_progress(ORG, task.id, None, 10)
    tasks.change(ORG, task.id, lambda one: transitions.edited(one, world.clock.now(), name="new"), by="user_2")
    tasks.cancel(ORG, task.id, by="user_3")
    world.settle()
    changes = [
        (entry.action, entry.from_, entry.to, entry.user) for entry in reversed(history.newest_entries(ORG, task.id))
    ]
    assert changes == [
        ("created", None, "pending", "dev"),
        ("status_changed", "pending", "held", worker.id),
        ("started", None, None, worker.id),
        ("updated", None, None, "user_2"),
        ("status_changed", "held", "cancelled", "user_3"),
    ]
    assert len({entry.id for entry in history.newest_entries(ORG, task.id)}) == 5


def test_an_assignment_names_both_agents(world: World) -> None:
    task = submit(world)
    for agent in ("agent_a", "agent_b"):
        tasks.change(ORG, task.id, lambda one, to=agent: transitions.edited(one, 5, wanted_worker=to), by="user_2")
    world.settle()
    latest = history.newest_entries(ORG, task.id)[0]
    assert (latest.action, latest.from_, latest.to) == ("assigned", "agent_a", "agent_b")


def test_a_history_relayed_twice_is_the_same_costs_one_call_and_can_be_forgotten(world: World) -> None:
    task = submit(world)
    tasks.cancel(ORG, task.id)
    world.settle()
    before = history.newest_entries(ORG, task.id)
    world.rewind("tasks", 5)
    world.settle()
    with aws.counting() as calls:
        assert history.newest_entries(ORG, task.id) == before
    assert calls.total() == 1
    assert history.delete_entries(ORG, task.id)
    assert history.newest_entries(ORG, task.id) == []
    assert history.delete_entries(ORG, task.id)


def test_tasks_of_other_pools_have_no_history(world: World) -> None:
    task = world.submit()
    world.settle()
    assert history.newest_entries(ORG, task.id) == []


def test_one_task_that_is_indexed_otherwise_delays_no_other(world: World) -> None:
    task, other = submit(world), submit(world)
    late = transitions.begun_by_person(task, "user_1", world.clock.now())
    indexer.update_indexes([(None, other)])
    with aws.counting() as calls:
        indexer.update_indexes(
            [(task, late), (None, task), (other, transitions.begun_by_person(other, "user_1", world.clock.now()))]
        )
    assert calls["DynamoDB", "TransactWriteItems"] == 2
    assert search.find_page(ORG, POOL, Query(phases=frozenset({Phase.HELD}))).total == 2
