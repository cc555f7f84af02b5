"""What a worker's answer to a handed-over task means.

202, or 200 with {"accepted": true}         accepted: it will report later
200 with {"status", "result" | "error"}     as if it had reported that
200 with any other JSON                     that is the result
429, 503, 413 with a Retry-After            busy: the lease goes back unburned, the worker rests for Retry-After
another 4xx                                 refused for good
anything else, or an answer that was cut off the attempt failed
nothing, since the request cannot have arrived: the lease goes back, no attempt is counted, the worker is suspended
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
"""How long a busy worker that names no Retry-After is left alone."""
MIN_REST_MS = 1_000
"""A worker that is busy and says 0 would otherwise be asked again at once, without end."""
MAX_REST_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """It has the task, and has got as far as `progress` percent if it says so."""

    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """It has done the task."""

    result: Any


@dataclass(frozen=True, slots=True)
class Busy:
    """It has no room now."""

    rest_ms: int


@dataclass(frozen=True, slots=True)
class Unreached:
    """The request certainly did not arrive."""


Verdict = Accepted | Done | Busy | Unreached | Failure


def judge_response(status: int, headers: Mapping[str, str], body: bytes, now: int | None = None) -> Verdict:
    """Judge an HTTP answer; header names in any case. Without `now`, in epoch milliseconds, a Retry-After that is a
    date cannot be read."""
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
    """Whether an answer with that status cannot be judged without its whole body."""
    return status == 200


def judge_no_answer(reason: str, *, sent: bool) -> Failure | Unreached:
    """The worker gave no answer; `sent` says whether the request may have arrived, so that it may be at work."""
    return Failure(Reason.UNREACHABLE, f"The worker gave no complete answer: {reason}") if sent else Unreached()


def _judge_body(body: bytes) -> Verdict:
    try:
        said = _parse_json(body)
    except ValueError:
        return Failure(Reason.WORKER_FAILED, "The worker answered 200 with a body that is not JSON")
    if not isinstance(said, dict):
        return Done(said)
    if said.get("accepted") is True and "status" not in said:
        return Accepted()
    return _judge_report(said)


def _parse_json(body: bytes) -> Any:
    """The value of a JSON text that can be kept. Raises ValueError.

    The standard library's parser would let through NaN and lone surrogates; the one used takes 1e400 for an infinity.
    """
    said = from_json(body.removeprefix(BOM_UTF8), allow_inf_nan=False)
    json.dumps(said, allow_nan=False)
    return said


def _judge_report(said: dict[str, Any]) -> Verdict:
    status = str(said.get("status", "")).upper()
    if status == "COMPLETED":
        return Done(said.get("result"))
    if status == "PROCESSING":
        return Accepted(_percent(said.get("progress")))
    if status == "FAILED":
        return reported_failure(said.get("error"), said.get("retryable"), said.get("retryAfter"))
    return Done(said)


def _percent(value: Any) -> float | None:
    return round(value, 3) if is_number(value) and 0 <= value <= 100 else None


def _rest_ms(asked: int | None) -> int:
    return DEFAULT_REST_MS if asked is None else min(max(asked, MIN_REST_MS), MAX_REST_MS)
