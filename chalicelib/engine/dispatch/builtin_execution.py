"""Tasks that the house performs itself: they are leased to the worker that stands for its performers, like any."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib import clock
from chalicelib.domain.changes.effects import Handover
from chalicelib.domain.tasks.push_responses import Done
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.engine.dispatch.task_delivery import is_current
from chalicelib.engine.tasks import lifecycle, payloads, task_log
from chalicelib.errors import Conflict, NotFound
from chalicelib.observability import logger
from chalicelib.providers.performers import registry
from chalicelib.providers.performers.registry import Performer
from chalicelib.storage.tasks import tasks as task_storage


def perform_tasks(deliveries: Sequence[Handover]) -> list[Exception | None]:
    """Perform each task, one after the other; answers for each whether it is dealt with, or the error that it met.

    One whose lease has ended meanwhile is dealt with.
    """
    found = task_storage.find_many({one.task_id for one in deliveries}, whole=True)
    return [_try_perform(one, found.get(one.task_id)) for one in deliveries]


def _try_perform(delivery: Handover, task: Task | None) -> Exception | None:
    try:
        if task is not None and is_current(task, delivery):
            _perform_and_report(task)
    except (Conflict, NotFound) as late:
        logger().info("A task ended while it was performed", extra={"task_id": delivery.task_id, "reason": late.code})
    except Exception as error:  # noqa: BLE001 - answered for, one by one, to the queue
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
    """The result, or the Failure that the attempt ends with."""
    performer = registry.find_performer(task.pool, task.type)
    if performer is None:
        return Failure(Reason.REJECTED, f"Nothing here performs {task.type}", retryable=False)
    try:
        given = performer.input.model_validate(payloads.load(task.payload, task.payload_ref))
    except ValidationError:
        return Failure(Reason.REJECTED, f"The data is not what {task.type} needs", retryable=False)
    return _run_performer(performer, given, task)


def _run_performer(performer: Performer, given: BaseModel, task: Task) -> Any:
    try:
        return performer.perform(given)
    except Exception as error:  # noqa: BLE001 - whatever it is, the attempt failed and is tried again
        logger().error("A performer failed", extra={"task_id": task.id, "performer": performer.name}, exc_info=error)
        return Failure(Reason.WORKER_FAILED, f"{task.type} failed inside; it is tried again")
