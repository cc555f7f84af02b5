"""What the orchestrator's requests cost, whatever an org has done before."""

from collections.abc import Callable

import pytest

from chalicelib.domain.search.query import Query
from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.engine import content_tasks
from chalicelib.engine.content_tasks import Edit
from chalicelib.engine.orchestration import figures, orchestrations
from chalicelib.engine.search import search
from chalicelib.engine.tasks import lifecycle
from tests.support import aws
from tests.support.world import ORG, World


def count_calls(work: Callable[[], object]) -> int:
    with aws.counting() as counted:
        work()
    return counted.total()


def process(task: Task) -> Task:
    return orchestrations.process(ORG, "dev", task.id, "analysis", {"content": "Tea is hot."})


def submit() -> Task:
    return content_tasks.create(ORG, "dev", "Tea", {"topic": "Tea"})


@pytest.mark.parametrize("others", [1, 8])
def test_each_request_keeps_to_its_budget_whatever_the_org_has_done(world: World, others: int) -> None:
    for _ in range(others):
        lifecycle.cancel(ORG, process(submit()).id)
    world.settle()
    task = submit()
    assert count_calls(lambda: process(task)) == 4
    assert count_calls(lambda: process(task)) == 2, "the same request again"
    assert count_calls(lambda: orchestrations.get_progress(ORG, task.id)) == 3
    assert count_calls(lambda: search.find_page(ORG, EXECUTIONS_POOL, Query(), limit=10)) == 2
    assert count_calls(lambda: figures.read_executions(ORG)) == 1
    content_tasks.change(ORG, task.id, Edit(Phase.FAILED), "dev")
    world.settle()
    assert count_calls(lambda: process(task)) == 7, "a task that was begun before"
