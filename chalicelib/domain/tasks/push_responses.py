"""What a worker's answer to the handover of a task means.

202, or 200 with {"accepted": true}         accepted: the worker reports later
200 with {"status", "result" | "error"}     a report with these fields
200 with any other JSON                     completed, with this result
429, 503, 413 with a Retry-After            busy: the lease is given back, no attempt counts, the worker rests that long
another 4xx                                 failed, without a retry
anything else, or an answer that was cut off the attempt failed
no answer, and no request that can have arrived: the lease is given back, no attempt counts, the worker is suspended
"""

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from chalicelib.domain import retry_after
from chalicelib.domain.tasks.reported_failure import is_number, reported_failure
from chalicelib.domain.tasks.transitions import Failure, Reason

DEFAULT_REST_MS = 5_000
"""How long a busy worker without a Retry-After gets no task."""
MIN_REST_MS = 1_000
"""The minimum: a busy worker that says 0 would be tried again at once, without end."""
MAX_REST_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """The worker has accepted the task, with `progress` in percent if it reports one."""

    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The worker has completed the task."""

    result: Any


@dataclass(frozen=True, slots=True)
class Busy:
    """The worker takes no task now."""

    rest_ms: int


@dataclass(frozen=True, slots=True)
class Unreached:
    """The request certainly did not arrive."""


Verdict = Accepted | Done | Busy | Unreached | Failure


def judge_response(status: int, headers: Mapping[str, str], body: bytes, now: int | None = None) -> Verdict:
    """Judge an HTTP answer. Header names may have any case. `now` is in epoch milliseconds; without it, a Retry-After
    that is a date is ignored."""
    if status == 202:
        return Accepted()
    if status == 200:
        return _judge_body(body)
    asked = retry_after.parse_ms(retry_after.header_value(headers), now)
    if status in (429, 503) or (status == 413 and asked is not None):
        return Busy(_rest_ms(asked))
    if 400 <= status < 500:
        return Failure(Reason.REJECTED, f"The worker refused the task with {status}", retryable=False)
    return Failure(Reason.WORKER_FAILED, f"The worker answered {status}")


def needs_body(status: int) -> bool:
    """Whether an answer with this status can be judged only with its whole body."""
    return status == 200


def judge_no_answer(reason: str, *, sent: bool) -> Failure | Unreached:
    """Judge a missing answer. `sent` says that the request may have arrived, so that the worker may be working."""
    return Failure(Reason.UNREACHABLE, f"The worker gave no complete answer: {reason}") if sent else Unreached()


def _judge_body(body: bytes) -> Verdict:
    try:
        value = _parse_json(body)
    except ValueError:
        return Failure(Reason.WORKER_FAILED, "The worker answered 200 with a body that is not JSON")
    if not isinstance(value, dict):
        return Done(value)
    if value.get("accepted") is True and "status" not in value:
        return Accepted()
    return _judge_report(value)


def _parse_json(body: bytes) -> Any:
    """Parse a JSON text whose value can be stored. Raises ValueError.

    The standard library's parser accepts NaN and lone surrogates; pydantic's parser turns 1e400 into an infinity.
    """
    value = from_json(body.removeprefix(BOM_UTF8), allow_inf_nan=False)
    json.dumps(value, allow_nan=False)
    return value


def _judge_report(report: dict[str, Any]) -> Verdict:
    status = str(report.get("status", "")).upper()
    if status == "COMPLETED":
        return Done(report.get("result"))
    if status == "PROCESSING":
        return Accepted(_percent(report.get("progress")))
    if status == "FAILED":
        return reported_failure(report.get("error"), report.get("retryable"), report.get("retryAfter"))
    return Done(report)


def _percent(value: Any) -> float | None:
    return round(value, 3) if is_number(value) and 0 <= value <= 100 else None


def _rest_ms(asked: int | None) -> int:
    return DEFAULT_REST_MS if asked is None else min(max(asked, MIN_REST_MS), MAX_REST_MS)
