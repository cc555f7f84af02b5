"""An agent's counters follow from what its tasks record, and not from timing: the same requests give the same counters,
whether or not the dispatcher runs between them."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.engine.workers import registry
from tests.apis.projects.tasks_api import TASKS, TasksApi, tasks_api_of
from tests.simulation import invariants
from tests.support.client import token
from tests.support.world import ORG, World, new_world

Story = Callable[[TasksApi, str, Callable[[], None]], None]
"""Requests about a new task of this agent. The third argument is called between any two of them."""
HANDED_OVER = ("leased", "waits", "waited_ms", "begun_", "started", "taken", "released")
"""Counters of hand-overs: a hand-over that did not happen cannot be counted."""


def create_task(tasks_api: TasksApi, agent: str | None, **said: Any) -> str:
    return str(tasks_api.call("POST", "", {"title": "t"} | ({"agentId": agent} if agent else {}) | said)["id"])


def patch(tasks_api: TasksApi, task: str, **said: Any) -> None:
    tasks_api.call("PATCH", f"/{task}", said)


def complete(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    patch(tasks_api, task, status="completed", qualityScore=0.75)


def begin_and_complete(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    patch(tasks_api, task, status="active")
    pause()
    patch(tasks_api, task, status="completed")


def fail(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    patch(tasks_api, task, status="failed", error="no")


def begin_and_fail(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    patch(tasks_api, task, status="active")
    pause()
    patch(tasks_api, task, status="failed")


def fail_retry_and_complete(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    patch(tasks_api, task, status="failed")
    pause()
    patch(tasks_api, task, status="pending")
    pause()
    patch(tasks_api, task, status="completed")


def cancel(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    patch(tasks_api, task, status="cancelled")


def begin_and_cancel(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    patch(tasks_api, task, status="active")
    pause()
    patch(tasks_api, task, status="cancelled")


def delete(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    tasks_api.call("DELETE", f"/{task}", token=token("admin"))


def release_and_complete(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    patch(tasks_api, task, status="pending")
    pause()
    patch(tasks_api, task, status="completed")


def assign_by_hand_and_complete(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, None)
    pause()
    tasks_api.call("POST", f"/{task}/assign", {"agentId": agent})
    pause()
    patch(tasks_api, task, status="completed")


def take_from_agent_and_complete(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, agent)
    pause()
    tasks_api.call("POST", f"/{task}/assign", {"agentId": None})
    pause()
    patch(tasks_api, task, status="completed")


def give_to_another_and_complete(tasks_api: TasksApi, agent: str, pause: Callable[[], None]) -> None:
    task = create_task(tasks_api, tasks_api.agent("another"))
    pause()
    tasks_api.call("POST", f"/{task}/assign", {"agentId": agent})
    pause()
    patch(tasks_api, task, status="completed")


STORIES: list[Story] = [
    complete,
    begin_and_complete,
    fail,
    begin_and_fail,
    fail_retry_and_complete,
    cancel,
    begin_and_cancel,
    delete,
    release_and_complete,
    assign_by_hand_and_complete,
    take_from_agent_and_complete,
    give_to_another_and_complete,
]


def figures(story: Story, *, at_once: bool) -> dict[str, Any]:
    """All figures after a story, whose requests are sent at once, or with everything settled between them."""
    with new_world() as world:
        tasks_api = tasks_api_of(world)
        agent = tasks_api.agent()
        story(tasks_api, agent, (lambda: None) if at_once else world.settle)
        world.settle()
        for holds in (*invariants.ALWAYS, *invariants.AT_REST):
            holds(world)
        worker = next(one for one in world.workers() if one.id == agent)
        shown = tasks_api.call("GET", f"/api/v1/agents/{agent}/metrics")
        return {
            "metrics": {name: shown[name] for name in ("taskMetrics", "performanceMetrics")},
            "counters": (worker.completed, worker.failed, len(worker.leases)),
            "crew": registry.list_workers(ORG, "projects")[0].id == agent or None,
            "rows": _rows(world),
            "attempts": [(task.status, task.attempts, task.assignee) for task in world.tasks()],
        }


def _rows(world: World) -> dict[Any, Any]:
    """The counters of every hour, day and agent and the totals, without those of hand-overs."""
    found = {where: _compared_counts(counts.values) for where, counts in world.rows().items()}
    return {where: counts for where, counts in found.items() if counts}


def _compared_counts(counts: Any) -> dict[str, int]:
    return {name: value for name, value in counts.items() if value and not name.startswith(HANDED_OVER)}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_same_requests_count_alike_at_once_and_with_a_pause_between_them(story: Story) -> None:
    assert figures(story, at_once=True) == figures(story, at_once=False)


def test_what_names_an_agent_counts_for_it() -> None:
    expected = {
        complete: (1, 0, 0),
        begin_and_complete: (1, 0, 0),
        fail: (0, 1, 0),
        cancel: (0, 0, 1),
        fail_retry_and_complete: (1, 1, 0),
        take_from_agent_and_complete: (0, 0, 0),
    }
    for story, counts in expected.items():
        shown = figures(story, at_once=True)["metrics"]["taskMetrics"]
        assert (shown["completedTasks"], shown["failedTasks"], shown["cancelledTasks"]) == counts, story.__name__
    performance = figures(complete, at_once=True)["metrics"]["performanceMetrics"]
    assert (performance["qualityScore"], performance["averageResponseTime"]) == (0.75, 0)


@pytest.mark.parametrize("at_once", [True, False])
def test_what_names_an_agent_that_goes_counts_for_nobody(world: World, at_once: bool) -> None:
    tasks_api = tasks_api_of(world)
    agent = tasks_api.agent()
    task = create_task(tasks_api, agent)
    tasks_api.world.clock.advance(0.001)
    world.sweep()
    tasks_api.call("DELETE", f"/api/v1/agents/{agent}", token=token("admin"))
    if not at_once:
        world.settle()
    patch(tasks_api, task, status="completed")
    world.settle()
    for holds in (*invariants.ALWAYS, *invariants.AT_REST):
        holds(world)
    assert world.task(task).status == "completed"
    assert [one["id"] for one in tasks_api.call("GET", TASKS)] == [task]
