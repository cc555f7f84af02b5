"""Tasks that Yardmaster performs itself: the dispatcher leases them to the built-in worker of their pool."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib import clock
from chalicelib.domain.changes.effects import Handover
from chalicelib.domain.tasks.push_responses import Done
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.engine.dispatch.handovers import is_current
from chalicelib.engine.tasks import lifecycle, payloads, task_log
from chalicelib.errors import Conflict, NotFound
from chalicelib.observability import logger
from chalicelib.providers.performers import registry
from chalicelib.providers.performers.registry import Performer
from chalicelib.storage.tasks import tasks as task_storage


def perform_tasks(handovers: Sequence[Handover]) -> list[Exception | None]:
    """Perform the tasks, one after the other. Returns for each handover None, or the error that it met.

    A handover whose lease has ended is skipped.
    """
    tasks = task_storage.find_many({handover.task_id for handover in handovers}, whole=True)
    return [_try_perform(handover, tasks.get(handover.task_id)) for handover in handovers]


def _try_perform(handover: Handover, task: Task | None) -> Exception | None:
    try:
        if task is not None and is_current(task, handover):
            _perform_and_report(task)
    except (Conflict, NotFound) as error:
        logger().info("A task ended while it was performed", extra={"task_id": handover.task_id, "reason": error.code})
    except Exception as error:  # noqa: BLE001 - the queue gets an answer for each message
        return error
    return None


def _perform_and_report(task: Task) -> None:
    holder = Holder(BUILT_IN, task.epoch)
    task_log.log_handover(task, "builtin")
    since = clock.stopwatch()
    outcome = _validate_and_run(task)
    task_log.log_answer(task, outcome if isinstance(outcome, Failure) else Done(outcome), since)
    if isinstance(outcome, Failure):
        lifecycle.fail(task.org, task.id, holder, outcome)
    else:
        lifecycle.complete(task.org, task.pool, task.id, holder, outcome)


def _validate_and_run(task: Task) -> Any:
    """The result, or the Failure with which the attempt ends."""
    performer = registry.find_performer(task.pool, task.type)
    if performer is None:
        return Failure(Reason.REJECTED, f"No built-in performer does {task.type}", retryable=False)
    try:
        data = performer.input.model_validate(payloads.load(task.payload, task.payload_ref))
    except ValidationError:
        return Failure(Reason.REJECTED, f"The data is not what {task.type} needs", retryable=False)
    return _run_performer(performer, data, task)


def _run_performer(performer: Performer, data: BaseModel, task: Task) -> Any:
    try:
        return performer.perform(data)
    except Exception as error:  # noqa: BLE001 - any error means that the attempt failed and is retried
        logger().error("A performer failed", extra={"task_id": task.id, "performer": performer.name}, exc_info=error)
        return Failure(Reason.WORKER_FAILED, f"{task.type} failed inside; it is tried again")
