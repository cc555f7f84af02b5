"""Agents: the workers of a managed pool. What they have done, and what becomes of their tasks when they go."""

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Phase, Task
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.search import search
from chalicelib.engine.search.search import Query
from chalicelib.engine.tasks import lifecycle, submission
from chalicelib.engine.workers import registry
from chalicelib.errors import NotFound
from chalicelib.storage.statistics import counters as counter_storage

KIND = "Agent"
CALLBACK = "/api/v1/tasks/{task_id}?agentId={worker_id}&lease={lease}"
"""Where an agent reports on a task that it was handed."""

CHORE = "agent"
"""The chore that is left when an agent goes."""
LISTED_WITHIN_SECONDS = 120
"""A task's change is found by lists within a few seconds; after so long, even where the relay had to try again."""
BATCH = 100


class Report(NamedTuple):
    """What an agent did in a period of whole UTC days; instants in epoch milliseconds."""

    worker: Worker
    start: int
    end: int
    figures: Counts
    online_ms: int

    @property
    def peaks(self) -> list[tuple[int, int]]:
        """The hours of the UTC day, [from, to), in which it gets most done."""
        return counters.peak_hours(
            [self.figures[counters.hour_counter(hour)] for hour in range(counters.HOURS_PER_DAY)]
        )


def report(worker: Worker, days: range) -> Report:
    """An agent's figures of these days, counted from the epoch. One call for each hundred days."""
    rows = [(counters.day_partition(worker.org, worker.pool, day), counters.worker_row(worker.id)) for day in days]
    figures = counters.total(counter_storage.find_many(rows).values())
    start, end = days.start * clock.DAY, min(clock.now(), days.stop * clock.DAY)
    since = worker.online_since if worker.online else None
    running = max(0, end - max(since, start)) if since is not None else 0
    return Report(worker, start, end, figures, figures["online_ms"] + running)


def figures(org: str, pool: str, agent_ids: Iterable[str]) -> dict[str, Counts]:
    """What agents have done since they were created. One call for each hundred."""
    rows = {agent_id: (counters.lifetime_partition(org, pool), counters.worker_row(agent_id)) for agent_id in agent_ids}
    found = counter_storage.find_many(rows.values()) if rows else {}
    return {agent_id: found[row] for agent_id, row in rows.items()}


def remove(org: str, pool: str, agent_id: str, by: str) -> None:
    """Remove an agent: its leases go back unburned, and tasks that only it might take wait for a person. Raises
    NotFound."""
    at_once = background_jobs.create_write(org, CHORE, agent_id, pool=pool)
    # Once more, for tasks that were meant for it just before it went and that no list showed yet.
    later = background_jobs.create_write(org, CHORE, agent_id, wait_seconds=LISTED_WITHIN_SECONDS, pool=pool)
    registry.unregister(org, pool, agent_id, KIND, by=by, also=[at_once, later])


def let_go(chore: Job) -> bool:
    """The chore of an agent that is gone: nobody waits for it any longer. Two calls a task, a page read for each
    hundred."""
    query = Query(phases=frozenset({Phase.PENDING, Phase.HELD}), agent=chore.subject)
    until, cursor = clock.steady() + background_jobs.RUN_SECONDS * clock.SECOND, None
    while True:
        found = search.find_page(chore.org, chore.facts["pool"], query, limit=BATCH, cursor=cursor)
        for task in found.tasks:
            with suppress(NotFound):
                lifecycle.change(chore.org, task.id, lambda task: _unwanted(task, chore.subject))
        cursor = found.cursor
        if cursor is None or clock.steady() >= until:
            return cursor is None


def _unwanted(task: Task, agent_id: str) -> Task:
    if task.terminal or task.wanted_worker != agent_id:
        return task
    return transitions.edited(
        task,
        clock.now(),
        wanted_worker=None,
        manual=task.pool not in settings().auto_assign,
        lane=submission.lane_name(task.capabilities, task.group, permit=task.permit),
    )
