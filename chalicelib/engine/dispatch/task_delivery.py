"""Handing leased tasks over: a POST to the worker's endpoint and what its answer means, or a frame to its socket."""

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
"""How many hand-overs of an org to workers that have completed nothing yet, or failed lately, are under way at once."""
TRIAL_REST_MS = 5_000
"""How long a worker rests for which there was no room among them."""


def send_to_workers(messages: Sequence[Handover | WorkerMessage]) -> list[Exception | None]:
    """Hand each task over and tell each worker, side by side; answers for each whether it is dealt with, or the error
    that it met.

    A delivery whose lease has ended meanwhile is dealt with. Redelivery is harmless: the worker sees the same
    Idempotency-Key, and a task that has begun is not handed over again.
    """
    once = list(dict.fromkeys(messages))
    leases = [one for one in once if isinstance(one, Handover)]
    found = task_storage.find_many({one.task_id for one in leases}, whole=True) if leases else {}
    crew = worker_storage.find_many({(one.org, one.pool, one.worker_id) for one in leases}) if leases else {}
    with ThreadPoolExecutor(max_workers=max(1, len(once))) as threads:
        outcomes = dict(zip(once, threads.map(lambda one: _try_send(one, found, crew), once), strict=True))
    return [outcomes[one] for one in messages]


def _try_send(
    message: Handover | WorkerMessage, found: dict[str, Task], crew: dict[tuple[str, str, str], Worker]
) -> Exception | None:
    try:
        if isinstance(message, WorkerMessage):
            websocket_workers.send_commands(message)
        else:
            _hand_over(message, found.get(message.task_id), crew.get((message.org, message.pool, message.worker_id)))
    except (Conflict, NotFound) as late:
        logger().info("A worker's answer came too late", extra={"worker_id": message.worker_id, "reason": late.code})
    except Exception as error:  # noqa: BLE001 - answered for, one by one, to the queue
        return error
    return None


def _hand_over(delivery: Handover, task: Task | None, worker: Worker | None) -> None:
    if task is None or worker is None or not is_current(task, delivery):
        return
    if worker.has_task_endpoint and worker.is_trusted and worker.completed:
        _apply_verdict(task, worker, _post_task(task, worker))
    elif worker.has_task_endpoint:
        _hand_over_on_trial(task, worker)
    elif worker.socket:
        websocket_workers.hand_over(task, worker)


def _hand_over_on_trial(task: Task, worker: Worker) -> None:
    """Hand a task to a worker of which nothing good is known. An org has few such hand-overs under way at once, so that
    its servers that hang do not keep everybody's functions waiting. Two calls more."""
    with long_call_slots.hold_slot(task.org, "hand-overs on trial", MAX_TRIALS_PER_ORG, _timeout_seconds(task)) as held:
        if held:
            _apply_verdict(task, worker, _post_task(task, worker))
        else:
            _postpone_trial(task, worker)


def _postpone_trial(task: Task, worker: Worker) -> None:
    """There is no room for the hand-over. One that was to decide about a worker that could not be reached is no longer
    under way: it is probed again after the rest, instead of being suspended until that hand-over would have ended."""
    until = clock.now() + TRIAL_REST_MS
    later = circuit_breaker.postponed(worker, until) if worker.unreached else None
    holder = Holder(worker.id, task.epoch)
    reason = ReleaseReason.TOO_MANY_TRIALS
    lifecycle.release(task.org, task.id, holder, rest_until=until, unreached=later, reason=reason)


def is_current(task: Task, delivery: Handover) -> bool:
    """Whether the lease that a delivery speaks of is still to be handed over."""
    return task.status is Status.LEASED and task.epoch == delivery.epoch and task.worker_id == delivery.worker_id


def _post_task(task: Task, worker: Worker) -> Verdict:
    """Send the task and judge the answer; log both."""
    body = json.dumps(request_body(task, worker), separators=(",", ":"), ensure_ascii=False).encode()
    task_log.log_handover(task, "http")
    since = clock.stopwatch()
    status, verdict = _post(task, worker, body)
    task_log.log_answer(task, verdict, since, status)
    return verdict


def _post(task: Task, worker: Worker, body: bytes) -> tuple[int | None, Verdict]:
    """The status of the worker's answer, if there was one, and what the answer means."""
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
    """The body of the POST. `deadline` is when the attempt times out, in epoch milliseconds."""
    return {
        "taskId": task.id,
        "type": task.type,
        "payload": payloads.load(task.payload, task.payload_ref),
        "attempt": task.attempt,
        "deadline": task.attempt_ends_at,
        "callbackUrl": _callback_url(task, worker),
    }


def _callback_url(task: Task, worker: Worker) -> str | None:
    """Where to report. It names the worker and its lease, so that a report of an older lease is told apart."""
    if worker.callback_path is None:
        return None
    root = settings().api_urls.get(worker.pool, "").rstrip("/")
    return root + worker.callback_path.format(task_id=task.id, worker_id=worker.id, lease=task.epoch)


def _apply_verdict(task: Task, worker: Worker, verdict: Verdict) -> None:
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
