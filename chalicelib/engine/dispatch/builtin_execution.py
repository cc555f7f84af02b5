"""Tasks that Yardmaster performs itself: the dispatcher leases them to the built-in worker of their pool."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib import clock
from chalicelib.domain.changes.effects import Handover
from chalicelib.domain.tasks.push_responses import Busy, Done
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.task import Holder, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.domain.tasks.worker import BUILT_IN
from chalicelib.engine.dispatch.handovers import is_current
from chalicelib.engine.tasks import lifecycle, payloads, task_log
from chalicelib.engine.workers import performers
from chalicelib.engine.workers.performers import EnginePerformer
from chalicelib.errors import Conflict, InvalidRequest, NotConfigured, NotFound, TooLarge, Unavailable
from chalicelib.observability import logger
from chalicelib.providers.performers.registry import Performer
from chalicelib.storage.tasks import tasks as task_storage

Verdict = Done | Failure | Busy
UNAVAILABLE_SECONDS = 60
"""How long the performers of a pool rest when one says that it is unavailable, and not for how long."""


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
    if performers.is_of_engine(task.pool, task.type):
        # It may take minutes: a message that comes twice finds that the task has begun.
        lifecycle.report_progress(task.org, task.id, holder, None)
    verdict = _validate_and_run(task)
    task_log.log_answer(task, verdict, since)
    match verdict:
        case Done(result=result):
            lifecycle.complete(task.org, task.pool, task.id, holder, result)
        case Failure():
            lifecycle.fail(task.org, task.id, holder, verdict)
        case Busy(rest_ms=rest):
            # The pool's performers get no other task before they can take it.
            until = clock.now() + rest
            lifecycle.release(task.org, task.id, holder, rest_until=until, reason=ReleaseReason.WORKER_BUSY)


def _validate_and_run(task: Task) -> Verdict:
    performer = performers.find_performer(task.pool, task.type)
    if performer is None:
        return Failure(Reason.REJECTED, f"No built-in performer does {task.type}", retryable=False)
    try:
        data = performer.input.model_validate(payloads.load(task.payload, task.payload_ref))
    except ValidationError as error:
        problems = "; ".join(f"{name} {what}".strip() for name, what in performers.describe_problems(error).items())
        return Failure(Reason.REJECTED, f"The data is not what {task.type} needs: {problems}", retryable=False)
    return _run_performer(performer, data, task)


def _run_performer(performer: Performer | EnginePerformer, data: BaseModel, task: Task) -> Verdict:
    try:
        return _perform(performer, data, task)
    except (InvalidRequest, TooLarge, NotConfigured) as error:
        return Failure(Reason.REJECTED, error.message, retryable=False)
    except Unavailable as error:
        return Busy((error.retry_after or UNAVAILABLE_SECONDS) * clock.SECOND)
    except Exception as error:  # noqa: BLE001 - any error means that the attempt failed and is retried
        logger().error("A performer failed", extra={"task_id": task.id, "performer": performer.name}, exc_info=error)
        return Failure(Reason.WORKER_FAILED, f"{task.type} failed inside; it is tried again")


def _perform(performer: Any, data: BaseModel, task: Task) -> Verdict:
    if performers.is_of_engine(task.pool, task.type):
        verdict: Verdict = performer.perform(task, data)
        return verdict
    return Done(performer.perform(data))
