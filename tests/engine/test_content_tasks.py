from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.domain.tasks.task import Phase, Status
from chalicelib.engine import content_tasks
from chalicelib.engine.content_tasks import Edit, Summary
from chalicelib.engine.security import rate_limits
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from tests.domain import samples
from tests.support import aws
from tests.support.world import ORG, START, World

COUNTS = {Phase.PENDING: 3, Phase.HELD: 0, Phase.COMPLETED: 2, Phase.FAILED: 1, Phase.CANCELLED: 0}


def task(**changes: Any) -> Any:
    return samples.ready(pool=content_tasks.POOL, manual=True, name="A", payload={"topic": "t"}, **changes)


@pytest.mark.parametrize(
    ("limit", "offset", "parts"),
    [
        (10, 0, [(Phase.PENDING, 0, 3), (Phase.COMPLETED, 0, 2), (Phase.FAILED, 0, 1)]),
        (2, 0, [(Phase.PENDING, 0, 2)]),
        (2, 2, [(Phase.PENDING, 2, 1), (Phase.COMPLETED, 0, 1)]),
        (2, 4, [(Phase.COMPLETED, 1, 1), (Phase.FAILED, 0, 1)]),
        (10, 6, []),
        (10, 10**9, []),
    ],
)
def test_a_page_by_status_takes_of_each_status_what_is_on_it(
    limit: int, offset: int, parts: list[tuple[Phase, int, int]]
) -> None:
    assert list(content_tasks.parts_of_page(content_tasks.LIST_ORDER, COUNTS, limit, offset)) == parts


def test_shares_are_none_where_there_is_nothing_to_divide_by() -> None:
    assert Summary(dict.fromkeys(Phase, 0), None).share() is None
    assert Summary(COUNTS, None).share() == round(2 / 6, 4)
    assert Summary(COUNTS, None).share(Phase.COMPLETED, Phase.FAILED) == round(2 / 3, 4)


@pytest.mark.parametrize(
    ("edit", "brief"),
    [
        (Edit(metadata={"a": 1}), {"topic": "t", "task_metadata": {"a": 1}}),
        (Edit(fields={"topic": None, "category": "c"}), {"category": "c", "task_metadata": {}}),
    ],
)
def test_an_edit_merges_fields_and_metadata(edit: Edit, brief: Mapping[str, Any]) -> None:
    old = task()
    new = content_tasks.edited(old, edit, "ann", START)
    assert (new.payload, new.version, new.edits) == (brief, old.version + 1, old.edits + 1)


def test_metadata_are_merged_key_by_key_and_none_removes_one() -> None:
    first = content_tasks.edited(task(), Edit(metadata={"a": 1, "b": {"x": 1}}), "ann", START)
    second = content_tasks.edited(first, Edit(metadata={"a": None, "b": {"y": 2}}), "ann", START)
    assert second.payload["task_metadata"] == {"b": {"y": 2}}


def test_an_edit_that_changes_nothing_is_no_version() -> None:
    old = content_tasks.edited(task(), Edit(Phase.HELD, metadata={"a": 1}), "ann", START)
    again = Edit(Phase.HELD, name="A", fields={"topic": "t"}, metadata={"a": 1})
    assert content_tasks.edited(old, again, "ann", START) is old


def test_a_move_and_an_edit_are_one_version() -> None:
    old = task()
    new = content_tasks.edited(old, Edit(Phase.COMPLETED, metadata={"a": 1}), "ann", START)
    assert (new.status, new.version, new.payload["task_metadata"]) == (Status.COMPLETED, old.version + 1, {"a": 1})


def test_a_refused_move_changes_nothing(world: World) -> None:
    created_task = content_tasks.create(ORG, "ann", "A", {})
    done = content_tasks.change(ORG, created_task.id, Edit(Phase.COMPLETED), "ann")
    with pytest.raises(Conflict):
        content_tasks.change(ORG, created_task.id, Edit(Phase.PENDING, metadata={"a": 1}), "ann")
    assert world.task(created_task.id) == done


def test_a_brief_that_is_too_large_is_refused_at_its_creation_and_later(world: World) -> None:
    half = "x" * (content_tasks.MAX_BRIEF_BYTES * 3 // 5)
    with pytest.raises(InvalidRequest, match="task_metadata"):
        content_tasks.create(ORG, "ann", "A", {"task_metadata": {"a": half, "b": half}})
    created_task = content_tasks.create(ORG, "ann", "A", {"task_metadata": {"a": half}})
    with pytest.raises(InvalidRequest, match="task_metadata"):
        content_tasks.change(ORG, created_task.id, Edit(metadata={"b": half}), "ann")
    assert world.task(created_task.id).payload == {"task_metadata": {"a": half}}


def test_a_deleted_task_is_gone_and_counted_nowhere(world: World) -> None:
    kept, gone = (content_tasks.create(ORG, "ann", name, {}) for name in "AB")
    world.settle()
    content_tasks.delete(ORG, gone.id, "ann")
    world.settle()
    page = content_tasks.find_page(ORG, None, "created", 10, 0)
    assert ([one.id for one in page.tasks], page.total, content_tasks.summarize(ORG).total) == ([kept.id], 1, 1)
    with pytest.raises(NotFound):
        content_tasks.delete(ORG, gone.id, "ann")


def test_each_request_keeps_to_its_budget_with_the_limiter_s_call(world: World) -> None:
    def count_calls(work: Callable[[], object]) -> int:
        with aws.counting() as counted:
            rate_limits.admit("k", 100, 60_000)
            work()
        return counted.total()

    assert count_calls(lambda: content_tasks.create(ORG, "ann", "A", {"topic": "t"})) == 2
    for number in range(30):
        created_task = content_tasks.create(ORG, "ann", f"{number}", {})
    world.settle()
    assert count_calls(lambda: content_tasks.find_page(ORG, None, "created", 10, 0)) == 3
    assert count_calls(lambda: content_tasks.find_page(ORG, Phase.PENDING, "created", 10, 5)) == 3
    assert count_calls(lambda: content_tasks.find_page(ORG, None, "updated", 10, 5)) == 3
    assert count_calls(lambda: content_tasks.change(ORG, created_task.id, Edit(Phase.HELD), "ann")) == 3
    assert count_calls(lambda: content_tasks.summarize(ORG)) == 3
