"""Agents: the workers of a managed pool. Their activity reports, and the removal of an agent from its tasks."""

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
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.tasks.lanes import lane_name
from chalicelib.engine.workers import registry
from chalicelib.errors import NotFound
from chalicelib.storage.statistics import counters as counter_storage

KIND = "Agent"
CALLBACK_PATH = "/api/v1/tasks/{task_id}?agentId={worker_id}&lease={lease}"
"""Path at which an agent reports on a task that was handed to it."""

JOB_KIND = "agent"
"""Kind of the background job that follows the removal of an agent."""
INDEX_LAG_S = 120
"""Seconds after which the index surely has a change of a task, even after retries; usually it takes a few."""
BATCH_SIZE = 100


class AgentReport(NamedTuple):
    """What an agent did in a period of whole UTC days; instants in epoch milliseconds."""

    worker: Worker
    start: int
    end: int
    counts: Counts
    online_ms: int

    @property
    def peaks(self) -> list[tuple[int, int]]:
        """The hours of the UTC day, [from, to), in which it completes the most tasks."""
        return counters.peak_hours([self.counts[counters.hour_counter(hour)] for hour in range(counters.HOURS_PER_DAY)])


def build_report(worker: Worker, days: range) -> AgentReport:
    """An agent's report for these days (days since the epoch). One call for each hundred days."""
    rows = [(counters.day_partition(worker.org, worker.pool, day), counters.worker_row(worker.id)) for day in days]
    counts = counters.total(counter_storage.find_many(rows).values())
    start, end = days.start * clock.DAY, min(clock.now(), days.stop * clock.DAY)
    since = worker.online_since if worker.is_online else None
    running = max(0, end - max(since, start)) if since is not None else 0
    return AgentReport(worker, start, end, counts, counts["online_ms"] + running)


def read_lifetime_counts(org: str, pool: str, agent_ids: Iterable[str]) -> dict[str, Counts]:
    """The counts of agents since they were created, by id. One call for each hundred."""
    rows = {agent_id: (counters.lifetime_partition(org, pool), counters.worker_row(agent_id)) for agent_id in agent_ids}
    counts = counter_storage.find_many(rows.values()) if rows else {}
    return {agent_id: counts[row] for agent_id, row in rows.items()}


def remove_agent(org: str, pool: str, agent_id: str, by: str) -> None:
    """Remove an agent. Its tasks are queued again and no attempt is counted; tasks assigned to it wait for a person.

    Raises NotFound.
    """
    at_once = background_jobs.create_write(org, JOB_KIND, agent_id, pool=pool)
    # A second time, for tasks assigned just before the removal that the index did not have yet.
    later = background_jobs.create_write(org, JOB_KIND, agent_id, wait_seconds=INDEX_LAG_S, pool=pool)
    registry.unregister(org, pool, agent_id, KIND, by=by, also=[at_once, later])


def unassign_tasks(job: Job) -> bool:
    """Run the job of a removed agent: no task stays assigned to it. Returns whether the job is done.

    Two calls for each task, and a page read for each hundred.
    """
    query = Query(phases=frozenset({Phase.PENDING, Phase.HELD}), agent=job.subject)
    until, cursor = clock.steady() + background_jobs.RUN_SECONDS * clock.SECOND, None
    while True:
        page = search.find_page(job.org, job.facts["pool"], query, limit=BATCH_SIZE, cursor=cursor)
        for task in page.tasks:
            with suppress(NotFound):
                lifecycle.change(job.org, task.id, lambda task: _unassigned(task, job.subject))
        cursor = page.cursor
        if cursor is None or clock.steady() >= until:
            return cursor is None


def _unassigned(task: Task, agent_id: str) -> Task:
    if task.is_terminal or task.wanted_worker != agent_id:
        return task
    return transitions.edited(
        task,
        clock.now(),
        wanted_worker=None,
        manual=task.pool not in settings().auto_assign,
        lane=lane_name(task.needs._replace(worker=None)),
    )
