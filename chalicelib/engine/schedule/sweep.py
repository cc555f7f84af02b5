"""The sweep: each minute it finds every item that is due and processes it, also when its message was lost.

It has parts, one for each kind of item and each shard of that kind's index. `enqueue_due_parts` checks with one call
whether a part has due items, and enqueues it for a function run of its own, so that no kind delays another. Within a
part the orgs take turns, so that one org with thousands of due items does not delay another with a few.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Literal, NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.round_robin import interleave
from chalicelib.engine.changes import queue_messages, relay, run_all
from chalicelib.engine.changes.run_all import Action
from chalicelib.engine.deliveries import due_deliveries
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.schedule import wakeups
from chalicelib.observability import logger
from chalicelib.storage.aws import columns, sqs
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

MAX_PART_SECONDS = 45
"""A part that takes longer leaves its remaining items to the next sweep."""
STALE_SECONDS = 60
"""A part that starts later than this does nothing: the next sweep has enqueued it again."""
MAX_ROWS = 25_000
"""How many due items a part reads to let the orgs take turns. With more than a hundred it costs one call for each
hundred, and about 200 bytes for each item."""
TASKS_PER_READ = 100
"""Tasks that are read in one call."""
THREADS = 20
"""Workers that are checked in parallel: a probe may wait for five seconds."""

# "chores" are background jobs: the word is in the queue's messages.
Kind = Literal["tasks", "workers", "deliveries", "chores", "parked"]
FAILURE_MESSAGE = "Some of what was due could not be done"


class Part(NamedTuple):
    """One part of a sweep. A kind without shards has an empty shard."""

    kind: Kind
    shard: str = ""


def enqueue_due_parts() -> int:
    """Enqueue each part that has due items; returns the number of parts checked. Raises ExceptionGroup at the end when
    some could not be checked."""
    now = clock.now()
    return run_all.run_each([partial(_enqueue_if_due, part, now) for part in parts()], "Some parts could not be swept")


def parts() -> list[Part]:
    """Every part of a sweep."""
    sharded: tuple[Kind, ...] = ("workers", "tasks")
    by_wake = [Part(kind, shard) for kind in sharded for shard in columns.wake_shards()]
    deliveries = [Part("deliveries", shard) for shard in due_deliveries.wake_shards()]
    return [*by_wake, *deliveries, Part("chores"), Part("parked")]


def _enqueue_if_due(part: Part, now: int) -> None:
    if _HAS_DUE[part.kind](part.shard, now):
        queue_messages.enqueue_sweep_part(part.kind, part.shard, now)


_HAS_DUE: dict[Kind, Callable[[str, int], bool]] = {
    "workers": lambda shard, now: any(True for _ in worker_storage.find_due(shard, now, 1)),
    "tasks": lambda shard, now: any(True for _ in task_storage.due_ids(shard, now, 1)),
    "deliveries": lambda shard, _: any(True for _ in due_deliveries.find_late(shard, 1)),
    "chores": lambda _, now: any(True for _ in background_jobs.find_due(now)),
    "parked": lambda *_: sqs.client().depth(settings().parked_queue) > 0,
}
"""Whether a part has due items, by its kind. One call each."""


def sweep_part(part: Part, begun_at: int) -> int:
    """Process the due items of one part, for at most 45 s; returns how many. A failure does not stop the others.

    Raises ExceptionGroup at the end when some failed, so that the failure is visible.
    """
    if clock.now() > begun_at + STALE_SECONDS * clock.SECOND:
        return 0
    if part.kind == "parked":
        return relay.replay_parked()
    if part.kind == "workers":
        return run_all.run_each_in_threads(_worker_actions(part.shard), FAILURE_MESSAGE, THREADS)
    return run_all.run_each(_until_deadline(_ACTIONS[part.kind](part.shard)), FAILURE_MESSAGE)


def _until_deadline(actions: Iterator[Action]) -> Iterator[Action]:
    deadline = _deadline()
    for action in actions:
        if clock.now() > deadline:
            _log_unfinished()
            return
        yield action


def _deadline() -> int:
    return clock.now() + MAX_PART_SECONDS * clock.SECOND


def _log_unfinished() -> None:
    logger().warning("A sweep ran out of time and leaves the rest to the next one")


def _worker_actions(shard: str) -> list[Action]:
    """Workers are checked in parallel, because a probe may have to wait."""
    due = islice(worker_storage.find_due(shard, clock.now()), MAX_ROWS)
    deadline = _deadline()
    return [partial(_process_worker_before, deadline, key) for key in interleave(due, lambda key: key[0])]


def _process_worker_before(deadline: int, key: tuple[str, str, str]) -> None:
    if clock.now() <= deadline:
        wakeups.process_due_worker_or_pool(*key)


def _task_actions(shard: str) -> Iterator[Action]:
    due = _interleave_by_org(list(islice(task_storage.due_ids(shard, clock.now()), MAX_ROWS)))
    watcher = wakeups.LaneWatcher()
    for start in range(0, len(due), TASKS_PER_READ):
        batch = due[start : start + TASKS_PER_READ]
        tasks = task_storage.find_many(batch)
        for task in interleave((tasks[task_id] for task_id in batch if task_id in tasks), lambda task: task.org):
            yield partial(wakeups.process_due_task, task, watcher)


def _interleave_by_org(task_ids: Sequence[str]) -> list[str]:
    """The tasks with the orgs taking turns; unchanged when they fit into one read."""
    if len(task_ids) <= TASKS_PER_READ:
        return list(task_ids)
    orgs = task_storage.find_orgs(task_ids)
    return list(interleave((task_id for task_id in task_ids if task_id in orgs), lambda task_id: orgs[task_id]))


def _delivery_actions(shard: str) -> Iterator[Action]:
    due = interleave(due_deliveries.find_late(shard, MAX_ROWS), lambda key: (key.org, key.receiver))
    while keys := list(islice(due, due_deliveries.BATCH)):
        yield partial(due_deliveries.enqueue_late, keys)


def _job_actions(_: str) -> Iterator[Action]:
    due = islice(background_jobs.find_due(clock.now()), MAX_ROWS)
    for job_id, _org in interleave(due, lambda row: row[1]):
        yield partial(wakeups.run_job, job_id)


_ACTIONS: dict[Kind, Callable[[str], Iterator[Action]]] = {
    "tasks": _task_actions,
    "deliveries": _delivery_actions,
    "chores": _job_actions,
}
