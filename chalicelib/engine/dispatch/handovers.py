"""Hand leased tasks over: POST a task to its worker's endpoint and apply the answer, or send it over the WebSocket."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.changes.effects import Handover, WorkerMessage
from chalicelib.domain.tasks import circuit_breaker, push_responses
from chalicelib.domain.tasks.push_responses import Accepted, Busy, Done, Unreached, Verdict
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.security import encryption, long_call_slots
from chalicelib.engine.tasks import lifecycle, payloads, task_log, worker_presence
from chalicelib.engine.workers import registration, registry, websocket_workers
from chalicelib.errors import Conflict, NotFound
from chalicelib.observability import logger
from chalicelib.providers.http import outbound
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import workers as worker_storage

MAX_TRIALS_PER_ORG = 20
"""Hand-overs of an org that may run at once to workers that have completed nothing yet, or failed lately."""
TRIAL_SLOTS = "hand-overs on trial"
"""The stored name of the slots that these handovers take."""
TRIAL_REST_MS = 5_000
"""How long such a worker gets no task if that many handovers run already."""


def send_to_workers(messages: Sequence[Handover | WorkerMessage]) -> list[Exception | None]:
    """Hand each task over and send each message, side by side. Returns for each None, or the error that it met.

    A handover whose lease has ended is skipped. A message may come twice: the worker then sees the same
    Idempotency-Key, and a task that has begun is not handed over again.
    """
    distinct = list(dict.fromkeys(messages))
    handovers = [message for message in distinct if isinstance(message, Handover)]
    tasks = task_storage.find_many({each.task_id for each in handovers}, whole=True) if handovers else {}
    keys = {(each.org, each.pool, each.worker_id) for each in handovers}
    workers = worker_storage.find_many(keys) if keys else {}
    with ThreadPoolExecutor(max_workers=max(1, len(distinct))) as threads:
        outcomes = threads.map(lambda message: _try_send(message, tasks, workers), distinct)
        by_message = dict(zip(distinct, outcomes, strict=True))
    return [by_message[message] for message in messages]


def _try_send(
    message: Handover | WorkerMessage, tasks: dict[str, Task], workers: dict[tuple[str, str, str], Worker]
) -> Exception | None:
    try:
        if isinstance(message, WorkerMessage):
            websocket_workers.send_commands(message)
        else:
            worker = workers.get((message.org, message.pool, message.worker_id))
            _hand_over(message, tasks.get(message.task_id), worker)
    except (Conflict, NotFound) as error:
        logger().info("A worker's answer came too late", extra={"worker_id": message.worker_id, "reason": error.code})
    except Exception as error:  # noqa: BLE001 - the queue gets an answer for each message
        return error
    return None


def _hand_over(handover: Handover, task: Task | None, worker: Worker | None) -> None:
    if task is None or worker is None or not is_current(task, handover):
        return
    if worker.has_task_endpoint and worker.is_trusted and worker.completed:
        _apply_verdict(task, worker, _post_task(task, worker))
    elif worker.has_task_endpoint:
        _hand_over_on_trial(task, worker)
    elif worker.socket:
        websocket_workers.hand_over(task, worker)


def _hand_over_on_trial(task: Task, worker: Worker) -> None:
    """Hand a task over to a worker that has completed nothing yet, or failed lately. Two calls more.

    An org may have only MAX_TRIALS_PER_ORG of them running, so that its hanging servers do not block other orgs.
    """
    timeout = _timeout_seconds(task)
    with long_call_slots.hold_slot(task.org, TRIAL_SLOTS, MAX_TRIALS_PER_ORG, timeout) as has_slot:
        if has_slot:
            _apply_verdict(task, worker, _post_task(task, worker))
        else:
            _postpone_trial(task, worker)


def _postpone_trial(task: Task, worker: Worker) -> None:
    """Give the task back, because the org has MAX_TRIALS_PER_ORG handovers on trial running.

    If the handover was to decide about a worker that could not be reached, the worker is probed again after the rest.
    """
    until = clock.now() + TRIAL_REST_MS
    later = circuit_breaker.postponed(worker, until) if worker.unreached else None
    holder = Holder(worker.id, task.epoch)
    reason = ReleaseReason.TOO_MANY_TRIALS
    lifecycle.release(task.org, task.id, holder, rest_until=until, unreached=later, reason=reason)


def is_current(task: Task, handover: Handover) -> bool:
    """Whether the lease of this handover still holds and the task has not begun."""
    return task.status is Status.LEASED and task.epoch == handover.epoch and task.worker_id == handover.worker_id


def _post_task(task: Task, worker: Worker) -> Verdict:
    """POST the task and judge the worker's answer. Log both."""
    body = json.dumps(request_body(task, worker), separators=(",", ":"), ensure_ascii=False).encode()
    task_log.log_handover(task, "http")
    since = clock.stopwatch()
    status, verdict = _post(task, worker, body)
    task_log.log_answer(task, verdict, since, status)
    return verdict


def _post(task: Task, worker: Worker, body: bytes) -> tuple[int | None, Verdict]:
    """POST the body. Returns the status of the answer, or None without an answer, and what it means."""
    try:
        answer = outbound.send(
            "POST",
            worker.endpoints["predict"],
            headers=_headers(task, worker),
            body=body,
            timeout=_timeout_seconds(task),
            needs_body=push_responses.needs_body,
        )
    except outbound.Unreachable as unreachable:
        return None, push_responses.judge_no_answer(str(unreachable), sent=unreachable.sent)
    except encryption.CannotUnseal:
        logger().error("A worker's key can no longer be opened", extra={"worker_id": worker.id, "org": worker.org})
        return None, Unreached()
    return answer.status, push_responses.judge_response(answer.status, answer.headers, answer.body, clock.now())


def _timeout_seconds(task: Task) -> float:
    return min(settings().deliver_timeout_seconds, task.start_to_close_ms / clock.SECOND)


def _headers(task: Task, worker: Worker) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"{task.id}:{task.attempt}"}
    key = registration.read_api_key(worker)
    return headers | {"X-API-Key": key} if key is not None else headers


def request_body(task: Task, worker: Worker) -> dict[str, Any]:
    """Build the body of the POST. `deadline` is when the attempt times out, in epoch milliseconds."""
    return {
        "taskId": task.id,
        "type": task.type,
        "payload": payloads.load(task.payload, task.payload_ref),
        "attempt": task.attempt,
        "deadline": task.attempt_ends_at,
        "callbackUrl": _callback_url(task, worker),
    }


def _callback_url(task: Task, worker: Worker) -> str | None:
    """The URL for reports. It names the worker and its lease, so that a report of an older lease is refused."""
    if worker.callback_path is None:
        return None
    root = settings().api_urls.get(worker.pool, "").rstrip("/")
    return root + worker.callback_path.format(task_id=task.id, worker_id=worker.id, lease=task.epoch)


def _apply_verdict(task: Task, worker: Worker, verdict: Verdict) -> None:
    """Write what the worker's answer means for the task and for the worker."""
    holder = Holder(worker.id, task.epoch)
    if isinstance(verdict, Unreached):
        logger().warning("A worker cannot be reached", extra={"worker_id": worker.id, "org": worker.org})
        unreached = circuit_breaker.unreached(worker, clock.now())
        lifecycle.release(task.org, task.id, holder, unreached=unreached, reason=ReleaseReason.UNREACHED)
        return
    if worker.unreached:
        registry.change(worker.org, worker.pool, worker.id, circuit_breaker.reached)
    if isinstance(verdict, Accepted) or (isinstance(verdict, Failure) and verdict.is_reported):
        worker_presence.record(worker.org, worker.pool, worker.id, known=worker)
    match verdict:
        case Accepted(progress=percent):
            lifecycle.report_progress(task.org, task.id, holder, percent)
        case Done(result=result):
            lifecycle.complete(task.org, task.pool, task.id, holder, result, is_alive=True)
        case Busy(rest_ms=rest):
            lifecycle.release(
                task.org, task.id, holder, rest_until=clock.now() + rest, reason=ReleaseReason.WORKER_BUSY
            )
        case Failure():
            lifecycle.fail(task.org, task.id, holder, verdict)
