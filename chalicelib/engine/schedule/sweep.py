"""The sweep: each minute all that is due is found and done, whatever messages were lost.

It comes in parts, one for each kind of thing and each shard of the index it is found in. `begin` looks whether a part
has anything due, which costs one call, and has that part done by a function run of its own: so no kind holds up
another. Within a part the orgs come in turn, so that one org's thousands do not hold up another's few.
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
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.schedule import wakeups
from chalicelib.engine.webhooks import retries
from chalicelib.observability import logger
from chalicelib.storage.aws import columns, sqs
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

MAX_PART_SECONDS = 45
"""A part that takes longer leaves the rest to the next sweep."""
STALE_SECONDS = 60
"""A part that begins later than this has a successor, and is left to it."""
MAX_ROWS = 25_000
"""How much of what is due a part looks through, to find whose it is. One call for each hundred where it is more than
that, and about 200 bytes each."""
TASKS_PER_READ = 100
"""Tasks that are read at once."""
THREADS = 20
"""Workers that are looked at side by side: a probe may wait for five seconds."""

Kind = Literal["tasks", "workers", "deliveries", "chores", "parked"]
FAILURE_MESSAGE = "Some of what was due could not be done"


class Part(NamedTuple):
    """One part of a sweep. What is not sharded has no shard."""

    kind: Kind
    shard: str = ""


def enqueue_due_parts() -> int:
    """Have each part done in which anything is due; returns how many. Raises ExceptionGroup when any could not be
    looked at, once the others were."""
    now = clock.now()
    return run_all.run_each([partial(_enqueue_if_due, part, now) for part in parts()], "Some parts could not be swept")


def parts() -> list[Part]:
    """Every part of a sweep."""
    sharded: tuple[Kind, ...] = ("workers", "tasks")
    found = [Part(kind, shard) for kind in sharded for shard in columns.wake_shards()]
    sent = [Part("deliveries", shard) for shard in retries.shards()]
    return [*found, *sent, Part("chores"), Part("parked")]


def _enqueue_if_due(part: Part, now: int) -> None:
    if _HAS_DUE[part.kind](part.shard, now):
        queue_messages.enqueue_sweep_part(part.kind, part.shard, now)


_HAS_DUE: dict[Kind, Callable[[str, int], bool]] = {
    "workers": lambda shard, now: any(True for _ in worker_storage.find_due(shard, now, 1)),
    "tasks": lambda shard, now: any(True for _ in task_storage.due_ids(shard, now, 1)),
    "deliveries": lambda shard, _: any(True for _ in retries.late(shard, 1)),
    "chores": lambda _, now: any(True for _ in background_jobs.find_due(now)),
    "parked": lambda *_: sqs.client().depth(settings().parked_queue) > 0,
}
"""Whether anything of a part is due, by its kind. One call each."""


def sweep_part(part: Part, begun_at: int) -> int:
    """Do what is due of one part, for at most 45 s; returns how much was done. What fails does not stop the rest.

    Raises ExceptionGroup at the end when any failed, so that the failure is seen.
    """
    if clock.now() > begun_at + STALE_SECONDS * clock.SECOND:
        return 0
    if part.kind == "parked":
        return relay.replay_parked()
    if part.kind == "workers":
        return run_all.run_each_in_threads(_worker_actions(part.shard), FAILURE_MESSAGE, THREADS)
    return run_all.run_each(_until_deadline(_ACTIONS[part.kind](part.shard)), FAILURE_MESSAGE)


def _until_deadline(jobs: Iterator[Action]) -> Iterator[Action]:
    end = _deadline()
    for job in jobs:
        if clock.now() > end:
            _log_unfinished()
            return
        yield job


def _deadline() -> int:
    return clock.now() + MAX_PART_SECONDS * clock.SECOND


def _log_unfinished() -> None:
    logger().warning("A sweep ran out of time and leaves the rest to the next one")


def _worker_actions(shard: str) -> list[Action]:
    """Workers may keep a probe waiting, so that they are looked at side by side."""
    found = islice(worker_storage.find_due(shard, clock.now()), MAX_ROWS)
    end = _deadline()
    return [partial(_process_worker_before, end, key) for key in interleave(found, lambda key: key[0])]


def _process_worker_before(end: int, key: tuple[str, str, str]) -> None:
    if clock.now() <= end:
        wakeups.process_due_worker_or_pool(*key)


def _task_actions(shard: str) -> Iterator[Action]:
    due = _interleave_by_org(list(islice(task_storage.due_ids(shard, clock.now()), MAX_ROWS)))
    watch = wakeups.LaneWatcher()
    for start in range(0, len(due), TASKS_PER_READ):
        asked = due[start : start + TASKS_PER_READ]
        found = task_storage.find_many(asked)
        for task in interleave((found[one] for one in asked if one in found), lambda task: task.org):
            yield partial(wakeups.process_due_task, task, watch)


def _interleave_by_org(task_ids: Sequence[str]) -> list[str]:
    """The tasks in turn by org, where there are so many that it makes a difference."""
    if len(task_ids) <= TASKS_PER_READ:
        return list(task_ids)
    owners = task_storage.find_orgs(task_ids)
    return list(interleave((one for one in task_ids if one in owners), lambda one: owners[one]))


def _delivery_actions(shard: str) -> Iterator[Action]:
    found = interleave(retries.late(shard, MAX_ROWS), lambda key: (key.org, key.webhook))
    while keys := list(islice(found, retries.REMINDERS)):
        yield partial(retries.remind, keys)


def _job_actions(_: str) -> Iterator[Action]:
    found = islice(background_jobs.find_due(clock.now()), MAX_ROWS)
    for identifier, _org in interleave(found, lambda one: one[1]):
        yield partial(wakeups.run_job, identifier)


_ACTIONS: dict[Kind, Callable[[str], Iterator[Action]]] = {
    "tasks": _task_actions,
    "deliveries": _delivery_actions,
    "chores": _job_actions,
}
