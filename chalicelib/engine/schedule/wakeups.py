"""Processing single items that are due: after a wakeup, which is fast, or in the sweep, which finds every one."""

from chalicelib import clock
from chalicelib.domain.changes.effects import DispatchRequest, Wakeup, WakeupKind
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.changes import queue_messages
from chalicelib.engine.conversations import replies
from chalicelib.engine.deliveries import due_deliveries
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.messaging import completion_notifications
from chalicelib.engine.schedule.job_handlers import JOB_STEPS, REPLY_TEXTS, TASK_ENDS
from chalicelib.engine.tasks import lifecycle
from chalicelib.engine.workers import heartbeat_monitor, pools
from chalicelib.engine.workflows import advance as workflows
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import table as worker_table


class LaneWatcher:
    """Has pools watch the lanes of waiting tasks, each lane once in a sweep: two calls and one dispatch request for a
    lane, however many tasks wait in it."""

    def __init__(self) -> None:
        self._watched: dict[tuple[str, str, str], bool] = {}

    def watches(self, task: Task) -> bool:
        """Have the pool watch the task's lane. False when the pool has too many other lanes."""
        lane = (task.org, task.pool, task.lane)
        if lane not in self._watched:
            self._watched[lane] = task.lane in pools.watch_lanes(task.org, task.pool, {task.lane: task.needs})
            if self._watched[lane]:
                _request_dispatch(task.org, task.pool)
        return self._watched[lane]


def _request_dispatch(org: str, pool: str) -> None:
    queue_messages.enqueue_dispatch(
        [DispatchRequest(org=org, pool=pool)], occasion=f"sweep|{clock.now() // clock.MINUTE}"
    )


def process_due_task(task: Task, watcher: LaneWatcher) -> None:
    """Do what is due for a task that was just read."""
    if task.is_execution:
        _finish(workflows.advance(task))
    elif not transitions.is_only_waiting(task, clock.now()):
        _finish(lifecycle.apply_due_transition(task))
    elif watcher.watches(task):
        lifecycle.leave_to_pool(task)
    else:
        lifecycle.apply_due_transition(task)
        request = DispatchRequest(org=task.org, pool=task.pool, task_id=task.id, lane=task.lane, needs=task.needs)
        queue_messages.enqueue_dispatch([request], occasion=f"look|{task.id}|{clock.now()}")


def _finish(task: Task) -> None:
    """What is left to do when a task has ended."""
    if not task.is_terminal or task.wake_at is None:
        return
    if task.pool in TASK_ENDS:
        TASK_ENDS[task.pool](task)
    if task.notify and task.status is not Status.CANCELLED:
        read_text = REPLY_TEXTS.get(task.type)
        replies.append_reply(task, read_text)
        completion_notifications.notify_of_completion(task, read_text)
    else:
        lifecycle.change(task.org, task.id, lambda latest: transitions.end_notified(latest, clock.now()))


def process_due_worker_or_pool(org: str, pool: str, worker_id: str) -> None:
    """Do what is due for a worker, or request a dispatch pass for a pool in which tasks wait."""
    if worker_id == worker_table.POOL_KEY:
        _request_dispatch(org, pool)
    else:
        heartbeat_monitor.check_worker(org, pool, worker_id)


def run_job(job_id: str) -> None:
    """Run the next step of a background job."""
    background_jobs.run(job_id, JOB_STEPS)


def process_wakeup(wakeup: Wakeup) -> None:
    """Process the item that a wakeup names."""
    if wakeup.kind is WakeupKind.TASK:
        task = task_storage.find(wakeup.id)
        if task is not None:
            process_due_task(task, LaneWatcher())
    elif wakeup.kind is WakeupKind.DELIVERY:
        due_deliveries.enqueue_if_due(*wakeup.key)
    elif wakeup.kind is WakeupKind.JOB:
        run_job(wakeup.id)
    else:
        heartbeat_monitor.check_worker(*wakeup.key)
