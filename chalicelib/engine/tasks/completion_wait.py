"""Wait for a task's end on behalf of a caller, within bounds, so that no org's waits hold up others.

At most MAX_WAITS_PER_ORG requests of an org wait at once in all processes together, and at most MAX_WAITS_PER_PROCESS
in one process. A request beyond that is answered at once with the task as it is, as after a wait without success. When
the process stops, all waits end.
"""

from contextlib import suppress
from threading import BoundedSemaphore, Event

from chalicelib import clock
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import Unavailable
from chalicelib.observability import logger

MAX_WAIT_SECONDS = 20.0
MAX_WAITS_PER_ORG = 10
MAX_WAITS_PER_PROCESS = 40
"""Threads of a process that may wait. An API has this many threads more than it needs for other requests."""
MAX_PAUSE_SECONDS = 1.0
KIND = "waits"

_process_waits = BoundedSemaphore(MAX_WAITS_PER_PROCESS)
_is_stopping = Event()


def wait_until_ended(task: Task, seconds: float = MAX_WAIT_SECONDS) -> Task:
    """Return the task once it has ended, or as it is after `seconds`, or at once if no more requests may wait.

    Two calls, and one for each read of the task. No error of AWS is raised, since the task was accepted.
    """
    if task.is_terminal or not _process_waits.acquire(blocking=False):
        return task
    try:
        with long_call_slots.hold_slot(task.org, KIND, MAX_WAITS_PER_ORG, seconds) as has_slot:
            return _poll(task, seconds) if has_slot else task
    except Unavailable as error:
        logger().warning("A request could not wait for its task", extra={"task_id": task.id, "reason": error.message})
        return task
    finally:
        _process_waits.release()


def _poll(task: Task, seconds: float) -> Task:
    until, pause_seconds = clock.steady() + seconds * clock.SECOND, 0.1
    while not (task := _reload(task)).is_terminal and clock.steady() < until and not _is_stopping.is_set():
        clock.sleep(pause_seconds)
        pause_seconds = min(MAX_PAUSE_SECONDS, pause_seconds * 1.5)
    return task


def _reload(task: Task) -> Task:
    """The task as it is now, or as it was if the table does not answer."""
    with suppress(Unavailable):
        return lifecycle.get(task.org, task.id)
    return task


def allow_waits() -> None:
    """Allow waits again after `stop_waits`, for a process that serves several times."""
    _is_stopping.clear()


def stop_waits() -> None:
    """End all waits, and allow no more: each one returns within MAX_PAUSE_SECONDS."""
    _is_stopping.set()
