"""Doing what is due: the sweep each minute, which is the guarantee, and single wakeups, which are the fast path."""

from collections.abc import Callable, Iterator

from chalicelib import clock
from chalicelib.domain.effects import Nudge, Wakeup
from chalicelib.engine import liveness, messages, relay, tasks
from chalicelib.observability import logger
from chalicelib.storage import tasks as task_storage
from chalicelib.storage import workers as worker_storage

SWEEP_SECONDS = 45
"""A sweep that takes longer leaves the rest to the next one."""


def sweep() -> int:
    """Settle every task, worker and pool that is due; returns how many. One that fails does not stop the others.

    Raises ExceptionGroup at the end when any failed, so that the failure is seen.
    """
    end, done, errors = clock.now() + SWEEP_SECONDS * clock.SECOND, 0, []
    for settle in _due():
        if clock.now() > end:
            logger().warning("The sweep ran out of time")
            break
        try:
            settle()
            done += 1
        except Exception as error:  # noqa: BLE001 - gathered, and raised at the end
            errors.append(error)
    if errors:
        raise ExceptionGroup("Some of what was due could not be done", errors)
    return done


def _due() -> Iterator[Callable[[], object]]:
    now = clock.now()
    yield relay.replay_parked
    for shard in task_storage.wake_shards():
        for task_id in task_storage.due(shard, now):
            yield lambda task_id=task_id: tasks.settle(task_id)  # type: ignore[misc]
        for org, pool, worker_id in worker_storage.due(shard, now):
            yield lambda key=(org, pool, worker_id): _settle_worker(*key)  # type: ignore[misc]


def _settle_worker(org: str, pool: str, worker_id: str) -> None:
    if worker_id == worker_storage.POOL_KEY:
        messages.nudge([Nudge(org=org, pool=pool)], occasion=f"sweep|{clock.now() // clock.MINUTE}")
    else:
        liveness.settle(org, pool, worker_id)


def one(wakeup: Wakeup) -> None:
    """Settle the one item that a wakeup names."""
    if wakeup.kind == "task":
        tasks.settle(wakeup.id)
    else:
        liveness.settle(wakeup.org, wakeup.pool, wakeup.id)
