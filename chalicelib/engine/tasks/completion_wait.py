"""Waiting for a task's end on behalf of a caller, in bounds: an org's waits hold up nobody else.

At most PER_ORG requests of an org wait at once, over all processes, and at most HERE in one process; whoever comes then
is answered at once with what is so far, as after a wait that was in vain. When the process is to end, all waits do.
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
"""Threads of a process that may wait: an API has so many more than it needs for requests that don't."""
MAX_PAUSE_SECONDS = 1.0
KIND = "waits"

_process_waits = BoundedSemaphore(MAX_WAITS_PER_PROCESS)
_is_stopping = Event()


def wait_until_ended(task: Task, seconds: float = MAX_WAIT_SECONDS) -> Task:
    """The task once it has ended, or as it is known when `seconds` have passed or nobody may wait any more.

    Two calls, and one for each look at it. It raises nothing but defects: the task was accepted whatever happens now.
    """
    if task.is_terminal or not _process_waits.acquire(blocking=False):
        return task
    try:
        with long_call_slots.hold_slot(task.org, KIND, MAX_WAITS_PER_ORG, seconds) as held:
            return _poll(task, seconds) if held else task
    except Unavailable as error:
        logger().warning("Nobody could wait for a task", extra={"task_id": task.id, "reason": error.message})
        return task
    finally:
        _process_waits.release()


def _poll(task: Task, seconds: float) -> Task:
    until, pause = clock.steady() + seconds * clock.SECOND, 0.1
    while not (task := _reload(task)).is_terminal and clock.steady() < until and not _is_stopping.is_set():
        clock.sleep(pause)
        pause = min(MAX_PAUSE_SECONDS, pause * 1.5)
    return task


def _reload(task: Task) -> Task:
    """The task as of now, or as it was while the table does not answer."""
    with suppress(Unavailable):
        return lifecycle.get(task.org, task.id)
    return task


def allow_waits() -> None:
    """Let requests wait, though `end` was called before: for a process that serves several times."""
    _is_stopping.clear()


def stop_waits() -> None:
    """Let nobody wait any more: every wait is answered within LONGEST_PAUSE_SECONDS."""
    _is_stopping.set()
