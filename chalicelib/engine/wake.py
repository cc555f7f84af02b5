"""Doing what is due: the sweep each minute, which is the guarantee, and single wakeups, which are the fast path."""

from collections.abc import Callable, Iterator
from functools import partial

from chalicelib import clock
from chalicelib.domain.effects import Nudge, Wakeup
from chalicelib.engine import chores, duties, endings, liveness, messages, redelivery, relay, tasks
from chalicelib.engine.chore_steps import STEPS
from chalicelib.observability import logger
from chalicelib.storage import task_table
from chalicelib.storage import tasks as task_storage
from chalicelib.storage import workers as worker_storage

SWEEP_SECONDS = 45
"""A sweep that takes longer leaves the rest to the next one."""

Job = Callable[[], object]


def sweep() -> int:
    """Settle every task, worker, pool and chore that is due; returns how many. One that fails does not stop the others.

    Raises ExceptionGroup at the end when any failed, so that the failure is seen.
    """
    return duties.carry_out(_in_time(_due()), "Some of what was due could not be done")


def _in_time(jobs: Iterator[Job]) -> Iterator[Job]:
    end = clock.now() + SWEEP_SECONDS * clock.SECOND
    for job in jobs:
        if clock.now() > end:
            logger().warning("The sweep ran out of time")
            return
        yield job


def _due() -> Iterator[Job]:
    now = clock.now()
    yield relay.replay_parked
    for shard in task_table.wake_shards():
        for task_id in task_storage.due(shard, now):
            yield partial(_settle_task, task_id)
        for key in worker_storage.due(shard, now):
            yield partial(_settle_worker, *key)
        for keys in redelivery.late(shard):
            yield partial(redelivery.remind, keys)
    for chore_id in chores.due(now):
        yield partial(chores.carry_out, chore_id, STEPS)


def _settle_task(task_id: str) -> None:
    task = tasks.settle(task_id)
    if task is not None and task.terminal and task.wake_at is not None:
        endings.tell(task)


def _settle_worker(org: str, pool: str, worker_id: str) -> None:
    if worker_id == worker_storage.POOL_KEY:
        messages.nudge([Nudge(org=org, pool=pool)], occasion=f"sweep|{clock.now() // clock.MINUTE}")
    else:
        liveness.settle(org, pool, worker_id)


def one(wakeup: Wakeup) -> None:
    """Settle the one item that a wakeup names."""
    if wakeup.kind == "task":
        _settle_task(wakeup.id)
    elif wakeup.kind == "delivery":
        redelivery.wake(wakeup.org, wakeup.pool, wakeup.id)
    elif wakeup.kind == "chore":
        chores.carry_out(wakeup.id, STEPS)
    else:
        liveness.settle(wakeup.org, wakeup.pool, wakeup.id)
