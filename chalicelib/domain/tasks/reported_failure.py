"""A failure that a worker reports, cut to the size that can be stored."""

import json
from typing import Any

from chalicelib.domain.tasks.transitions import Failure, Reason

MAX_MESSAGE_CHARS = 4_000
MAX_DETAILS_CHARS = 16_000
"""Characters that are stored of a worker's message, and of its details as JSON: an item has a maximum size."""


def reported_failure(
    error: Any, retryable: Any = None, retry_after_seconds: Any = None, *, timed_out: bool = False
) -> Failure:
    """Build the failure from the worker's report: retryable unless the report says false, and retried no earlier than
    after the reported seconds. `timed_out`: the worker ended the attempt because its time was over.

    A message that is too long is cut. Details that are too large are left out.
    """
    message = error if isinstance(error, str) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        message = error["message"]
    after = retry_after_seconds if is_number(retry_after_seconds) else None
    return Failure(
        Reason.START_TO_CLOSE if timed_out else Reason.WORKER_FAILED,
        (message or "The worker reported a failure")[:MAX_MESSAGE_CHARS],
        is_reported=True,
        retryable=retryable is not False,
        retry_after_ms=None if after is None else round(max(0, after) * 1000),
        details=error if isinstance(error, dict) and len(json.dumps(error)) <= MAX_DETAILS_CHARS else None,
    )


def is_number(value: Any) -> bool:
    """Whether a JSON value is a usable number: no boolean, no NaN, below 10^9."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) < 1e9
